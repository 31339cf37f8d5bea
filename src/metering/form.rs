//! Forms (`application/x-www-form-urlencoded`) → values of expressions, strictly: what could be read in two ways is refused.

use percent_encoding::percent_decode;

use crate::domain::asked_names::{AskedNames, Unclear};
use crate::policy::expression::Field;
use crate::policy::expression::json::{self, JsonError};

/// Most fields of a form.
const MAX_FIELDS: usize = 10_000;

/// Why a form is not read; none of its contents are told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// A percent sign that no two hexadecimal digits follow.
    #[error("it is not a form: a percent sign stands before no two hexadecimal digits")]
    Escape,
    /// A name or value that is not UTF-8 once decoded.
    #[error("it is a form in another encoding than UTF-8")]
    Encoding,
    /// Which of two values the upstream takes is not for the gateway to guess.
    #[error("it is a form: {0}")]
    Unclear(Unclear),
    /// Something that is asked for of the query may be in the form, too, for those that read both as one.
    #[error("it is a form that has {name}, which is read of the query")]
    OfQuery {
        /// The name, which the policies ask for.
        name: String,
    },
    /// A semicolon, where some readers end a field, and find one that is asked for behind it.
    #[error("it is a form with a semicolon that is not escaped, before a field that is read")]
    Semicolon,
    /// A field that is to be JSON is none.
    #[error("it is a form whose field {name} is read as JSON: {why}")]
    Json {
        /// The field, which the policies name.
        name: String,
        /// Why it is none.
        why: JsonError,
    },
    /// Too many fields.
    #[error("it is a form that has more than {MAX_FIELDS} fields")]
    TooMany,
}

/// What is asked of a form.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The names of fields whose text is JSON.
    pub json: &'a [String],
    /// The names that are asked for of that.
    pub members: &'a [String],
    /// The names of fields.
    pub names: &'a AskedNames,
    /// The names that are asked for of the query.
    pub of_query: &'a AskedNames,
}

/// Reads a form: the names that are asked for, and the text of each, or what that holds.
///
/// # Errors
/// [`FormError`].
pub fn read(bytes: &[u8], asked: Asked<'_>) -> Result<Field, FormError> {
    let pairs = bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    let (mut names, mut fields) = (Vec::new(), Vec::new());
    for pair in pairs {
        if names.len() == MAX_FIELDS {
            return Err(FormError::TooMany);
        }
        if pair.split(|byte| *byte == b';').skip(1).any(|piece| asked.is_of(piece)) {
            return Err(FormError::Semicolon);
        }
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let (name, value) = (text(name)?, text(value)?);
        let is_asked = asked.names.has(&name);
        if let Some(of_query) = asked.of_query.like(&name).filter(|_| !is_asked) {
            return Err(FormError::OfQuery { name: of_query.to_owned() });
        }
        if is_asked {
            let value = match asked.json.contains(&name) {
                true => json::read_warily(value.as_bytes(), asked.members)
                    .map_err(|why| FormError::Json { name: name.clone(), why })?,
                false => Field::owned_text(value),
            };
            fields.push((name.clone(), value));
        }
        names.push(name);
    }
    asked.names.check(&names).map_err(FormError::Unclear)?;
    Field::object(fields).ok_or(FormError::Unclear(Unclear::Twice))
}

impl Asked<'_> {
    /// Whether a piece behind a semicolon is something that is asked for, to those that end a field there.
    fn is_of(&self, piece: &[u8]) -> bool {
        let name = piece.split(|byte| *byte == b'=').next().unwrap_or_default();
        let name = String::from_utf8_lossy(&percent_decode(name).collect::<Vec<u8>>()).into_owned();
        *self.names == AskedNames::Any
            || self.names.like(&name).is_some()
            || self.of_query.like(&name).is_some()
    }
}

fn text(coded: &[u8]) -> Result<String, FormError> {
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let mut escapes = coded.iter().enumerate().filter(|(_, byte)| **byte == b'%').map(|(at, _)| at);
    if !escapes.all(|at| is_digit(coded.get(at + 1)) && is_digit(coded.get(at + 2))) {
        return Err(FormError::Escape);
    }
    let spaced: Vec<u8> = coded.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    String::from_utf8(percent_decode(&spaced).collect()).map_err(|_| FormError::Encoding)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn these(names: &[&str]) -> AskedNames {
        AskedNames::of(Some(names.iter().map(|name| (*name).to_owned()).collect()))
    }

    fn read_by(bytes: &[u8], names: &AskedNames) -> Result<Field, FormError> {
        let (json, members) = (["biz_content".to_owned()], ["total_amount".to_owned()]);
        super::read(bytes, Asked { json: &json, members: &members, names, of_query: &these(&["dry_run"]) })
    }

    fn read(bytes: &[u8]) -> Result<Field, FormError> {
        read_by(bytes, &these(&["biz_content", "amount", "a"]))
    }

    #[test]
    fn a_form_is_names_and_texts() {
        let expected = [("total_amount", "12.50"), ("subject", "a b&c=收"), ("note", ""), ("empty", "")];
        let form = "total_amount=12.50&subject=a+b%26c%3D%e6%94%B6&&note=&empty";
        assert_eq!(read_by(form.as_bytes(), &AskedNames::Any), Ok(Field::map(expected)));
        assert_eq!(read(b""), Ok(Field::map::<&str, &str>([])));
        assert_eq!(read(b"a=b=c"), Ok(Field::map([("a", "b=c")])));
    }

    #[test]
    fn what_is_not_asked_for_is_no_question() {
        for form in [
            "amount=1&metadata[a]=1&metadata[b]=2&page[size]=3&page[number]=4",
            "amount=1&items[]=1&items[]=2&tag=a&tag=b&Tag=c",
            "amount=1&note=a;b&style=x:1;y:2",
        ] {
            assert_eq!(read(form.as_bytes()), Ok(Field::map([("amount", "1")])), "{form}");
        }
    }

    #[test]
    fn a_field_that_is_json_is_what_that_holds() {
        let content = Field::object(vec![("total_amount".to_owned(), Field::text("12.50"))]);
        let expected =
            vec![("biz_content".to_owned(), content.unwrap()), ("a".to_owned(), Field::text("{}"))];
        let form = b"biz_content=%7B%22total_amount%22%3A+12.50%7D&a={}";
        assert_eq!(read(form), Ok(Field::object(expected).unwrap()));
        let why = JsonError::Syntax { line: 1, column: 1 };
        assert_eq!(read(b"biz_content="), Err(FormError::Json { name: "biz_content".to_owned(), why }));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let many: String = (0..=MAX_FIELDS).map(|name| format!("{name}&")).collect();
        let like = |name: &str| FormError::Unclear(Unclear::Like { name: name.to_owned() });
        for (form, why) in [
            ("a=1&b=2&a=1", like("a")),
            ("a=1&%61=1", like("a")),
            ("amount=1&Amount=2", like("amount")),
            ("amount=1&amount[]=2", like("amount")),
            ("Amount=2", like("amount")),
            ("amount=1&dryRun=1", FormError::OfQuery { name: "dry_run".to_owned() }),
            ("b=1;amount=2", FormError::Semicolon),
            ("b=1;dry_run", FormError::Semicolon),
            (
                "biz_content={\"total_amount\":1,\"totalAmount\":2}",
                FormError::Json { name: "biz_content".to_owned(), why: JsonError::KeyLike },
            ),
            ("a=%", FormError::Escape),
            ("a=%1", FormError::Escape),
            ("a%zz=1", FormError::Escape),
            ("a=%ff", FormError::Encoding),
            (&many, FormError::TooMany),
        ] {
            assert_eq!(read(form.as_bytes()), Err(why), "{}", &form[..form.len().min(40)]);
        }
        assert_eq!(read(b"a=\xff"), Err(FormError::Encoding));
    }

    proptest! {
        #[test]
        fn what_a_form_is_written_as_is_read(
            pairs in prop::collection::hash_map(".{1,8}", ".{0,8}", 0..6),
        ) {
            let written = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            let expected = match AskedNames::Any.check(pairs.keys()) {
                _ if pairs.keys().any(|name| these(&["dry_run"]).like(name).is_some()) => return Ok(()),
                Ok(()) => Ok(Field::map(&pairs)),
                Err(unclear) => Err(FormError::Unclear(unclear)),
            };
            prop_assert_eq!(read_by(written.as_bytes(), &AskedNames::Any), expected);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = read(&bytes);
        }
    }
}
