//! Proofs that come in floods.

use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::super::dpop::Target;
use super::*;
use crate::domain::confirmation::{NonceRule, Thumbprint};

const URL: &str = "https://api.example.com/orders";
const START: Timestamp = Timestamp::from_seconds(1_790_000_000);

struct World {
    proofs: Proofs,
    target: Target,
    pair: EcdsaKeyPair,
    moment: Moment,
}

impl World {
    fn new() -> Self {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.unwrap().as_ref());
        Self {
            proofs: Proofs::new(Arc::new(Nonces::new(&[7; 32], [1; 8])), START),
            target: Target::of(URL).unwrap(),
            pair: pair.unwrap(),
            moment: Moment {
                now: START.plus(Duration::from_secs(60)),
                monotonic: Duration::from_secs(1_000),
            },
        }
    }

    fn jwk(&self) -> Value {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"kty": "EC", "crv": "P-256", "x": text(x), "y": text(y)})
    }

    fn prove(&self, id: &str, method: &str) -> String {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()});
        let claims = json!({"jti": id, "htm": method, "htu": URL, "iat": self.moment.now.as_seconds()});
        let text = format!("{}.{}", part(header), part(claims));
        let signature = self.pair.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The same by who has not the key.
    fn forge(&self, id: &str) -> String {
        let proof = self.prove(id, "GET");
        let others = self.prove("another", "GET");
        let (text, signature) = (proof.rsplit_once('.').unwrap().0, others.rsplit_once('.').unwrap().1);
        format!("{text}.{signature}")
    }

    fn take(&self, proof: &str, address: IpAddr) -> Result<(), Refusal> {
        let key = self.key();
        self.proofs.take((address, self.moment), proof, &self.expected(Some(key)))
    }

    fn expected(&self, key: Option<Thumbprint>) -> Expected<'_> {
        let (rule, since) = (NonceRule::Optional, Some(self.proofs.since()));
        let (nonces, now) = (self.proofs.nonces(), self.moment.now);
        Expected { method: "GET", target: &self.target, token: None, key, nonces, rule, since, now }
    }

    fn key(&self) -> Thumbprint {
        verify(&self.prove("any", "GET"), &self.expected(None)).unwrap().key
    }
}

fn address(number: u32) -> IpAddr {
    IpAddr::from(number.to_be_bytes())
}

fn is_told_to_wait(taken: &Result<(), Refusal>) -> bool {
    matches!(taken, Err(Refusal::LimitReached { .. }))
}

#[test]
fn who_sends_forged_proofs_waits_and_the_holder_of_the_key_elsewhere_does_not() {
    let world = World::new();
    let (thief, holder) = (address(1), address(2));
    let refused: Vec<_> =
        (0..60).map(|number| world.take(&world.forge(&number.to_string()), thief)).collect();
    assert_eq!(refused.iter().filter(|taken| is_told_to_wait(taken)).count(), 10);
    assert!(refused.iter().all(Result::is_err));
    for number in 0..60 {
        assert_eq!(world.take(&world.prove(&format!("good {number}"), "GET"), holder), Ok(()));
    }
}

#[test]
fn one_proof_that_is_sent_over_and_over_costs_as_a_forged_one_does() {
    let world = World::new();
    let proof = world.prove("once", "GET");
    assert_eq!(world.take(&proof, address(1)), Ok(()));
    let replays: Vec<_> = (0..60).map(|_| world.take(&proof, address(3))).collect();
    assert_eq!(replays.iter().filter(|taken| is_told_to_wait(taken)).count(), 10);
}

#[test]
fn what_is_refused_before_its_signature_is_looked_at_costs_nothing() {
    let world = World::new();
    for number in 0..200 {
        let wrong = world.take(&world.prove(&number.to_string(), "POST"), address(1));
        assert!(matches!(wrong, Err(Refusal::ProofInvalid(_))), "{wrong:?}");
    }
}

#[test]
fn a_flood_from_everywhere_keeps_out_nobody_who_has_shown_his_key_from_where_he_is() {
    let world = World::new();
    let (known, new) = (address(1), address(2));
    assert_eq!(world.take(&world.prove("before", "GET"), known), Ok(()));
    let forged = world.forge("forged");
    let is_spent =
        |number: &u32| matches!(world.take(&forged, address(*number)), Err(Refusal::Unavailable(_)));
    assert!((1_000..10_000).any(|number| is_spent(&number)));
    assert_eq!(world.take(&world.prove("meanwhile", "GET"), known), Ok(()));
    let refused = world.take(&world.prove("new", "GET"), new);
    assert!(matches!(refused, Err(Refusal::Unavailable(_))), "{refused:?}");
    // Whoever is where the holder is has no more for it.
    let wrong: Vec<_> = (0..60).map(|_| world.take(&forged, known)).collect();
    assert_eq!(wrong.iter().filter(|taken| is_told_to_wait(taken)).count(), 10);
}
