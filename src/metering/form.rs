//! Forms (`application/x-www-form-urlencoded`) → values of expressions, strictly: what could be read in two ways is refused.

use std::collections::BTreeSet;

use percent_encoding::percent_decode;

use crate::domain::alike;
use crate::policy::expression::Field;
use crate::policy::expression::json::JsonError;

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
    /// A name is there twice, to some readers: which of the two the upstream takes is not for the gateway to guess.
    #[error("it is a form that has a name twice, or one that some readers take for another")]
    NameTwice,
    /// A semicolon, where some readers end a field.
    #[error("it is a form with a semicolon that is not escaped, at which some readers end a field")]
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

/// How the text of a field that is JSON is read.
pub type ReadJson = fn(&[u8]) -> Result<Field, JsonError>;

/// What is asked of a form.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The names of fields whose text is JSON.
    pub json: &'a [String],
    /// How that is read.
    pub read_json: ReadJson,
    /// The names that are known to be asked for.
    pub names: &'a BTreeSet<String>,
}

/// Reads a form: its names, and the text of each, or what that holds.
///
/// # Errors
/// [`FormError`].
pub fn read(bytes: &[u8], asked: Asked<'_>) -> Result<Field, FormError> {
    if bytes.contains(&b';') {
        return Err(FormError::Semicolon);
    }
    let pairs = bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    let mut fields = Vec::new();
    for pair in pairs {
        if fields.len() == MAX_FIELDS {
            return Err(FormError::TooMany);
        }
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let (name, value) = (text(name)?, text(value)?);
        let value = match asked.json.contains(&name) {
            true => (asked.read_json)(value.as_bytes())
                .map_err(|why| FormError::Json { name: name.clone(), why })?,
            false => Field::owned_text(value),
        };
        fields.push((name, value));
    }
    let names = || fields.iter().map(|(name, _)| name);
    if !alike::are_parameters_unlike(names()) || alike::is_one_mistakable(names(), asked.names) {
        return Err(FormError::NameTwice);
    }
    Field::object(fields).ok_or(FormError::NameTwice)
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
    use crate::policy::expression::json;

    fn read(bytes: &[u8]) -> Result<Field, FormError> {
        let (json, names) = (["biz_content".to_owned()], ["amount".to_owned()].into());
        super::read(bytes, Asked { json: &json, read_json: json::read_warily, names: &names })
    }

    #[test]
    fn a_form_is_names_and_texts() {
        let expected = [("total_amount", "12.50"), ("subject", "a b&c=收"), ("note", ""), ("empty", "")];
        let form = "total_amount=12.50&subject=a+b%26c%3D%e6%94%B6&&note=&empty";
        assert_eq!(read(form.as_bytes()), Ok(Field::map(expected)));
        assert_eq!(read(b""), Ok(Field::map::<&str, &str>([])));
        assert_eq!(read(b"a=b=c"), Ok(Field::map([("a", "b=c")])));
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
        for (form, why) in [
            ("a=1&b=2&a=1", FormError::NameTwice),
            ("a=1&%61=1", FormError::NameTwice),
            ("amount=1&Amount=2", FormError::NameTwice),
            ("amount=1&amount[]=2", FormError::NameTwice),
            ("Amount=2", FormError::NameTwice),
            ("pay_id=1&pay.id=2", FormError::NameTwice),
            ("a=1;amount=2", FormError::Semicolon),
            (
                "biz_content={\"a\":1,\"A\":2}",
                FormError::Json { name: "biz_content".to_owned(), why: JsonError::KeyTwice },
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
            let names = ["amount".to_owned()].into();
            let is_clear = alike::are_parameters_unlike(pairs.keys()) && !alike::is_one_mistakable(pairs.keys(), &names);
            let expected = match is_clear {
                true => Ok(Field::map(&pairs)),
                false => Err(FormError::NameTwice),
            };
            prop_assert_eq!(read(written.as_bytes()), expected);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = read(&bytes);
        }
    }
}
