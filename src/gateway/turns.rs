//! Calls that may be guesses take turns: whatever else a core has to do is done between them, however many of them come at once.
//! So a flood of wrong keys makes its own calls wait, and hardly those of callers that are known.

use tokio::sync::Semaphore;
use tokio::task::yield_now;

/// Calls that have their turn at once: each time, all that is ready beside them is done, and the sockets are asked for more.
const AT_ONCE: usize = 4;

/// Who may go on, of the calls of one core.
#[derive(Debug)]
pub struct Turns(Semaphore);

impl Default for Turns {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

impl Turns {
    /// Waits for a call's turn: those that came before have had theirs.
    pub(super) async fn next(&self) {
        // It is never closed.
        let turn = self.0.acquire().await;
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

    #[test]
    fn who_is_known_goes_before_nearly_all_who_take_turns() {
        let (turns, had, before) = (Rc::new(Turns::default()), Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let all = async {
            let guesses: Vec<_> = (0..1000)
                .map(|_| {
                    let (turns, had) = (turns.clone(), had.clone());
                    spawn_local(async move {
                        turns.next().await;
                        had.set(had.get() + 1);
                    })
                })
                .collect();
            let (seen, count) = (before.clone(), had.clone());
            spawn_local(async move {
                // As long as a call does that waits for its upstream twice.
                yield_now().await;
                yield_now().await;
                seen.set(count.get());
            })
            .await
            .unwrap();
            for guess in guesses {
                guess.await.unwrap();
            }
        };
        let runtime = Builder::new_current_thread().build().unwrap();
        LocalSet::new().block_on(&runtime, all);
        assert_eq!(had.get(), 1000, "each has its turn");
        assert!(before.get() <= 4 * AT_ONCE, "{} came before", before.get());
    }
}
