//! Room for the bodies that a node holds whole before their calls go on: so much in all, an eighth of that for one owner, and a quarter
//! of the eighth for one part of what an owner sends, such as an app's calls for one merchant. It is taken as bodies come, so that
//! who only says that much follows takes none; strangers leave a quarter of it to others.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::domain::refusal::Refusal;

/// How long a body may take in all that is held: it keeps memory from others while it comes.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of bodies that a node holds at once.
const MOST: usize = 64 << 20;
/// Bytes of those that are one owner's.
const SHARE: usize = MOST / 8;
/// Bytes of those that are of one part: more than any one body has.
const PART: usize = SHARE / 4;
/// Bytes that who has proved nothing so far leaves to those who have.
const KEPT: usize = MOST / 4;
/// Shares that are counted apart, and parts of all of them. Who happens to have the same has it together.
const PLACES: usize = 4096;

/// Room for bodies, which all cores share.
#[derive(Debug)]
pub struct BodyRoom {
    all: AtomicUsize,
    shares: Box<[AtomicUsize]>,
    parts: Box<[AtomicUsize]>,
    state: RandomState,
}

impl Default for BodyRoom {
    fn default() -> Self {
        let places = || (0..PLACES).map(|_| AtomicUsize::new(0)).collect();
        Self { all: AtomicUsize::new(0), shares: places(), parts: places(), state: RandomState::new() }
    }
}

impl BodyRoom {
    fn place(&self, whose: &impl Hash) -> usize {
        usize::try_from(self.state.hash_one(whose) % PLACES as u64).unwrap_or_default()
    }
}

/// A body that is held, and the room that it takes until this goes.
pub(super) struct Held {
    room: Arc<BodyRoom>,
    share: usize,
    part: usize,
    /// Bytes of all bodies, beyond which there is no room for this one.
    most: usize,
    bytes: usize,
    body: Vec<u8>,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Held({} bytes)", self.body.len())
    }
}

impl Held {
    /// Nothing yet, of what `owner` sends; `part` says of which part, and whose that is.
    pub(super) fn none(room: &Arc<BodyRoom>, owner: &impl Hash, part: &impl Hash) -> Self {
        let (share, part) = (room.place(owner), room.place(part));
        Self { room: room.clone(), share, part, most: MOST, bytes: 0, body: Vec::new() }
    }

    /// The same, of an owner who has proved nothing so far.
    pub(super) fn of_a_stranger(mut self) -> Self {
        self.most = MOST - KEPT;
        self
    }

    /// Adds to a body that will have `most` bytes at most. The memory that it has counts, and not what is in it.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`].
    pub(super) fn push(&mut self, bytes: &[u8], most: usize) -> Result<(), Refusal> {
        let (length, room) = (self.body.len().saturating_add(bytes.len()), self.body.capacity());
        if length > room {
            let wanted = room.saturating_mul(2).clamp(length, most.max(length));
            self.take(wanted - room)?;
            self.body.reserve_exact(wanted - self.body.len());
        }
        self.body.extend_from_slice(bytes);
        Ok(())
    }

    /// All of it has come: what is not needed is given back.
    pub(super) fn end(&mut self) {
        self.body.shrink_to_fit();
        self.give_back(self.bytes.saturating_sub(self.body.len()));
    }

    /// The same room with another body in it, which is no longer.
    pub(super) fn with(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self.end();
        self
    }

    /// The body; its room is free once the last of it is gone.
    pub(super) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }

    fn take(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.bytes = self.bytes.saturating_add(bytes);
        let fits = self.counters().map(|(counter, most)| {
            counter.is_some_and(|counter| counter.fetch_add(bytes, Ordering::Relaxed) + bytes <= most)
        });
        match fits {
            [true, true, true] => Ok(()),
            _ => Err(Refusal::Unavailable("Too many bodies are being read")),
        }
    }

    fn give_back(&mut self, bytes: usize) {
        for counter in self.counters().into_iter().filter_map(|(counter, _)| counter) {
            counter.fetch_sub(bytes, Ordering::Relaxed);
        }
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// Where it counts, each with its bound.
    fn counters(&self) -> [(Option<&AtomicUsize>, usize); 3] {
        let room = &self.room;
        let (share, part) = (room.shares.get(self.share), room.parts.get(self.part));
        [(Some(&room.all), self.most), (share, SHARE), (part, PART)]
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(room: &BodyRoom) -> usize {
        let sum =
            |places: &[AtomicUsize]| places.iter().map(|place| place.load(Ordering::Relaxed)).sum::<usize>();
        let all = room.all.load(Ordering::Relaxed);
        assert_eq!((sum(&room.shares), sum(&room.parts)), (all, all));
        all
    }

    /// A body of so many bytes, if there is room.
    fn held(room: &Arc<BodyRoom>, (owner, part): (u32, u32), length: usize) -> Option<Held> {
        let mut held = Held::none(room, &owner, &(owner, part));
        held.push(&vec![b'x'; length], length).is_ok().then_some(held)
    }

    #[test]
    fn room_is_bounded_in_all_for_each_owner_and_for_each_part_and_comes_back() {
        let room = Arc::new(BodyRoom::default());
        let own = held(&room, (0, 0), PART).unwrap();
        assert!(held(&room, (0, 0), 1).is_none(), "beyond a part");
        let mut others: Vec<Held> = (1..100).filter_map(|part| held(&room, (0, part), PART)).collect();
        assert_eq!(taken(&room), SHARE, "an owner has a share, whatever parts there are");
        others.extend((1..1000).filter_map(|owner| held(&room, (owner, 0), PART)));
        assert_eq!(taken(&room), MOST);
        drop(others);
        let bytes = own.into_bytes();
        let copy = bytes.clone();
        drop(bytes);
        assert_eq!((copy.len(), taken(&room)), (PART, PART));
        drop(copy);
        assert_eq!(taken(&room), 0);
    }

    #[test]
    fn strangers_leave_a_quarter_to_others() {
        let room = Arc::new(BodyRoom::default());
        let stranger = |owner: u32| {
            let mut held = Held::none(&room, &owner, &owner).of_a_stranger();
            held.push(&vec![b'x'; PART], PART).is_ok().then_some(held)
        };
        let strangers: Vec<Held> = (0..1000).filter_map(stranger).collect();
        assert_eq!(taken(&room), MOST - KEPT);
        let others: Vec<Held> = (1000..2000).filter_map(|owner| held(&room, (owner, 0), PART)).collect();
        assert_eq!((taken(&room), others.len()), (MOST, KEPT / PART));
        drop(strangers);
        assert_eq!(taken(&room), KEPT);
    }

    #[test]
    fn what_counts_is_the_memory_that_a_body_has() {
        let room = Arc::new(BodyRoom::default());
        let mut held = Held::none(&room, &0, &0);
        for _ in 0..1000 {
            held.push(&[b'x'; 100], 100_000).unwrap();
            assert_eq!((held.bytes, taken(&room)), (held.body.capacity(), held.body.capacity()));
        }
        held.end();
        assert_eq!((taken(&room), held.as_ref().len()), (100_000, 100_000));
        let held = held.with(b"short".to_vec());
        assert_eq!((taken(&room), held.as_ref()), (5, &b"short"[..]));
        drop(held);
        assert_eq!(taken(&room), 0);
    }
}
