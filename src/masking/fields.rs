//! Which members of JSON objects are masked, as a tree of their names. It is made when policies are loaded; calls only read it.

use std::str::FromStr;

/// Most rules that a tree can tell apart.
pub const MAX_RULES: usize = 64;
/// Most names of a path.
const MAX_NAMES: usize = 32;
/// Most paths of a tree: with all of their names, their nodes can be counted by 16 bits.
pub const MAX_PATHS: usize = 1_000;

/// Some of the rules of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules(u64);

impl Rules {
    /// No rule at all.
    pub const NONE: Self = Self(0);

    /// These, and the one at a place below [`MAX_RULES`].
    #[must_use]
    pub fn with(self, place: usize) -> Self {
        Self(self.0 | u32::try_from(place).ok().and_then(|place| 1_u64.checked_shl(place)).unwrap_or(0))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the rule at a place is one of them.
    #[must_use]
    pub fn has(self, place: usize) -> bool {
        self.meets(Self::NONE.with(place))
    }

    fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The way to a member from the top of a text: names of members, from the outermost on. Arrays on the way are walked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPath(Vec<String>);

/// Why a text is no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// A name is missing: at the beginning, at the end, or between two points.
    #[error("a name is missing in it")]
    NameMissing,
    /// A sign that a name has only behind a backslash; in other languages of paths it means something.
    #[error("{0} means nothing here")]
    Sign(char),
    /// A backslash before nothing.
    #[error("a backslash stands at its end")]
    Backslash,
    /// More names than any text has.
    #[error("it has more than {MAX_NAMES} names")]
    TooLong,
}

impl FieldPath {
    /// Whether what this path leads to is within what `other` leads to, or the same.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl FromStr for FieldPath {
    type Err = InvalidPath;

    /// Reads names with points between them. A backslash makes any sign a part of a name.
    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        let mut names = vec![String::new()];
        let mut signs = text.chars();
        while let Some(sign) = signs.next() {
            let sign = match sign {
                '.' => {
                    names.push(String::new());
                    continue;
                }
                '\\' => signs.next().ok_or(InvalidPath::Backslash)?,
                '[' | ']' | '*' | '$' | '/' => return Err(InvalidPath::Sign(sign)),
                sign => sign,
            };
            names.last_mut().ok_or(InvalidPath::NameMissing)?.push(sign);
        }
        if names.iter().any(String::is_empty) {
            return Err(InvalidPath::NameMissing);
        }
        if names.len() > MAX_NAMES {
            return Err(InvalidPath::TooLong);
        }
        Ok(Self(names))
    }
}

/// A node of a tree.
pub(super) type NodeId = u16;

/// Members of JSON objects by their names, and the rules that mask them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldTree {
    /// The first is what stands at the top of a text.
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    above: NodeId,
    /// The rules that mask it.
    masked: Rules,
    /// The rules that mask something in it.
    within: Rules,
    /// Its members, sorted by name.
    members: Vec<(Box<[u8]>, NodeId)>,
}

impl FieldTree {
    /// At the top of each text.
    pub(super) const TOP: NodeId = 0;

    /// The tree of up to [`MAX_PATHS`] paths, each with the place of its rule; further ones are not in it.
    #[must_use]
    pub fn new<'p>(paths: impl IntoIterator<Item = (&'p FieldPath, usize)>) -> Self {
        let mut tree = Self { nodes: vec![Node::below(Self::TOP)] };
        for (path, rule) in paths.into_iter().take(MAX_PATHS) {
            tree.insert(path, Rules::NONE.with(rule));
        }
        tree
    }

    fn insert(&mut self, path: &FieldPath, rule: Rules) {
        let mut node = Self::TOP;
        for name in &path.0 {
            let new = NodeId::try_from(self.nodes.len()).unwrap_or(NodeId::MAX);
            let at = &mut self.nodes[usize::from(node)];
            at.within = at.within.or(rule);
            let found = at.members.binary_search_by(|(known, _)| known[..].cmp(name.as_bytes()));
            let below = match found {
                Ok(place) => at.members[place].1,
                Err(place) => {
                    at.members.insert(place, (name.as_bytes().into(), new));
                    self.nodes.push(Node::below(node));
                    new
                }
            };
            node = below;
        }
        let last = &mut self.nodes[usize::from(node)];
        last.masked = last.masked.or(rule);
    }

    fn node(&self, node: NodeId) -> &Node {
        &self.nodes[usize::from(node)]
    }

    /// The node of whose members this is one.
    pub(super) fn above(&self, node: NodeId) -> NodeId {
        self.node(node).above
    }

    /// Whether one of `rules` masks the node.
    pub(super) fn is_masked(&self, node: NodeId, rules: Rules) -> bool {
        self.node(node).masked.meets(rules)
    }

    /// Whether one of `rules` masks something in the node.
    pub(super) fn has_masked_members(&self, node: NodeId, rules: Rules) -> bool {
        self.node(node).within.meets(rules)
    }

    /// All members of the node, as a name begins that may be one of them.
    pub(super) fn members(&self, node: NodeId) -> Candidates {
        Candidates { from: 0, to: self.node(node).members.len(), length: 0 }
    }

    /// Leaves of `candidates`, members of the node, those whose names go on with `bytes`.
    pub(super) fn narrow(&self, node: NodeId, candidates: &mut Candidates, bytes: &[u8]) {
        let members = &self.node(node).members;
        for byte in bytes {
            // Sorted, and the same up to here: those that go on alike stand side by side.
            let goes_on = |place: usize| members[place].0.get(candidates.length) == Some(byte);
            let (mut from, mut to) = (candidates.from, candidates.to);
            while from < to && !goes_on(from) {
                from += 1;
            }
            while from < to && !goes_on(to - 1) {
                to -= 1;
            }
            if from == to {
                *candidates = Candidates::NONE;
                return;
            }
            *candidates = Candidates { from, to, length: candidates.length + 1 };
        }
    }

    /// The member of the node that has this name.
    pub(super) fn member(&self, node: NodeId, name: &[u8]) -> Option<NodeId> {
        self.node(node).members.iter().find(|(known, _)| **known == *name).map(|(_, member)| *member)
    }

    /// The member whose name has ended.
    pub(super) fn named(&self, node: NodeId, candidates: Candidates) -> Option<NodeId> {
        let Candidates { from, to, length } = candidates;
        // A name that others go on from is the first of them.
        let (name, member) = self.node(node).members.get(from..to)?.first()?;
        (name.len() == length).then_some(*member)
    }
}

impl Node {
    fn below(above: NodeId) -> Self {
        Self { above, masked: Rules::NONE, within: Rules::NONE, members: Vec::new() }
    }
}

/// The members that a name may still be, of which some bytes have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidates {
    from: usize,
    to: usize,
    /// How many bytes have come; those of all candidates are the same up to here.
    length: usize,
}

impl Candidates {
    /// None.
    pub(super) const NONE: Self = Self { from: 0, to: 0, length: 0 };

    /// Whether no name is left that it may be.
    pub(super) fn is_empty(self) -> bool {
        self.from == self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> FieldPath {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_is_names_with_points_between_them() {
        assert_eq!(path("receiver.name").0, ["receiver", "name"]);
        assert_eq!(path(r"a\.b.\$ref.收件人").0, ["a.b", "$ref", "收件人"]);
        for (text, why) in [
            ("", InvalidPath::NameMissing),
            ("receiver.", InvalidPath::NameMissing),
            (".receiver", InvalidPath::NameMissing),
            ("a..b", InvalidPath::NameMissing),
            ("$.receiver", InvalidPath::Sign('$')),
            ("items[].name", InvalidPath::Sign('[')),
            ("items.*.name", InvalidPath::Sign('*')),
            ("/receiver/name", InvalidPath::Sign('/')),
            ("a\\", InvalidPath::Backslash),
            ("a.".repeat(40).as_str(), InvalidPath::NameMissing),
            (["a"; 40].join(".").as_str(), InvalidPath::TooLong),
        ] {
            assert_eq!(text.parse::<FieldPath>(), Err(why), "{text}");
        }
        assert!(path("a.b").is_within(&path("a")) && path("a").is_within(&path("a")));
        assert!(!path("ab").is_within(&path("a")) && !path("a").is_within(&path("a.b")));
    }

    #[test]
    fn a_name_is_found_whole_however_it_comes_in_pieces() {
        let paths = ["name", "names", "nam", "phone", "收件人"].map(path);
        let tree = FieldTree::new(paths.iter().map(|path| (path, 0)));
        for name in ["name", "names", "nam", "phone", "收件人", "na", "namess", "", "x", "收件", "phones"]
        {
            for cut in 0..=name.len() {
                let mut candidates = tree.members(FieldTree::TOP);
                tree.narrow(FieldTree::TOP, &mut candidates, &name.as_bytes()[..cut]);
                tree.narrow(FieldTree::TOP, &mut candidates, &name.as_bytes()[cut..]);
                let found = tree.named(FieldTree::TOP, candidates).is_some();
                let is_one = paths.iter().any(|path| path.0 == [name]);
                assert_eq!(found, is_one, "{name} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_member_is_masked_by_its_own_rules_alone() {
        let paths = [(path("a.b"), 0), (path("a"), 3), (path("a.c"), 63)];
        let tree = FieldTree::new(paths.iter().map(|(path, rule)| (path, *rule)));
        let find = |node, name: &[u8]| {
            let mut candidates = tree.members(node);
            tree.narrow(node, &mut candidates, name);
            tree.named(node, candidates).unwrap()
        };
        let a = find(FieldTree::TOP, b"a");
        let (b, c) = (find(a, b"b"), find(a, b"c"));
        let only = |rule| Rules::NONE.with(rule);
        assert!(tree.is_masked(a, only(3)) && !tree.is_masked(a, only(0).with(63)));
        assert!(tree.is_masked(b, only(0)) && tree.is_masked(c, only(63)) && !tree.is_masked(c, only(0)));
        assert!(tree.has_masked_members(a, only(63)) && !tree.has_masked_members(a, only(3)));
        assert!(tree.has_masked_members(FieldTree::TOP, only(3)));
        assert_eq!((tree.above(b), tree.above(a)), (a, FieldTree::TOP));
        assert!(Rules::NONE.with(64).is_empty() && only(5).has(5) && !only(5).has(6));
    }
}
