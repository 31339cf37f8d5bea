//! For tables whose keys are uniform by themselves, such as parts of a digest: they need no hashing. Nobody may choose where
//! his key falls, so the digest is keyed, or of what only its owner can make.

use std::hash::Hasher;

/// Takes a key's lower half for its hash.
#[derive(Debug, Default)]
pub struct Uniform(u64);

impl Hasher for Uniform {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }

    fn write_u128(&mut self, value: u128) {
        self.0 = value as u64;
    }
}
