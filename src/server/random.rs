//! The machine's random bytes.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

use crate::domain::random::{Random, RandomUnavailable};

/// The machine's random bytes.
#[derive(Debug)]
pub struct MachineRandom(SystemRandom);

impl MachineRandom {
    /// The machine's random bytes.
    #[must_use]
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Default for MachineRandom {
    fn default() -> Self {
        Self::new()
    }
}

impl Random for MachineRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        self.0.fill(bytes).map_err(|_| RandomUnavailable)
    }
}
