//! YAML text → JSON value, and where in the text each part of it stands. The only module that names `serde_saphyr`.
//!
//! A number with a fraction keeps its text, as a JSON string: a price never passes through a float. Depth, size and
//! aliases are bounded, so no file can exhaust stack or memory.

use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_saphyr::Spanned;

use super::places::{Keyed, Place, Places, Within, unescape};

/// Deepest nesting; policies need half of it. What is deeper would need more stack than a thread surely has.
const MAX_DEPTH: usize = 24;
/// Most parts of a document, with aliases written out: fifty for each of ten thousand routes.
const MAX_NODES: usize = 500_000;
/// Longest key, in bytes.
const MAX_KEY: usize = 256;

/// A YAML document as a JSON value, with the place of each part by its JSON Pointer (RFC 6901).
#[derive(Debug)]
pub struct Tree {
    /// The value.
    pub value: Value,
    places: Places,
}

impl Tree {
    /// A document with nothing in it.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            value: Value::Null,
            places: Places { at: Place { line: 1, column: 1 }, within: Within::Nothing },
        }
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
        let root: Part = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let place = error.location().map_or(Place { line: 1, column: 1 }, |location| place(&location));
            (place, reworded(&error.to_string()))
        })?;
        let (value, places) = root.take_apart(text)?;
        Ok(Self { value, places })
    }

    /// Takes the part at `pointer` out of the value; its place stays known.
    pub(super) fn remove(&mut self, pointer: &str) {
        let Some((outer, key)) = pointer.rsplit_once('/') else { return };
        if let Some(Value::Object(object)) = self.value.pointer_mut(outer) {
            object.remove(&*unescape(key));
        }
    }

    /// Where the value at `pointer` stands, or the nearest part around it.
    #[must_use]
    pub fn place(&self, pointer: &str) -> Place {
        self.places.of(pointer)
    }

    /// Where the key of the value at `pointer` stands.
    #[must_use]
    pub fn key_place(&self, pointer: &str) -> Place {
        self.places.of_key(pointer)
    }
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

/// A part of a document on its way: what it is, where it stands, and which bytes of the text it is written in.
#[derive(Debug)]
struct Part {
    at: Place,
    written: Option<(usize, usize)>,
    node: Node,
}

/// What a part is.
#[derive(Debug)]
enum Node {
    Null,
    Bool(bool),
    Integer(i64),
    /// A number with a fraction or an exponent, or a very large one; its text is taken from the source.
    Fraction(f64),
    Text(String),
    List(Vec<Part>),
    Map(Vec<(String, Place, Part)>),
}

impl Part {
    fn take_apart(self, text: &str) -> Result<(Value, Places), (Place, String)> {
        let at = self.at;
        let written = || written(self.written, text);
        let leaf = |value| Ok((value, Places { at, within: Within::Nothing }));
        match self.node {
            Node::Null => leaf(Value::Null),
            Node::Bool(value) => leaf(Value::Bool(value)),
            // 0x2 is a number to YAML; to a person who writes a price it is a mistake.
            Node::Integer(value) => match written() {
                Some(digits) if digits.starts_with(['0', '-', '+']) && digits.parse() != Ok(value) => {
                    leaf(Value::String(digits.to_owned()))
                }
                _ => leaf(Value::from(value)),
            },
            // What stands there must be that number, so that no price is ever misread.
            Node::Fraction(value) => match written().filter(|digits| digits.parse() == Ok(value)) {
                Some(digits) => leaf(Value::String(digits.to_owned())),
                None => Err((at, "write this number plainly, such as 0.01".to_owned())),
            },
            Node::Text(value) => leaf(Value::String(value)),
            Node::List(items) => take_list_apart(items, at, text),
            Node::Map(entries) => take_map_apart(entries, at, text),
        }
    }
}

fn take_list_apart(items: Vec<Part>, at: Place, text: &str) -> Result<(Value, Places), (Place, String)> {
    let mut list = Vec::with_capacity(items.len());
    let mut places = Vec::with_capacity(items.len());
    for item in items {
        let (value, place) = item.take_apart(text)?;
        list.push(value);
        places.push(place);
    }
    Ok((Value::Array(list), Places { at, within: Within::List(places) }))
}

fn take_map_apart(
    entries: Vec<(String, Place, Part)>,
    at: Place,
    text: &str,
) -> Result<(Value, Places), (Place, String)> {
    let mut object = serde_json::Map::new();
    let mut places = Vec::with_capacity(entries.len());
    for (key, key_at, item) in entries {
        if key.len() > MAX_KEY {
            return Err((key_at, format!("a key has at most {MAX_KEY} bytes")));
        }
        let (value, part) = item.take_apart(text)?;
        places.push(Keyed { key: key.as_str().into(), at: key_at, part });
        object.insert(key, value);
    }
    Ok((Value::Object(object), Places { at, within: Within::Map(places) }))
}

/// What stands in the text.
fn written(bytes: Option<(usize, usize)>, text: &str) -> Option<&str> {
    let (from, length) = bytes?;
    Some(text.get(from..from.checked_add(length)?)?.trim())
}

impl<'de> Deserialize<'de> for Part {
    /// The parser's own form of a part has three times the size: it is left behind at once.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value: node, referenced, defined } = Spanned::<Node>::deserialize(deserializer)?;
        let span = defined.span();
        let part = |value: Option<u64>| usize::try_from(value?).ok();
        let written = part(span.byte_offset()).zip(part(span.byte_len()));
        Ok(Self { at: place(&referenced), written, node })
    }
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
        while let Some((key, item)) = entries.next_entry::<Spanned<String>, Part>()? {
            map.push((key.value, place(&key.referenced), item));
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
