//! What masking means, on a text as a whole, as serde_json reads it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::MASK;

/// A text: names decoded, members in their order and none lost, all else as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tree {
    Object(Vec<(String, Tree)>),
    Array(Vec<Tree>),
    Other(String),
}

/// Names from the top of a text, or from anywhere in it, to what is masked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pattern {
    pub(super) is_anywhere: bool,
    pub(super) names: &'static [&'static str],
}

impl Pattern {
    /// Whether what these names lead to is masked.
    pub(super) fn masks<T: AsRef<str>>(&self, names: &[T]) -> bool {
        let from = match self.is_anywhere {
            true => names.len().saturating_sub(self.names.len()),
            false => 0,
        };
        names[from..].iter().map(AsRef::as_ref).eq(self.names.iter().copied())
    }

    /// Whether what these names lead to is to be an object, of which some is masked.
    pub(super) fn goes_on_from<T: AsRef<str>>(&self, names: &[T]) -> bool {
        let begun = |count: usize| Self { names: &self.names[..count], ..*self }.masks(names);
        let least = usize::from(self.is_anywhere);
        (least..self.names.len()).any(begun)
    }
}

struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

/// The text that bytes are, if serde_json takes them for one.
pub(super) fn read(bytes: &[u8]) -> Option<Tree> {
    let raw: &RawValue = serde_json::from_str(std::str::from_utf8(bytes).ok()?).ok()?;
    Some(match raw.get().as_bytes()[0] {
        b'{' => {
            let members: Members = serde_json::from_str(raw.get()).ok()?;
            let members = members.0.into_iter();
            Tree::Object(
                members
                    .map(|(name, value)| Some((name, read(value.get().as_bytes())?)))
                    .collect::<Option<_>>()?,
            )
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(raw.get()).ok()?;
            Tree::Array(items.into_iter().map(|item| read(item.get().as_bytes())).collect::<Option<_>>()?)
        }
        _ => Tree::Other(raw.get().to_owned()),
    })
}

/// The same, masked.
pub(super) fn masked(tree: Tree, masks: &[Pattern]) -> Tree {
    below(tree, &mut Vec::new(), masks)
}

fn below(tree: Tree, names: &mut Vec<String>, masks: &[Pattern]) -> Tree {
    let leads_on = masks.iter().any(|mask| mask.goes_on_from(names));
    let is_scalar = matches!(&tree, Tree::Other(text) if text != "null");
    if masks.iter().any(|mask| mask.masks(names)) || (leads_on && is_scalar) {
        return Tree::Other(String::from_utf8(MASK.to_vec()).unwrap());
    }
    match tree {
        Tree::Array(items) => Tree::Array(items.into_iter().map(|item| below(item, names, masks)).collect()),
        Tree::Object(members) => Tree::Object(
            members
                .into_iter()
                .map(|(name, value)| {
                    names.push(name.clone());
                    let value = below(value, names, masks);
                    names.pop();
                    (name, value)
                })
                .collect(),
        ),
        Tree::Other(_) => tree,
    }
}
