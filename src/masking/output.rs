//! What leaves of one piece of a body. Of a piece in which nothing is masked, that is the piece itself.

use bytes::{BufMut, Bytes, BytesMut};

/// What stands where something is masked: a text, whatever it was. Nothing is told of what was there, not even its type or
/// whether it was empty, and nobody takes it for data, as one might take `null`.
pub const MASK: &[u8] = br#""***""#;

/// What leaves of one piece of a body.
pub(super) struct Output {
    written: BytesMut,
    /// From where on the piece leaves as it is; `None` within what is masked.
    from: Option<usize>,
}

/// How much of a piece has been told to leave.
pub(super) struct Mark {
    written: usize,
    from: Option<usize>,
}

impl Output {
    /// At the beginning of a piece, which may lie within what is masked.
    pub(super) fn begin(is_masked: bool) -> Self {
        Self { written: BytesMut::new(), from: (!is_masked).then_some(0) }
    }

    /// From here on, it is masked.
    pub(super) fn mask(&mut self, piece: &[u8], at: usize) {
        let Some(from) = self.from.take() else { return };
        if self.written.capacity() == 0 {
            // Nearly always enough: what is masked is seldom shorter than what stands for it.
            self.written.reserve(piece.len() + 8 * MASK.len());
        }
        self.written.put_slice(&piece[from..at]);
        self.written.put_slice(MASK);
    }

    /// From here on, it is not.
    pub(super) fn unmask(&mut self, at: usize) {
        self.from = Some(at);
    }

    /// How much has been told to leave up to now.
    pub(super) fn mark(&self) -> Mark {
        Mark { written: self.written.len(), from: self.from }
    }

    /// Nothing of what came since then is to leave as it was told.
    pub(super) fn go_back(&mut self, mark: Mark) {
        self.written.truncate(mark.written);
        self.from = mark.from;
    }

    /// At the end of the piece.
    pub(super) fn end(mut self, piece: Bytes) -> Bytes {
        match self.from {
            Some(0) if self.written.is_empty() => piece,
            Some(from) if self.written.is_empty() => piece.slice(from..),
            Some(from) => {
                self.written.put_slice(&piece[from..]);
                self.written.freeze()
            }
            None => self.written.freeze(),
        }
    }
}
