//! Keys as they are remembered: whole, within bounds, and what many have in common once.

use super::*;
use crate::domain::identity::Environment;

const NOW: Timestamp = Timestamp::from_seconds(7);

fn known(number: usize, plan: &str) -> (KeyHash, KnownKey) {
    let key = crate::domain::api_key::ApiKey::from_random(Environment::Live, &{
        let mut random = [0; 32];
        random[..8].copy_from_slice(&number.to_le_bytes());
        random
    });
    let subscribed = Subscribed {
        product: ProductName::new("tracking").unwrap(),
        plan: PlanName::new(plan).unwrap(),
        version: Some(2),
        from: Timestamp::from_seconds(5),
        until: number.is_multiple_of(2).then(|| Timestamp::from_seconds(9)),
    };
    let app = AppFacts {
        id: AppId::new(&format!("app_{number:016}")).unwrap(),
        partner: PartnerId::new(&format!("par_{number:016}")).unwrap(),
        environment: Environment::Live,
        scopes: "a b".parse().unwrap(),
        subscriptions: vec![subscribed],
        balances: Vec::new(),
    };
    let expires_at = number.is_multiple_of(3).then(|| Timestamp::from_seconds(77));
    let id = KeyId::new(&format!("key_{number:016}")).unwrap();
    let narrowing = number.is_multiple_of(5).then(|| {
        let products = Some("tracking".parse().unwrap());
        Arc::new(Narrowing { products, addresses: "10.0.0.0/8 2001:db8::/32".parse().ok() })
    });
    let scopes = "a".parse().unwrap();
    (key.hash(), KnownKey { id, scopes, narrowing, expires_at, app: Arc::new(app) })
}

fn insert(keys: &Keys, number: usize) -> KeyHash {
    let (hash, known) = known(number, "bench");
    keys.insert(&hash, &known, [Stamp::default(); SUBJECTS], Duration::from_secs(3));
    hash
}

#[test]
fn a_key_comes_back_as_it_went_in() {
    let keys = Keys::new(100_000);
    for number in 0..100 {
        insert(&keys, number);
        let (hash, known) = known(number, "bench");
        let found = keys.find(&hash, NOW).unwrap();
        let caller = &found.identity.caller;
        assert_eq!(
            (caller.app.id.as_str(), caller.app.partner.as_str()),
            (known.app.id.as_str(), known.app.partner.as_str())
        );
        assert_eq!((&*caller.credential_id, &caller.scopes), (known.id.as_str(), &known.scopes));
        assert_eq!(
            (&caller.app.scopes, &caller.app.subscriptions),
            (&known.app.scopes, &known.app.subscriptions)
        );
        assert_eq!((found.identity.expires_at, found.loaded_at.as_secs()), (known.expires_at, 3));
        assert_eq!(found.identity.fields.scopes, "a");
        assert_eq!(caller.narrowing, known.narrowing);
    }
    assert!(keys.find(&known(100, "bench").0, NOW).is_none());
    assert_eq!(lock(&keys.terms).counts(), [2, 1, 1], "what they have in common is kept once");
}

#[test]
fn a_use_is_noted_once_an_hour_whichever_core_finds_the_key_and_years_later_too() {
    let keys = Keys::new(100_000);
    let hash = insert(&keys, 0);
    let hour = |number: i64| Timestamp::from_seconds(number * 3600 + 7);
    for number in [0, 1, 2, 40_000, 40_001] {
        let found = keys.find(&hash, hour(number)).unwrap().identity;
        assert!(found.is_use_due(hour(number)), "hour {number}");
        found.use_is_noted(hour(number));
        for known in [found, keys.find(&hash, hour(number)).unwrap().identity] {
            assert!(!known.is_use_due(hour(number)) && known.is_use_due(hour(number + 1)));
        }
    }
}

#[test]
fn beyond_the_bound_keys_that_are_used_stay() {
    let keys = Keys::new(SHARDS * 4);
    let steady = insert(&keys, 0);
    for number in 1..40_000 {
        assert!(keys.find(&steady, NOW).is_some(), "forgotten before {number}");
        insert(&keys, number);
    }
    assert!(keys.count() <= SHARDS * 4, "{}", keys.count());
    assert!(!keys.has_room() && std::mem::size_of::<Memory>() == 64);
}

#[test]
fn terms_that_no_key_has_any_more_are_forgotten() {
    let keys = Keys::new(SHARDS);
    for number in 0..20_000 {
        let (hash, known) = known(number, &format!("plan-{number}"));
        keys.insert(&hash, &known, [Stamp::default(); SUBJECTS], Duration::ZERO);
    }
    let counts = lock(&keys.terms).counts();
    assert!(counts.iter().all(|count| *count <= 2 * SHARDS), "{counts:?}");
}

#[test]
fn keys_that_are_narrowed_each_in_its_own_way_share_what_their_apps_may() {
    let keys = Keys::new(100_000);
    let network = |number: usize| format!("10.0.{}.{}", number / 256, number % 256);
    for number in 0..2_000 {
        let (hash, mut known) = known(number, "bench");
        let narrowing = Narrowing { products: None, addresses: network(number).parse().ok() };
        known.narrowing = narrowing.shared();
        keys.insert(&hash, &known, [Stamp::default(); SUBJECTS], Duration::ZERO);
    }
    assert_eq!(lock(&keys.terms).counts(), [2_000, 1, 2_000]);
    let narrowing =
        keys.find(&known(1_999, "bench").0, NOW).unwrap().identity.caller.narrowing.clone().unwrap();
    assert!(narrowing.permits_address(network(1_999).parse().unwrap()));
    assert!(!narrowing.permits_address(network(1_998).parse().unwrap()));
}
