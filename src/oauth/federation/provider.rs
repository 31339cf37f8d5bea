//! The provider of the policies in force, with what is remembered of it: where it is spoken to, and its keys. Both are read
//! again now and then, by one caller for all; while the provider is away, what was read is good for a while longer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::id_token::{Expected, IdToken, IdTokenError};
use super::metadata::{self, Metadata, MetadataError};
use crate::config::service_url::ServiceUrl;
use crate::credential::key_set::KeySet;
use crate::domain::time::Clock;
use crate::outbound::client::{CallError, Client};

/// For how long what was read is not read again.
const FRESH: Duration = Duration::from_secs(3600);
/// For how long it is good while the provider is away.
const GOOD: Duration = Duration::from_secs(24 * 3600);
/// After a failure nobody waits for the provider for so long: not each of many who log in for its slowness.
const REST: Duration = Duration::from_secs(5);
/// Least time between two readings of keys for an unknown one.
const KEYS_REST: Duration = Duration::from_secs(10);

/// Why a provider cannot be used for the moment.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// It gave no answer.
    #[error("the identity provider gave no answer for its {1}")]
    Call(#[source] CallError, &'static str),
    /// It answered with another status than 200.
    #[error("the identity provider answered with status {0} for its {1}")]
    Status(u16, &'static str),
    /// It failed just before, and is not asked again so soon.
    #[error("the identity provider failed just before")]
    Resting,
    /// Its answer is none.
    #[error("the identity provider's {0} is wrong: {1}")]
    Wrong(&'static str, String),
}

impl From<MetadataError> for ProviderError {
    fn from(error: MetadataError) -> Self {
        Self::Wrong("metadata", error.to_string())
    }
}

/// Speaks to the provider.
pub struct Federation {
    pub(super) client: Client,
    clock: Arc<dyn Clock>,
    memory: Mutex<Memory>,
}

/// What is remembered of the provider, and when it last failed, in monotonic time.
#[derive(Default)]
struct Memory {
    known: Option<Known>,
    failed: Option<(ServiceUrl, Duration)>,
}

impl std::fmt::Debug for Federation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Federation")
    }
}

/// What is remembered of a provider.
#[derive(Clone)]
struct Known {
    issuer: ServiceUrl,
    metadata: Arc<Metadata>,
    keys: Arc<KeySet>,
    /// When they were read, in monotonic time.
    read_at: Duration,
    /// When the keys were read for an unknown one.
    renewed_at: Option<Duration>,
}

impl Federation {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(client: Client, clock: Arc<dyn Clock>) -> Self {
        Self { client, clock, memory: Mutex::default() }
    }

    /// Where the provider of that issuer is spoken to.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub(super) async fn metadata(&self, issuer: &ServiceUrl) -> Result<Arc<Metadata>, ProviderError> {
        Ok(self.known(issuer).await?.metadata)
    }

    /// Checks an ID token. Of a key that is not known, the keys are read again, once.
    ///
    /// # Errors
    /// [`ProviderError`] of the keys; [`IdTokenError`] of the token.
    pub(super) async fn check(
        &self,
        issuer: &ServiceUrl,
        token: &str,
        expected: &Expected<'_>,
    ) -> Result<Result<IdToken, IdTokenError>, ProviderError> {
        let keys = self.known(issuer).await?.keys;
        match IdToken::check(token, &keys, expected) {
            Err(IdTokenError::UnknownKey) => {
                let keys = self.other_keys(issuer).await?;
                Ok(IdToken::check(token, &keys, expected))
            }
            checked => Ok(checked),
        }
    }

    async fn known(&self, issuer: &ServiceUrl) -> Result<Known, ProviderError> {
        let mut memory = self.memory.lock().await;
        let now = self.clock.monotonic();
        let before = memory.known.as_ref().filter(|known| known.issuer == *issuer);
        let is_within = |known: &&Known, span| now.saturating_sub(known.read_at) < span;
        if let Some(fresh) = before.filter(|known| is_within(known, FRESH)) {
            return Ok(fresh.clone());
        }
        let good = before.filter(|known| is_within(known, GOOD)).cloned();
        let rests =
            |failed: &(ServiceUrl, Duration)| failed.0 == *issuer && now.saturating_sub(failed.1) < REST;
        if memory.failed.as_ref().is_some_and(rests) {
            return good.ok_or(ProviderError::Resting);
        }
        match self.read(issuer).await {
            Ok(read) => {
                *memory = Memory { known: Some(read.clone()), failed: None };
                Ok(read)
            }
            Err(error) => {
                memory.failed = Some((issuer.clone(), self.clock.monotonic()));
                let cause = std::error::Error::source(&error);
                tracing::warn!(%error, ?cause, "the identity provider could not be asked");
                good.ok_or(error)
            }
        }
    }

    /// The keys as they are now, unless they were read just before.
    async fn other_keys(&self, issuer: &ServiceUrl) -> Result<Arc<KeySet>, ProviderError> {
        let mut memory = self.memory.lock().await;
        let now = self.clock.monotonic();
        let Some(of_it) = memory.known.as_mut().filter(|known| known.issuer == *issuer) else {
            return Err(ProviderError::Wrong("keys", "the policies changed meanwhile".to_owned()));
        };
        if of_it.renewed_at.is_none_or(|at| now.saturating_sub(at) >= KEYS_REST) {
            of_it.renewed_at = Some(now);
            of_it.keys = Arc::new(self.read_keys(&of_it.metadata).await?);
        }
        Ok(of_it.keys.clone())
    }

    async fn read(&self, issuer: &ServiceUrl) -> Result<Known, ProviderError> {
        let address = metadata::address(issuer).parse::<ServiceUrl>();
        let address = address.map_err(|error| ProviderError::Wrong("issuer", error.to_string()))?;
        let metadata = Metadata::read(&self.document(&address, "metadata").await?, issuer)?;
        let keys = self.read_keys(&metadata).await?;
        let now = self.clock.monotonic();
        let (metadata, keys) = (Arc::new(metadata), Arc::new(keys));
        Ok(Known { issuer: issuer.clone(), metadata, keys, read_at: now, renewed_at: None })
    }

    async fn read_keys(&self, metadata: &Metadata) -> Result<KeySet, ProviderError> {
        let document = self.document(&metadata.jwks_uri, "keys").await?;
        KeySet::read(&document).ok_or_else(|| ProviderError::Wrong("keys", "they are no JWK Set".to_owned()))
    }

    async fn document(&self, address: &ServiceUrl, what: &'static str) -> Result<Vec<u8>, ProviderError> {
        let answer = self.client.document(address).await.map_err(|error| ProviderError::Call(error, what))?;
        match answer.status().as_u16() {
            200 => Ok(answer.into_body()),
            status => Err(ProviderError::Status(status, what)),
        }
    }
}
