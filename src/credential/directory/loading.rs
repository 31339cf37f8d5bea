//! What is not remembered, has aged or is no longer true is loaded on the control plane's runtime, once for all who wait.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use moka::Entry;
use moka::ops::compute::Op;

use super::{Credential, Directory, Identity, Known, REFUSED_TIME, Remembered};
use crate::credential::access_token::VerifiedToken;
use crate::credential::freshness::{Stamp, Stamps};
use crate::credential::guesses::{KnownKeys, Paid};
use crate::credential::keys::{KnownKey, SUBJECTS};
use crate::credential::loader::{Failure, KEY_UNKNOWN};
use crate::credential::refused::Refused;
use crate::credential::source::SourceUnavailable;
use crate::domain::api_key::KeyHash;
use crate::domain::app_certificate::ShownNames;
use crate::domain::id::SignatureKeyId;
use crate::domain::refusal::Refusal;
use crate::domain::time::Moment;

/// How long a caller that is known waits for a store that is slow.
const PATIENCE: Duration = Duration::from_millis(200);

impl Directory {
    /// Loads what has aged, but does not wait for a store that is slow: then what is remembered stands, and the load goes on.
    pub(super) async fn load_or_believe(
        self: &Arc<Self>,
        credential: Credential,
        presented: Owned,
        aged: Remembered,
        moment: Moment,
    ) -> Result<Known, Refused> {
        let (loading, before) = (self.clone(), aged.clone());
        let load = async move { loading.load(credential, presented, Some(before), moment).await };
        match tokio::time::timeout(PATIENCE, self.control.spawn(load)).await {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(_)) | Err(_) => {
                let rests_until = moment.monotonic.saturating_add(REFUSED_TIME);
                self.believe(credential, Remembered { rests_until, ..aged }).await.told()
            }
        }
    }

    /// Remembers what has aged as what stands, unless something was loaded since: then that stands.
    pub(super) async fn believe(&self, credential: Credential, aged: Remembered) -> Remembered {
        let loaded_at = aged.loaded_at;
        let stands = self
            .remembered
            .entry(credential)
            .and_compute_with(|known| {
                let is_newer = known.is_some_and(|known| {
                    let known = known.value();
                    known.loaded_at > loaded_at && !known.is_outage()
                });
                std::future::ready(if is_newer { Op::Nop } else { Op::Put(aged.clone()) })
            })
            .await;
        stands.into_entry().map_or(aged, Entry::into_value)
    }

    /// Loads what is not remembered, aged, or no longer true, once for all who wait for it. `aged` is what stands if the
    /// store is away.
    pub(super) async fn load(
        self: &Arc<Self>,
        credential: Credential,
        presented: Owned,
        aged: Option<Remembered>,
        moment: Moment,
    ) -> Result<Known, Refused> {
        self.loaded(credential, presented, aged, moment).await.told()
    }

    /// The same, as it is remembered.
    pub(super) async fn loaded(
        self: &Arc<Self>,
        credential: Credential,
        presented: Owned,
        aged: Option<Remembered>,
        moment: Moment,
    ) -> Remembered {
        let (remembering, loading) = (self.clone(), self.clone());
        let entry = self
            .remembered
            .entry(credential)
            .or_insert_with_if(
                async move {
                    let task = loading.control.spawn(loading.clone().load_once(credential, presented, aged));
                    task.await.unwrap_or_else(|_| {
                        out_of_reach(&SourceUnavailable("loading was cut off".to_owned()), moment)
                    })
                },
                move |known| !remembering.is_fresh(known, moment),
            )
            .await;
        entry.into_value()
    }

    /// Loads a key that may be a guess, once for all who wait for it. It is paid for, and the price is given back unless the key
    /// proves nothing. One that proves nothing takes no place of those that do.
    pub(super) async fn try_new(
        self: &Arc<Self>,
        credential: Credential,
        presented: Owned,
        address: Option<IpAddr>,
        moment: Moment,
    ) -> Result<Remembered, Refused> {
        let (_, hash) = credential;
        if let Some(refused) = self.guesses.known_wrong(&hash, moment.monotonic) {
            return Err(refused);
        }
        if let Owned::ApiKey(_) = presented {
            self.guesses.could_pay_for_key(self.known_keys(), address, moment.monotonic)?;
        }
        let loading = self.clone();
        let tried = async move {
            let paid = match presented {
                Owned::ApiKey(_) => {
                    loading.guesses.pay_for_key(loading.known_keys(), address, moment.monotonic)
                }
                _ => loading.guesses.pay(address, moment.monotonic),
            }?;
            let task = loading.control.spawn(loading.clone().load_tried(credential, presented, paid));
            let cut_off = Refusal::Unavailable("The look-up of a credential was cut off");
            task.await.unwrap_or(Err(cut_off.into()))
        };
        let remembered = self.remembered.try_get_with(credential, tried).await;
        remembered.map_err(Arc::unwrap_or_clone)
    }

    pub(super) fn known_keys(&self) -> KnownKeys {
        match (self.is_learning(), self.knows_existing_keys()) {
            (true, _) => KnownKeys::AtFirst,
            (false, true) => KnownKeys::All,
            (false, false) => KnownKeys::Some,
        }
    }

    async fn load_tried(
        self: Arc<Self>,
        credential: Credential,
        presented: Owned,
        paid: Paid,
    ) -> Result<Remembered, Refused> {
        let (_, hash) = credential;
        let remembered = match &presented {
            Owned::ApiKey(key) if self.existing.lack(key, self.clock.monotonic()).await => {
                let unknown = Err(KEY_UNKNOWN.into());
                Remembered::of((credential, &presented), unknown, Stamps::default(), self.clock.monotonic())
            }
            _ => self.clone().load_once(credential, presented, None).await,
        };
        match &remembered.outcome {
            Err(refused @ Refused { refusal: Refusal::CredentialInvalid(why), app }) => {
                let until = remembered.loaded_at.saturating_add(REFUSED_TIME);
                self.guesses.remember_wrong(hash, (*why, app.as_ref()), until);
                return Err(refused.clone());
            }
            Err(refused @ Refused { refusal: Refusal::Unavailable(_), .. }) => {
                paid.give_back();
                return Err(refused.clone());
            }
            Ok(_) | Err(_) => paid.give_back(),
        }
        Ok(remembered)
    }

    pub(super) async fn load_once(
        self: Arc<Self>,
        credential: Credential,
        presented: Owned,
        aged: Option<Remembered>,
    ) -> Remembered {
        let moment = self.clock.moment();
        let mut stamps = Stamps::default();
        let outcome = match &presented {
            Owned::ApiKey(hash) => self.load_key(hash, moment, &mut stamps).await,
            Owned::SignatureKey(id) => {
                self.loader.load_signature_key(id, self.judging(moment), &mut stamps).await
            }
            Owned::Certificate(names) => {
                self.loader.load_certificate(names, self.judging(moment), &mut stamps).await
            }
            Owned::AccessToken(token) => {
                self.loader.load_token(token, self.judging(moment), &mut stamps).await
            }
        };
        let outcome = match outcome {
            Ok(identity) => Ok(identity),
            Err(Failure::Refused(refused)) => Err(refused),
            Err(failure @ (Failure::Source(_) | Failure::Busy)) => {
                let nobody = match failure {
                    Failure::Source(unavailable) => out_of_reach(&unavailable, moment),
                    Failure::Busy | Failure::Refused(_) => busy(moment),
                };
                let believed = aged.filter(|aged| self.is_believed(aged, moment));
                let rests_until = moment.monotonic.saturating_add(REFUSED_TIME);
                return believed.map_or(nobody, |aged| Remembered { rests_until, ..aged });
            }
        };
        let loaded = Remembered::of((credential, &presented), outcome, stamps, moment.monotonic);
        loaded.unless_ended(credential.0, moment.now)
    }

    async fn load_key(
        &self,
        hash: &KeyHash,
        moment: Moment,
        stamps: &mut Stamps,
    ) -> Result<Identity, Failure> {
        self.looked_up.fetch_add(1, Ordering::Relaxed);
        let loaded = self.loader.load_key(hash, self.judging(moment), stamps).await;
        match &loaded {
            Ok(key) if key.expires_at.is_none_or(|expiry| moment.now < expiry) => {
                let mut of_key = [Stamp::default(); SUBJECTS];
                of_key.iter_mut().zip(stamps.iter()).for_each(|(place, stamp)| *place = stamp);
                self.keys.insert(hash, key, of_key, moment.monotonic);
            }
            // From now on it is a guess, as any key that proves nothing, and paid for.
            Ok(_) | Err(Failure::Refused(Refused { refusal: Refusal::CredentialInvalid(_), .. })) => {
                self.keys.remove(hash);
            }
            Err(_) => {}
        }
        loaded.map(KnownKey::identity)
    }
}

/// A presented credential that can be taken to another thread.
#[derive(Clone)]
pub(super) enum Owned {
    ApiKey(KeyHash),
    /// Its signature fits.
    AccessToken(Box<VerifiedToken>),
    SignatureKey(SignatureKeyId),
    Certificate(ShownNames),
}

fn out_of_reach(unavailable: &SourceUnavailable, moment: Moment) -> Remembered {
    tracing::error!(%unavailable, "a credential could not be looked up");
    nobody("The store of identities is out of reach", moment)
}

/// Not in the log: a flood would fill it.
fn busy(moment: Moment) -> Remembered {
    nobody("Too many credentials are being looked up", moment)
}

fn nobody(why: &'static str, moment: Moment) -> Remembered {
    let (loaded_at, rests_until) = (moment.monotonic, Duration::ZERO);
    let outcome = Err(Refusal::Unavailable(why).into());
    Remembered { outcome, outlived: None, stamps: Stamps::default(), loaded_at, rests_until }
}
