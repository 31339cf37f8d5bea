//! A bounded copy of a body as it streams by. A route whose meter reads no body costs no copy.

/// A bounded copy of a body.
#[derive(Debug, Default)]
pub struct Capture {
    bytes: Vec<u8>,
    max: Option<usize>,
    is_truncated: bool,
}

impl Capture {
    /// Copies nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Copies up to `max` bytes; of a longer body nothing is kept.
    #[must_use]
    pub fn up_to(max: usize) -> Self {
        Self { bytes: Vec::new(), max: Some(max), is_truncated: false }
    }

    /// Takes the next bytes of the body.
    pub fn push(&mut self, data: &[u8]) {
        let Some(max) = self.max else { return };
        if self.is_truncated {
            return;
        }
        if self.bytes.len() + data.len() > max {
            self.is_truncated = true;
            self.bytes = Vec::new();
            return;
        }
        self.bytes.extend_from_slice(data);
    }

    /// The whole body; `None` if it was longer than the bound.
    #[must_use]
    pub fn body(&self) -> Option<&[u8]> {
        (!self.is_truncated).then_some(&self.bytes)
    }
}
