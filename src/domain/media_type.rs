//! What a message says that its body is (RFC 9110, section 8.3.1), read strictly: what some readers take for one type and some for
//! another is none here.

/// Blanks that may stand around a `;`, and nowhere else.
const BLANKS: [char; 2] = [' ', '\t'];

/// A media type that whoever reads it takes for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaType<'t> {
    name: &'t str,
    /// All that follows the name.
    parameters: &'t str,
}

impl<'t> MediaType<'t> {
    /// Reads the value of a `Content-Type`. `None` if it is not well-formed, has a backslash in a quoted text, or a charset twice.
    #[must_use]
    pub fn read(text: &'t str) -> Option<Self> {
        let text = text.trim_matches(BLANKS);
        let (name, parameters) = text.split_at(text.find([';', ' ', '\t']).unwrap_or(text.len()));
        let (kind, subtype) = name.split_once('/')?;
        let read = Self { name, parameters };
        let is_right = is_token(kind) && is_token(subtype) && read.each().all(|found| found.is_some());
        (is_right && read.charsets().count() <= 1).then_some(read)
    }

    /// Type and subtype, in the case in which they stand there.
    #[must_use]
    pub fn name(&self) -> &'t str {
        self.name
    }

    /// Whether it is the type of that name.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The charset, if one is named.
    #[must_use]
    pub fn charset(&self) -> Option<&'t str> {
        self.charsets().next()
    }

    /// Whether a text of this type is in UTF-8; it is if nothing is said.
    #[must_use]
    pub fn is_utf_8(&self) -> bool {
        self.charset().is_none_or(|charset| charset.eq_ignore_ascii_case("utf-8"))
    }

    /// Whether nobody finds another type in it, who looks anywhere: its parameters are of letters, digits, `-`, `_` and points alone.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let is_plain =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        self.each().flatten().all(|(name, value)| is_plain(name) && is_plain(value))
    }

    fn charsets(&self) -> impl Iterator<Item = &'t str> {
        let charset = |(name, value): (&str, &'t str)| name.eq_ignore_ascii_case("charset").then_some(value);
        self.each().flatten().filter_map(charset)
    }

    fn each(&self) -> Parameters<'t> {
        Parameters(self.parameters)
    }
}

/// The parameters of a type, each with its value; `None` in place of the first that is none.
struct Parameters<'t>(&'t str);

impl<'t> Iterator for Parameters<'t> {
    type Item = Option<(&'t str, &'t str)>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut rest = self.0.trim_start_matches(BLANKS);
        // There may be nothing between two of them.
        while let Some(after) = rest.strip_prefix(';') {
            rest = after.trim_start_matches(BLANKS);
            if rest.is_empty() || rest.starts_with(';') {
                continue;
            }
            let found = parameter(rest);
            self.0 = found.map_or("", |(_, after)| after);
            return Some(found.map(|(parameter, _)| parameter));
        }
        self.0 = "";
        (!rest.is_empty()).then_some(None)
    }
}

/// The parameter with which a text begins, and what follows it.
fn parameter(text: &str) -> Option<((&str, &str), &str)> {
    let (name, rest) = text.split_once('=')?;
    let (value, after, is_right): (_, _, fn(&str) -> bool) = match rest.strip_prefix('"') {
        Some(quoted) => {
            let (value, after) = quoted.split_once('"')?;
            (value, after, is_quotable)
        }
        None => {
            let (value, after) = rest.split_at(rest.find([';', ' ', '\t']).unwrap_or(rest.len()));
            (value, after, is_token)
        }
    };
    (is_token(name) && is_right(value)).then_some(((name, value), after))
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let is_it = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_it)
}

/// RFC 9110, section 5.6.4, without what is escaped: not everyone undoes that.
fn is_quotable(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte) && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_type_is_read_with_its_parameters() {
        for (text, name, charset) in [
            ("application/json", "application/json", None),
            (" Application/JSON\t", "APPLICATION/json", None),
            ("text/a+b;charset=UTF-8", "text/a+b", Some("UTF-8")),
            ("text/a ; Charset=\"utf-8\" ;x=y;", "text/a", Some("utf-8")),
            ("text/a;;;x=\"a;b, c=d/e\"; charset=gbk", "text/a", Some("gbk")),
            ("text/a; charset=\"\"", "text/a", Some("")),
        ] {
            let read = MediaType::read(text).unwrap_or_else(|| panic!("{text}"));
            assert!(read.is(name), "{text}");
            assert_eq!(read.charset(), charset, "{text}");
        }
        assert!(MediaType::read("a/b;v=1; x=\"a.b\"").is_some_and(|read| read.is_plain() && read.is_utf_8()));
        assert!(MediaType::read("a/b; x=\"c/d\"").is_some_and(|read| !read.is_plain()));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_none() {
        for text in [
            "",
            " ",
            "json",
            "/json",
            "application/",
            "application/json, text/html",
            "application/json text/html",
            "application/json; form",
            "application/json; charset =gbk",
            "application/json; charset= gbk",
            "application/json; charset=gbk, text/html",
            "application/json; charset=g bk",
            "application/json; charset=",
            "application/json; =gbk",
            "application/json; charset=utf-8; Charset=gbk",
            "application/json; charset=\"gbk",
            "application/json; charset=\"g\\bk\"",
            "application/json; charset=\"gbk\"x",
            "application/json; v=a/b",
            "application/js\u{e9}n",
            "application/json\n",
            "application/json; x=\"\u{7f}\"",
        ] {
            assert_eq!(MediaType::read(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "[a-z/;= \t\"\\\\,+.]{0,40}|.{0,40}") {
            if let Some(read) = MediaType::read(&text) {
                prop_assert!(text.contains(read.name()) && read.name().matches('/').count() == 1);
                prop_assert!(read.charset().is_none_or(|charset| text.contains(charset)));
            }
        }
    }
}
