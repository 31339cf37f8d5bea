//! The chain over a node's journal. Each group of records ends in a seal: the SHA-256 over the seal before it and the bytes
//! of the group. What is changed, taken out or put in later fits no seal from there on.
//!
//! Whoever can write the disk can make all of it anew; what he cannot change is the head that the store keeps with each batch.

use aws_lc_rs::digest::{Context, SHA256};

/// The chain up to a place: the SHA-256 that its last seal holds.
pub type Head = [u8; 32];

/// What the digest of a journal's beginning is for, so that it is no other's.
const PURPOSE: &[u8] = b"tollgate journal";

/// The head before the first group of a journal.
#[must_use]
pub fn begin(identity: &str, node: &str) -> Head {
    let mut digest = Context::new(&SHA256);
    for part in [PURPOSE, identity.as_bytes(), node.as_bytes()] {
        digest.update(&(part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    finish(digest)
}

/// The head behind a group, of which these are the bytes, after `head`.
#[must_use]
pub fn next(head: &Head, group: &[u8]) -> Head {
    let mut digest = Context::new(&SHA256);
    digest.update(head);
    digest.update(group);
    finish(digest)
}

fn finish(digest: Context) -> Head {
    let mut head = Head::default();
    head.copy_from_slice(digest.finish().as_ref());
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_journal_begins_in_another_way_and_goes_on_as_its_bytes_do() {
        let begun = [begin("a", "bc"), begin("ab", "c"), begin("a", "bd")];
        assert!(begun[0] != begun[1] && begun[0] != begun[2]);
        assert_eq!(next(&begun[0], b"group"), next(&begun[0], b"group"));
        assert_ne!(next(&begun[0], b"group"), next(&begun[1], b"group"));
        assert_ne!(next(&begun[0], b"group"), next(&begun[0], b"groups"));
    }
}
