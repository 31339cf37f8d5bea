//! JSON → values of expressions, strictly and in one pass: what could be read in two ways (a repeated key) is refused,
//! depth and number of values are bounded, and a number that is not whole keeps its exact text.
//!
//! Written by hand, since serde_json either passes numbers through a float or reads a nested text once per level.

use super::{Field, number};
use crate::domain::alike;

/// Deepest nesting.
const MAX_DEPTH: usize = 64;
/// Most values, in all of a text.
const MAX_VALUES: usize = 100_000;

/// Why a text is not read; none of its contents are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It is not UTF-8.
    #[error("it is not UTF-8")]
    Encoding,
    /// It is not JSON.
    #[error("it is not JSON (line {line}, column {column})")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The byte in the line, from 1.
        column: usize,
    },
    /// A string with an escape that stands for no character, such as half of a surrogate pair.
    #[error("it has a broken string")]
    BrokenString,
    /// An object has a key twice: nobody can say which is meant.
    #[error("it has a key twice")]
    KeyTwice,
    /// An object has a key that some readers take for one that is asked for.
    #[error("it has a key that some readers take for one that is read")]
    KeyLike,
    /// Nested too deep.
    #[error("it is nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// Too many values.
    #[error("it has more than {MAX_VALUES} values")]
    TooMany,
}

/// Reads a JSON text.
///
/// # Errors
/// [`JsonError`].
pub fn read(bytes: &[u8]) -> Result<Field, JsonError> {
    read_by(bytes, &[])
}

/// Reads a JSON text that a caller wrote: one in which some readers take a key for one that is `asked` for is refused, too, as that
/// would be there to them alone.
///
/// # Errors
/// [`JsonError`].
pub fn read_warily(bytes: &[u8], asked: &[String]) -> Result<Field, JsonError> {
    read_by(bytes, asked)
}

fn read_by(bytes: &[u8], asked: &[String]) -> Result<Field, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::Encoding)?;
    let mut parser = Parser { text, at: 0, values: 0, asked };
    let value = parser.value(0)?;
    parser.skip_blanks();
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.syntax()),
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    values: usize,
    /// The names that no key may be like, but for being the same.
    asked: &'t [String],
}

impl<'t> Parser<'t> {
    fn value(&mut self, depth: usize) -> Result<Field, JsonError> {
        if depth > MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(JsonError::TooMany);
        }
        self.skip_blanks();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string().map(Field::owned_text),
            Some(b't') => self.word("true", Field::boolean(true)),
            Some(b'f') => self.word("false", Field::boolean(false)),
            Some(b'n') => self.word("null", Field::null()),
            Some(_) | None => {
                let text = self.number()?;
                Ok(number::whole(text).map_or_else(|| Field::text(text), Field::integer))
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Field, JsonError> {
        let mut entries: Vec<(String, Field)> = Vec::new();
        self.at += 1;
        if self.take_after_blanks(b'}') {
            return Field::object(entries).ok_or(JsonError::KeyTwice);
        }
        loop {
            self.skip_blanks();
            let key = self.string()?;
            if self.is_like_another(&key) {
                return Err(JsonError::KeyLike);
            }
            self.expect(b':')?;
            entries.push((key, self.value(depth + 1)?));
            if self.take_after_blanks(b',') {
                continue;
            }
            self.expect(b'}')?;
            return Field::object(entries).ok_or(JsonError::KeyTwice);
        }
    }

    /// Whether some readers take a key for another one that is asked for.
    fn is_like_another(&self, key: &str) -> bool {
        !self.asked.iter().any(|asked| asked == key)
            && self.asked.iter().any(|asked| alike::is_member_alike(asked, key))
    }

    fn list(&mut self, depth: usize) -> Result<Field, JsonError> {
        let mut items = Vec::new();
        self.at += 1;
        if self.take_after_blanks(b']') {
            return Ok(Field::list(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.take_after_blanks(b',') {
                continue;
            }
            self.expect(b']')?;
            return Ok(Field::list(items));
        }
    }

    /// The string that begins here.
    fn string(&mut self) -> Result<String, JsonError> {
        if self.peek() != Some(b'"') {
            return Err(self.syntax());
        }
        let begin = self.at;
        let mut has_escapes = false;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    has_escapes = true;
                    self.at += 2;
                }
                Some(..0x20) | None => return Err(self.syntax()),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        let quoted = self.text.get(begin..self.at).ok_or(JsonError::BrokenString)?;
        match has_escapes {
            true => serde_json::from_str(quoted).map_err(|_| JsonError::BrokenString),
            false => Ok(quoted[1..quoted.len() - 1].to_owned()),
        }
    }

    /// The text of the number that begins here.
    fn number(&mut self) -> Result<&'t str, JsonError> {
        let begin = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(&self.text[begin..self.at])
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let begin = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        match self.at > begin {
            true => Ok(()),
            false => Err(self.syntax()),
        }
    }

    fn word(&mut self, word: &str, value: Field) -> Result<Field, JsonError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.syntax());
        }
        self.at += word.len();
        Ok(value)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn take_after_blanks(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        self.take(byte)
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        match self.take_after_blanks(byte) {
            true => Ok(()),
            false => Err(self.syntax()),
        }
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn syntax(&self) -> JsonError {
        let before = &self.text.as_bytes()[..self.at.min(self.text.len())];
        let line_begin = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        let lines = before.iter().filter(|byte| **byte == b'\n').count();
        JsonError::Syntax { line: lines + 1, column: before.len() - line_begin + 1 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rust_decimal::Decimal;
    use serde_json::Value;

    use super::*;

    /// What should be read of a value that serde_json has.
    fn expected(value: &Value) -> Field {
        match value {
            Value::Null => Field::null(),
            Value::Bool(value) => Field::boolean(*value),
            Value::Number(number) => {
                let text = number.to_string();
                number::whole(&text).map_or_else(|| Field::text(&text), Field::integer)
            }
            Value::String(text) => Field::text(text),
            Value::Array(items) => Field::list(items.iter().map(expected).collect()),
            Value::Object(entries) => {
                let entries = entries.iter().map(|(key, value)| (key.clone(), expected(value)));
                Field::object(entries.collect()).unwrap()
            }
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (any::<i32>(), 0_u32..9).prop_map(|(value, scale)| {
                let text = Decimal::new(i64::from(value), scale).to_string();
                serde_json::from_str(&text).unwrap()
            }),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 64, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_serde_json_writes_is_read(value in json(), is_pretty: bool) {
            let text = if is_pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            prop_assert_eq!(read(text.unwrap().as_bytes()), Ok(expected(&value)));
        }

        #[test]
        fn what_serde_json_refuses_is_refused(text in r#"[\[\]{}:,"\\a0-9.eE+\- tru\n]{0,24}"#) {
            if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_err() {
                prop_assert!(read(text.as_bytes()).is_err());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = read(&bytes);
        }
    }

    #[test]
    fn numbers_that_are_not_whole_keep_every_digit() {
        for text in ["0.10", "19.99", "1e400", "-0.00000000000000000000000000001", "12345678901234567890.5"] {
            assert_eq!(read(text.as_bytes()), Ok(Field::text(text)));
        }
        assert_eq!(read(b"[1.0, 1e2, -0]"), Ok(Field::list([1, 100, 0].map(Field::integer).to_vec())));
    }

    #[test]
    fn keys_that_some_readers_take_for_one_another_are_refused_where_a_caller_wrote_them() {
        let asked = ["id", "pay_id", "kind"].map(str::to_owned);
        let read_warily = |text: &str| super::read_warily(text.as_bytes(), &asked);
        for text in [r#"{"id":1,"ID":2}"#, r#"[{"a":{"pay_id":1,"payId":2}}]"#, r#"{"\u212aind":2}"#] {
            assert!(read(text.as_bytes()).is_ok(), "{text}");
            assert_eq!(read_warily(text), Err(JsonError::KeyLike), "{text}");
        }
        for text in [
            r#"{"id":1,"ids":2,"_id":3}"#,
            r#"{"sku_id":1,"skuId":2,"@type":3,"type":4}"#,
            r#"{"C":1,"C++":2,"c":3}"#,
            r#"{"$":1,"_":2,"":3}"#,
        ] {
            assert_eq!(read_warily(text), read(text.as_bytes()), "{text}");
            assert!(read(text.as_bytes()).is_ok(), "{text}");
        }
    }

    /// A core's thread has four times that much.
    const STACK: usize = 512 << 10;

    #[test]
    fn what_is_built_to_hurt_is_refused_on_a_small_stack() {
        std::thread::Builder::new().stack_size(STACK).spawn(refuse_what_hurts).unwrap().join().unwrap();
    }

    fn refuse_what_hurts() {
        let many_keys: String = (0..1_000_000).map(|key| format!("\"{key}\":0,")).collect();
        for (text, error) in [
            ("[".repeat(100_000), JsonError::TooDeep),
            (r#"{"a":"#.repeat(100_000), JsonError::TooDeep),
            (format!("{{{many_keys}\"last\":0}}"), JsonError::TooMany),
            (format!("[{}0]", "0,".repeat(1_000_000)), JsonError::TooMany),
            (r#"{"a":1,"b":[{"c":1,"\u0063":2}]}"#.to_owned(), JsonError::KeyTwice),
            (r#""\ud800""#.to_owned(), JsonError::BrokenString),
            (r#"{"\udc00":1}"#.to_owned(), JsonError::BrokenString),
            (format!("\"{}", "x".repeat(4 << 20)), JsonError::Syntax { line: 1, column: (4 << 20) + 2 }),
        ] {
            assert_eq!(read(text.as_bytes()), Err(error), "{}", &text[..text.len().min(40)]);
        }
        let nested = format!("{}\"{}\"{}", "[".repeat(64), "x".repeat(4 << 20), "]".repeat(64));
        assert!(read(nested.as_bytes()).is_ok());
        assert_eq!(read(b"\xff"), Err(JsonError::Encoding));
    }
}
