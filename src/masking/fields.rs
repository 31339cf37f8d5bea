//! Which members of JSON objects are masked, as a tree of their names. It is made when policies are loaded; calls only read it.
//!
//! Paths that begin anywhere in a text are a second tree, whose root is where none of their names has come. A node of either tree
//! has the members that go on with it and those of every shorter end of the same names that begins a path (as Aho and Corasick
//! have it): so where one is in a text is always one node, and a name is looked for once.

use std::collections::VecDeque;
use std::sync::Arc;

pub use super::path::{FieldPath, InvalidPath};

/// Most rules that a tree can tell apart.
pub const MAX_RULES: usize = 64;
/// Most paths of a tree: with all of their names, their nodes can be counted by 16 bits.
pub const MAX_PATHS: usize = 1_000;
/// Most paths that begin anywhere: each node has their first names too.
pub const MAX_ANYWHERE: usize = 64;
/// Beyond so many names, halving is faster than to look at each.
const FEW: usize = 8;

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

    /// Whether all of `others` are among them.
    #[must_use]
    pub fn covers(self, others: Self) -> bool {
        others.0 & !self.0 == 0
    }

    fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that are among both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// A node of a tree.
pub(super) type NodeId = u16;

/// Members of JSON objects by their names, and the rules that mask them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldTree {
    /// The first is what stands at the top of a text, the second what no path from the top leads to.
    nodes: Vec<Node>,
    /// The rules that mask something anywhere.
    anywhere: Rules,
    /// The rules that mask something.
    rules: Rules,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Node {
    /// The rules that mask it.
    masked: Rules,
    /// The rules that mask something in it, which is therefore to be an object.
    within: Rules,
    /// Its members, sorted by name.
    members: Vec<(Arc<[u8]>, NodeId)>,
    /// The marks of their names: most names that are asked for are none of them, and one look tells.
    marks: u64,
}

impl FieldTree {
    /// At the top of each text.
    pub(super) const TOP: NodeId = 0;
    /// Where none of the names has come of a path that begins anywhere.
    const ELSEWHERE: NodeId = 1;

    /// The tree of up to [`MAX_PATHS`] paths, each with the place of its rule; further ones are not in it.
    #[must_use]
    pub fn new<'p>(paths: impl IntoIterator<Item = (&'p FieldPath, usize)>) -> Self {
        let mut tree = Self { nodes: vec![Node::default(); 2], anywhere: Rules::NONE, rules: Rules::NONE };
        for (path, rule) in paths.into_iter().take(MAX_PATHS) {
            let root = if path.is_anywhere() { Self::ELSEWHERE } else { Self::TOP };
            let rule = Rules::NONE.with(rule);
            tree.rules = tree.rules.or(rule);
            tree.insert(root, path, rule);
        }
        // What stands there may be anything.
        tree.anywhere = std::mem::take(&mut tree.nodes[usize::from(Self::ELSEWHERE)].within);
        if !tree.anywhere.is_empty() {
            tree.link();
        }
        for node in &mut tree.nodes {
            node.marks = node.members.iter().fold(0, |marks, (name, _)| marks | mark(name));
        }
        tree
    }

    /// The rules that mask something.
    #[must_use]
    pub fn rules(&self) -> Rules {
        self.rules
    }

    fn insert(&mut self, root: NodeId, path: &FieldPath, rule: Rules) {
        let mut node = root;
        for name in &path.names {
            let new = NodeId::try_from(self.nodes.len()).unwrap_or(NodeId::MAX);
            let at = &mut self.nodes[usize::from(node)];
            at.within = at.within.or(rule);
            let below = match at.place(name.as_bytes()) {
                Ok(place) => at.members[place].1,
                Err(place) => {
                    at.members.insert(place, (name.as_bytes().into(), new));
                    self.nodes.push(Node::default());
                    new
                }
            };
            node = below;
        }
        let last = &mut self.nodes[usize::from(node)];
        last.masked = last.masked.or(rule);
    }

    /// Adds to each node what is true of the longest shorter end of its names that begins a path anywhere.
    fn link(&mut self) {
        let mut shorter = vec![Self::ELSEWHERE; self.nodes.len()];
        for root in [Self::ELSEWHERE, Self::TOP] {
            // In the order of their lengths: that of a shorter end is whole before.
            let mut next = VecDeque::from([root]);
            while let Some(node) = next.pop_front() {
                let end = shorter[usize::from(node)];
                for (name, below) in &self.node(node).members {
                    if node != Self::ELSEWHERE {
                        shorter[usize::from(*below)] = self.node(end).member(name).unwrap_or(Self::ELSEWHERE);
                    }
                    next.push_back(*below);
                }
                if node != Self::ELSEWHERE {
                    let end = self.node(end).clone();
                    self.nodes[usize::from(node)].add(end);
                }
            }
        }
    }

    fn node(&self, node: NodeId) -> &Node {
        &self.nodes[usize::from(node)]
    }

    /// Where one is in a member that no path leads to, if something may be masked there.
    pub(super) fn elsewhere(&self, rules: Rules) -> Option<NodeId> {
        self.anywhere.meets(rules).then_some(Self::ELSEWHERE)
    }

    /// Whether one of `rules` masks the node.
    pub(super) fn is_masked(&self, node: NodeId, rules: Rules) -> bool {
        self.node(node).masked.meets(rules)
    }

    /// Whether one of `rules` masks something in the node, which is therefore to be an object.
    pub(super) fn has_masked_members(&self, node: NodeId, rules: Rules) -> bool {
        self.node(node).within.meets(rules)
    }

    /// Whether something may be masked in the node.
    pub(super) fn leads_on(&self, node: NodeId, rules: Rules) -> bool {
        self.has_masked_members(node, rules) || self.anywhere.meets(rules)
    }

    /// All members of the node, as a name begins that may be one of them.
    pub(super) fn members(&self, node: NodeId) -> Candidates {
        Candidates { from: 0, to: self.node(node).members.len(), length: 0 }
    }

    /// Leaves of `candidates`, members of the node, those whose names go on with `bytes`.
    pub(super) fn narrow(&self, node: NodeId, candidates: &mut Candidates, bytes: &[u8]) {
        let members = &self.node(node).members;
        for byte in bytes {
            // Sorted, and the same up to here: those that go on alike stand side by side, and one that ends here before them.
            let Candidates { from, to, length } = *candidates;
            let known = &members[from..to];
            let from = from + known.partition_point(|(name, _)| name.get(length) < Some(byte));
            let to = from + members[from..to].partition_point(|(name, _)| name.get(length) == Some(byte));
            if from == to {
                *candidates = Candidates::NONE;
                return;
            }
            *candidates = Candidates { from, to, length: length + 1 };
        }
    }

    /// The member of the node that has this name.
    pub(super) fn member(&self, node: NodeId, name: &[u8]) -> Option<NodeId> {
        let node = self.node(node);
        if node.marks & mark(name) == 0 { None } else { node.member(name) }
    }

    /// The member whose name has ended.
    pub(super) fn named(&self, node: NodeId, candidates: Candidates) -> Option<NodeId> {
        let Candidates { from, to, length } = candidates;
        // A name that others go on from is the first of them.
        let (name, member) = self.node(node).members.get(from..to)?.first()?;
        (name.len() == length).then_some(*member)
    }
}

/// One of 64 bits, by the length and the first byte of a name.
fn mark(name: &[u8]) -> u64 {
    let first = name.first().copied().unwrap_or_default();
    1_u64.rotate_left(u32::from(first.wrapping_mul(5)) + name.len() as u32)
}

impl Node {
    fn member(&self, name: &[u8]) -> Option<NodeId> {
        let found = match self.members.len() {
            ..=FEW => self.members.iter().find(|(known, _)| **known == *name),
            _ => self.place(name).ok().and_then(|place| self.members.get(place)),
        };
        found.map(|(_, member)| *member)
    }

    /// Where the member of that name stands, or would.
    fn place(&self, name: &[u8]) -> Result<usize, usize> {
        self.members.binary_search_by(|(known, _)| known[..].cmp(name))
    }

    /// Adds what is true of a shorter end of its names. A member that both have is this one's, to which that of the other is added.
    fn add(&mut self, shorter: Self) {
        (self.masked, self.within) = (self.masked.or(shorter.masked), self.within.or(shorter.within));
        for (name, member) in shorter.members {
            if let Err(place) = self.place(&name) {
                self.members.insert(place, (name, member));
            }
        }
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
                let is_one = paths.iter().any(|path| path.names == [name]);
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
        assert!(tree.leads_on(a, only(63)) && !tree.leads_on(a, only(3)));
        assert!(Rules::NONE.with(64).is_empty() && only(5).has(5) && !only(5).has(6));
    }
    #[test]
    fn a_path_from_anywhere_is_one_from_each_node() {
        let paths = [(path("**.b.c"), 0), (path("**.c.d"), 1), (path("a.b"), 2), (path("a.b.c.x"), 3)];
        let tree = FieldTree::new(paths.iter().map(|(path, rule)| (path, *rule)));
        let at = |names: &[&str]| {
            let step = |node, name: &&str| tree.member(node, name.as_bytes()).unwrap_or(FieldTree::ELSEWHERE);
            names.iter().fold(FieldTree::TOP, step)
        };
        let only = |rule| Rules::NONE.with(rule);
        for (names, rule, is_masked) in [
            (&["b", "c"][..], 0, true),
            (&["x", "y", "b", "c"], 0, true),
            (&["a", "b", "c"], 0, true),
            (&["a", "b", "c", "d"], 1, true),
            (&["b", "c", "d"], 1, true),
            (&["a", "b", "c", "x"], 3, true),
            (&["b", "b", "c"], 0, true),
            (&["b", "x", "c"], 0, false),
            (&["c"], 0, false),
            (&["x", "a", "b"], 2, false),
        ] {
            assert_eq!(tree.is_masked(at(names), only(rule)), is_masked, "{names:?} by {rule}");
        }
        assert!(
            tree.has_masked_members(at(&["x", "b"]), only(0))
                && !tree.has_masked_members(at(&["x"]), only(0))
        );
        assert!(
            tree.has_masked_members(at(&["a", "b", "c"]), only(1)),
            "what of it is masked by another path"
        );
        assert!(tree.leads_on(at(&["x"]), only(1)) && !tree.leads_on(at(&["x"]), only(2)));
        assert_eq!((tree.elsewhere(only(0)).is_some(), tree.elsewhere(only(2))), (true, None));
    }
}
