//! Signing keys: rotation, overlap, revocation, and nodes that follow each other.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate::credential::sealing::SealingKey;
use tollgate::credential::signing_keys::{SigningKeys, Trust};
use tollgate::domain::signing_algorithm::SigningAlgorithm;
use tollgate::domain::time::{Clock, ManualClock, Timestamp};
use tollgate::policy::snapshot::SigningKeyTerms;
use tollgate::server::random::MachineRandom;
use tollgate::store::Store;
use tollgate::store::signing_key::StoredSigningKey;

use crate::support::dev::{Dev, wait_for};
use crate::support::fleet::Fleet;
use crate::support::http;
use crate::support::stores::Place;

/// Lets keys follow each other as soon as may be.
fn hasty(policies: &Path, changes: &[(&str, &str)]) {
    let file = policies.join("platform.yaml");
    let mut text = std::fs::read_to_string(&file).unwrap();
    for (from, to) in [&[("signing_key_overlap: 1d", "signing_key_overlap: 4s")], changes].concat() {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    std::fs::write(&file, text).unwrap();
}

fn access_token(fleet: &Fleet, node: usize) -> String {
    let answer = fleet.token_call(node, &[("grant_type", "client_credentials")]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

fn kid(access_token: &str) -> String {
    use base64::Engine;
    let header = access_token.split('.').next().unwrap();
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(header["typ"], "at+jwt");
    header["kid"].as_str().unwrap().to_owned()
}

fn published(base: &str) -> Vec<String> {
    let keys = http::request(base, "GET", "/oauth/jwks", &[], "").json();
    keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

async fn on_a_postgres_store(test: impl FnOnce(String) + Send + 'static) {
    let place = Place::postgres().await;
    let address = place.address();
    tokio::task::spawn_blocking(move || test(address)).await.unwrap();
    drop(place);
}

#[tokio::test]
async fn nodes_of_one_store_believe_each_others_tokens_and_follow_each_others_keys() {
    on_a_postgres_store(|store| {
        let fleet = Fleet::start(store, 2, |policies| hasty(policies, &[]));
        let first = access_token(&fleet, 0);
        assert!(fleet.believes(0, &first) && fleet.believes(1, &first));
        assert!(fleet.believes(0, &access_token(&fleet, 1)));
        let next = fleet.admin(0, "POST", "/admin/signing-keys", &json!({}));
        let next = next["kid"].as_str().unwrap();
        wait_for("the other node to publish the next key", || {
            published(fleet.base(1)).iter().any(|kid| kid == next)
        });
        assert_eq!(kid(&first), published(fleet.base(1))[0], "the one before stays published");
        wait_for("the other node to sign by it", || kid(&access_token(&fleet, 1)) == next);
        assert!(fleet.believes(0, &access_token(&fleet, 1)) && fleet.believes(1, &first));
        // Somebody else has it.
        let second = access_token(&fleet, 1);
        fleet.admin(0, "POST", &format!("/admin/signing-keys/{next}/revoke"), &json!({}));
        assert!(!fleet.believes(0, &second), "at once where it was revoked");
        wait_for("the other node not to believe it", || !fleet.believes(1, &second));
        wait_for("the other node to sign by another", || kid(&access_token(&fleet, 1)) != next);
        assert!(fleet.believes(0, &access_token(&fleet, 1)));
        assert!(!published(fleet.base(1)).iter().any(|kid| kid == next));
        assert!(fleet.believes(0, &first) && fleet.believes(1, &first), "the key before was not revoked");
    })
    .await;
}

/// Which node is asked makes no difference to who has just got a token.
#[tokio::test]
async fn a_token_of_a_key_that_was_made_this_moment_is_believed_by_each_node_at_once() {
    on_a_postgres_store(|store| {
        let fleet = Fleet::start(store, 2, |_| {});
        for _ in 0..5 {
            let now = kid(&access_token(&fleet, 0));
            // With it goes the last key: another is made that signs from now on.
            fleet.admin(0, "POST", &format!("/admin/signing-keys/{now}/revoke"), &json!({}));
            let token = access_token(&fleet, 0);
            assert_ne!(kid(&token), now);
            assert!(fleet.believes(1, &token));
        }
        let fields = [("grant_type", "client_credentials")];
        let first = kid(&access_token(&fleet, 0));
        fleet.admin(0, "POST", &format!("/admin/signing-keys/{first}/revoke"), &json!({}));
        let token = fleet.token_call(0, &fields).json()["access_token"].as_str().unwrap().to_owned();
        let told = fleet.try_call(1, "/oauth/introspect", &[("token", &token)]).expect("an answer");
        assert_eq!(told.json()["active"], true, "{}", told.text());
    })
    .await;
}

#[tokio::test]
async fn a_node_with_another_sealing_key_does_not_start_and_says_why() {
    on_a_postgres_store(|store| {
        let fleet = Fleet::start(store, 1, |_| {});
        for (sealing_key, expected) in [
            (None, "openssl rand -out"),
            (Some("short"), "64 hexadecimal digits"),
            (Some(&*"5b".repeat(32)), "--sealing-key-file"),
        ] {
            let told = fleet.refusal(sealing_key);
            assert!(told.contains(expected), "{told}");
        }
    })
    .await;
}

#[test]
fn keys_follow_each_other_by_age_and_by_the_algorithm_of_the_policies() {
    let dev = Dev::with_policies(|policies| {
        let lifetime = ("signing_key_lifetime: 90d", "signing_key_lifetime: 16s");
        hasty(policies, &[lifetime, ("signing_algorithm: ES256", "signing_algorithm: RS256")]);
    });
    let token = |dev: &Dev| {
        let answer = dev.token_call(&[("grant_type", "client_credentials")]).json();
        answer["access_token"].as_str().unwrap().to_owned()
    };
    let first = token(&dev);
    let keys = dev.get("/oauth/jwks", &[]).json();
    assert_eq!((&keys["keys"][0]["kty"], &keys["keys"][0]["alg"]), (&json!("RSA"), &json!("RS256")));
    let platform = dev.policies().join("platform.yaml");
    let text = std::fs::read_to_string(&platform).unwrap();
    std::fs::write(&platform, text.replace("signing_algorithm: RS256", "signing_algorithm: EdDSA")).unwrap();
    wait_for("the next key", || published(dev.base()).len() == 2);
    let keys = dev.get("/oauth/jwks", &[]).json();
    assert_eq!((&keys["keys"][1]["kty"], &keys["keys"][1]["crv"]), (&json!("OKP"), &json!("Ed25519")));
    assert_eq!(kid(&token(&dev)), kid(&first), "it does not sign yet");
    wait_for("the next key to sign", || kid(&token(&dev)) != kid(&first));
    for token in [first, token(&dev)] {
        let bearer = format!("Bearer {token}");
        assert_ne!(dev.get("/api/orders", &[("Authorization", &bearer)]).status, 401);
    }
}

#[test]
fn the_key_set_may_be_kept_for_less_time_than_a_key_is_published_before_it_signs() {
    let dev = Dev::with_policies(|policies| hasty(policies, &[]));
    assert_eq!(dev.get("/oauth/jwks", &[]).header("cache-control"), Some("public, max-age=2"));
    let before = published(dev.base());
    let dev = dev.kill_and_restart();
    assert_eq!(published(dev.base()), before, "keys outlive the process");
    assert_eq!(Dev::start().get("/oauth/jwks", &[]).header("cache-control"), Some("public, max-age=3600"));
}

/// The signing keys of a node of `store`, by a clock of its own, opened by a sealing key of that byte.
async fn keys_of(store: &Store, clock: &Arc<ManualClock>, sealing: u8) -> SigningKeys {
    let sealing = Arc::new(SealingKey::new(&[sealing; 32]).unwrap());
    let sources = (Arc::<ManualClock>::clone(clock) as _, Arc::new(MachineRandom::new()) as _);
    SigningKeys::open((store.clone(), sealing), "https://a", SigningAlgorithm::Es256, sources).await.unwrap()
}

const TERMS: SigningKeyTerms = SigningKeyTerms {
    algorithm: SigningAlgorithm::Es256,
    lifetime: Duration::from_secs(3600),
    overlap: Duration::from_secs(60),
};

fn signing(keys: &SigningKeys, clock: &ManualClock) -> String {
    keys.ring().keys().signing(clock.now()).unwrap().kid().to_owned()
}

#[tokio::test]
async fn a_retired_key_does_not_come_back_when_the_one_that_followed_it_is_revoked() {
    let place = Place::sqlite();
    let (store, clock) = (place.open().await, Arc::new(ManualClock::at(Timestamp::from_seconds(1_000_000))));
    let keys = keys_of(&store, &clock, 7).await;
    let retired = signing(&keys, &clock);
    assert!(keys.adopt(&keys.prepare(TERMS).await.unwrap(), &store).await.unwrap());
    clock.advance(TERMS.overlap);
    let (followed_at, second) = (clock.now(), signing(&keys, &clock));
    assert_ne!(second, retired);
    clock.advance(Duration::from_secs(3600));
    let spare = keys.spare(SigningAlgorithm::Es256).await.unwrap();
    keys.revoke(&second, &spare, store.begin().await.unwrap()).await.unwrap();
    let spare = signing(&keys, &clock);
    assert!(spare != retired && spare != second, "the retired one signs again");
    // One that opens the store later sees the same.
    let end = followed_at.plus(Duration::from_secs(24 * 3600 + 300));
    for keys in [keys, keys_of(&store, &clock, 7).await] {
        assert_eq!(signing(&keys, &clock), spare);
        let keys = keys.ring().keys();
        let just_before = Timestamp::from_micros(end.as_micros() - 1);
        assert!(keys.verifier().trusts(&retired, just_before) && !keys.verifier().trusts(&retired, end));
        assert!(!keys.verifier().trusts(&second, clock.now()));
    }
}

#[tokio::test]
async fn what_a_node_cannot_open_keeps_no_revoked_key_in_force_and_each_loss_is_told_once() {
    let place = Place::sqlite();
    let (store, clock) = (place.open().await, Arc::new(ManualClock::at(Timestamp::from_seconds(1_000_000))));
    let node = keys_of(&store, &clock, 7).await;
    let first = signing(&node, &clock);
    // Another node revokes the key, and all that is left cannot be opened here.
    let broken = StoredSigningKey {
        kid: "broken".to_owned(),
        algorithm: SigningAlgorithm::Es256,
        sealed: vec![1; 64],
        created_at: clock.now(),
        active_from: clock.now(),
        revoked_at: None,
    };
    store.revoke_signing_key(&first, &broken, clock.now()).await.unwrap();
    // The reload that sees it first is not the one whose caller has what was verified forgotten.
    clock.advance(Duration::from_secs(3600));
    node.rotate_if_due(TERMS).await.unwrap();
    assert!(!node.ring().keys().verifier().trusts(&first, clock.now()));
    let (one, other) = tokio::join!(node.reload(), node.reload());
    let told = [one.unwrap(), other.unwrap()];
    assert_eq!(told.iter().filter(|trust| **trust == Trust::Lost).count(), 1, "{told:?}");
    assert_eq!(node.reload().await.unwrap(), Trust::Kept);
    assert_eq!(node.ring().keys().all().len(), 1, "the key that followed");
}
