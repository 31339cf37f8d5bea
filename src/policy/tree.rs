//! YAML text → JSON value, and where in the text each part of it stands. The only module that names `serde_saphyr`.
//!
//! A number with a fraction keeps its text, as a JSON string: a price never passes through a float.

use std::collections::HashMap;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_saphyr::Spanned;

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
}

impl Tree {
    /// A document with nothing in it.
    #[must_use]
    pub fn empty() -> Self {
        Self { value: Value::Null, values: HashMap::new(), keys: HashMap::new() }
    }

    /// Parses a document.
    ///
    /// # Errors
    /// The place, and what is wrong there.
    pub fn parse(text: &str) -> Result<Self, (Place, String)> {
        let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
        let root: Spanned<Node> = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
            let place = error.location().map_or(Place { line: 1, column: 1 }, |location| place(&location));
            let message = error.to_string();
            (place, message.lines().next().unwrap_or_default().to_owned())
        })?;
        let lines: Vec<&str> = text.lines().collect();
        let mut tree = Self::empty();
        tree.value = tree.convert(root, String::new(), &lines);
        Ok(tree)
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

    fn convert(&mut self, node: Spanned<Node>, pointer: String, lines: &[&str]) -> Value {
        let at = place(&node.referenced);
        let value = match node.value {
            Node::Null => Value::Null,
            Node::Bool(value) => Value::Bool(value),
            Node::Integer(value) => Value::from(value),
            Node::Fraction => Value::String(scalar_text(lines, at)),
            Node::Text(value) => Value::String(value),
            Node::List(items) => items
                .into_iter()
                .enumerate()
                .map(|(index, item)| self.convert(item, format!("{pointer}/{index}"), lines))
                .collect(),
            Node::Map(entries) => {
                let mut object = serde_json::Map::new();
                for (key, item) in entries {
                    let inner = format!("{pointer}/{}", escape(&key.value));
                    self.keys.insert(inner.clone(), place(&key.referenced));
                    let item = self.convert(item, inner, lines);
                    object.insert(key.value, item);
                }
                Value::Object(object)
            }
        };
        self.values.insert(pointer, at);
        value
    }
}

/// Escapes a key for a JSON Pointer (RFC 6901, section 3).
#[must_use]
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn place(location: &serde_saphyr::Location) -> Place {
    let part = |value: u64| u32::try_from(value.max(1)).unwrap_or(u32::MAX);
    Place { line: part(location.line()), column: part(location.column()) }
}

/// The plain scalar that stands at a place.
fn scalar_text(lines: &[&str], at: Place) -> String {
    let line = lines.get(at.line as usize - 1).copied().unwrap_or_default();
    let from = line.char_indices().nth(at.column as usize - 1).map_or(line.len(), |(index, _)| index);
    line[from..].split([',', '}', ']', '#', ' ', '\t']).next().unwrap_or_default().to_owned()
}

/// A YAML node whose parts know their places.
#[derive(Debug)]
enum Node {
    Null,
    Bool(bool),
    Integer(i64),
    /// A number with a fraction or an exponent; its text is taken from the source.
    Fraction,
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
        Ok(i64::try_from(value).map_or(Node::Fraction, Node::Integer))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Fraction)
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
    fn what_is_not_yaml_or_repeats_a_key_is_refused_with_its_line() {
        assert_eq!(Tree::parse("a: 1\nb: [1,\n").unwrap_err().0.line, 2);
        assert_eq!(Tree::parse("a: 1\na: 2\n").unwrap_err().0.line, 2);
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                    d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e]\n\
                    g: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n";
        assert!(Tree::parse(bomb).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "[-a-z0-9:.{}\\[\\]&*#\"' \n]{0,80}") {
            let _ = Tree::parse(&text);
        }
    }
}
