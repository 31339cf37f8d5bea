//! Proofs by keys of the tests' own, and the ones that the RFC shows.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// RFC 9449, section 4.2.
const OF_THE_TOKEN_ENDPOINT: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);
const URL: &str = "https://api.example.com/oauth/token";

struct Holder(EcdsaKeyPair);

impl Holder {
    fn new() -> Self {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.unwrap().as_ref()).unwrap())
    }

    fn jwk(&self) -> Value {
        let point = self.0.public_key().as_ref();
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"kty": "EC", "crv": "P-256", "x": text(&point[1..33]), "y": text(&point[33..])})
    }

    fn header(&self) -> Value {
        json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk()})
    }

    fn prove(&self, header: &Value, claims: &Value) -> String {
        signed(header, claims, |text| self.0.sign(&SystemRandom::new(), text).unwrap().as_ref().to_vec())
    }
}

fn signed(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(text.as_bytes()));
    format!("{text}.{signature}")
}

fn claims() -> Value {
    json!({"jti": "one", "htm": "POST", "htu": URL, "iat": NOW.as_seconds()})
}

/// `value` with some members changed, or taken away by null.
fn with(mut value: Value, changes: Value) -> Value {
    for (name, change) in changes.as_object().unwrap() {
        match change {
            Value::Null => value.as_object_mut().unwrap().remove(name),
            _ => value.as_object_mut().unwrap().insert(name.clone(), change.clone()),
        };
    }
    value
}

/// What is expected but for the nonces.
fn expect<'e>(target: &'e Target, nonces: &'e Nonces) -> Expected<'e> {
    let rule = NonceRule::Optional;
    Expected { method: "POST", target, token: None, key: None, nonces, rule, since: None, now: NOW }
}

/// What a test expects beside the request.
#[derive(Clone, Copy, Default)]
struct More {
    token: Option<&'static str>,
    key: Option<Thumbprint>,
    is_nonce_required: bool,
}

fn check_more(proof: &str, More { token, key, is_nonce_required }: More) -> Result<Proven, ProofError> {
    let (target, nonces) = (Target::of(URL).unwrap(), Nonces::new(&[7; 32], [1; 8]));
    let rule = if is_nonce_required { NonceRule::Required } else { NonceRule::Optional };
    verify(proof, &Expected { token, key, rule, ..expect(&target, &nonces) })
}

fn check(proof: &str) -> Result<Proven, ProofError> {
    check_more(proof, More::default())
}

#[test]
fn the_proof_of_the_rfc_is_taken() {
    let (target, nonces) =
        (Target::of("https://server.example.com/token").unwrap(), Nonces::new(&[7; 32], [1; 8]));
    let made_at = Timestamp::from_seconds(1_562_262_616);
    let expected = Expected { now: made_at, ..expect(&target, &nonces) };
    let proven = verify(OF_THE_TOKEN_ENDPOINT, &expected).unwrap();
    assert_eq!(URL_SAFE_NO_PAD.encode(proven.key.0), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    assert_eq!(proven.ends_at, made_at.plus(AGE));
    let bound = |key| verify(OF_THE_TOKEN_ENDPOINT, &Expected { key: Some(key), ..expected });
    assert_eq!(bound(proven.key), Ok(proven));
}

#[test]
fn a_proof_of_each_algorithm_is_taken_and_another_key_is_another_proof() {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let ed25519 = Ed25519KeyPair::generate().unwrap();
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let n = text(rsa.public_key().modulus().big_endian_without_leading_zero());
    let rsa_jwk = json!({"kty": "RSA", "n": n, "e": "AQAB"});
    let ed25519_jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": text(ed25519.public_key().as_ref())});
    let by_rsa = |padding, text: &[u8]| {
        let mut signature = vec![0; 256];
        rsa.sign(padding, &SystemRandom::new(), text, &mut signature).unwrap();
        signature
    };
    let header = |alg: &str, jwk: &Value| json!({"typ": "dpop+jwt", "alg": alg, "jwk": jwk});
    let holder = Holder::new();
    let mut ids = Vec::new();
    for proof in [
        holder.prove(&holder.header(), &claims()),
        signed(&header("RS256", &rsa_jwk), &claims(), |text| by_rsa(&RSA_PKCS1_SHA256, text)),
        signed(&header("PS256", &rsa_jwk), &claims(), |text| by_rsa(&RSA_PSS_SHA256, text)),
        signed(&header("EdDSA", &ed25519_jwk), &claims(), |text| ed25519.sign(text).as_ref().to_vec()),
        signed(&header("Ed25519", &ed25519_jwk), &claims(), |text| ed25519.sign(text).as_ref().to_vec()),
    ] {
        ids.push(check(&proof).unwrap().id);
    }
    assert!(ids[1] == ids[2] && ids[3] == ids[4] && ids[0] != ids[1] && ids[1] != ids[3]);
    let crossed = signed(&header("PS256", &rsa_jwk), &claims(), |text| by_rsa(&RSA_PKCS1_SHA256, text));
    assert_eq!(check(&crossed), Err(ProofError::Signature));
    let foreign = signed(&header("ES256", &rsa_jwk), &claims(), |text| by_rsa(&RSA_PKCS1_SHA256, text));
    assert_eq!(check(&foreign), Err(ProofError::Signature));
}

#[test]
fn what_is_not_a_proof_of_this_request_is_refused_by_its_name() {
    use crate::credential::jwk::JwkError;
    let (holder, other) = (Holder::new(), Holder::new());
    let header = |changes| with(holder.header(), changes);
    let now = NOW.as_seconds();
    for (header, changes, error) in [
        (header(json!({"typ": "JWT"})), json!({}), ProofError::Type),
        (header(json!({"typ": "at+jwt"})), json!({}), ProofError::Type),
        (header(json!({"typ": null})), json!({}), ProofError::Malformed),
        (header(json!({"alg": "none"})), json!({}), ProofError::Algorithm),
        (header(json!({"alg": "HS256"})), json!({}), ProofError::Algorithm),
        (header(json!({"alg": "ES384"})), json!({}), ProofError::Algorithm),
        (header(json!({"alg": "es256"})), json!({}), ProofError::Algorithm),
        (header(json!({"alg": "EdDSA"})), json!({}), ProofError::Signature),
        (header(json!({"crit": ["exp"]})), json!({}), ProofError::Critical),
        (header(json!({"jwk": null})), json!({}), ProofError::Malformed),
        (header(json!({"jwk": "key"})), json!({}), ProofError::Key(JwkError::Malformed)),
        (header(json!({"jwk": {"kty": "oct", "k": "AA"}})), json!({}), ProofError::Key(JwkError::Private)),
        (
            header(json!({"jwk": with(holder.jwk(), json!({"d": "AA"}))})),
            json!({}),
            ProofError::Key(JwkError::Private),
        ),
        (header(json!({"jwk": other.jwk()})), json!({}), ProofError::Signature),
        (header(json!({})), json!({"jti": null}), ProofError::Claims),
        (header(json!({})), json!({"jti": ""}), ProofError::Claims),
        (header(json!({})), json!({"jti": "x".repeat(257)}), ProofError::Claims),
        (header(json!({})), json!({"jti": 1}), ProofError::Claims),
        (header(json!({})), json!({"htm": null}), ProofError::Claims),
        (header(json!({})), json!({"htm": "GET"}), ProofError::Method),
        (header(json!({})), json!({"htm": "post"}), ProofError::Method),
        (header(json!({})), json!({"htu": "https://api.example.com/oauth/par"}), ProofError::Target),
        (header(json!({})), json!({"htu": "http://api.example.com/oauth/token"}), ProofError::Target),
        (header(json!({})), json!({"htu": "https://evil.example/oauth/token"}), ProofError::Target),
        (header(json!({})), json!({"htu": "/oauth/token"}), ProofError::Target),
        (header(json!({})), json!({"iat": null}), ProofError::Claims),
        (header(json!({})), json!({"iat": "now"}), ProofError::Claims),
        (header(json!({})), json!({"iat": 1e300}), ProofError::Claims),
        (header(json!({})), json!({"iat": now - 60}), ProofError::Time),
        (header(json!({})), json!({"iat": now + 11}), ProofError::Time),
        (header(json!({})), json!({"iat": i64::MIN}), ProofError::Time),
        (header(json!({})), json!({"iat": i64::MAX}), ProofError::Time),
        (header(json!({})), json!({"nonce": "of another"}), ProofError::Nonce),
    ] {
        let proof = holder.prove(&header, &with(claims(), changes.clone()));
        assert_eq!(check(&proof), Err(error), "{header} {changes}");
    }
    for changes in
        [json!({"htu": format!("{URL}?a=b#c")}), json!({"iat": now - 59}), json!({"iat": now + 10})]
    {
        let proof = holder.prove(&holder.header(), &with(claims(), changes.clone()));
        assert!(check(&proof).is_ok(), "{changes}");
    }
    let fraction = with(claims(), json!({"iat": now as f64 + 0.5}));
    assert!(check(&holder.prove(&holder.header(), &fraction)).is_ok());
}

#[test]
fn a_nonce_shows_that_a_proof_is_new_where_a_clock_cannot() {
    let (holder, nonces) = (Holder::new(), Nonces::new(&[7; 32], [1; 8]));
    let prove = |changes| holder.prove(&holder.header(), &with(claims(), changes));
    let required = More { is_nonce_required: true, ..More::default() };
    assert_eq!(check_more(&prove(json!({})), required), Err(ProofError::Nonce));
    let off = NOW.as_seconds() - 1800;
    let proven = check_more(&prove(json!({"nonce": nonces.at(NOW), "iat": off})), required).unwrap();
    assert!(NOW < proven.ends_at);
    let long_ago = NOW.minus(Duration::from_secs(200));
    let stale = prove(json!({"nonce": nonces.at(long_ago)}));
    for more in [required, More::default()] {
        assert_eq!(check_more(&stale, more), Err(ProofError::Nonce));
    }
    let far_off = prove(json!({"nonce": nonces.at(NOW), "iat": NOW.as_seconds() - 3600}));
    assert_eq!(check_more(&far_off, required), Err(ProofError::Time));
}

#[test]
fn no_proof_that_was_taken_before_a_restart_is_taken_after_it() {
    let (holder, target) = (Holder::new(), Target::of(URL).unwrap());
    let [before, other, after] = [[1; 8], [2; 8], [3; 8]].map(|process| Nonces::new(&[7; 32], process));
    let moment = Duration::from_micros(1);
    let ahead_by = |seconds: u64| NOW.plus(Duration::from_secs(seconds));
    let check = |proof: &str, nonces: &Nonces, (since, now): (Timestamp, Timestamp)| {
        verify(proof, &Expected { since: Some(since), now, ..expect(&target, nonces) })
    };
    let long_ago = NOW.minus(Duration::from_secs(3600));
    // What the process before could take at the last moment that it ran, the furthest ahead of each kind.
    for (why, changes) in [
        ("a right clock", json!({})),
        ("a clock that goes ahead", json!({"iat": ahead_by(10).as_seconds()})),
        ("a nonce of that second", json!({"nonce": before.at(NOW)})),
        ("a nonce of another node that goes ahead", json!({"nonce": other.at(ahead_by(30))})),
    ] {
        let proof = holder.prove(&holder.header(), &with(claims(), changes));
        assert!(check(&proof, &before, (long_ago, NOW)).is_ok(), "{why}");
        for start in [NOW, NOW.plus(moment), ahead_by(1), ahead_by(20)] {
            assert_eq!(check(&proof, &after, (start, start)), Err(ProofError::Nonce), "{why}, {start}");
        }
    }
    // What no process could have taken by the start is taken at once.
    let start = NOW.minus(moment);
    for (why, changes) in [
        ("its own nonce", json!({"nonce": after.at(start)})),
        (
            "its own nonce, by a clock that is behind",
            json!({"nonce": after.at(start), "iat": long_ago.as_seconds() + 1}),
        ),
        ("a clock that goes ahead", json!({"iat": ahead_by(10).as_seconds()})),
        ("a nonce of another node that goes ahead", json!({"nonce": other.at(ahead_by(30))})),
    ] {
        let proof = holder.prove(&holder.header(), &with(claims(), changes));
        assert!(check(&proof, &after, (start, NOW)).is_ok(), "{why}");
    }
}

#[test]
fn a_proof_is_of_one_token_and_of_one_key() {
    let (holder, other) = (Holder::new(), Holder::new());
    let of_token = More { token: Some(TOKEN), ..More::default() };
    let prove = |ath: &str| holder.prove(&holder.header(), &with(claims(), json!({"ath": ath})));
    // RFC 9449, section 7.1.
    let proof = prove("fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
    let proven = check_more(&proof, of_token).unwrap();
    for wrong in ["fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEp", "", TOKEN] {
        assert_eq!(check_more(&prove(wrong), of_token), Err(ProofError::Token));
    }
    assert_eq!(check_more(&holder.prove(&holder.header(), &claims()), of_token), Err(ProofError::Token));
    let by = |key| check_more(&proof, More { key: Some(key), ..More::default() });
    assert_eq!(by(proven.key), Ok(proven));
    let others = check(&other.prove(&other.header(), &claims())).unwrap();
    assert_eq!(by(others.key), Err(ProofError::OtherKey));
}

#[test]
fn a_text_that_is_no_jwt_or_says_one_thing_twice_is_refused() {
    let holder = Holder::new();
    let proof = holder.prove(&holder.header(), &claims());
    let (rest, signature) = proof.rsplit_once('.').unwrap();
    let long = holder.prove(&with(holder.header(), json!({"more": "x".repeat(3000)})), &claims());
    for text in
        ["", ".", "..", "...", "a.b.c", rest, signature, &format!("{proof}."), &format!("{proof}="), &long]
    {
        assert_eq!(check(text), Err(ProofError::Malformed), "{text}");
    }
    assert_eq!(check(&format!("{rest}.")), Err(ProofError::Signature));
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let twice = format!(r#"{{"jti":"a","jti":"b","htm":"POST","htu":"{URL}","iat":{}}}"#, NOW.as_seconds());
    let twice = format!("{}.{}.{signature}", part(&holder.header().to_string()), part(&twice));
    assert_eq!(check(&twice), Err(ProofError::Claims));
}

#[test]
fn one_field_has_the_proof_or_none_has() {
    let mut headers = HeaderMap::new();
    assert_eq!(only(&headers), Ok(None));
    headers.append("DPoP", "a.b.c".parse().unwrap());
    assert_eq!(only(&headers), Ok(Some("a.b.c")));
    headers.append("dpop", "a.b.c".parse().unwrap());
    assert_eq!(only(&headers), Err(ProofError::Repeated));
}

proptest! {
    #[test]
    fn any_bytes_are_a_proof_or_refused(text in ".{0,300}") {
        prop_assert!(check(&text).is_err());
    }

    #[test]
    fn any_parts_are_a_proof_or_refused(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 3..4)) {
        let parts: Vec<String> = parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
        prop_assert!(check(&parts.join(".")).is_err());
    }

    #[test]
    fn any_change_of_a_proof_is_refused(at: prop::sample::Index, to in "[A-Za-z0-9_.-]") {
        let (target, nonces) = (Target::of("https://server.example.com/token").unwrap(), Nonces::new(&[7; 32], [1; 8]));
        let expected = Expected { now: Timestamp::from_seconds(1_562_262_616), ..expect(&target, &nonces) };
        let at = at.index(OF_THE_TOKEN_ENDPOINT.len());
        let mut changed = OF_THE_TOKEN_ENDPOINT.to_owned();
        changed.replace_range(at..=at, &to);
        prop_assert_eq!(verify(&changed, &expected).is_ok(), changed == OF_THE_TOKEN_ENDPOINT);
    }
}
