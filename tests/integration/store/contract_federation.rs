//! Accounts at identity providers, and logins there that are under way.

use tollgate::domain::authentication::{Authentication, AuthenticationClass, LoginMethod};
use tollgate::domain::id::{MerchantId, SessionId};
use tollgate::domain::identity::{Merchant, Standing};
use tollgate::domain::provider_account::{LinkedAccount, ProviderAccount};
use tollgate::domain::secret_hash::{BrowserHash, SessionHash, StateHash};
use tollgate::store::federated_login::FederatedLogin;
use tollgate::store::first_factor::FirstFactor;
use tollgate::store::login_session::LoginSession;
use tollgate::store::{Store, StoreError};

use super::contract;
use super::seed::{START, later, seed_grant};

const ISSUER: &str = "https://login.example.com";

contract! {
    an_account_is_one_merchants_and_a_merchant_has_one_at_a_provider,
    a_merchant_is_registered_with_its_account_or_not_at_all,
    a_session_begins_by_a_linked_account_of_an_active_merchant_alone,
    a_login_at_the_provider_is_taken_once_in_its_browser_and_in_time,
}

fn account(subject: &str) -> ProviderAccount {
    ProviderAccount::new(ISSUER, subject).unwrap()
}

fn link(merchant: &MerchantId, subject: &str) -> LinkedAccount {
    LinkedAccount { account: account(subject), merchant: merchant.clone(), linked_at: START }
}

fn merchant(id: &str) -> Merchant {
    Merchant {
        id: MerchantId::new(id).unwrap(),
        username: format!("{id}@example.com"),
        name: "A shop".to_owned(),
        standing: Standing::Active,
        created_at: START,
    }
}

async fn an_account_is_one_merchants_and_a_merchant_has_one_at_a_provider(store: Store) {
    let first = seed_grant(&store).await.merchant;
    let second = merchant("mer_second");
    store.create_merchant(&second, "hash").await.unwrap();
    store.link_account(&link(&first, "a")).await.unwrap();
    for taken in [link(&second.id, "a"), link(&first, "b")] {
        let outcome = store.link_account(&taken).await;
        assert!(matches!(outcome, Err(StoreError::Conflict { .. })), "{outcome:?}");
    }
    let nobody = store.link_account(&link(&MerchantId::new("mer_none").unwrap(), "c")).await;
    assert!(matches!(nobody, Err(StoreError::Missing { what: "merchant" })), "{nobody:?}");
    let elsewhere = ProviderAccount::new("https://other.example.com", "a").unwrap();
    let other = LinkedAccount { account: elsewhere, ..link(&first, "a") };
    store.link_account(&other).await.unwrap();
    assert_eq!(store.linked_account(&account("a")).await.unwrap(), Some(link(&first, "a")));
    assert_eq!(store.linked_account(&account("b")).await.unwrap(), None);
    assert_eq!(store.linked_accounts(&first).await.unwrap(), [link(&first, "a"), other]);
    assert!(matches!(
        store.unlink_account(&second.id, &account("a")).await,
        Err(StoreError::Missing { what: "linked account" })
    ));
    store.unlink_account(&first, &account("a")).await.unwrap();
    store.link_account(&link(&second.id, "a")).await.unwrap();
}

async fn a_merchant_is_registered_with_its_account_or_not_at_all(store: Store) {
    let first = merchant("mer_first");
    store.create_linked_merchant((&first, "hash"), &link(&first.id, "a")).await.unwrap();
    assert_eq!(store.linked_account(&account("a")).await.unwrap().unwrap().merchant, first.id);
    let second = merchant("mer_second");
    let taken = store.create_linked_merchant((&second, "hash"), &link(&second.id, "a")).await;
    assert!(matches!(taken, Err(StoreError::Conflict { .. })), "{taken:?}");
    assert_eq!(store.merchant(&second.id).await.unwrap(), None);
}

async fn a_session_begins_by_a_linked_account_of_an_active_merchant_alone(store: Store) {
    let shop = merchant("mer_shop");
    store.create_linked_merchant((&shop, "hash"), &link(&shop.id, "a")).await.unwrap();
    let begin_by = async |id: &str, subject: &str, class| {
        let session = LoginSession {
            id: SessionId::new(id).unwrap(),
            merchant: shop.id.clone(),
            method: Some(LoginMethod::Password),
            address: None,
            seen_at: None,
            csrf_secret: [3; 32],
            authentication: Authentication { at: START, class },
            created_at: START,
            expires_at: later(60),
        };
        let first = FirstFactor::Account(account(subject), START);
        store.begin_login_session(&SessionHash::of(id), &session, &first).await.unwrap()
    };
    let begin = async |id: &str, subject: &str| begin_by(id, subject, AuthenticationClass::OneFactor).await;
    assert!(begin("one", "a").await);
    assert!(!begin("two", "b").await);
    store.unlink_account(&shop.id, &account("a")).await.unwrap();
    assert!(!begin("three", "a").await);
    assert_eq!(store.login_session(&SessionHash::of("one"), START).await.unwrap(), None);
    store.link_account(&link(&shop.id, "a")).await.unwrap();
    store.set_merchant_standing(&shop.id, Standing::Suspended).await.unwrap();
    assert!(!begin("four", "a").await);
    store.set_merchant_standing(&shop.id, Standing::Active).await.unwrap();
    let by = (&SessionId::new("ses_1").unwrap(), START);
    assert!(store.offer_second_factor(&shop.id, b"sealed", by).await.unwrap());
    assert!(store.confirm_second_factor((&shop.id, b"sealed"), (1, &[]), START).await.unwrap());
    assert!(!begin("five", "a").await, "without its second factor");
    assert!(begin_by("six", "a", AuthenticationClass::TwoFactors).await);
}

async fn a_login_at_the_provider_is_taken_once_in_its_browser_and_in_time(store: Store) {
    let (mine, other) = (BrowserHash::of("mine"), BrowserHash::of("other"));
    let login = FederatedLogin {
        browser: mine,
        issuer: ISSUER.to_owned(),
        interaction: "client_id=a".to_owned(),
        proven_since: Some(START),
        expires_at: later(600),
    };
    let (state, late) = (StateHash::of("state"), StateHash::of("late"));
    store.begin_federated_login(&state, &login, START).await.unwrap();
    store.begin_federated_login(&late, &login, START).await.unwrap();
    let take = async |state: &StateHash, browser: &BrowserHash, now| {
        store.take_federated_login(state, browser, now).await.unwrap()
    };
    assert_eq!(take(&state, &other, START).await, None);
    assert_eq!(take(&StateHash::of("unknown"), &mine, START).await, None);
    assert_eq!(take(&state, &mine, later(599)).await, Some(login.clone()));
    assert_eq!(take(&state, &mine, START).await, None);
    assert_eq!(take(&late, &mine, later(600)).await, None);
    // What has expired goes with the next that begins.
    store.begin_federated_login(&state, &login, START).await.unwrap();
    store.begin_federated_login(&late, &login, later(600)).await.unwrap();
    assert_eq!(take(&state, &mine, START).await, None);
}
