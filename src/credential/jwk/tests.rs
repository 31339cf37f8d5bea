//! Keys of the RFCs, and what is no key.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use proptest::prelude::*;

use super::*;

/// RFC 7638, section 3.1.
const RSA: &str = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
/// RFC 8037, appendix A.2.
const ED25519_KEY: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// RFC 9449, section 4.2.
const P256: &str = r#"{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#;

#[test]
fn thumbprints_are_those_of_the_rfcs() {
    for (jwk, thumbprint) in [
        (RSA, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
        (ED25519_KEY, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
        (P256, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"),
    ] {
        let key = PublicKey::from_jwk(jwk).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(key.thumbprint().0), thumbprint);
    }
}

#[test]
fn a_signature_is_verified_by_the_algorithm_that_is_the_keys_alone() {
    // RFC 8037, appendix A.4.
    let (message, signature) = (
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    );
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let key = PublicKey::from_jwk(ED25519_KEY).unwrap();
    assert_eq!(key.verify(Algorithm::EdDsa, message.as_bytes(), &signature), Ok(()));
    for (algorithm, message) in [(Algorithm::Es256, message), (Algorithm::EdDsa, "another")] {
        assert_eq!(key.verify(algorithm, message.as_bytes(), &signature), Err(SignatureError));
    }
}

#[test]
fn keys_that_are_private_weak_costly_or_for_something_else_are_refused() {
    let with = |jwk: &str, more: &str| format!("{},{more}}}", jwk.strip_suffix('}').unwrap());
    let long = URL_SAFE_NO_PAD.encode([0xff; 513]);
    let short = URL_SAFE_NO_PAD.encode([0xff; 255]);
    let rsa = |modulus: &str, exponent: &str| format!(r#"{{"kty":"RSA","n":"{modulus}","e":"{exponent}"}}"#);
    let good = URL_SAFE_NO_PAD.encode([0xff; 256]);
    for (jwk, why) in [
        (with(P256, r#""d":"AAAA""#), JwkError::Private),
        (with(RSA, r#""d":"AAAA""#), JwkError::Private),
        (with(RSA, r#""p":"AAAA""#), JwkError::Private),
        (with(RSA, r#""oth":[]"#), JwkError::Private),
        (r#"{"kty":"oct","k":"AAAA"}"#.to_owned(), JwkError::Private),
        (r#"{"kty":"oct"}"#.to_owned(), JwkError::Unsupported),
        (with(P256, r#""use":"enc""#), JwkError::Unsupported),
        (with(P256, r#""alg":"HS256""#), JwkError::Unsupported),
        (with(P256, r#""alg":"none""#), JwkError::Unsupported),
        (P256.replace("P-256", "secp256k1"), JwkError::Unsupported),
        (ED25519_KEY.replace("Ed25519", "X25519"), JwkError::Unsupported),
        (rsa(&long, "AQAB"), JwkError::Unsupported),
        (rsa(&short, "AQAB"), JwkError::Unsupported),
        (rsa(&good, "AQAAAAAB"), JwkError::Unsupported),
        (rsa(&good, ""), JwkError::Malformed),
        (rsa(&good, "AAEAAQ"), JwkError::Malformed),
        (with(P256, r#""x":"AAAA""#), JwkError::Malformed),
        (P256.replace("\"x\"", "\"z\""), JwkError::Malformed),
        (P256.replace("l8tF", ""), JwkError::Malformed),
        ("{}".to_owned(), JwkError::Malformed),
        ("[]".to_owned(), JwkError::Malformed),
        (String::new(), JwkError::Malformed),
    ] {
        assert_eq!(PublicKey::from_jwk(&jwk), Err(why), "{jwk}");
    }
}

#[test]
fn a_point_that_is_not_on_its_curve_verifies_nothing() {
    let jwk = P256.replace("l8tF", "AAAA");
    let key = PublicKey::from_jwk(&jwk).unwrap();
    assert_eq!(key.verify(Algorithm::Es256, b"", &[1; 64]), Err(SignatureError));
    assert!(!key.is_on_curve() && PublicKey::from_jwk(P256).unwrap().is_on_curve());
}

proptest! {
    #[test]
    fn any_text_is_a_key_or_refused(text in ".{0,200}") {
        let _ = PublicKey::from_jwk(&text);
    }

    #[test]
    fn any_signature_of_any_size_is_verified_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..600), which in 0..4_usize,
    ) {
        let algorithms = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256, Algorithm::Ps256];
        for jwk in [RSA, ED25519_KEY, P256] {
            let key = PublicKey::from_jwk(jwk).unwrap();
            prop_assert!(key.verify(algorithms[which], &bytes, &bytes).is_err());
        }
    }
}
