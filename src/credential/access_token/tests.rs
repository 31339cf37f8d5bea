//! What is signed, and what is taken.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use super::*;
use crate::domain::signing_algorithm::SigningAlgorithm;

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

fn key(algorithm: SigningAlgorithm) -> RingKey {
    let der = SigningKey::generate(algorithm).unwrap();
    RingKey::alone(SigningKey::from_pkcs8(algorithm, &der).unwrap())
}

fn ring(keys: Vec<RingKey>) -> (Arc<KeyRing>, TokenSigner) {
    let ring = Arc::new(KeyRing::new(keys, "https://a"));
    (ring.clone(), TokenSigner::new(ring))
}

fn one_key() -> (Arc<KeyRing>, TokenSigner) {
    ring(vec![key(SigningAlgorithm::Es256)])
}

fn verify(ring: &KeyRing, token: &str, now: Timestamp) -> Result<VerifiedToken, TokenError> {
    ring.keys().verifier().verify(token, now)
}

fn new_token() -> NewToken {
    NewToken {
        id: "t1".to_owned(),
        merchant: Some(MerchantId::new("mer_1").unwrap()),
        grant: Some(GrantId::new("gr_1").unwrap()),
        confirmation: Some(Confirmation::Key(Thumbprint([7; 32]))),
        authentication: Some(Authentication { at: NOW, class: AuthenticationClass::TwoFactors }),
        ..NewToken::of_app(AppId::new("app_1").unwrap(), "order:read order:write".parse().unwrap())
    }
}

fn sign(signer: &TokenSigner) -> String {
    signer.sign(new_token(), NOW, Duration::from_secs(60)).unwrap()
}

#[test]
fn a_token_says_what_was_signed_until_it_expires_by_each_algorithm() {
    for algorithm in SigningAlgorithm::ALL {
        let (ring, signer) = ring(vec![key(algorithm)]);
        let token = sign(&signer);
        let verified = verify(&ring, &token, NOW).unwrap();
        assert_eq!(verified.app.as_str(), "app_1");
        assert_eq!(verified.merchant.unwrap().as_str(), "mer_1");
        assert_eq!(verified.scopes.to_string(), "order:read order:write");
        assert_eq!(verified.confirmation, new_token().confirmation);
        assert_eq!(verified.authentication, new_token().authentication);
        assert_eq!(&*verified.key, ring.keys().signing(NOW).unwrap().kid());
        let end = NOW.plus(Duration::from_secs(60));
        assert_eq!(verify(&ring, &token, end), Err(TokenError::Expired), "{algorithm}");
    }
}

#[test]
fn g3_a_token_has_the_type_and_the_claims_of_rfc_9068() {
    let (_, signer) = one_key();
    let token = sign(&signer);
    let part = |place: usize| {
        let text = URL_SAFE_NO_PAD.decode(token.split('.').nth(place).unwrap()).unwrap();
        serde_json::from_slice::<serde_json::Value>(&text).unwrap()
    };
    let (header, claims) = (part(0), part(1));
    assert_eq!((&header["typ"], &header["alg"]), (&"at+jwt".into(), &"ES256".into()));
    assert_eq!((&claims["iss"], &claims["aud"]), (&"https://a".into(), &"https://a".into()));
    assert_eq!((&claims["sub"], &claims["client_id"]), (&"mer_1".into(), &"app_1".into()));
    assert_eq!(claims["iat"], NOW.as_seconds());
    assert_eq!(claims["exp"], NOW.as_seconds() + 60);
    assert_eq!(claims["jti"], "t1");
}

#[test]
fn a_key_that_another_has_followed_is_believed_for_a_while() {
    let follows = NOW.plus(Duration::from_secs(60));
    let old = RingKey { followed_at: Some(follows), ..key(SigningAlgorithm::Es256) };
    let new = RingKey { signs_from: follows, ..key(SigningAlgorithm::EdDsa) };
    let (ring, signer) = ring(vec![old, new]);
    let long = Duration::from_secs(48 * 3600);
    let token = signer.sign(new_token(), NOW, long).unwrap();
    let end = NOW.plus(Duration::from_secs(60 + 24 * 3600 + 300));
    assert!(verify(&ring, &token, Timestamp::from_micros(end.as_micros() - 1)).is_ok());
    assert_eq!(verify(&ring, &token, end), Err(TokenError::Foreign));
    assert_eq!(signer.key_set(end)["keys"].as_array().unwrap().len(), 1);
}

#[test]
fn a_token_that_nobody_would_take_is_not_made() {
    let (_, signer) = one_key();
    let scopes = (0..70).map(|number| format!("{number:064}").parse().unwrap()).collect();
    let new = NewToken { scopes, ..new_token() };
    assert!(signer.sign(new, NOW, Duration::from_secs(60)).is_err());
}

#[test]
fn a_token_of_another_key_issuer_type_or_algorithm_proves_nothing() {
    let key = key(SigningAlgorithm::Es256);
    let other = TokenVerifier::new([(&*key.key, None)], "https://b");
    let stranger = TokenVerifier::new([], "https://a");
    let kid = key.key.kid().to_owned();
    let (ring, signer) = ring(vec![key]);
    let token = sign(&signer);
    assert_eq!(other.verify(&token, NOW), Err(TokenError::Audience));
    assert_eq!(stranger.verify(&token, NOW), Err(TokenError::UnknownKey));
    // What is known to be revoked is no key that this node has yet to hear of.
    assert_eq!(stranger.revoking(&[&kid]).verify(&token, NOW), Err(TokenError::Foreign));
    let (rest, signature) = token.rsplit_once('.').unwrap();
    let changed = format!("{rest}.{}", signature.chars().rev().collect::<String>());
    assert!(verify(&ring, &changed, NOW).is_err());
    let payload = rest.split_once('.').unwrap().1;
    let keys = ring.keys();
    let kid = keys.signing(NOW).unwrap().kid();
    // RFC 8725, sections 3.1, 3.11 and 4.12: none, another algorithm under the same key, no type, another type, an extension
    // that nobody understands, a key that the token brings along.
    for header in [
        r#"{"alg":"none","typ":"at+jwt"}"#.to_owned(),
        format!(r#"{{"alg":"none","typ":"at+jwt","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"HS256","typ":"at+jwt","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"RS256","typ":"at+jwt","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"ES256","typ":"JWT","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{kid}","crit":["b64"],"b64":false}}"#),
        format!(r#"{{"alg":"ES256","typ":"at+jwt","jwk":{}}}"#, keys.signing(NOW).unwrap().to_jwk()),
    ] {
        let forged = format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode(&header));
        assert_eq!(verify(&ring, &forged, NOW), Err(TokenError::Foreign), "{header}");
    }
    // The same type in full (RFC 9068, section 4): it is looked at, and not what was signed.
    let in_full = format!(r#"{{"alg":"ES256","typ":"application/at+jwt","kid":"{kid}"}}"#);
    let in_full = format!("{}.{payload}.{signature}", URL_SAFE_NO_PAD.encode(in_full));
    assert_eq!(verify(&ring, &in_full, NOW), Err(TokenError::Signature));
    for text in ["", ".", "..", "a.b.c", &"x".repeat(10_000)] {
        assert_eq!(verify(&ring, text, NOW), Err(TokenError::Foreign));
    }
}
