//! Lists in which each stands once, as stores are asked by them.

use std::collections::HashSet;
use std::hash::Hash;

/// Each once, in order.
pub(super) fn distinct<T: Hash + Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct: Vec<T> =
        values.collect::<HashSet<_, foldhash::fast::RandomState>>().into_iter().collect();
    distinct.sort_unstable();
    distinct
}

pub(super) fn texts(values: Vec<impl ToString>) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}
