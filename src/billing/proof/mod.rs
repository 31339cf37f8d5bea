//! What proves a closed period to someone who trusts neither the store nor the platform: a hash over each usage record, trees over
//! these, over statements, documents and journals, and a signed head over all of it.

pub mod coverage;
pub mod head;
pub mod keys;
pub mod leaf;
pub mod merkle;
pub mod tree;
