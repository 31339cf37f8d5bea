//! Where in a body the masker is, between two values: what is open there, and what becomes of what comes.

use super::fields::{FieldTree, NodeId};
use super::unmaskable::MAX_DEPTH;

/// What becomes of the values that come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// What they are decides.
    Walking,
    /// They leave as they are up to that depth, for the tree leads to nothing in them.
    Passing(u8),
    /// They are masked as one up to that depth.
    Masking(u8),
}

/// Where in a body one is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) mode: Mode,
    /// How many objects and arrays are open.
    pub(super) depth: u8,
    /// Which of them are objects; the innermost is the lowest bit.
    objects: u128,
    /// In the tree, the innermost of those that were walked into; an array is where it is a member.
    pub(super) node: NodeId,
    /// In the tree, what was around each of those, by its depth.
    around: [NodeId; MAX_DEPTH as usize],
}

impl Place {
    /// Where the texts of a body begin.
    pub(super) const TOP: Self = Self {
        mode: Mode::Walking,
        depth: 0,
        objects: 0,
        node: FieldTree::TOP,
        around: [FieldTree::TOP; MAX_DEPTH as usize],
    };

    /// Whether the innermost of what is open is an object.
    pub(super) fn is_in_object(&self) -> bool {
        self.objects & 1 == 1
    }

    /// Walks into an object or array, which is open next.
    pub(super) fn walk_into(&mut self, node: NodeId) {
        if let Some(around) = self.around.get_mut(usize::from(self.depth)) {
            *around = self.node;
        }
        self.node = node;
    }

    /// Begins an object or an array, of which there are less than [`MAX_DEPTH`] around.
    pub(super) fn open(&mut self, first: u8) {
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(first == b'{');
    }

    /// Ends the innermost object or array.
    pub(super) fn close(&mut self) {
        self.depth -= 1;
        self.objects >>= 1;
        if self.mode == Mode::Walking {
            self.node = self.around[usize::from(self.depth)];
        }
    }

    fn outer(&self) -> &[NodeId] {
        &self.around[..usize::from(self.depth)]
    }
}

impl PartialEq for Place {
    /// Whether all that comes is dealt with alike.
    fn eq(&self, other: &Self) -> bool {
        (self.mode, self.depth, self.objects, self.node)
            == (other.mode, other.depth, other.objects, other.node)
            && self.outer() == other.outer()
    }
}
