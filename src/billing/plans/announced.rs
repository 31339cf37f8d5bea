//! What another set narrows for those who call was told in time, if the set in force asks for that. When it was told is kept once, by
//! whichever node had it first; and so is that it is told no more, as whoever relied on that must be told anew.

use super::keep::Occasion;
use crate::domain::time::Timestamp;
use crate::policy::change_terms::Announcement;
use crate::policy::compare::announced::{Unannounced, demanded, due};
use crate::policy::compare::change::Change;
use crate::policy::live::Coming;
use crate::policy::snapshot::Snapshot;
use crate::store::change_announcement::ToldChange;
use crate::store::{StoreError, Transaction};

/// Notes what `coming` announces, and gives what it changes that was not announced in time.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn give(
    transaction: &mut Transaction,
    coming: Coming<'_>,
    (now, occasion): (Timestamp, Occasion),
) -> Result<Option<Unannounced>, StoreError> {
    let Coming { before, snapshot } = coming;
    take_back(transaction, snapshot, (now, occasion)).await?;
    for announcement in &snapshot.announcements {
        tell(transaction, announcement, (now, occasion)).await?;
    }
    let Some((notice, changes)) = before.and_then(|before| demanded(before, snapshot, now)) else {
        return Ok(None);
    };
    let mut unannounced: Vec<&Change> = Vec::new();
    for change in &changes {
        let since = match due(snapshot, change, now) {
            Some(Announcement { change, from, .. }) => {
                told_since(&transaction.told_of_change(change).await?, *from)
                    .filter(|since| since.plus(notice) <= *from)
            }
            None => None,
        };
        if since.is_none() {
            unannounced.push(change);
        }
    }
    Ok(Unannounced::of(unannounced.into_iter(), notice, now))
}

/// Notes an announcement, if it is not the last that was told. Files of before, with which a node starts, tell nothing anew.
async fn tell(
    transaction: &mut Transaction,
    Announcement { change, from, .. }: &Announcement,
    (now, occasion): (Timestamp, Occasion),
) -> Result<(), StoreError> {
    let told = transaction.told_of_change(change).await?;
    let is_new = told.last().is_none_or(|last| last.from != Some(*from) && occasion.is_after(last.told_at));
    if is_new {
        transaction
            .tell_of_change(change, told.len(), ToldChange { told_at: now, from: Some(*from) })
            .await?;
    }
    Ok(())
}

/// Notes of what was told to change and is announced no more that it will not.
async fn take_back(
    transaction: &mut Transaction,
    snapshot: &Snapshot,
    (now, occasion): (Timestamp, Occasion),
) -> Result<(), StoreError> {
    if occasion == Occasion::Start {
        return Ok(());
    }
    for change in transaction.told_changes().await? {
        if snapshot.announcements.iter().any(|one| one.change == change) {
            continue;
        }
        let told = transaction.told_of_change(&change).await?;
        if told.last().is_some_and(|last| occasion.is_after(last.told_at)) {
            transaction.tell_of_change(&change, told.len(), ToldChange { told_at: now, from: None }).await?;
        }
    }
    Ok(())
}

/// Since when it is told all the while that a change may come at a time, or before.
fn told_since(told: &[ToldChange], from: Timestamp) -> Option<Timestamp> {
    let is_so = |one: &&ToldChange| one.from.is_some_and(|told| told <= from);
    told.iter().rev().take_while(is_so).last().map(|first| first.told_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_otherwise_in_between_was_not_told_all_the_while() {
        let at = Timestamp::from_seconds;
        let told = |told_at, from: Option<i64>| ToldChange { told_at: at(told_at), from: from.map(at) };
        for (all, since) in [
            (vec![], None),
            (vec![told(1, Some(50))], Some(1)),
            (vec![told(1, Some(51))], None),
            (vec![told(1, Some(40)), told(2, Some(50))], Some(1)),
            (vec![told(1, Some(50)), told(2, Some(60)), told(3, Some(50))], Some(3)),
            (vec![told(1, Some(50)), told(2, None)], None),
            (vec![told(1, Some(50)), told(2, None), told(3, Some(50))], Some(3)),
        ] {
            assert_eq!(told_since(&all, at(50)), since.map(at), "{all:?}");
        }
    }
}
