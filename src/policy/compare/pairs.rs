//! Which item of a plan version was for some calls, and which is: those pairs alone have to be compared.

use std::collections::BTreeSet;

use crate::domain::id::ItemName;

/// Items that were and are for the same calls; none where calls had or have none.
pub(super) type Pair<'i> = (Option<&'i ItemName>, Option<&'i ItemName>);

/// All pairs of items of two tariffs, or shares.
pub(super) struct Pairs<'i>(BTreeSet<Pair<'i>>);

impl<'i> FromIterator<Pair<'i>> for Pairs<'i> {
    fn from_iter<I: IntoIterator<Item = Pair<'i>>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl<'i> Pairs<'i> {
    /// Each pair, and whether some calls of its old item, and of its new one, are in another pair. What many calls come to together by
    /// such an item is told by no pair alone, unless each costs the same by itself.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Pair<'i>, (bool, bool))> {
        let is_elsewhere = |item: Option<&ItemName>, of: fn(&Pair<'i>) -> Option<&'i ItemName>| {
            item.is_some() && self.0.iter().filter(|pair| of(pair) == item).count() > 1
        };
        self.0.iter().map(move |pair| {
            (*pair, (is_elsewhere(pair.0, |pair| pair.0), is_elsewhere(pair.1, |pair| pair.1)))
        })
    }
}

/// The name of what a pair is of.
pub(super) fn part(noun: &str, (before, after): Pair<'_>) -> String {
    match (before, after) {
        (Some(before), Some(after)) if before != after => format!("{noun} {after} (was {before})"),
        (_, Some(name)) | (Some(name), None) if name.as_str() != noun => format!("{noun} {name}"),
        (_, Some(_) | None) => noun.to_owned(),
    }
}
