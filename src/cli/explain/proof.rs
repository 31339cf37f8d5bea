//! The credential of a call: made for it alone, and proved as a node proves it, by the facts that are known of who calls.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use super::facts::Facts;
use crate::credential::access_token::{KeyRing, NewToken, RingKey, SigningKey, TokenSigner};
use crate::credential::directory::{Directory, Identity, Memory};
use crate::credential::presented::Presented;
use crate::domain::api_key::ApiKey;
use crate::domain::app_certificate::ShownNames;
use crate::domain::id::{FamilyId, SignatureKeyId};
use crate::domain::narrowing::Narrowing;
use crate::domain::refusal::Refusal;
use crate::domain::signing_algorithm::SigningAlgorithm;
use crate::domain::time::{Clock, ManualClock, Timestamp};

/// An issuer that is nobody's: what it signs never leaves this process.
const ISSUER: &str = "urn:tollgate:explain";
const LIFETIME: Duration = Duration::from_secs(60);
const MEMORY: Memory = Memory { tokens: 1, keys: 1, time: LIFETIME, grace: LIFETIME };

/// A credential made for this call alone, and the directory that knows whom it proves.
pub(super) struct Proof {
    directory: Arc<Directory>,
    runtime: tokio::runtime::Runtime,
    made: Made,
    /// In words.
    pub(super) told: String,
    /// To what it is narrowed, if it is one that can be.
    pub(super) narrowing: Option<Narrowing>,
    /// When it is shown.
    pub(super) now: Timestamp,
}

/// A credential as it is shown.
enum Made {
    ApiKey(String),
    AccessToken(String),
    Certificate(ShownNames),
    /// By the key of that id.
    Signature(SignatureKeyId),
}

impl Proof {
    /// That of who calls.
    pub(super) fn of(facts: &Facts) -> anyhow::Result<Self> {
        let der = SigningKey::generate(SigningAlgorithm::EdDsa)?;
        let key = SigningKey::from_pkcs8(SigningAlgorithm::EdDsa, &der)?;
        let ring = Arc::new(KeyRing::new(vec![RingKey::alone(key)], ISSUER));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (clock, now) = (Arc::new(ManualClock::at(facts.now)), facts.now);
        let control = runtime.handle().clone();
        let directory =
            Arc::new(Directory::new(Arc::new(facts.clone()), ring.clone(), clock, control, MEMORY));
        let app = &facts.app.id;
        let (made, told) = match (&facts.key, &facts.certificate, &facts.signature) {
            (Some(key), _, _) => {
                let text = ApiKey::from_random(facts.app.environment, &[0; 32]).reveal().to_owned();
                (Made::ApiKey(text), format!("key {} of app {app}", key.id))
            }
            (None, Some(certificate), _) => {
                let names = ShownNames::new([certificate.own.known_by.clone()]);
                (Made::Certificate(names), format!("client certificate {} of app {app}", certificate.id))
            }
            (None, None, Some(key)) => {
                (Made::Signature(key.id.clone()), format!("a signature by {} of app {app}", key.id))
            }
            (None, None, None) => {
                let text = token(facts, ring).context("a token for this call cannot be made")?;
                (Made::AccessToken(text), told(facts))
            }
        };
        let told = facts.became.iter().fold(told, |told, became| format!("{told}, {became}"));
        Ok(Self { directory, runtime, made, told, narrowing: facts.narrowing().cloned(), now })
    }

    /// Whom it proves.
    pub(super) fn identity(&self) -> Result<Arc<Identity>, Refusal> {
        let (directory, moment) = (&self.directory, ManualClock::at(self.now).moment());
        let known = match &self.made {
            Made::ApiKey(text) => {
                self.runtime.block_on(directory.identify(Presented::ApiKey(text), moment))?
            }
            Made::AccessToken(text) => {
                self.runtime.block_on(directory.identify(Presented::AccessToken(text), moment))?
            }
            Made::Certificate(names) => {
                let found = self.runtime.block_on(directory.identify_certificate(names, None, moment));
                found.map_err(|refused| refused.refusal)?
            }
            Made::Signature(id) => {
                let found =
                    self.runtime.block_on(directory.identify_signature_key(id.as_str(), None, moment));
                Some(found.map_err(|refused| refused.refusal)?)
            }
        };
        known.map(|known| known.identity).ok_or(Refusal::CredentialMissing)
    }
}

fn token(facts: &Facts, ring: Arc<KeyRing>) -> anyhow::Result<String> {
    let grant = facts.grant.as_ref().map(|(grant, _)| grant);
    let new = NewToken {
        id: "explained".to_owned(),
        merchant: grant.map(|grant| grant.merchant.clone()),
        grant: grant.map(|grant| grant.id.clone()),
        family: grant.and_then(|_| FamilyId::new("explained").ok()),
        authentication: facts.authentication.filter(|_| grant.is_some()),
        ..NewToken::of_app(facts.app.id.clone(), facts.scopes.clone())
    };
    Ok(TokenSigner::new(ring).sign(new, facts.now, LIFETIME)?)
}

fn told(facts: &Facts) -> String {
    let of = match &facts.grant {
        Some((grant, _)) => format!("for merchant {}", grant.merchant),
        None => "of its own".to_owned(),
    };
    format!("an access token of app {}, {of}", facts.app.id)
}
