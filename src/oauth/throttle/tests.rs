//! How often is too often, and for whom.

use super::*;
use crate::domain::identity::{DefaultScopes, Environment, Standing};
use crate::domain::scope::ScopeSet;
use crate::domain::time::Timestamp;

const NOW: Duration = Duration::from_secs(1);

fn from(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn guessing_at_an_account_is_slowed_for_the_network_that_guesses_alone() {
    let throttle = Throttle::default();
    let guesses = (0..40).filter(|_| throttle.login("shop", None, from("10.0.0.1"), NOW).is_ok());
    assert_eq!(guesses.count(), 10);
    assert!(throttle.login("shop", None, from("10.0.1.1"), NOW).is_ok(), "the owner is locked out");
    let later = NOW + Duration::from_secs(31);
    assert!(throttle.login("shop", None, from("10.0.0.1"), later).is_ok());
}

#[test]
fn one_network_locks_out_nobody_but_itself() {
    let throttle = Throttle::default();
    let tries = (0..500)
        .filter(|number| throttle.login(&format!("shop{number}"), None, from("10.0.2.2"), NOW).is_ok())
        .count();
    assert_eq!(tries, 50);
    for number in 0..500_u16 {
        let [high, low] = number.to_be_bytes();
        let owner = IpAddr::from([10, 1, high, low]);
        assert!(
            throttle.login(&format!("shop{number}"), None, owner, NOW).is_ok(),
            "shop{number} is locked out"
        );
    }
}

#[test]
fn a_login_that_is_right_counts_neither_against_the_account_nor_against_its_network() {
    let throttle = Throttle::default();
    for number in 0..300 {
        throttle.login("shop", None, from("10.0.0.1"), NOW).unwrap().give_back();
        throttle.login(&format!("shop{number}"), None, from("10.0.0.1"), NOW).unwrap().give_back();
    }
    let guesses = (0..15).filter(|_| throttle.login("shop", None, from("10.0.0.1"), NOW).is_ok());
    assert_eq!(guesses.count(), 10);
}

#[test]
fn what_is_refused_for_one_account_uses_up_nothing_of_its_network() {
    let throttle = Throttle::default();
    let guesses = (0..500).filter(|_| throttle.login("shop", None, from("10.0.0.1"), NOW).is_ok());
    assert_eq!(guesses.count(), 10);
    let neighbours = (0..500)
        .filter(|number| throttle.login(&format!("shop{number}"), None, from("10.0.0.1"), NOW).is_ok());
    assert_eq!(neighbours.count(), 40);
}

#[test]
fn an_account_that_is_guessed_at_from_everywhere_is_slowed_in_the_end() {
    let throttle = Throttle::default();
    let guesses = (0..=250_u8)
        .filter(|number| throttle.login("shop", None, IpAddr::from([10, 0, *number, 1]), NOW).is_ok());
    assert_eq!(guesses.count(), 200);
}

#[test]
fn a_browser_of_the_owners_is_locked_out_by_nobody_else_and_may_guess_no_more_than_others() {
    let throttle = Throttle::default();
    for number in 0..=255_u8 {
        let _ = throttle.login("shop", None, IpAddr::from([10, 0, number, 1]), NOW).map(drop);
    }
    let here = from("10.0.0.1");
    assert!(throttle.login("shop", None, here, NOW).is_err());
    let guesses = |device: &str| {
        let tries = (0..40).filter(|_| throttle.login("shop", Some(device), here, NOW).is_ok());
        tries.count()
    };
    assert_eq!((guesses("one"), guesses("two")), (10, 10));
    let all: usize = (0..40).map(|number| guesses(&format!("stolen{number}"))).sum();
    assert_eq!(all, 180, "as many as from all networks");
}

#[test]
fn who_guesses_at_one_thing_waits_and_no_other_network_with_it() {
    let throttle = Throttle::default();
    for at in [Guessed::UserCode, Guessed::DeviceCode, Guessed::FederatedLogin] {
        for _ in 0..100 {
            throttle.guess(at, from("10.0.0.1"), NOW).unwrap().give_back();
        }
        let guesses = (0..100).filter(|_| throttle.guess(at, from("10.0.0.1"), NOW).is_ok());
        assert_eq!(guesses.count(), 50, "{at:?}");
        assert!(throttle.guess(at, from("10.0.1.1"), NOW).is_ok());
    }
    assert!(throttle.user_code("shop", from("10.0.0.1"), NOW).is_err());
}

#[test]
fn addresses_of_one_v6_network_count_together() {
    let throttle = Throttle::default();
    let guesses = (0..50)
        .filter(|number| throttle.login("shop", None, from(&format!("2001:db8::{number:x}")), NOW).is_ok());
    assert_eq!(guesses.count(), 10);
}

#[test]
fn a_v6_site_has_no_more_logins_however_many_networks_it_is() {
    let throttle = Throttle::default();
    let of = |site: &str, number: u32| {
        throttle
            .login(&format!("shop{number}"), None, from(&format!("2001:db8:{site}:{number:x}::1")), NOW)
            .is_ok()
    };
    assert_eq!((0..1_000).filter(|number| of("1", *number)).count(), 100);
    assert!(of("2", 0));
}

#[test]
fn consents_of_a_merchant_are_bounded_in_all_its_sessions() {
    let throttle = Throttle::default();
    let merchant = |id: &str| MerchantId::new(id).unwrap();
    let consents = (0..1_000).filter(|_| throttle.consent(&merchant("mer_1"), NOW).is_ok());
    assert_eq!(consents.count(), 120);
    assert!(throttle.consent(&merchant("mer_2"), NOW).is_ok());
}

#[test]
fn who_fails_to_be_an_app_too_often_waits_and_no_other_app_or_network_with_it() {
    let throttle = Throttle::default();
    let failed = (0..1_000).filter(|_| throttle.app_failed("app", from("10.0.0.1"), NOW).is_ok());
    assert_eq!(failed.count(), 300);
    assert!(throttle.app_failed("other", from("10.0.0.1"), NOW).is_ok());
    assert!(throttle.app_failed("app", from("10.0.0.2"), NOW).is_ok());
    let later = NOW + Duration::from_secs(1);
    assert!(throttle.app_failed("app", from("10.0.0.1"), later).is_ok());
}

#[test]
fn to_ask_whether_an_attempt_is_looked_at_counts_nothing() {
    let throttle = Throttle::default();
    let fails = |now| throttle.app_failed("app", from("10.0.0.1"), now).is_ok();
    let may = |now| throttle.may_be_app("app", from("10.0.0.1"), now).is_ok();
    assert!((0..1_000).all(|_| may(NOW)) && fails(NOW));
    assert!((0..1_000).all(|_| may(NOW)));
    assert_eq!((0..1_000).filter(|_| fails(NOW)).count(), 299);
    assert!(!may(NOW) && may(NOW + Duration::from_secs(1)));
    assert!(throttle.may_be_app("app", from("10.0.0.2"), NOW).is_ok());
}

#[test]
fn who_refreshes_without_end_waits_and_no_other_family_with_it() {
    let throttle = Throttle::default();
    assert_eq!((0..1_000).filter(|_| throttle.refresh("fam_1", NOW).is_ok()).count(), 300);
    assert!(throttle.refresh("fam_2", NOW).is_ok());
    assert!(throttle.refresh("fam_1", NOW + Duration::from_secs(5)).is_ok());
}

/// Something that is counted.
type Ask = fn(&Throttle, u32) -> bool;

#[test]
fn however_many_of_one_kind_push_out_nothing_of_another() {
    const CAPACITY: u64 = 64;
    let kinds: [(&str, Ask); 12] = [
        ("failures", |throttle, number| throttle.app_failed(&number.to_string(), at(number), NOW).is_ok()),
        ("logins by a provider", |throttle, number| throttle.federated(at(number), NOW).is_ok()),
        ("devices", |throttle, number| throttle.device("app", at(number), NOW).is_ok()),
        ("refreshes", |throttle, number| throttle.refresh(&number.to_string(), NOW).is_ok()),
        ("logins", |throttle, number| throttle.login(&number.to_string(), None, at(number), NOW).is_ok()),
        ("logins of owners", |throttle, number| {
            let name = number.to_string();
            throttle.login(&name, Some(&name), at(number), NOW).is_ok()
        }),
        ("user codes", |throttle, number| throttle.user_code(&number.to_string(), at(number), NOW).is_ok()),
        ("device codes", |throttle, number| throttle.guess(Guessed::DeviceCode, at(number), NOW).is_ok()),
        ("answers of a provider", |throttle, number| {
            throttle.guess(Guessed::FederatedLogin, at(number), NOW).is_ok()
        }),
        ("pushed requests", |throttle, number| throttle.pushed(&app(), at(number), NOW).is_ok()),
        ("forms", |throttle, number| {
            throttle.form(&SessionId::new(&format!("ses_{number}")).unwrap(), NOW).is_ok()
        }),
        ("polls", |throttle, number| {
            let code = DeviceCodeHash::of(&number.to_string());
            throttle.polled(&code);
            throttle.may_poll(&code, NOW)
        }),
    ];
    for (flooded, ask) in kinds {
        let throttle = Throttle { seen: Seen::with_capacity(CAPACITY), ..Throttle::default() };
        for (_, other) in kinds {
            while other(&throttle, 0) {}
        }
        for number in 1..1_000 {
            for _ in 0..10 {
                let _ = ask(&throttle, number);
            }
        }
        for (kind, other) in kinds.into_iter().filter(|(kind, _)| *kind != flooded) {
            assert!(!other(&throttle, 0), "{flooded} pushed out {kind}");
        }
    }
}

/// An app that anybody can be.
fn app() -> App {
    App {
        id: "app".parse().unwrap(),
        partner: "partner".parse().unwrap(),
        name: "App".to_owned(),
        environment: Environment::Sandbox,
        kind: ClientKind::Public,
        redirect_uris: Vec::new(),
        scopes: ScopeSet::default(),
        default_scopes: DefaultScopes::All,
        requires_pkce: true,
        standing: Standing::Active,
        created_at: Timestamp::from_seconds(0),
    }
}

fn at(number: u32) -> IpAddr {
    IpAddr::from(number.to_be_bytes())
}

#[test]
fn a_device_that_asks_without_end_is_slowed_and_codes_that_are_none_are_not_remembered() {
    let throttle = Throttle::default();
    let (mine, other) = (DeviceCodeHash::of("mine"), DeviceCodeHash::of("other"));
    assert!((0..100).all(|_| throttle.may_poll(&mine, NOW)), "nobody said that there is such a code");
    throttle.polled(&mine);
    assert_eq!((0..100).filter(|_| throttle.may_poll(&mine, NOW)).count(), 10);
    assert!(throttle.may_poll(&other, NOW));
    assert!(throttle.may_poll(&mine, NOW + Duration::from_secs(1)));
}

#[test]
fn so_many_keys_may_be_presented_at_once_and_who_waits_as_he_is_told_may_again() {
    let throttle = Throttle::default();
    let present = |count, from_where: &str, now| {
        throttle.presented_keys(count, from(from_where), now).map(|attempts| attempts.len())
    };
    assert_eq!(present(50, "10.0.0.1", NOW), Ok(50));
    assert_eq!(present(0, "10.0.0.1", NOW), Ok(0));
    let wait = present(7, "10.0.0.1", NOW).unwrap_err();
    let ready = NOW + Duration::from_secs(wait);
    assert!(
        present(7, "10.0.0.1", ready - Duration::from_secs(4)).is_err(),
        "told to wait longer than need be"
    );
    assert_eq!(present(7, "10.0.0.1", ready), Ok(7), "told to wait {wait} s");
    assert!(present(1, "10.0.0.1", ready).is_err(), "those that were refused used up nothing, and these did");
    assert_eq!(present(50, "10.0.0.2", NOW), Ok(50), "another network");
    for _ in 0..100 {
        let given_back = throttle.presented_keys(50, from("10.0.0.3"), NOW).unwrap();
        given_back.into_iter().for_each(Attempt::give_back);
    }
    assert!(throttle.guess(Guessed::DeviceCode, from("10.0.0.1"), NOW).is_ok(), "of another kind");
}
