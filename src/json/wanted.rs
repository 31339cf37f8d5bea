//! Which members of JSON texts one asks for, as a tree of their names. It is made when policies are loaded; calls only read it.

use memchr::memchr;

use crate::domain::alike::is_member_alike;

/// Where in a tree one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(pub(super) usize);

/// Members of JSON objects by their names from the top of a text. A list on the way is no object: nothing is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedMembers {
    /// The first is the top.
    nodes: Vec<Node>,
    longest: usize,
    /// Whether a text is refused in which a name can be taken for one of these.
    is_wary: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Node {
    /// Whether all of it is asked for, whatever it is; then it has no members here.
    is_whole: bool,
    members: Vec<(Box<str>, Place)>,
}

impl WantedMembers {
    /// At the top of each text.
    pub const TOP: Place = Place(0);

    /// The tree of `paths`, each the names that lead to a member; no names at all ask for the whole text. What is within another that
    /// is asked for comes with that.
    #[must_use]
    pub fn new<'p>(paths: impl IntoIterator<Item = &'p [String]>) -> Self {
        let mut paths: Vec<&[String]> = paths.into_iter().collect();
        // What one is within stands before it.
        paths.sort_unstable();
        let mut wanted = Self { nodes: vec![Node::default()], longest: 0, is_wary: false };
        for path in paths {
            wanted.insert(path);
        }
        wanted
    }

    /// Has texts refused in which a name can be taken for one that is asked for, as by readers that do not tell case: who writes such a
    /// text may want to be read in two ways.
    #[must_use]
    pub fn wary(self) -> Self {
        Self { is_wary: true, ..self }
    }

    fn insert(&mut self, path: &[String]) {
        let mut at = Self::TOP;
        for name in path {
            if self.is_whole(at) {
                return;
            }
            at = match self.member(at, name.as_bytes()) {
                Some(below) => below,
                None => self.add(at, name),
            };
        }
        self.nodes[at.0].is_whole = true;
    }

    fn add(&mut self, at: Place, name: &str) -> Place {
        let below = Place(self.nodes.len());
        self.nodes.push(Node::default());
        self.nodes[at.0].members.push((name.into(), below));
        self.longest = self.longest.max(name.len());
        below
    }

    /// Whether all of what stands there is asked for.
    #[must_use]
    pub fn is_whole(&self, at: Place) -> bool {
        self.nodes[at.0].is_whole
    }

    /// The members of what stands there, with their names.
    pub fn members(&self, at: Place) -> impl Iterator<Item = (&str, Place)> {
        self.nodes[at.0].members.iter().map(|(name, below)| (&**name, *below))
    }

    /// The member of that name. There are few.
    pub(super) fn member(&self, at: Place, name: &[u8]) -> Option<Place> {
        let members = &self.nodes[at.0].members;
        members.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, below)| *below)
    }

    /// Whether a name, of which [`Self::telling`] bytes are known, can be taken for one that is asked for, and texts with such are refused.
    pub(super) fn is_mistakable(&self, at: Place, name: &[u8]) -> bool {
        let name = match memchr(0, name) {
            // To some it ends there.
            Some(end) => &name[..end],
            // Longer ones are like none, whatever else may stand in them.
            None if name.len() >= self.telling() => return false,
            None => name,
        };
        let is_like =
            |name: &str| self.nodes[at.0].members.iter().any(|(known, _)| is_member_alike(known, name));
        self.is_wary && std::str::from_utf8(name).is_ok_and(is_like)
    }

    /// How many places there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// As many bytes of a name as tell it from those that are asked for.
    pub(super) fn telling(&self) -> usize {
        let longest =
            if self.is_wary { self.longest.saturating_mul(4).saturating_add(16) } else { self.longest };
        longest.saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_within_another_comes_with_it() {
        let path = |text: &str| text.split_terminator('.').map(str::to_owned).collect::<Vec<_>>();
        let paths = ["b.c.d", "a", "a.x", "b.c"].map(path);
        let wanted = WantedMembers::new(paths.iter().map(Vec::as_slice));
        let a = wanted.member(WantedMembers::TOP, b"a").unwrap();
        let b = wanted.member(WantedMembers::TOP, b"b").unwrap();
        let c = wanted.member(b, b"c").unwrap();
        assert!(wanted.is_whole(a) && !wanted.is_whole(b) && wanted.is_whole(c));
        assert_eq!((wanted.members(a).count(), wanted.members(c).count(), wanted.len()), (0, 0, 4));
        let whole = WantedMembers::new([path("").as_slice(), path("a").as_slice()]);
        assert!(whole.is_whole(WantedMembers::TOP) && whole.len() == 1);
    }
}
