//! What floods of guesses may cost.

use super::*;

#[test]
fn who_guesses_is_refused_and_who_does_not_is_not() {
    let (guesses, now) = (Guesses::new(), Duration::from_secs(1000));
    let (one, other) = ("192.0.2.1".parse().ok(), "192.0.2.2".parse().ok());
    let taken = (0..1000).filter(|_| guesses.pay(one, now).is_ok()).count();
    assert_eq!(taken, OF_A_NETWORK as usize);
    for _ in 0..1000 {
        guesses.pay(other, now).unwrap().give_back();
    }
    assert!(matches!(guesses.pay(one, now), Err(Refusal::LimitReached { .. })));
    assert!(guesses.pay(one, now + NETWORK_WINDOW).is_ok());
}

#[test]
fn while_keys_are_learnt_a_network_may_try_more_and_all_no_more() {
    let (guesses, now) = (Guesses::new(), Duration::from_secs(1000));
    let address = |number: u32| Some(IpAddr::from(number.to_be_bytes()));
    let pay = |known, address| guesses.pay_for_key(known, address, now);
    let paid: Vec<_> = (0..1000).filter_map(|_| pay(KnownKeys::AtFirst, address(0)).ok()).collect();
    assert_eq!(paid.len(), OF_A_NETWORK_AT_FIRST as usize);
    paid.iter().for_each(Paid::give_back);
    let taken = (0..10).flat_map(|number| (0..1000).map(move |_| address(number)));
    let taken = taken.filter(|address| pay(KnownKeys::AtFirst, *address).is_ok()).count();
    assert_eq!(taken, OF_ALL as usize);
    assert!(matches!(pay(KnownKeys::All, address(99)), Err(Refusal::Unavailable(_))));
    assert!(guesses.pay(address(99), now).is_ok(), "tokens are paid for by themselves");
}

#[test]
fn what_could_be_paid_is_what_is_paid() {
    let (guesses, now) = (Guesses::new(), Duration::from_secs(1000));
    let address = |number: u32| Some(IpAddr::from(number.to_be_bytes()));
    for (calls, networks) in [(1000, 1), (1000, 300)] {
        for number in 0..calls {
            let (address, known) = (address(number % networks), KnownKeys::All);
            let now = now + Duration::from_millis(u64::from(number));
            let could = guesses.could_pay_for_key(known, address, now);
            let paid = guesses.pay_for_key(known, address, now).map(|_| ());
            assert_eq!(could, paid, "call {number} of {networks} networks");
        }
    }
}

#[test]
fn waits_are_bounded_by_themselves() {
    let (guesses, now) = (Guesses::new(), Duration::from_secs(1000));
    let (issuer, one) = (Arc::default(), "192.0.2.1".parse().ok());
    let wait = || guesses.pay_for_wait(&issuer, one, now);
    let paid: Vec<_> = (0..1000).filter_map(|_| wait().ok()).collect();
    assert_eq!(paid.len(), WAITS_OF_A_NETWORK as usize);
    assert!(guesses.pay(one, now).is_ok());
    paid.iter().for_each(PaidWait::give_back);
    assert!(wait().is_ok());
}

#[test]
fn who_waits_for_one_issuer_leaves_room_for_who_waits_for_another() {
    let (guesses, now) = (Guesses::new(), Duration::from_secs(1000));
    let address = |number: u32| Some(IpAddr::from(number.to_be_bytes()));
    let waits = |issuer: &Arc<Cell>| {
        let tried = (0..10_000).filter_map(|number| guesses.pay_for_wait(issuer, address(number), now).ok());
        tried.collect::<Vec<_>>()
    };
    let (one, other) = (Arc::default(), Arc::default());
    let paid = waits(&one);
    assert_eq!(paid.len(), WAITS_OF_AN_ISSUER as usize);
    assert!(matches!(guesses.pay_for_wait(&one, None, now), Err(Refusal::Unavailable(_))));
    assert_eq!(waits(&other).len(), (OF_ALL - WAITS_OF_AN_ISSUER) as usize);
    // A network that has used up its own takes nothing of its issuer's.
    paid.iter().for_each(PaidWait::give_back);
    let of_a_network = (0..10_000).filter(|_| guesses.pay_for_wait(&one, address(99_999), now).is_ok());
    assert_eq!(of_a_network.count(), WAITS_OF_A_NETWORK as usize);
    assert_eq!(waits(&one).len(), (WAITS_OF_AN_ISSUER - WAITS_OF_A_NETWORK) as usize);
}

#[test]
fn guesses_from_everywhere_are_bounded_together() {
    let (guesses, now) = (Guesses::new(), Duration::from_secs(1000));
    let address = |number: u32| Some(IpAddr::from(number.to_be_bytes()));
    let taken = (0..10_000).filter(|number| guesses.pay(address(*number), now).is_ok()).count();
    assert_eq!(taken, AT_ONCE as usize);
    assert!(matches!(guesses.pay(None, now), Err(Refusal::Unavailable(_))));
    let keys = (0..10_000)
        .filter(|number| guesses.pay_for_key(KnownKeys::All, address(*number), now).is_ok())
        .count();
    assert_eq!(keys, KEYS_AT_ONCE as usize);
    let second = Duration::from_secs(1);
    let in_a_second = (0..1_000).map(|milliseconds| now + second + Duration::from_millis(milliseconds));
    let keys = in_a_second.flat_map(|now| std::iter::repeat_n(now, 10));
    let keys = keys.filter(|now| guesses.pay_for_key(KnownKeys::All, None, *now).is_ok()).count();
    assert!((KEYS_OF_ALL..=KEYS_OF_ALL + KEYS_AT_ONCE).contains(&(keys as u32)), "{keys}");
}

#[test]
fn a_wrong_token_is_known_for_a_while() {
    let (guesses, second) = (Guesses::new(), Duration::from_secs(1));
    let app = AppId::new("app_1").unwrap();
    guesses.remember_wrong([7; 32], ("why", Some(&app)), 5 * second);
    let refused = Refused::of(&app, Refusal::CredentialInvalid("why"));
    assert_eq!(guesses.known_wrong(&[7; 32], second), Some(refused));
    assert_eq!(guesses.known_wrong(&[7; 32], 5 * second), None);
    assert_eq!(guesses.known_wrong(&[8; 32], second), None);
}
