//! Which tokens of other issuers are taken, and which by what are refused.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod signer;

use proptest::prelude::*;
use serde_json::{Value, json};

pub(in crate::credential) use self::signer::Signer;
use self::signer::sign_by_secret;
use super::*;
use crate::credential::access_token::VerifiedToken;
use crate::domain::confirmation::Confirmation;
use crate::domain::location::Location;
use crate::domain::time::Timestamp;
use crate::policy::expression::{Declared, Expression, Wanted};
use crate::policy::issuer::TokenAlgorithm;

pub(in crate::credential) const ISSUER: &str = "https://login.example";
pub(in crate::credential) const AUDIENCE: &str = "https://api.shop.example";

const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

/// What the policies say of an issuer.
pub(in crate::credential) fn terms(change: impl FnOnce(&mut ForeignIssuer)) -> Arc<ForeignIssuer> {
    let mut issuer = ForeignIssuer {
        issuer: ISSUER.parse().unwrap(),
        keys: "https://login.example/jwks.json".parse().unwrap(),
        audience: AUDIENCE.to_owned(),
        algorithms: vec![
            TokenAlgorithm::Es256,
            TokenAlgorithm::EdDsa,
            TokenAlgorithm::Ps256,
            TokenAlgorithm::Rs256,
        ],
        types: vec!["at+jwt".to_owned(), "jwt".to_owned()],
        max_lifetime: Duration::from_secs(3600),
        app: cel("claims.client_id", Wanted::Identifier),
        merchant: Some(cel("has(claims.shop) ? claims.shop : null", Wanted::OptionalIdentifier)),
        scopes: cel("claims.scope", Wanted::Scopes),
        source: Location { file: "platform.yaml".into(), line: 1, column: 1 },
    };
    change(&mut issuer);
    Arc::new(issuer)
}

pub(in crate::credential) fn cel(text: &str, wanted: Wanted) -> Expression {
    let location = Location { file: "platform.yaml".into(), line: 1, column: 1 };
    Expression::compile(text, location, &Declared::for_claims(), wanted).unwrap()
}

/// Claims that are right at `now`.
pub(in crate::credential) fn claims(now: Timestamp) -> Value {
    let now = now.as_seconds();
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "u", "client_id": "app_1", "scope": "order:read openid",
        "iat": now - 10, "exp": now + 300, "jti": "1"})
}

/// The key set of these.
pub(in crate::credential) fn set(signers: &[&Signer]) -> KeySet {
    let keys: Vec<_> = signers.iter().map(|signer| &signer.jwk).collect();
    KeySet::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// One issuer in force with the keys of these.
fn issuers(terms: Arc<ForeignIssuer>, signers: &[&Signer]) -> (ForeignIssuers, Arc<Readings>) {
    let (issuers, readings) = (ForeignIssuers::default(), Arc::<Readings>::default());
    issuers.follow(vec![(terms, readings.clone())]);
    issuers.hold(&readings, Some(set(signers)));
    (issuers, readings)
}

/// What is found of a token; `None`: its key is not known.
fn check(issuers: &ForeignIssuers, token: &str) -> Result<Option<VerifiedToken>, ForeignError> {
    let in_force = issuers.in_force();
    match in_force.look_at(token, NOW)? {
        Looked::Plausible(plausible) => plausible.verify(&[7; 32]).map(Some),
        Looked::KeyMissing(..) => Ok(None),
    }
}

#[test]
fn a_token_by_each_algorithm_is_taken_and_says_what_the_policies_read_in_it() {
    let signers = ["ES256", "EdDSA", "RS256", "PS256"].map(|algorithm| Signer::new(algorithm, algorithm));
    let (issuers, _) = issuers(terms(|_| {}), &signers.each_ref());
    for signer in &signers {
        let token = check(&issuers, &signer.sign(&signer.header(), &claims(NOW))).unwrap().unwrap();
        assert_eq!((token.app.as_str(), token.merchant.as_ref()), ("app_1", None));
        assert_eq!((token.scopes.to_string().as_str(), token.grant), ("openid order:read", None));
        assert_eq!((token.issuer.as_deref(), token.authentication), (Some(ISSUER), None));
        assert!(issuers.trusts(&token.key) && token.id.starts_with("ext_"));
    }
    // RFC 9864's name of the same algorithm, several audiences, the merchant, a type of its own, no type.
    let (elliptic, edwards) = (&signers[0], &signers[1]);
    let named = json!({"alg": "Ed25519", "kid": "EdDSA", "typ": "application/AT+JWT"});
    let mut told = claims(NOW);
    told["aud"] = json!(["other", AUDIENCE]);
    told["shop"] = json!("mer_1");
    let token = check(&issuers, &edwards.sign(&named, &told)).unwrap().unwrap();
    assert_eq!(token.merchant.unwrap().as_str(), "mer_1");
    let plain = json!({"alg": "ES256", "kid": "ES256"});
    assert!(check(&issuers, &elliptic.sign(&plain, &told)).unwrap().is_some());
}

/// One thing of a header or of claims that is another; null takes it out.
fn with(mut value: Value, name: &str, other: Value) -> Value {
    match other {
        Value::Null => value.as_object_mut().unwrap().remove(name).map_or((), drop),
        other => value[name] = other,
    }
    value
}

#[test]
fn each_wrong_thing_is_refused_by_name() {
    let (good, other) = (Signer::new("ES256", "one"), Signer::new("ES256", "one"));
    let rsa = Signer::new("RS256", "rsa");
    let (issuers, readings) = issuers(terms(|issuer| issuer.types.truncate(1)), &[&good, &rsa]);
    let (header, right, now) = (good.header(), claims(NOW), NOW.as_seconds());
    for (name, value, error) in [
        ("iss", json!("https://login.example/"), ForeignError::NotTheirs),
        ("iss", Value::Null, ForeignError::NotTheirs),
        ("iss", json!(["https://login.example"]), ForeignError::NotTheirs),
        ("aud", json!("https://api.shop.example/"), ForeignError::Audience),
        ("aud", json!([]), ForeignError::Audience),
        ("aud", json!(["other"]), ForeignError::Audience),
        ("aud", Value::Null, ForeignError::Claims),
        ("exp", Value::Null, ForeignError::Claims),
        ("exp", json!("never"), ForeignError::Claims),
        ("exp", json!(now), ForeignError::Expired),
        ("exp", json!(-1e300), ForeignError::Expired),
        ("nbf", json!(now + 61), ForeignError::Early),
        ("iat", json!(now + 61), ForeignError::Early),
        ("iat", json!(1e300), ForeignError::Early),
        ("exp", json!(now + 3591), ForeignError::Lifetime),
        ("exp", json!(1e300), ForeignError::Lifetime),
        ("iat", json!(now - 3301), ForeignError::Lifetime),
        ("iat", json!(-1e300), ForeignError::Lifetime),
        ("jti", json!(7), ForeignError::Claims),
        ("cnf", json!({"jwk": {}}), ForeignError::Confirmation),
        ("cnf", json!({"jkt": "x"}), ForeignError::Confirmation),
        ("cnf", json!({"kid": "x", "x5t#S256": 5}), ForeignError::Claims),
        ("cnf", json!("x"), ForeignError::Claims),
        ("client_id", Value::Null, ForeignError::App),
        ("client_id", json!(""), ForeignError::App),
        ("client_id", json!("a b"), ForeignError::App),
        ("client_id", json!({"a": 1}), ForeignError::App),
        ("shop", json!(true), ForeignError::Merchant),
        ("shop", json!(""), ForeignError::Merchant),
        ("scope", Value::Null, ForeignError::Scopes),
        ("scope", json!([1]), ForeignError::Scopes),
    ] {
        let told = with(right.clone(), name, value.clone());
        assert_eq!(check(&issuers, &good.sign(&header, &told)), Err(error), "{name}: {value}");
    }
    for (name, value, error) in [
        ("crit", json!(["exp"]), ForeignError::Extension),
        ("b64", json!(true), ForeignError::Extension),
        ("typ", json!("JWT"), ForeignError::Type),
        ("typ", Value::Null, ForeignError::Type),
        ("typ", json!("dpop+jwt"), ForeignError::Type),
        ("alg", json!("none"), ForeignError::Algorithm),
        ("alg", json!("HS256"), ForeignError::Algorithm),
        ("alg", json!("es256"), ForeignError::Algorithm),
        ("alg", json!("ES384"), ForeignError::Algorithm),
        ("alg", json!("EdDSA"), ForeignError::Algorithm),
        ("alg", json!("RS256"), ForeignError::Signature),
        ("alg", Value::Null, ForeignError::Malformed),
        ("kid", json!("rsa"), ForeignError::Algorithm),
        ("kid", json!(1), ForeignError::Malformed),
    ] {
        let wrong = with(header.clone(), name, value.clone());
        assert_eq!(check(&issuers, &good.sign(&wrong, &right)), Err(error), "{name}: {value}");
    }
    // Null is something, too.
    for member in [r#""crit":null"#, r#""b64":null"#] {
        let header = format!(r#"{{"alg":"ES256","kid":"one","typ":"at+jwt",{member}}}"#);
        let signed = good.sign(&header_of(&header), &right);
        let (_, rest) = signed.split_once('.').unwrap();
        let token = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header));
        assert_eq!(check(&issuers, &token), Err(ForeignError::Extension), "{member}");
    }
    // A key that comes along is no key of the issuer's.
    let bearing = with(header.clone(), "jwk", other.jwk.clone());
    assert_eq!(check(&issuers, &other.sign(&bearing, &right)), Err(ForeignError::Signature));
    let signed_as = |kid| check(&issuers, &good.sign(&with(header.clone(), "kid", kid), &right));
    assert_eq!(signed_as(json!("two")), Ok(None));
    assert_eq!(signed_as(Value::Null), Err(ForeignError::KeyUnclear));
    issuers.hold(&readings, Some(set(&[&good, &other])));
    assert_eq!(signed_as(json!("one")), Err(ForeignError::KeyUnclear));
    for (alone, expected) in [(&good, true), (&other, false)] {
        issuers.hold(&readings, Some(set(&[alone])));
        assert_eq!(signed_as(Value::Null).is_ok(), expected);
    }
    issuers.hold(&readings, Some(set(&[])));
    assert_eq!(signed_as(Value::Null), Ok(None));
    issuers.hold(&readings, Some(set(&[&good, &rsa])));
    let token = good.sign(&header, &right);
    let (signed, _) = token.rsplit_once('.').unwrap();
    for broken in [String::new(), "..".to_owned(), format!("{token}."), "x".repeat(MAX_SHOWN)] {
        assert_eq!(check(&issuers, &broken), Err(ForeignError::NotTheirs), "{broken:.40}");
    }
    assert_eq!(check(&issuers, &format!("{signed}.")), Err(ForeignError::Signature));
    assert_eq!(check(&issuers, &format!("{signed}.=")), Err(ForeignError::Malformed));
}

/// Longer than any token that is looked at.
const MAX_SHOWN: usize = 9 << 10;

fn header_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn what_everyone_knows_signs_nothing_and_a_key_signs_by_its_own_algorithm_alone() {
    let rsa = Signer::new("RS256", "rsa");
    let mut pinned = Signer::new("PS256", "pinned");
    pinned.jwk["alg"] = json!("PS256");
    let only_rsa = |issuer: &mut ForeignIssuer| {
        issuer.algorithms = vec![TokenAlgorithm::Rs256, TokenAlgorithm::Ps256];
    };
    let (issuers, _) = issuers(terms(only_rsa), &[&rsa, &pinned]);
    let right = claims(NOW);
    assert!(check(&issuers, &pinned.sign(&pinned.header(), &right)).unwrap().is_some());
    // The public key as a secret, in each form in which somebody may hold it.
    let jwk = rsa.jwk.to_string();
    let modulus = rsa.jwk["n"].as_str().unwrap();
    let number = URL_SAFE_NO_PAD.decode(modulus).unwrap();
    for secret in [jwk.as_bytes(), modulus.as_bytes(), number.as_slice()] {
        for algorithm in ["HS256", "RS256"] {
            let header = json!({"alg": algorithm, "kid": "rsa", "typ": "at+jwt"});
            assert!(check(&issuers, &sign_by_secret(secret, &header, &right)).is_err());
        }
    }
    let as_rs256 = json!({"alg": "RS256", "kid": "pinned", "typ": "at+jwt"});
    assert_eq!(check(&issuers, &pinned.sign(&as_rs256, &right)), Err(ForeignError::Algorithm));
    let not_taken = Signer::new("ES256", "rsa");
    assert_eq!(check(&issuers, &not_taken.sign(&not_taken.header(), &right)), Err(ForeignError::Algorithm));
}

#[test]
fn a_token_is_bound_as_it_says_and_its_id_is_that_of_no_other_issuers() {
    let good = Signer::new("ES256", "one");
    let (issuers, _) = issuers(terms(|_| {}), &[&good]);
    let token = |told: Value| check(&issuers, &good.sign(&good.header(), &told)).unwrap().unwrap();
    let (right, thumbprint) = (claims(NOW), URL_SAFE_NO_PAD.encode([9; 32]));
    let by_key = token(with(right.clone(), "cnf", json!({ "jkt": thumbprint })));
    assert!(matches!(by_key.confirmation, Some(Confirmation::Key(_))));
    let by_certificate = token(with(right.clone(), "cnf", json!({ "x5t#S256": thumbprint })));
    assert!(matches!(by_certificate.confirmation, Some(Confirmation::Certificate(_))));
    let (one, same) = (token(right.clone()), token(with(right.clone(), "sub", json!("v"))));
    assert_eq!(one.id, same.id, "one jti is one token");
    assert_ne!(one.id, token(with(right.clone(), "jti", json!("2"))).id);
    let nameless = token(with(right.clone(), "jti", Value::Null));
    assert_eq!(nameless.id, format!("ext_{}", URL_SAFE_NO_PAD.encode([7; 32])), "the token itself");
    let untimed = token(with(right, "iat", Value::Null));
    assert_eq!(untimed.made_at, Timestamp::default(), "it may be as old as may be");
}

#[test]
fn a_token_is_good_for_as_long_as_the_policies_let_it_and_an_issuers_clock_may_be_ahead() {
    let good = Signer::new("ES256", "one");
    let (issuers, _) = issuers(terms(|_| {}), &[&good]);
    let now = NOW.as_seconds();
    for (made, end, expected) in [
        (Some(now), now + 3600, true),
        (Some(now), now + 3601, false),
        (Some(now + 60), now + 3660, true),
        (Some(now - 3000), now + 600, true),
        (Some(now - 3000), now + 601, false),
        (None, now + 3660, true),
        (None, now + 3661, false),
    ] {
        let told = with(with(claims(NOW), "iat", json!(made)), "exp", json!(end));
        let found = check(&issuers, &good.sign(&good.header(), &told));
        match expected {
            true => assert!(found.is_ok_and(|token| token.is_some()), "{made:?} {end}"),
            false => assert_eq!(found, Err(ForeignError::Lifetime), "{made:?} {end}"),
        }
    }
}

#[test]
fn what_changes_of_an_issuer_takes_along_what_was_believed_of_it_alone() {
    let (one, two) = (Signer::new("ES256", "one"), Signer::new("EdDSA", "two"));
    let other = || terms(|issuer| issuer.issuer = "https://other.example".parse().unwrap());
    let (issuers, readings) = issuers(terms(|_| {}), &[&one, &two]);
    let others = Arc::<Readings>::default();
    let listed = |terms: Arc<ForeignIssuer>| vec![(terms, readings.clone()), (other(), others.clone())];
    assert!(issuers.follow(listed(terms(|_| {}))).is_empty(), "another issuer beside it");
    assert!(issuers.hold(&others, Some(set(&[&one]))).is_empty());
    let name = |signer: &Signer| {
        check(&issuers, &signer.sign(&signer.header(), &claims(NOW))).unwrap().map(|token| token.key)
    };
    let (first, second) = (name(&one).unwrap(), name(&two).unwrap());
    let elsewhere = |issuer: &mut ForeignIssuer| issuer.source.line = 99;
    assert!(issuers.follow(listed(terms(elsewhere))).is_empty(), "it stands in another line");
    let lost = || vec![Arc::<str>::from(ISSUER)];
    let changes: [fn(&mut ForeignIssuer); 7] = [
        |issuer| issuer.audience = "another".to_owned(),
        |issuer| issuer.algorithms.truncate(2),
        |issuer| issuer.types.truncate(1),
        |issuer| issuer.max_lifetime = Duration::from_secs(3599),
        |issuer| issuer.app = cel("claims.azp", Wanted::Identifier),
        |issuer| issuer.merchant = None,
        |issuer| issuer.scopes = cel("'order:read'", Wanted::Scopes),
    ];
    for change in changes {
        assert_eq!(issuers.follow(listed(terms(change))), lost());
        assert!(!issuers.trusts(&first));
        assert_eq!(issuers.follow(listed(terms(|_| {}))), lost());
        assert!(issuers.trusts(&first) && issuers.trusts(&second));
    }
    // A key leaves, and may be back; another comes.
    assert_eq!(issuers.hold(&readings, Some(set(&[&two]))), lost());
    assert!(!issuers.trusts(&first) && issuers.trusts(&second));
    assert_eq!(name(&one), None);
    assert!(issuers.hold(&readings, Some(set(&[&two, &one]))).is_empty(), "it is there again");
    assert_eq!(name(&one), Some(first.clone()));
    assert_eq!(issuers.hold(&readings, None), lost());
    assert_eq!(name(&one), None);
    assert_eq!(issuers.follow(Vec::new()), vec![Arc::<str>::from("https://other.example")]);
    assert!(issuers.hold(&readings, Some(set(&[&one]))).is_empty(), "it is no longer in force");
    assert!(!issuers.trusts(&first));
}

proptest! {
    #[test]
    fn any_text_is_looked_at_without_harm(text in "[A-Za-z0-9_.=-]{0,80}", bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let signer = Signer::new("EdDSA", "one");
        let (issuers, _) = issuers(terms(|_| {}), &[&signer]);
        let header = URL_SAFE_NO_PAD.encode(signer.header().to_string());
        let payload = URL_SAFE_NO_PAD.encode(claims(NOW).to_string());
        let arbitrary = URL_SAFE_NO_PAD.encode(&bytes);
        let texts = [
            text,
            format!("{arbitrary}.{payload}.{arbitrary}"),
            format!("{header}.{arbitrary}.{arbitrary}"),
            format!("{header}.{payload}.{arbitrary}"),
        ];
        for text in texts {
            prop_assert!(check(&issuers, &text).is_err(), "{text}");
        }
    }

    #[test]
    fn one_changed_byte_of_a_token_makes_it_another(at in 0_usize..1000, by in 1_u8..128) {
        let signer = Signer::new("EdDSA", "one");
        let (issuers, _) = issuers(terms(|_| {}), &[&signer]);
        let token = signer.sign(&signer.header(), &claims(NOW));
        prop_assert!(check(&issuers, &token).unwrap().is_some());
        let mut bytes = token.into_bytes();
        let at = at % bytes.len();
        bytes[at] = (bytes[at] ^ by) & 0x7f;
        let changed = String::from_utf8(bytes).unwrap();
        prop_assert!(!matches!(check(&issuers, &changed), Ok(Some(_))), "{changed}");
    }
}
