//! What is read of the source with the stamps of all that it rests on, of which some is known only once it is read.
//!
//! Invariant: no stamp is younger than what was read, so that a change between the two makes that stale.

use crate::credential::freshness::{Changes, Stamps};
use crate::credential::source::SourceUnavailable;

/// What `read` gives, with its stamps. They are taken after it: if nothing changed meanwhile, that is as good as before. Else it is read
/// once more, and then they were taken before, unless it rests on something else by now.
pub(super) async fn stamped<T, R>(
    changes: &Changes,
    read: impl Fn() -> R,
    stamps_of: impl Fn(&T) -> Stamps,
) -> Result<Option<(T, Stamps)>, SourceUnavailable>
where
    R: Future<Output = Result<Option<T>, SourceUnavailable>>,
{
    let mut before: Option<Stamps> = None;
    loop {
        let made = changes.made();
        let Some(found) = read().await? else { return Ok(None) };
        let stamps = stamps_of(&found);
        if changes.made() == made {
            return Ok(Some((found, stamps)));
        }
        match before.filter(|before| before.are_of_the_same_as(&stamps)) {
            Some(before) => return Ok(Some((found, before))),
            None => before = Some(stamps),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// A source that gives the number of its read, while what the test says changes by the end of it.
    async fn read(changes: &Changes, changing: &[&str], rests_on: &[&str]) -> (usize, Stamps) {
        let reads = Cell::new(0);
        let read = || {
            let number = reads.replace(reads.get() + 1);
            if let Some(subject) = changing.get(number) {
                changes.bump(subject);
            }
            std::future::ready(Ok(Some(number)))
        };
        let stamps_of = |number: &usize| {
            let subject = rests_on[(*number).min(rests_on.len() - 1)];
            std::iter::once(changes.stamp(subject)).collect::<Stamps>()
        };
        stamped(changes, read, stamps_of).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn what_nobody_changes_meanwhile_is_read_once() {
        let changes = Changes::default();
        let (number, stamps) = read(&changes, &[], &["app_1"]).await;
        assert!(number == 0 && changes.are_fresh(&stamps));
        changes.bump("app_1");
        assert!(!changes.are_fresh(&stamps));
    }

    #[tokio::test]
    async fn what_changes_meanwhile_is_read_again_and_what_changes_then_makes_it_stale() {
        let changes = Changes::default();
        let (number, stamps) = read(&changes, &["app_1"], &["app_1"]).await;
        assert!(number == 1 && changes.are_fresh(&stamps), "read after the change");
        let (number, stamps) = read(&changes, &["app_1", "app_1"], &["app_1"]).await;
        assert!(number == 1 && !changes.are_fresh(&stamps), "it may have been read before the second change");
    }

    #[tokio::test]
    async fn what_rests_on_another_once_it_is_read_again_is_read_until_that_was_stamped_before() {
        let changes = Changes::default();
        // Apps with counters of their own, however these are hashed.
        let of = |app: &str| changes.stamp(app).counter();
        let other = (2..).map(|number| format!("app_{number}")).find(|app| of(app) != of("app_1")).unwrap();
        let rests_on = ["app_1", &other, &other];
        let (number, stamps) = read(&changes, &[&other, &other], &rests_on).await;
        assert!(number == 2 && changes.are_fresh(&stamps));
        let (number, stamps) = read(&changes, &[&other, &other, &other], &rests_on).await;
        assert!(number == 2 && !changes.are_fresh(&stamps));
    }

    #[tokio::test]
    async fn what_is_not_there_has_no_stamps() {
        let changes = Changes::default();
        let nothing = stamped(&changes, || std::future::ready(Ok(None::<()>)), |()| Stamps::default());
        assert!(nothing.await.unwrap().is_none());
    }
}
