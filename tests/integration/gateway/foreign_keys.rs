//! The keys of other issuers: read in the background, for all at once, and believed for no longer than they are theirs.

use std::net::IpAddr;
use std::sync::Barrier;

use serde_json::json;

use crate::support::dev::{Dev, wait_for};
use crate::support::http;
use crate::support::issuer::{Issuer, trust};
use crate::support::signer::Signer;

const PATH: &str = "/api/products";

fn start(issuer: &Issuer) -> Dev {
    Dev::with_policies(|policies| trust(policies, &[issuer.section(&[])]))
}

fn token(dev: &Dev, issuer: &Issuer, signer: &Signer, id: usize) -> String {
    let mut claims = issuer.claims(dev.told("/app/client_id"));
    claims["jti"] = json!(id.to_string());
    signer.sign(&claims)
}

fn status(dev: &Dev, token: &str) -> u16 {
    dev.get(PATH, &[("Authorization", &format!("Bearer {token}"))]).status
}

fn figure(dev: &Dev, name: &str, issuer: &Issuer) -> u64 {
    dev.figure(&format!("{name}{{issuer=\"{}\"}}", issuer.name()))
}

/// Makes so many calls at once, each with its token and from an address of its own.
fn at_once(dev: &Dev, tokens: &[String]) -> Vec<u16> {
    at_once_from(dev, tokens, |number| number)
}

/// The same, each from the address that `of` says of its number.
fn at_once_from(dev: &Dev, tokens: &[String], of: fn(u8) -> u8) -> Vec<u16> {
    let barrier = Barrier::new(tokens.len());
    std::thread::scope(|scope| {
        let calls: Vec<_> = tokens
            .iter()
            .enumerate()
            .map(|(number, token)| {
                let (barrier, address) = (&barrier, IpAddr::from([127, 0, 1, of(number as u8)]));
                scope.spawn(move || {
                    let authorization = format!("Bearer {token}");
                    barrier.wait();
                    let headers = [("Authorization", authorization.as_str())];
                    http::request_from(address, dev.base(), "GET", PATH, &headers).status
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    })
}

#[test]
fn a_new_key_is_read_once_for_all_who_show_it_and_one_that_is_gone_ends_what_it_signed() {
    let (old, new) = (Signer::new("RS256", "old"), Signer::new("ES256", "new"));
    let issuer = Issuer::start(&[&old]);
    let dev = start(&issuer);
    let known = token(&dev, &issuer, &old, 0);
    wait_for("the keys", || status(&dev, &known) == 200);
    assert_eq!((issuer.server.calls(), figure(&dev, "tollgate_issuer_keys", &issuer)), (1, 1));
    // It signs by another from one moment to the next.
    issuer.publish(&[&old, &new]);
    let tokens: Vec<_> = (1..=200).map(|id| token(&dev, &issuer, &new, id)).collect();
    assert!(at_once(&dev, &tokens).iter().all(|status| *status == 200));
    assert_eq!((issuer.server.calls(), figure(&dev, "tollgate_issuer_keys", &issuer)), (2, 2));
    assert_eq!(status(&dev, &known), 200);
    // The old one leaked, say. A key that nobody knows has them read: once, however many show it.
    issuer.publish(&[&new]);
    let made_up = Signer::new("EdDSA", "made up");
    let tokens: Vec<_> = (0..200).map(|id| token(&dev, &issuer, &made_up, id)).collect();
    assert!(at_once(&dev, &tokens).iter().all(|status| *status == 401));
    assert_eq!((issuer.server.calls(), figure(&dev, "tollgate_issuer_keys", &issuer)), (3, 1));
    assert_eq!(status(&dev, &known), 401, "it was remembered, and its key is gone");
    assert_eq!(status(&dev, &token(&dev, &issuer, &new, 300)), 200);
    assert_eq!(issuer.server.calls(), 4, "it was looked for once more, as it may have been back");
    let nameless = new.sign_as(&json!({"alg": "ES256"}), &issuer.claims(dev.told("/app/client_id")));
    assert_eq!(status(&dev, &nameless), 200, "there is one key alone");
    assert_eq!(figure(&dev, "tollgate_issuer_key_failures_total", &issuer), 0);
}

#[test]
fn while_an_issuer_is_away_its_known_keys_are_good_and_before_nothing_is_said() {
    let signer = Signer::new("ES256", "one");
    for (answer, told) in [
        ((503, String::new()), "answered with status 503"),
        ((302, String::new()), "answered with status 302"),
        ((200, "nothing".to_owned()), "is no JWK Set"),
        ((200, format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(300_000))), "gave no answer"),
    ] {
        let issuer = Issuer::start(&[]);
        issuer.says(answer.0, &answer.1);
        let dev = start(&issuer);
        let first = token(&dev, &issuer, &signer, 0);
        wait_for(told, || dev.log().contains(told));
        let refused = dev.get(PATH, &[("Authorization", &format!("Bearer {first}"))]);
        assert_eq!((refused.status, refused.code().as_str()), (503, "unavailable"), "{}", refused.text());
        assert!(refused.header("retry-after").is_some());
        wait_for("two failures", || figure(&dev, "tollgate_issuer_key_failures_total", &issuer) > 1);
        assert_eq!(figure(&dev, "tollgate_issuer_keys", &issuer), 0);
        assert_eq!(dev.log().matches("its tokens are refused").count(), 1, "told once: {}", dev.log());
        // It is back.
        issuer.publish(&[&signer]);
        wait_for("its keys", || status(&dev, &first) == 200);
        assert!(dev.log().contains("can be read again"), "{}", dev.log());
        if told.contains("503") {
            stays_good(&dev, &issuer, &signer);
        }
    }
}

/// Away again, what is known goes on; only of a key that is not, nothing is said.
fn stays_good(dev: &Dev, issuer: &Issuer, signer: &Signer) {
    issuer.says(500, "");
    let unknown = token(dev, issuer, &Signer::new("ES256", "two"), 1);
    assert_eq!(status(dev, &unknown), 503);
    wait_for("what is told of it", || dev.log().contains("those before are good for a day"));
    for id in 2..20 {
        assert_eq!(status(dev, &token(dev, issuer, signer, id)), 200);
    }
    assert_eq!(status(dev, &unknown), 503, "at once");
}

#[test]
fn an_app_whose_issuer_changes_its_key_is_not_told_to_wait_nor_are_those_beside_it() {
    let (old, new) = (Signer::new("ES256", "old"), Signer::new("ES256", "new"));
    let issuer = Issuer::start(&[&old]);
    let dev = start(&issuer);
    wait_for("the keys", || status(&dev, &token(&dev, &issuer, &old, 0)) == 200);
    issuer.publish(&[&old, &new]);
    let tokens: Vec<_> = (1..=200).map(|id| token(&dev, &issuer, &new, id)).collect();
    let statuses = at_once_from(&dev, &tokens, |_| 1);
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    // Which of the two it was is not tried out, and nothing is read for it.
    let nameless = new.sign_as(&json!({"alg": "ES256"}), &issuer.claims(dev.told("/app/client_id")));
    let refused = dev.get(PATH, &[("Authorization", &format!("Bearer {nameless}"))]);
    assert_eq!((refused.status, issuer.server.calls()), (401, 2));
    assert!(refused.text().contains("by kid"), "{}", refused.text());
    // What is made up is paid for, and of nothing that other credentials are paid from.
    let made_up = Signer::new("EdDSA", "made up");
    let tokens: Vec<_> = (0..200).map(|id| token(&dev, &issuer, &made_up, id)).collect();
    assert!(at_once_from(&dev, &tokens, |_| 1).iter().all(|status| *status == 401));
    let key = [("X-Api-Key", dev.told("/app/api_key"))];
    assert_eq!(http::request_from([127, 0, 1, 1].into(), dev.base(), "GET", PATH, &key).status, 200);
}

#[test]
fn a_node_is_ready_once_each_issuer_of_its_first_policies_has_been_asked() {
    let signer = Signer::new("ES256", "one");
    let (issuer, late) = (Issuer::start(&[&signer]), Issuer::start(&[&signer]));
    let answers = issuer.hold_back();
    let dev = start(&issuer);
    let ready = || dev.admin("GET", "/readyz", "").status;
    wait_for("nothing but the issuer to be awaited", || {
        assert_eq!(ready(), 503);
        dev.log().contains("the keys of other issuers are being read")
    });
    // Whoever comes meanwhile waits, and however many they are, nobody is told to.
    let tokens: Vec<_> = (0..200).map(|id| token(&dev, &issuer, &signer, id)).collect();
    let statuses = std::thread::scope(|scope| {
        let calls = scope.spawn(|| at_once_from(&dev, &tokens, |_| 1));
        answers.send(()).unwrap();
        calls.join().unwrap()
    });
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(ready(), 200);
    // One that comes later and does not answer has no node stop serving.
    let _answers = late.hold_back();
    trust(&dev.policies(), &[issuer.section(&[]), late.section(&[])]);
    assert_eq!(dev.admin("POST", "/admin/policy/reload", "").status, 200);
    wait_for("the late one to be asked", || late.server.calls() > 0);
    assert_eq!(ready(), 200);
}
