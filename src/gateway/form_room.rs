//! Room for the forms that a node holds whole: so many bytes in all, whoever sends them. It is taken as they come, so that who only
//! says that much follows takes none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::domain::refusal::Refusal;

/// Bytes of forms that a node holds at once.
const MOST: usize = 64 << 20;

/// Room for forms, which all cores share.
#[derive(Debug, Default)]
pub struct FormRoom(AtomicUsize);

/// Room that is taken until this goes.
#[derive(Debug)]
pub(super) struct Held {
    room: Arc<FormRoom>,
    bytes: usize,
}

impl Held {
    /// None yet.
    pub(super) fn none(room: &Arc<FormRoom>) -> Self {
        Self { room: room.clone(), bytes: 0 }
    }

    /// So many bytes more.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`].
    pub(super) fn add(&mut self, bytes: usize) -> Result<(), Refusal> {
        let before = self.room.0.fetch_add(bytes, Ordering::Relaxed);
        self.bytes = self.bytes.saturating_add(bytes);
        match before.saturating_add(bytes) > MOST {
            true => Err(Refusal::Unavailable("Too many forms are being read")),
            false => Ok(()),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_bounded_and_comes_back() {
        let room = Arc::new(FormRoom::default());
        let mut forms: Vec<Held> = (0..4).map(|_| Held::none(&room)).collect();
        for form in &mut forms {
            assert_eq!(form.add(MOST / 4), Ok(()));
        }
        let mut one_more = Held::none(&room);
        assert!(matches!(one_more.add(1), Err(Refusal::Unavailable(_))));
        drop(one_more);
        forms.pop();
        assert_eq!(Held::none(&room).add(MOST / 4), Ok(()));
        drop(forms);
        assert_eq!(room.0.load(Ordering::Relaxed), 0);
    }
}
