//! Takes signatures of requests, each once, and bounds what a flood of those costs that prove nothing.
//!
//! Looking at a signature is paid for by the network that it comes from, whoever's key it names, and the price is given back once
//! it is taken: as for proofs of possession ([`super::proofs`]), who guesses is refused before any arithmetic, and neither the
//! app nor its other machines are.

mod forgotten;

use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};

use self::forgotten::Forgotten;
use super::dpop::replay::{Replays, Seen};
use super::dpop::{ProofId, Proven};
use super::guesses::Price;
use super::message_signature::{AHEAD, Message, MessageSignature};
use super::parameter_signature::{Covered, ParameterSignature, WINDOW};
use super::proven_from::ProvenFrom;
use super::request_key::RequestKey;
use crate::domain::confirmation::Thumbprint;
use crate::domain::id::SignatureKeyId;
use crate::domain::refusal::Refusal;
use crate::domain::signature_mistake::SignatureError;
use crate::domain::signature_mistake::SignatureMistake::{AlgorithmMismatch, Mismatch, Replayed, TooOld};
use crate::domain::time::{Moment, Timestamp};

/// What stands for all keys where a network is known for what came from it, whoever's it was.
const ANY_KEY: Thumbprint = Thumbprint([0; 32]);

/// Takes signatures of requests.
#[derive(Debug)]
pub struct Signatures {
    replays: Replays,
    price: Price,
    proven: ProvenFrom,
    /// What may have been taken by then, the process before this one may have taken.
    since: Timestamp,
    forgotten: Forgotten,
}

/// The key that a signature names, and until when the signature may be used.
#[derive(Debug, Clone, Copy)]
pub struct Named<'k> {
    /// The key's id.
    pub id: &'k SignatureKeyId,
    /// The key.
    pub key: &'k RequestKey,
    /// When the signature ends.
    pub ends_at: Timestamp,
}

/// What of a signature comes once.
#[derive(Debug, Clone, Copy)]
struct Once<'s> {
    nonce: &'s [u8],
    /// What has to be another in the next one.
    told: &'static str,
}

impl Signatures {
    /// Of a process that serves since `since`.
    #[must_use]
    pub fn new(since: Timestamp) -> Self {
        let (price, proven) = (Price::new("unproven-signatures"), ProvenFrom::default());
        Self { replays: Replays::roomy(), price, proven, since, forgotten: Forgotten::default() }
    }

    /// Whether it would be known that a message was sent before that was signed at `created`, and may be `window` old.
    ///
    /// # Errors
    /// [`TooOld`].
    pub fn check_remembered(
        &self,
        created: Timestamp,
        (window, now): (Duration, Timestamp),
    ) -> Result<(), SignatureError> {
        if created > self.forgotten.until(window, now) {
            return Ok(());
        }
        let age = now.since(created).as_secs();
        let detail =
            format!("created is {age} s ago, which was too old until lately: sign each request anew");
        Err(SignatureError::new(TooOld, detail))
    }

    /// Takes a signature of `message` that came from `address`. Whoever sent one that does not fit is shown what must have been signed
    /// ([`MessageSignature::shown_base`]): that is made of his own request alone, whatever the key is, and brings no forger nearer to
    /// it. It comes after the key was found and the look at the signature was paid for, as what it costs is more of the same.
    ///
    /// # Errors
    /// [`Refusal::SignatureInvalid`]; [`Refusal::LimitReached`] and [`Refusal::Unavailable`] for whose signatures prove nothing,
    /// or are too many.
    pub fn take(
        &self,
        (address, moment): (IpAddr, Moment),
        (signature, named): (&MessageSignature, Named<'_>),
        message: &Message<'_>,
    ) -> Result<(), Refusal> {
        if let Some(style) = named.key.style().parameters() {
            let detail =
                format!("the key is of the style {}: it signs parameters, not messages", style.name());
            return Err(SignatureError::new(AlgorithmMismatch, detail).into());
        }
        let algorithm = named.key.algorithm();
        if signature.algorithm.as_deref().is_some_and(|name| name != algorithm.name()) {
            let detail = format!("alg must be {algorithm}, as the key's is, or be left out");
            return Err(SignatureError::new(AlgorithmMismatch, detail).into());
        }
        self.check_unused(signature.created, named.key)?;
        let check = || {
            if named.key.made(signature.bytes(), &signature.base(message)?) {
                return Ok(());
            }
            let detail = "the signature does not fit: the request is another than the one that was signed, or the key is. \
                          Compare signature_base, which tells what came, with what you signed";
            let base = Some(signature.shown_base(message)?);
            Err(SignatureError { base, ..SignatureError::new(Mismatch, detail) })
        };
        let once = Once { nonce: signature.nonce.as_bytes(), told: "nonce" };
        self.prove((address, moment), (named, once), check)
    }

    /// Takes a signature of sorted parameters that came from `address` and names the key of that id; gives what it covers.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn take_parameters(
        &self,
        (address, moment): (IpAddr, Moment),
        signature: &ParameterSignature<'_>,
        (id, key): (&SignatureKeyId, &RequestKey),
    ) -> Result<Covered, Refusal> {
        // What clocks show twice may have been used the first time, and could be used once more the second time.
        let made = signature.check_terms(key, moment.now)?;
        self.check_unused(made.first, key)?;
        let named = Named { id, key, ends_at: made.last.plus(WINDOW) };
        let once = Once { nonce: signature.bytes(), told: "timestamp" };
        self.prove((address, moment), (named, once), || signature.check(key))
    }

    /// Whether a signature from the network of `address` has held, as far as that is remembered.
    #[must_use]
    pub fn have_held_from(&self, address: IpAddr) -> bool {
        self.proven.has(self.proven.number(ANY_KEY, address))
    }

    /// Takes what holds as `check` says, once; gives what that found.
    fn prove<T>(
        &self,
        (address, moment): (IpAddr, Moment),
        (named, once): (Named<'_>, Once<'_>),
        check: impl FnOnce() -> Result<T, SignatureError>,
    ) -> Result<T, Refusal> {
        let key = thumbprint(named.id);
        let holder = self.proven.number(key, address);
        let paid = match self.proven.has(holder) {
            true => self.price.pay_of_network(Some(address), moment.monotonic),
            false => self.price.pay(Some(address), moment.monotonic),
        }?;
        let found = check()?;
        let id = proof_id(named.id, once.nonce);
        match self.replays.see(&Proven { key, id, ends_at: named.ends_at }, moment.now) {
            Seen::First => {
                paid.give_back();
                for number in [holder, self.proven.number(ANY_KEY, address)] {
                    if !self.proven.has(number) {
                        self.proven.add(number);
                    }
                }
                Ok(found)
            }
            Seen::Again | Seen::Forgotten => {
                let told = once.told;
                let detail =
                    format!("this signature was used before: sign each request anew, with another {told}");
                Err(SignatureError::new(Replayed, detail).into())
            }
            Seen::NoRoom => {
                paid.give_back();
                Err(Refusal::Unavailable("Too many signatures are remembered"))
            }
        }
    }

    /// Whether a signature that was made at `made_at` was not taken before this process began: that, it does not remember. A key
    /// that it saw the first of cannot have been used before it.
    fn check_unused(&self, made_at: Timestamp, key: &RequestKey) -> Result<(), Refusal> {
        if made_at > self.since.plus(AHEAD) || key.created_at() >= self.since {
            return Ok(());
        }
        Err(Refusal::Unavailable(
            "The gateway has just begun, and the signature may have been used before: sign anew",
        ))
    }

    /// Forgets signatures that have ended, and networks that have not sent wrong ones of late.
    pub fn sweep(&self, moment: Moment) {
        self.replays.sweep(moment.now);
        self.price.sweep(moment.monotonic);
    }
}

/// A key by its id, as what is remembered of its signatures goes by.
fn thumbprint(id: &SignatureKeyId) -> Thumbprint {
    Thumbprint(hash(&[id.as_str().as_bytes()]))
}

fn proof_id(id: &SignatureKeyId, nonce: &[u8]) -> ProofId {
    // An id has no line feed in it.
    ProofId(hash(&[id.as_str().as_bytes(), b"\n", nonce]))
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests;
