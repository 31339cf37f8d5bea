//! Merkle trees of RFC 6962, section 2.1 (and RFC 9162, section 2.1), with SHA-256. A leaf is hashed in another way than a node is, so
//! that none is taken for the other; trees of other numbers of leaves have other roots.
//!
//! A root is had while its leaves go by, in room for one hash a level. Of a path nothing is believed: it is walked up to a root.

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

/// A SHA-256 hash.
pub type Hash = [u8; SHA256_OUTPUT_LEN];

/// What stands before the bytes of a leaf as they are hashed.
const LEAF: u8 = 0;
/// What stands before the two hashes of a node.
const NODE: u8 = 1;

/// The SHA-256 hash of some bytes.
#[must_use]
pub fn hash(bytes: &[u8]) -> Hash {
    let mut hash = Hash::default();
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// Room in which leaves are written to be hashed, one after another.
#[derive(Debug, Default)]
pub struct Room(Vec<u8>);

impl Room {
    /// The hash of the leaf of which `write` appends the bytes.
    pub fn leaf(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Hash {
        self.0.clear();
        self.0.push(LEAF);
        write(&mut self.0);
        hash(&self.0)
    }
}

/// The hash of a leaf.
#[must_use]
pub fn leaf(bytes: &[u8]) -> Hash {
    Room::default().leaf(|room| room.extend_from_slice(bytes))
}

/// The hash of a node over two others.
#[must_use]
pub fn node(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [NODE; 1 + 2 * SHA256_OUTPUT_LEN];
    let (_, hashes) = bytes.split_at_mut(1);
    hashes.iter_mut().zip(left.iter().chain(right)).for_each(|(byte, of_hash)| *byte = *of_hash);
    hash(&bytes)
}

/// A tree of which leaves come one after another: the roots of its whole subtrees, the largest first.
#[derive(Debug, Clone, Default)]
pub struct Frontier {
    subtrees: Vec<Hash>,
    leaves: u64,
}

impl Frontier {
    /// Adds the hash of the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut last = leaf;
        // For each one at the end of the number there is a subtree of the size of that which ends here.
        for _ in 0..self.leaves.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                last = node(&left, &last);
            }
        }
        self.subtrees.push(last);
        self.leaves = self.leaves.saturating_add(1);
    }

    /// How many leaves there are.
    #[must_use]
    pub fn leaves(&self) -> u64 {
        self.leaves
    }

    /// The root over them; that over none is the hash of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        let subtrees = self.subtrees.iter().rev().copied();
        subtrees.reduce(|right, left| node(&left, &right)).unwrap_or_else(|| hash(b""))
    }
}

impl FromIterator<Hash> for Frontier {
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> Self {
        let mut frontier = Self::default();
        leaves.into_iter().for_each(|leaf| frontier.push(leaf));
        frontier
    }
}

/// The root over leaves.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    leaves.iter().copied().collect::<Frontier>().root()
}

/// The audit path of the leaf at a place: what it is hashed with up to the root, nearest first. `None` if there is no such leaf.
#[must_use]
pub fn path(leaves: &[Hash], place: usize) -> Option<Vec<Hash>> {
    let (mut leaves, mut place, mut path) = (leaves, place, Vec::new());
    leaves.get(place)?;
    while leaves.len() > 1 {
        let (left, right) = leaves.split_at(left_of(leaves.len()));
        match place.checked_sub(left.len()) {
            Some(in_right) => {
                path.push(root(left));
                (leaves, place) = (right, in_right);
            }
            None => {
                path.push(root(right));
                leaves = left;
            }
        }
    }
    path.reverse();
    Some(path)
}

/// How many of several leaves are on the left: the largest power of two below their number.
fn left_of(leaves: usize) -> usize {
    leaves.saturating_sub(1).checked_ilog2().map_or(0, |power| 1 << power)
}

/// The root that a leaf at a place among so many `leaves` has by its path (RFC 9162, section 2.1.3.2); `None` if no path of such a leaf
/// is as long as this.
#[must_use]
pub fn root_by_path(leaf: Hash, (place, leaves): (u64, u64), path: &[Hash]) -> Option<Hash> {
    let (mut place, mut last) = (place, leaves.checked_sub(1).filter(|last| place <= *last)?);
    let mut root = leaf;
    for other in path {
        if last == 0 {
            return None;
        }
        if place & 1 == 1 || place == last {
            root = node(other, &root);
            // At the right edge there is no other on the levels between.
            while place & 1 == 0 && place != 0 {
                (place, last) = (place >> 1, last >> 1);
            }
        } else {
            root = node(&root, other);
        }
        (place, last) = (place >> 1, last >> 1);
    }
    (last == 0).then_some(root)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::hexadecimal::hexadecimal;

    /// The leaves of the test vectors of Certificate Transparency (google/certificate-transparency, `merkletree/merkle_tree_test.cc`).
    const LEAVES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    /// The roots over none of them, the first, the first two …
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    /// Audit paths: a leaf's place, of how many, and the path.
    const PATHS: &[(usize, usize, &[&str])] = &[
        (0, 1, &[]),
        (
            0,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            8,
            &[
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
        (
            1,
            5,
            &[
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];

    fn leaves() -> Vec<Hash> {
        LEAVES.map(leaf).to_vec()
    }

    /// The tree as RFC 6962, section 2.1, has it, word for word.
    fn naive_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => hash(b""),
            [one] => *one,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                node(&naive_root(left), &naive_root(right))
            }
        }
    }

    /// A path as section 2.1.1 has it.
    fn naive_path(leaves: &[Hash], place: usize) -> Vec<Hash> {
        if leaves.len() < 2 {
            return Vec::new();
        }
        let left = leaves.len().next_power_of_two() / 2;
        let (path, last) = if place < left {
            (naive_path(&leaves[..left], place), naive_root(&leaves[left..]))
        } else {
            (naive_path(&leaves[left..], place - left), naive_root(&leaves[..left]))
        };
        [path, vec![last]].concat()
    }

    #[test]
    fn roots_are_those_of_the_published_vectors() {
        for (number, expected) in ROOTS.iter().enumerate() {
            assert_eq!(hexadecimal(&root(&leaves()[..number])), *expected, "over {number} leaves");
        }
    }

    #[test]
    fn paths_are_those_of_the_published_vectors() {
        for (place, number, expected) in PATHS {
            let path = path(&leaves()[..*number], *place).unwrap();
            let told: Vec<String> = path.iter().map(|hash| hexadecimal(hash)).collect();
            assert_eq!(told, *expected, "leaf {place} of {number}");
        }
        assert_eq!(path(&leaves(), 8), None);
        assert_eq!(path(&[], 0), None);
    }

    #[test]
    fn every_path_of_every_tree_leads_to_its_root_and_nowhere_else() {
        let leaves: Vec<Hash> = (0..70_u8).map(|number| leaf(&[number])).collect();
        for number in 1..=leaves.len() {
            let some = &leaves[..number];
            let expected = naive_root(some);
            assert_eq!(root(some), expected);
            for (place, leaf) in some.iter().enumerate() {
                let path = path(some, place).unwrap();
                assert_eq!(path, naive_path(some, place));
                let at = (place as u64, number as u64);
                assert_eq!(root_by_path(*leaf, at, &path), Some(expected), "{at:?}");
                let longer = [path.as_slice(), &[*leaf]].concat();
                assert_eq!(root_by_path(*leaf, at, &longer), None);
                if let Some((_, shorter)) = path.split_last() {
                    assert_eq!(root_by_path(*leaf, at, shorter), None);
                }
                assert_ne!(root_by_path(super::leaf(b"another"), at, &path), Some(expected));
            }
        }
        assert_eq!(root_by_path(leaves[0], (0, 0), &[]), None);
        assert_eq!(root_by_path(leaves[0], (1, 1), &[]), None);
        assert_eq!(root_by_path(leaves[0], (u64::MAX, u64::MAX), &[leaves[1]; 64]), None);
    }

    proptest! {
        #[test]
        fn a_tree_of_any_leaves_is_the_naive_one(
            texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..300),
            (place, level, bit) in any::<(prop::sample::Index, prop::sample::Index, u8)>(),
        ) {
            let leaves: Vec<Hash> = texts.iter().map(|text| leaf(text)).collect();
            let place = place.index(leaves.len());
            let mut path = path(&leaves, place).unwrap();
            prop_assert_eq!(&path, &naive_path(&leaves, place));
            let at = (place as u64, leaves.len() as u64);
            prop_assert_eq!(root_by_path(leaves[place], at, &path), Some(naive_root(&leaves)));
            prop_assert_eq!(root(&leaves), naive_root(&leaves));
            if !path.is_empty() {
                let level = level.index(path.len());
                path[level][usize::from(bit) % 32] ^= 1 << (bit % 8);
                prop_assert_ne!(root_by_path(leaves[place], at, &path), Some(naive_root(&leaves)));
            }
        }
    }
}
