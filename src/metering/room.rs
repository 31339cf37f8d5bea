//! How many bytes of bodies may be kept at once, of all calls of a node: each call has a bound of its own, but there may be very many.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of bytes that calls share.
#[derive(Debug)]
pub(super) struct Room {
    most: usize,
    held: AtomicUsize,
}

/// What a call holds of a room; it is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Hold {
    room: &'static Room,
    bytes: usize,
}

impl Room {
    /// Of so many bytes.
    pub(super) const fn of(most: usize) -> Self {
        Self { most, held: AtomicUsize::new(0) }
    }
}

impl Hold {
    /// Holds nothing yet.
    pub(super) fn nothing_of(room: &'static Room) -> Self {
        Self { room, bytes: 0 }
    }

    /// Holds so many bytes in all; gives whether there is room for them. If not, it holds what it held.
    pub(super) fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        if more == 0 {
            return true;
        }
        let with_more = |held: usize| held.checked_add(more).filter(|held| *held <= self.room.most);
        let is_held = self.room.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, with_more).is_ok();
        if is_held {
            self.bytes = bytes;
        }
        is_held
    }

    /// Gives all of it back.
    pub(super) fn give_back(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes > 0 {
            self.room.held.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_hold_no_more_than_there_is_and_give_it_back() {
        static ROOM: Room = Room::of(100);
        let (mut one, mut other) = (Hold::nothing_of(&ROOM), Hold::nothing_of(&ROOM));
        assert!(one.grow_to(60) && one.grow_to(60) && one.grow_to(10) && other.grow_to(40));
        assert!(!other.grow_to(41) && !one.grow_to(61));
        one.give_back();
        assert!(other.grow_to(100) && !one.grow_to(1));
        drop(other);
        assert!(one.grow_to(100));
        assert!(!one.grow_to(usize::MAX));
        drop(one);
        assert_eq!(ROOM.held.load(Ordering::Relaxed), 0);
    }
}
