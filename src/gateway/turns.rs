//! Answers to wrong keys take turns: whatever else a core has to do is done between them, however many come at once. So a flood of guesses
//! has its own calls wait, and hardly those of callers that are known.

use tokio::sync::Semaphore;
use tokio::task::yield_now;

/// Calls that have their turn at once: each time, all that is ready beside them is done, and the sockets are asked for more.
const AT_ONCE: usize = 4;
/// Calls that wait for their turn, and have it; beyond: they go on, as an answer takes less room than a call that waits.
const MOST: usize = 2_048;

/// Who may go on, of the calls of one core.
#[derive(Debug)]
pub struct Turns {
    turns: Semaphore,
    room: Semaphore,
}

impl Default for Turns {
    fn default() -> Self {
        Self { turns: Semaphore::new(AT_ONCE), room: Semaphore::new(MOST) }
    }
}

impl Turns {
    /// Waits for a call's turn: those that came before have had theirs. Without room to wait it is at once.
    pub(super) async fn next(&self) {
        let Ok(_room) = self.room.try_acquire() else { return };
        // It is never closed.
        let turn = self.turns.acquire().await;
        yield_now().await;
        drop(turn);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use tokio::runtime::Builder;
    use tokio::task::{LocalSet, spawn_local};

    use super::*;

    type Count = Rc<Cell<usize>>;

    /// Has so many calls take turns; gives how many had theirs by the time that somebody else has waited twice, and in the end.
    fn take_turns(calls: usize) -> (usize, usize) {
        let (turns, had) = (Rc::new(Turns::default()), Count::default());
        let all = async {
            let guesses: Vec<_> = (0..calls)
                .map(|_| {
                    let (turns, had) = (turns.clone(), had.clone());
                    spawn_local(async move {
                        turns.next().await;
                        had.set(had.get() + 1);
                    })
                })
                .collect();
            let count = had.clone();
            let before = spawn_local(async move {
                // As long as a call does that waits for its upstream twice.
                yield_now().await;
                yield_now().await;
                count.get()
            });
            let before = before.await.unwrap();
            for guess in guesses {
                guess.await.unwrap();
            }
            before
        };
        let runtime = Builder::new_current_thread().build().unwrap();
        let before = LocalSet::new().block_on(&runtime, all);
        (before, had.get())
    }

    #[test]
    fn who_is_known_goes_before_nearly_all_who_take_turns() {
        let (before, all) = take_turns(1000);
        assert_eq!(all, 1000, "each has its turn");
        assert!(before <= 4 * AT_ONCE, "{before} came before");
    }

    #[test]
    fn who_finds_no_room_to_wait_goes_on() {
        let (before, all) = take_turns(MOST + 1000);
        assert_eq!(all, MOST + 1000);
        assert!((1000..=1000 + 4 * AT_ONCE).contains(&before), "{before} came before");
    }

    #[test]
    fn a_call_that_is_given_up_while_it_waits_leaves_its_turn_and_its_room() {
        let turns = Rc::new(Turns::default());
        let all = async {
            let guesses: Vec<_> = (0..MOST)
                .map(|_| {
                    let turns = turns.clone();
                    spawn_local(async move { turns.next().await })
                })
                .collect();
            yield_now().await;
            guesses.iter().for_each(tokio::task::JoinHandle::abort);
            for guess in guesses {
                let _: Result<(), _> = guess.await;
            }
        };
        let runtime = Builder::new_current_thread().build().unwrap();
        LocalSet::new().block_on(&runtime, all);
        assert_eq!((turns.turns.available_permits(), turns.room.available_permits()), (AT_ONCE, MOST));
    }
}
