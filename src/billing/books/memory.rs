//! What a recorder remembers from batch to batch.
//!
//! Sums may be ahead of what is committed, as calls are rated while the batch before theirs is written. So whoever cannot be sure that
//! all which they stand for was committed, and that nobody else has added to the books, forgets them; and with them goes whatever was
//! rated by them since.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::billing::rating::Running;
use crate::domain::time::Period;
use crate::store::numbers::Numbers;

/// The memory.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    numbers: Option<Numbers>,
    counted: Option<Counted>,
    age: Age,
}

/// What was counted up to a place of the journal.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) up_to: u64,
    pub(super) running: Running,
    /// The periods that were closed then.
    pub(super) closed: BTreeSet<Period>,
}

/// From one forgetting to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Age(u64);

impl Memory {
    /// Takes out what the books' numbers mean: it comes back once what they are given to is committed.
    pub(super) fn take_numbers(&self) -> Option<Numbers> {
        self.lock().numbers.take()
    }

    pub(super) fn keep_numbers(&self, numbers: Numbers) {
        self.lock().numbers = Some(numbers);
    }

    /// Takes out what was counted up to a place, if it is that which is remembered; and of which age it is.
    pub(super) fn take_counted(&self, up_to: u64) -> Option<(Age, Counted)> {
        let mut remembered = self.lock();
        let counted = remembered.counted.take_if(|counted| counted.up_to == up_to)?;
        Some((remembered.age, counted))
    }

    /// Remembers what was counted on top of what is of that age; nothing if that was forgotten meanwhile.
    pub(super) fn keep_counted(&self, age: Age, counted: Counted) {
        let mut remembered = self.lock();
        if remembered.age == age {
            remembered.counted = Some(counted);
        }
    }

    pub(super) fn age(&self) -> Age {
        self.lock().age
    }

    /// Forgets all of it, and what others have taken out.
    pub(super) fn forget(&self) {
        let mut remembered = self.lock();
        let age = Age(remembered.age.0.wrapping_add(1));
        *remembered = Remembered { age, ..Remembered::default() };
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
