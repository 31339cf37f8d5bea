//! YAML text → JSON value, and where in the text each part of it stands. The only module that names `serde_saphyr`.
//!
//! A number with a fraction keeps its text, as a JSON string: a price never passes through a float. Depth, size and
//! aliases are bounded, so no file can exhaust stack or memory.

use std::collections::HashMap;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_saphyr::Spanned;

/// Deepest nesting; policies need half of it. What is deeper would need more stack than a thread surely has.
const MAX_DEPTH: usize = 24;
/// Most parts of a document, with aliases written out.
const MAX_NODES: usize = 250_000;
/// Longest key, in bytes.
const MAX_KEY: usize = 256;
/// Most bytes that the pointers to all parts may have together.
const MAX_POINTERS: usize = 64 << 20;

/// Line and column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

/// A YAML document as a JSON value, with the place of each part by its JSON Pointer (RFC 6901).
#[derive(Debug)]
pub struct Tree {
    /// The value.
    pub value: Value,
    values: HashMap<String, Place>,
    keys: HashMap<String, Place>,
    pointer_bytes: usize,
}

impl Tree {
    /// A document with nothing in it.
    #[must_use]
    pub fn empty() -> Self {
        Self { value: Value::Null, values: HashMap::new(), keys: HashMap::new(), pointer_bytes: 0 }
    }

    /// Parses a document.
    ///
    /// # Errors
    /// The place, and what is wrong there.
    pub fn parse(text: &str) -> Result<Self, (Place, String)> {
        let options = serde_saphyr::options! {
            strict_booleans: true,
            leading_zero_numbers_as_strings: true,
            underscored_numbers_as_strings: true,
            reject_unsupported_tags: true,
            with_snippet: false,
            budget: serde_saphyr::budget! {
                max_depth: MAX_DEPTH,
                flow_nesting_limit: MAX_DEPTH,
                max_nodes: MAX_NODES,
                max_aliases: 1_000,
                max_anchors: 1_000,
                max_documents: 1,
            },
        };
        let root: Spanned<Node> = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let place = error.location().map_or(Place { line: 1, column: 1 }, |location| place(&location));
            (place, reworded(&error.to_string()))
        })?;
        let mut tree = Self::empty();
        tree.value = tree.convert(root, String::new(), text)?;
        Ok(tree)
    }

    /// Takes the part at `pointer` out of the value; its place stays known.
    pub(super) fn remove(&mut self, pointer: &str) {
        let Some((outer, key)) = pointer.rsplit_once('/') else { return };
        if let Some(Value::Object(object)) = self.value.pointer_mut(outer) {
            object.remove(&unescape(key));
        }
    }

    /// Where the value at `pointer` stands, or the nearest part around it.
    #[must_use]
    pub fn place(&self, pointer: &str) -> Place {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.values.get(pointer) {
                return *place;
            }
            match pointer.rsplit_once('/') {
                Some((outer, _)) => pointer = outer,
                None => return Place { line: 1, column: 1 },
            }
        }
    }

    /// Where the key of the value at `pointer` stands.
    #[must_use]
    pub fn key_place(&self, pointer: &str) -> Place {
        self.keys.get(pointer).copied().unwrap_or_else(|| self.place(pointer))
    }

    fn convert(
        &mut self,
        node: Spanned<Node>,
        pointer: String,
        text: &str,
    ) -> Result<Value, (Place, String)> {
        let at = place(&node.referenced);
        self.pointer_bytes += pointer.len();
        if self.pointer_bytes > MAX_POINTERS {
            return Err((at, "the file is too large".to_owned()));
        }
        let value = match node.value {
            Node::Null => Value::Null,
            Node::Bool(value) => Value::Bool(value),
            // 0x2 is a number to YAML; to a person who writes a price it is a mistake.
            Node::Integer(value) => match spelled(&node.defined, text) {
                Some(digits) if digits.starts_with(['0', '-', '+']) && digits.parse() != Ok(value) => {
                    Value::String(digits.to_owned())
                }
                _ => Value::from(value),
            },
            Node::Fraction(value) => {
                let spelled = spelling(value, &node.defined, text);
                let unclear = || (at, "write this number plainly, such as 0.01".to_owned());
                Value::String(spelled.ok_or_else(unclear)?.to_owned())
            }
            Node::Text(value) => Value::String(value),
            Node::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for (index, item) in items.into_iter().enumerate() {
                    list.push(self.convert(item, format!("{pointer}/{index}"), text)?);
                }
                Value::Array(list)
            }
            Node::Map(entries) => {
                let mut object = serde_json::Map::new();
                for (key, item) in entries {
                    let key_place = place(&key.referenced);
                    if key.value.len() > MAX_KEY {
                        return Err((key_place, format!("a key has at most {MAX_KEY} bytes")));
                    }
                    let inner = format!("{pointer}/{}", escape(&key.value));
                    self.keys.insert(inner.clone(), key_place);
                    let item = self.convert(item, inner, text)?;
                    object.insert(key.value, item);
                }
                Value::Object(object)
            }
        };
        self.values.insert(pointer, at);
        Ok(value)
    }
}

/// Escapes a key for a JSON Pointer (RFC 6901, section 3).
#[must_use]
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The key that was escaped for a JSON Pointer.
#[must_use]
pub fn unescape(key: &str) -> String {
    key.replace("~1", "/").replace("~0", "~")
}

fn place(location: &serde_saphyr::Location) -> Place {
    let part = |value: u64| u32::try_from(value.max(1)).unwrap_or(u32::MAX);
    Place { line: part(location.line()), column: part(location.column()) }
}

/// A parser's message in the product's voice, without the place that it repeats.
fn reworded(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    let line = line.split(" at line ").next().unwrap_or_default().trim();
    let twice = line.strip_prefix("duplicate mapping key: ").and_then(|rest| rest.split_once(", set "));
    match twice {
        Some((key, _)) => format!("the key {key} stands twice in this map"),
        None if line.contains("budget breached: Documents") => "a policy file is one document".to_owned(),
        None if line.contains("budget breached") || line.contains("limit exceeded") => {
            "the file is nested too deeply, or has too many parts".to_owned()
        }
        None => line.to_owned(),
    }
}

/// What stands in the text.
fn spelled<'t>(defined: &serde_saphyr::Location, text: &'t str) -> Option<&'t str> {
    let span = defined.span();
    let from = usize::try_from(span.byte_offset()?).ok()?;
    let length = usize::try_from(span.byte_len()?).ok()?;
    Some(text.get(from..from.checked_add(length)?)?.trim())
}

/// How a number was written; `None` if what stands there is not that number, so that no price is ever misread.
fn spelling<'t>(value: f64, defined: &serde_saphyr::Location, text: &'t str) -> Option<&'t str> {
    let spelled = spelled(defined, text)?;
    (spelled.parse::<f64>().ok()? == value).then_some(spelled)
}

/// A YAML node whose parts know their places.
#[derive(Debug)]
enum Node {
    Null,
    Bool(bool),
    Integer(i64),
    /// A number with a fraction or an exponent, or a very large one; its text is taken from the source.
    Fraction(f64),
    Text(String),
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        // As the number is read from its text, what this cast loses is lost to the comparison of both alone.
        Ok(i64::try_from(value).map_or(Node::Fraction(value as f64), Node::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Fraction(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Node::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_keeps_its_place_and_a_price_its_digits() {
        let tree = Tree::parse("# c\na:\n  - price: 0.1234567890123456789012\n    n: 5\n").unwrap();
        assert_eq!(tree.value, serde_json::json!({"a": [{"price": "0.1234567890123456789012", "n": 5}]}));
        assert_eq!(tree.place("/a/0/n"), Place { line: 4, column: 8 });
        assert_eq!(tree.key_place("/a/0/price"), Place { line: 3, column: 5 });
        assert_eq!(tree.place("/a/0/none/such"), tree.place("/a/0"));
    }

    #[test]
    fn a_number_is_read_as_it_is_written_or_not_at_all() {
        for (text, value) in [
            ("a: &p 0.10\nb: *p", serde_json::json!({"a": "0.10", "b": "0.10"})),
            ("{a: 0.10, b: 2}", serde_json::json!({"a": "0.10", "b": 2})),
            ("é: 茶 # ü\nb: [\"ü\", 0.10]", serde_json::json!({"é": "茶", "b": ["ü", "0.10"]})),
            ("a: 1_000\nb: 0755", serde_json::json!({"a": "1_000", "b": "0755"})),
            ("a: 18446744073709551615", serde_json::json!({"a": "18446744073709551615"})),
            ("a: 0x2\nb: -5\nc: 0", serde_json::json!({"a": "0x2", "b": -5, "c": 0})),
            ("a: &n 0x2\nb: [*n, 0o7, 0]", serde_json::json!({"a": "0x2", "b": ["0x2", "0o7", 0]})),
            ("a: 1e-2", serde_json::json!({"a": "1e-2"})),
            ("a: 1\r\nb: 0.5\r\n", serde_json::json!({"a": 1, "b": "0.5"})),
            ("a: yes\nb: null", serde_json::json!({"a": "yes", "b": null})),
        ] {
            assert_eq!(Tree::parse(text).unwrap().value, value, "{text:?}");
        }
        for text in ["a: .inf", "a: -.inf", "a: .nan"] {
            assert!(Tree::parse(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn what_is_too_deep_or_too_large_is_refused() {
        for unit in ["[", "- ", "{a: ", "? ", "a:\n ", "!!str ", "&a ", "[{a: ", "- - ? "] {
            for times in [30, 1_000, 100_000] {
                assert!(Tree::parse(&unit.repeat(times)).is_err(), "{unit:?} × {times}");
            }
        }
        let nested = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Tree::parse(&nested(MAX_DEPTH - 1)).is_ok());
        assert!(Tree::parse(&nested(MAX_DEPTH + 1)).is_err());
        assert!(Tree::parse(&format!("{}: 1", "k".repeat(300))).is_err());
        assert!(Tree::parse(&"- x\n".repeat(MAX_NODES + 1)).is_err());
        assert_eq!(Tree::parse("a: 1\n---\nb: 1\n").unwrap_err().1, "a policy file is one document");
    }

    #[test]
    fn what_is_not_yaml_or_repeats_a_key_is_refused_with_its_line() {
        assert_eq!(Tree::parse("a: 1\nb: [1,\n").unwrap_err().0.line, 2);
        let (place, message) = Tree::parse("a: 1\na: 2\n").unwrap_err();
        assert_eq!((place.line, message.as_str()), (2, "the key a stands twice in this map"));
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                    d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\n\
                    g: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n";
        assert!(Tree::parse(bomb).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "[-a-z0-9:.{}\\[\\]&*#\"' \n]{0,80}|\\PC{0,80}") {
            let _ = Tree::parse(&text);
        }

        #[test]
        fn a_price_keeps_each_of_its_digits(whole in 0_u32..1000, fraction in "[0-9]{1,28}", flow: bool) {
            let price = format!("{whole}.{fraction}");
            let text = if flow { format!("{{n: [{price}, 1]}}") } else { format!("n:\n  - {price} # c\n  - 1\n") };
            let tree = Tree::parse(&text).unwrap();
            prop_assert_eq!(tree.value, serde_json::json!({"n": [price, 1]}));
        }
    }
}
