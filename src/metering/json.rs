//! JSON → values of expressions, strictly: what could be read in two ways (a repeated key) is refused, depth is
//! bounded, and a number with a fraction keeps its exact text.

use std::collections::HashSet;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::policy::expression::Field;

/// Deepest nesting.
const MAX_DEPTH: usize = 64;

/// Reads a JSON text.
///
/// # Errors
/// What is wrong, without the text's contents.
pub fn read(bytes: &[u8]) -> Result<Field, String> {
    let raw: &RawValue = serde_json::from_slice(bytes)
        .map_err(|error| format!("it is not JSON (line {}, column {})", error.line(), error.column()))?;
    value(raw.get(), 0)
}

fn value(text: &str, depth: usize) -> Result<Field, String> {
    if depth > MAX_DEPTH {
        return Err(format!("it is nested deeper than {MAX_DEPTH}"));
    }
    match text.as_bytes().first() {
        Some(b'{') => composite(text, Object(depth)),
        Some(b'[') => composite(text, List(depth)),
        Some(b'"') => {
            let text: String = serde_json::from_str(text).map_err(|_| "it has a broken string".to_owned())?;
            Ok(Field::text(&text))
        }
        Some(b't') => Ok(Field::boolean(true)),
        Some(b'f') => Ok(Field::boolean(false)),
        Some(b'n') => Ok(Field::null()),
        _ => Ok(text.parse().map_or_else(|_| Field::text(text), Field::integer)),
    }
}

fn composite<'t, S: DeserializeSeed<'t, Value = Result<Field, String>>>(
    text: &'t str,
    seed: S,
) -> Result<Field, String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    seed.deserialize(&mut deserializer).map_err(|_| "it is not JSON".to_owned())?
}

struct Object(usize);
struct List(usize);

impl<'t> DeserializeSeed<'t> for Object {
    type Value = Result<Field, String>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'t> Visitor<'t> for Object {
    type Value = Result<Field, String>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut seen = HashSet::new();
        let mut entries = Vec::new();
        while let Some((key, raw)) = map.next_entry::<String, &RawValue>()? {
            if !seen.insert(key.clone()) {
                return Ok(Err("it has a key twice".to_owned()));
            }
            match value(raw.get(), self.0 + 1) {
                Ok(field) => entries.push((key, field)),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(Field::object(entries)))
    }
}

impl<'t> DeserializeSeed<'t> for List {
    type Value = Result<Field, String>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'t> Visitor<'t> for List {
    type Value = Result<Field, String>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(raw) = items.next_element::<&RawValue>()? {
            match value(raw.get(), self.0 + 1) {
                Ok(field) => list.push(field),
                Err(error) => return Ok(Err(error)),
            }
        }
        if list.len() > 100_000 {
            return Err(A::Error::custom("too long"));
        }
        Ok(Ok(Field::list(list)))
    }
}
