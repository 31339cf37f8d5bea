//! Room in a writer's buffer that is promised to a call before it is served, so that its record cannot be refused
//! after it took effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a writer has promised, in bytes. Only its core writes it in practice, so the atomic is never contended.
#[derive(Debug, Clone, Default)]
pub(super) struct Reserved(Arc<AtomicUsize>);

impl Reserved {
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Promises `bytes`, if no more than `room` are promised then.
    pub(super) fn reserve(&self, bytes: usize, room: usize) -> Option<Reservation> {
        let before = self.0.fetch_add(bytes, Ordering::Relaxed);
        let reservation = Reservation { reserved: self.clone(), bytes };
        // Dropped if there is no room, it gives back.
        before.checked_add(bytes).is_some_and(|after| after <= room).then_some(reservation)
    }
}

/// Room that is promised to one record. Append with it, and the journal is not full; drop it, and the room is free.
#[derive(Debug)]
#[must_use = "a reservation that is dropped gives its room back"]
pub struct Reservation {
    reserved: Reserved,
    bytes: usize,
}

impl Reservation {
    /// The longest record that it is for, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.reserved.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
