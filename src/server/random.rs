//! The one place that asks the machine for random bytes for ids and secrets.

use aws_lc_rs::rand;

use crate::domain::random::{Random, RandomUnavailable};

/// The machine's random bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomUnavailable> {
        rand::fill(bytes).map_err(|_| RandomUnavailable)
    }
}
