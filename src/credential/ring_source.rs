//! Where the signing keys in force come from.

use async_trait::async_trait;

use super::key_ring::KeyRing;
use super::source::SourceUnavailable;

/// What was found when the keys were read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// What was believed still is.
    Kept,
    /// A key is gone: what it signed must be forgotten.
    Lost,
}

/// Has the keys in force, and can read them again. That is only done off the data plane's threads.
#[async_trait]
pub trait RingSource: Send + Sync {
    /// Those in force.
    fn ring(&self) -> &KeyRing;
    /// Puts in force those that there are now. If some are gone, the caller has what was verified by them forgotten.
    async fn read_again(&self) -> Result<Trust, SourceUnavailable>;
}

/// Keys that are all there are.
#[async_trait]
impl RingSource for KeyRing {
    fn ring(&self) -> &KeyRing {
        self
    }

    async fn read_again(&self) -> Result<Trust, SourceUnavailable> {
        Ok(Trust::Kept)
    }
}
