//! The trees above those of runs: one over an app's runs of a period, of which the root stands on its statement, and one over all
//! statements, documents and journals of a period, which its head signs. Each leaf begins with a line that says what it is.

use super::merkle::{Hash, leaf, path, root};

/// The hash of a run as a leaf of its app's tree: its number of records, and the root over them.
#[must_use]
pub fn run(records: u64, root: &Hash) -> Hash {
    let mut text = b"tollgate run 1\n".to_vec();
    text.extend_from_slice(&records.to_be_bytes());
    text.extend_from_slice(root);
    leaf(&text)
}

/// The hash of a statement as a leaf: its number, and the SHA-256 of its content in hexadecimal, as it is kept.
#[must_use]
pub fn statement(number: u64, hash: &str) -> Hash {
    leaf(format!("tollgate statement 1\n{number}\n{hash}").as_bytes())
}

/// The hash of a document as a leaf, such as an invoice: its number, and the SHA-256 of its content in hexadecimal.
#[must_use]
pub fn document(number: &str, hash: &str) -> Hash {
    leaf(format!("tollgate document 1\n{number}\n{hash}").as_bytes())
}

/// What of a node's journal the books took between two closings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRange {
    /// The node.
    pub node: String,
    /// The journal's identity.
    pub journal: String,
    /// The place behind which it begins: that where the closing before ended.
    pub after: u64,
    /// Its last place.
    pub to: u64,
    /// How many places of all up to there became usage records.
    pub recorded: u64,
    /// How many became exceptions.
    pub excepted: u64,
    /// How many stand for calls without a record.
    pub omissions: u64,
    /// The head of the journal's chain at the end of the last batch that has one; none of a journal without a chain.
    pub head: Option<Hash>,
}

impl JournalRange {
    /// Its hash as a leaf.
    #[must_use]
    pub fn leaf(&self) -> Hash {
        let Self { node, journal, after, to, recorded, excepted, omissions, head } = self;
        let head = head.map(|head| crate::domain::hexadecimal::hexadecimal(&head)).unwrap_or_default();
        let text = format!(
            "tollgate node 1\n{node}\n{journal}\n{after}\n{to}\n{recorded}\n{excepted}\n{omissions}\n{head}"
        );
        leaf(text.as_bytes())
    }
}

/// The tree over a period: its statements by rising number, then its documents in their order, then its journals by node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeriodTree {
    leaves: Vec<Hash>,
    statements: usize,
    documents: usize,
}

impl PeriodTree {
    /// Over statements and documents, each with its number and hash, and journals.
    #[must_use]
    pub fn over<'p>(
        statements: impl IntoIterator<Item = (u64, &'p str)>,
        documents: impl IntoIterator<Item = (&'p str, &'p str)>,
        journals: &[JournalRange],
    ) -> Self {
        let mut leaves: Vec<Hash> =
            statements.into_iter().map(|(number, hash)| statement(number, hash)).collect();
        let statements = leaves.len();
        leaves.extend(documents.into_iter().map(|(number, hash)| document(number, hash)));
        let documents = leaves.len().saturating_sub(statements);
        leaves.extend(journals.iter().map(JournalRange::leaf));
        Self { leaves, statements, documents }
    }

    /// How many statements it is over.
    #[must_use]
    pub fn statements(&self) -> usize {
        self.statements
    }

    /// How many documents.
    #[must_use]
    pub fn documents(&self) -> usize {
        self.documents
    }

    /// How many leaves in all.
    #[must_use]
    pub fn leaves(&self) -> usize {
        self.leaves.len()
    }

    /// Its root.
    #[must_use]
    pub fn root(&self) -> Hash {
        root(&self.leaves)
    }

    /// The audit path of the leaf at a place, from 0; `None` if there is no such leaf.
    #[must_use]
    pub fn path(&self, place: usize) -> Option<Vec<Hash>> {
        path(&self.leaves, place)
    }
}

#[cfg(test)]
mod tests {
    use super::super::merkle::{hash, node, root_by_path};
    use super::*;

    fn journal(to: u64) -> JournalRange {
        JournalRange {
            node: "node-1".to_owned(),
            journal: "j".to_owned(),
            after: 3,
            to,
            recorded: 7,
            excepted: 1,
            omissions: 0,
            head: Some([0xab; 32]),
        }
    }

    #[test]
    fn a_leaf_of_a_tree_is_a_line_of_what_it_is_and_its_facts() {
        let text = |bytes: &[u8]| hash(&[&[0], bytes].concat());
        assert_eq!(statement(41, "ab12"), text(b"tollgate statement 1\n41\nab12"));
        assert_eq!(document("INV-2026-000001", "ab12"), text(b"tollgate document 1\nINV-2026-000001\nab12"));
        let head = "ab".repeat(32);
        let expected = format!("tollgate node 1\nnode-1\nj\n3\n8\n7\n1\n0\n{head}");
        assert_eq!(journal(8).leaf(), text(expected.as_bytes()));
        let unchained = JournalRange { head: None, ..journal(8) };
        assert_eq!(unchained.leaf(), text(b"tollgate node 1\nnode-1\nj\n3\n8\n7\n1\n0\n"));
        let of_run = [b"tollgate run 1\n".as_slice(), &[0, 0, 0, 0, 0, 0, 1, 2], &[9; 32]].concat();
        assert_eq!(run(258, &[9; 32]), text(&of_run));
    }

    #[test]
    fn each_leaf_of_a_period_leads_to_its_root() {
        let statements = [(41, "aa"), (42, "bb")];
        let tree = PeriodTree::over(statements, [("INV-1", "cc")], &[journal(8)]);
        assert_eq!((tree.statements(), tree.documents(), tree.leaves()), (2, 1, 4));
        let left = node(&statement(41, "aa"), &statement(42, "bb"));
        assert_eq!(tree.root(), node(&left, &node(&document("INV-1", "cc"), &journal(8).leaf())));
        let leaves = [statement(41, "aa"), statement(42, "bb"), document("INV-1", "cc"), journal(8).leaf()];
        for (place, leaf) in leaves.into_iter().enumerate() {
            let path = tree.path(place).unwrap();
            assert_eq!(root_by_path(leaf, (place as u64, 4), &path), Some(tree.root()));
        }
        assert_eq!(tree.path(4), None);
        assert_ne!(tree.root(), PeriodTree::over(statements, [("INV-1", "cc")], &[journal(9)]).root());
        assert_eq!(PeriodTree::default().root(), hash(b""));
    }
}
