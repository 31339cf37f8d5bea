//! Room for the bodies that a node holds whole before their calls go on: so many bytes in all, and an eighth of that for one who
//! sends them. It is taken as they come, so that who only says that much follows takes none.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use crate::domain::refusal::Refusal;

/// Bytes of bodies that a node holds at once.
const MOST: usize = 64 << 20;
/// Bytes of those that one may send: more than any one body has.
const SHARE: usize = MOST / 8;
/// Shares that are counted apart. Who happens to have the same has it together.
const SHARES: usize = 4096;

/// Room for bodies, which all cores share.
#[derive(Debug)]
pub struct BodyRoom {
    all: AtomicUsize,
    shares: Box<[AtomicUsize]>,
    state: RandomState,
}

impl Default for BodyRoom {
    fn default() -> Self {
        let shares = (0..SHARES).map(|_| AtomicUsize::new(0)).collect();
        Self { all: AtomicUsize::new(0), shares, state: RandomState::new() }
    }
}

impl BodyRoom {
    fn share(&self, place: usize) -> &AtomicUsize {
        self.shares.get(place).unwrap_or(&self.all)
    }
}

/// Room that is taken until this goes.
#[derive(Debug)]
pub(super) struct Held {
    room: Arc<BodyRoom>,
    share: usize,
    bytes: usize,
}

impl Held {
    /// None yet, of the share of `whose` body it is.
    pub(super) fn none(room: &Arc<BodyRoom>, whose: &impl Hash) -> Self {
        let hash = usize::try_from(room.state.hash_one(whose) % SHARES as u64).unwrap_or_default();
        Self { room: room.clone(), share: hash, bytes: 0 }
    }

    /// So many bytes more.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`].
    pub(super) fn add(&mut self, bytes: usize) -> Result<(), Refusal> {
        let all = self.room.all.fetch_add(bytes, Ordering::Relaxed);
        let share = self.room.share(self.share).fetch_add(bytes, Ordering::Relaxed);
        self.bytes = self.bytes.saturating_add(bytes);
        match all.saturating_add(bytes) > MOST || share.saturating_add(bytes) > SHARE {
            true => Err(Refusal::Unavailable("Too many bodies are being read")),
            false => Ok(()),
        }
    }

    /// A body that gives its room back once the last of it is gone.
    pub(super) fn hold(self, body: Vec<u8>) -> Bytes {
        Bytes::from_owner(HeldBody { body, _held: self })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.share(self.share).fetch_sub(self.bytes, Ordering::Relaxed);
        self.room.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

struct HeldBody {
    body: Vec<u8>,
    _held: Held,
}

impl AsRef<[u8]> for HeldBody {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_bounded_in_all_and_for_each_and_comes_back() {
        let room = Arc::new(BodyRoom::default());
        let mut own = Held::none(&room, &"one");
        assert_eq!(own.add(SHARE), Ok(()));
        let mut more = Held::none(&room, &"one");
        assert!(matches!(more.add(1), Err(Refusal::Unavailable(_))), "beyond a share");
        drop(more);
        let mut others: Vec<Held> = Vec::new();
        // Some of them have the same share.
        for other in 0..200 {
            let mut held = Held::none(&room, &other);
            if held.add(MOST / 64).is_ok() {
                others.push(held);
            }
        }
        assert_eq!(room.all.load(Ordering::Relaxed), MOST);
        drop(others);
        let bytes = own.hold(b"{}".to_vec());
        let copy = bytes.clone();
        drop(bytes);
        assert_eq!((&*copy, room.all.load(Ordering::Relaxed)), (&b"{}"[..], SHARE));
        drop(copy);
        assert_eq!(room.all.load(Ordering::Relaxed), 0);
        assert!(room.shares.iter().all(|share| share.load(Ordering::Relaxed) == 0));
    }
}
