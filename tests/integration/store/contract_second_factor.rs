//! Second factors and the logins that wait for them: what works once.

use tollgate::domain::authentication::{Authentication, AuthenticationClass, LoginMethod};
use tollgate::domain::id::{MerchantId, SessionId};
use tollgate::domain::provider_account::ProviderAccount;
use tollgate::domain::secret_hash::{PendingHash, RecoveryHash, SessionHash};
use tollgate::store::first_factor::FirstFactor;
use tollgate::store::login_session::LoginSession;
use tollgate::store::pending_login::PendingLogin;
use tollgate::store::second_factor::{Removal, SecondFactor};
use tollgate::store::{Store, StoreError};

use super::contract;
use super::seed::{START, later, password, seed};

contract! {
    a_factor_is_offered_until_it_is_confirmed_and_then_stays,
    of_many_who_use_a_password_or_a_recovery_code_one_is_let_in,
    a_factor_goes_with_its_recovery_codes,
    a_login_waits_until_it_expires_or_ends,
    wrong_passwords_make_wait_for_longer_each_time,
    a_confirmed_factor_leaves_no_session_that_lacks_it,
    of_logins_that_race_its_confirmation_none_is_left,
}

fn session() -> SessionId {
    SessionId::new("ses_1").unwrap()
}

fn recovery(number: u8) -> RecoveryHash {
    RecoveryHash::of(&number.to_string())
}

async fn confirmed(store: &Store, merchant: &MerchantId) {
    assert!(store.offer_second_factor(merchant, b"sealed", (&session(), START)).await.unwrap());
    let codes = [recovery(1), recovery(2)];
    let of = (merchant, &b"sealed"[..]);
    assert!(store.confirm_second_factor(of, (100, &codes), later(1)).await.unwrap());
}

async fn a_factor_is_offered_until_it_is_confirmed_and_then_stays(store: Store) {
    let merchant = seed(&store).await.1.id;
    assert_eq!(store.second_factor(&merchant).await.unwrap(), None);
    for sealed in [&b"one"[..], b"two"] {
        assert!(store.offer_second_factor(&merchant, sealed, (&session(), START)).await.unwrap());
        let offered = SecondFactor {
            sealed: sealed.to_vec(),
            confirmed_at: None,
            offered_by: session(),
            offered_at: START,
        };
        assert_eq!(store.second_factor(&merchant).await.unwrap(), Some(offered));
    }
    assert!(!store.use_one_time_password(&merchant, 99, true).await.unwrap(), "it is not confirmed");
    assert!(!store.confirm_second_factor((&merchant, b"one"), (100, &[]), later(1)).await.unwrap());
    assert!(store.confirm_second_factor((&merchant, b"two"), (100, &[recovery(1)]), later(1)).await.unwrap());
    assert!(
        !store.confirm_second_factor((&merchant, b"two"), (101, &[recovery(2)]), later(2)).await.unwrap()
    );
    assert!(!store.offer_second_factor(&merchant, b"three", (&session(), later(2))).await.unwrap());
    let kept = SecondFactor {
        sealed: b"two".to_vec(),
        confirmed_at: Some(later(1)),
        offered_by: session(),
        offered_at: START,
    };
    assert!(!store.remove_second_factor(&merchant, Removal::Offered).await.unwrap());
    assert_eq!(store.second_factor(&merchant).await.unwrap(), Some(kept));
    assert_eq!(store.recovery_codes_left(&merchant).await.unwrap(), 1);
    let nobody = MerchantId::new("nobody").unwrap();
    let missing = store.offer_second_factor(&nobody, b"x", (&session(), START)).await;
    assert!(matches!(missing, Err(StoreError::Missing { .. })));
}

async fn of_many_who_use_a_password_or_a_recovery_code_one_is_let_in(store: Store) {
    let merchant = seed(&store).await.1.id;
    confirmed(&store, &merchant).await;
    for step in [99, 100] {
        assert!(!store.use_one_time_password(&merchant, step, true).await.unwrap(), "{step} is used up");
    }
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let (store, merchant) = (store.clone(), merchant.clone());
            tokio::spawn(async move {
                match number % 2 {
                    0 => store.use_one_time_password(&merchant, 101, true).await.unwrap(),
                    _ => store.use_recovery_code(&merchant, &recovery(1)).await.unwrap(),
                }
            })
        })
        .collect();
    let mut let_in = 0;
    for task in tasks {
        let_in += usize::from(task.await.unwrap());
    }
    assert_eq!(let_in, 2);
    assert_eq!(store.recovery_codes_left(&merchant).await.unwrap(), 1);
    let other = MerchantId::new("other").unwrap();
    assert!(!store.use_recovery_code(&other, &recovery(2)).await.unwrap());
}

async fn a_factor_goes_with_its_recovery_codes(store: Store) {
    let merchant = seed(&store).await.1.id;
    confirmed(&store, &merchant).await;
    let replaced = store.remove_second_factor(&merchant, Removal::Proven(b"before")).await.unwrap();
    assert!(!replaced, "one that came in place of what was proven");
    assert_eq!(store.recovery_codes_left(&merchant).await.unwrap(), 2);
    assert!(store.remove_second_factor(&merchant, Removal::Proven(b"sealed")).await.unwrap());
    assert_eq!(store.second_factor(&merchant).await.unwrap(), None);
    assert!(store.offer_second_factor(&merchant, b"sealed", (&session(), START)).await.unwrap());
    assert!(store.remove_second_factor(&merchant, Removal::Offered).await.unwrap());
    confirmed(&store, &merchant).await;
    assert!(store.remove_second_factor(&merchant, Removal::Any).await.unwrap());
    assert!(!store.remove_second_factor(&merchant, Removal::Any).await.unwrap());
    assert_eq!(store.second_factor(&merchant).await.unwrap(), None);
    assert!(!store.use_recovery_code(&merchant, &recovery(1)).await.unwrap());
    confirmed(&store, &merchant).await;
}

async fn a_login_waits_until_it_expires_or_ends(store: Store) {
    let merchant = seed(&store).await.1.id;
    let pending = PendingLogin { merchant, first: password(), expires_at: later(300) };
    let (one, two) = (PendingHash::of("one"), PendingHash::of("two"));
    store.begin_pending_login(&one, &pending).await.unwrap();
    let account = ProviderAccount::new("https://login.example.com", "user-1").unwrap();
    let by_account = PendingLogin { first: FirstFactor::Account(account, later(7)), ..pending.clone() };
    store.begin_pending_login(&two, &by_account).await.unwrap();
    assert_eq!(store.pending_login(&two, START).await.unwrap(), Some(by_account));
    assert_eq!(store.pending_login(&one, later(299)).await.unwrap(), Some(pending));
    assert_eq!(store.pending_login(&one, later(300)).await.unwrap(), None);
    assert!(store.end_pending_login(&one).await.unwrap());
    assert!(!store.end_pending_login(&one).await.unwrap());
    assert_eq!(store.pending_login(&one, START).await.unwrap(), None);
    assert_eq!(store.forget_ended(later(300)).await.unwrap(), 0);
    assert_eq!(store.forget_ended(later(301)).await.unwrap(), 1);
    assert_eq!(store.pending_login(&two, START).await.unwrap(), None);
}

async fn wrong_passwords_make_wait_for_longer_each_time(store: Store) {
    let merchant = seed(&store).await.1.id;
    confirmed(&store, &merchant).await;
    for number in 0..5 {
        assert_eq!(store.count_one_time_attempt(&merchant, later(100)).await.unwrap(), None, "{number}");
    }
    for (at, wait) in [(100, 30), (130, 60), (190, 120), (310, 240)] {
        let next = store.count_one_time_attempt(&merchant, later(at)).await.unwrap();
        assert_eq!(next, Some(later(at + wait)), "after {at} s");
        assert_eq!(store.count_one_time_attempt(&merchant, later(at + wait)).await.unwrap(), None);
    }
    for _ in 0..10 {
        let next = store.count_one_time_attempt(&merchant, later(1_000_000)).await.unwrap();
        assert!(next.is_none_or(|next| next == later(1_000_000 + 960)), "{next:?}");
    }
    assert!(store.use_one_time_password(&merchant, 200, true).await.unwrap());
    assert_eq!(store.count_one_time_attempt(&merchant, later(1_000_000)).await.unwrap(), None);
}

async fn begin(store: &Store, merchant: &MerchantId, (name, class): (&str, AuthenticationClass)) -> bool {
    let session = LoginSession {
        id: SessionId::new(name).unwrap(),
        authentication: Authentication { at: START, class },
        merchant: merchant.clone(),
        method: Some(LoginMethod::Password),
        address: None,
        seen_at: None,
        csrf_secret: [9; 32],
        created_at: START,
        expires_at: later(60),
    };
    store.begin_login_session(&SessionHash::of(name), &session, &password()).await.unwrap()
}

async fn of_logins_that_race_its_confirmation_none_is_left(store: Store) {
    let merchant = seed(&store).await.1.id;
    assert!(begin(&store, &merchant, ("ses_1", AuthenticationClass::OneFactor)).await);
    let mut logins = tokio::task::JoinSet::new();
    for number in 0..40 {
        let (store, merchant) = (store.clone(), merchant.clone());
        logins.spawn(async move {
            begin(&store, &merchant, (&format!("late_{number}"), AuthenticationClass::OneFactor)).await
        });
    }
    confirmed(&store, &merchant).await;
    logins.join_all().await;
    let left = store.login_sessions_of(&merchant, START).await.unwrap();
    assert_eq!(left.iter().map(|session| session.id.as_str()).collect::<Vec<_>>(), ["ses_1"]);
}

async fn a_confirmed_factor_leaves_no_session_that_lacks_it(store: Store) {
    let merchant = seed(&store).await.1.id;
    let begin = async |name: &str, class| begin(&store, &merchant, (name, class)).await;
    assert!(begin("ses_1", AuthenticationClass::OneFactor).await);
    assert!(begin("other", AuthenticationClass::OneFactor).await);
    confirmed(&store, &merchant).await;
    let left = store.login_sessions_of(&merchant, START).await.unwrap();
    assert_eq!(left.iter().map(|session| session.id.as_str()).collect::<Vec<_>>(), ["ses_1"]);
    assert!(!begin("third", AuthenticationClass::OneFactor).await, "begun behind the factor's back");
    assert!(begin("fourth", AuthenticationClass::TwoFactors).await);
}
