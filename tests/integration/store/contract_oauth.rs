//! Authorization codes, browser sessions, signing keys, and what expires.

use tollgate::domain::authentication::{Authentication, AuthenticationClass, LoginMethod};
use tollgate::domain::confirmation::{Confirmation, Thumbprint};
use tollgate::domain::hexadecimal::hexadecimal;
use tollgate::domain::id::{FamilyId, MerchantId, SessionId};
use tollgate::domain::identity::{Grant, Standing};
use tollgate::domain::secret_hash::{CodeHash, SessionHash};
use tollgate::domain::signing_algorithm::SigningAlgorithm;
use tollgate::domain::time::Timestamp;
use tollgate::store::authorization_code::{CodeRecord, Redeemed};
use tollgate::store::login_session::LoginSession;
use tollgate::store::signing_key::{KeyRevoked, SIGNING_KEYS_CHANGED, StoredSigningKey};
use tollgate::store::{Store, StoreError};

use super::contract;
use super::seed::{START, later, seed, seed_grant};

contract! {
    a_code_comes_back_as_it_went_in,
    a_code_is_redeemed_once,
    of_a_hundred_redemptions_at_once_exactly_one_is_the_first,
    a_session_is_found_until_it_expires_or_ends,
    a_new_password_or_a_suspension_ends_all_sessions_of_the_merchant,
    signing_keys_follow_one_another,
    a_signing_key_that_is_revoked_is_followed_at_once,
    what_has_expired_is_forgotten,
    a_proof_is_used_once_until_it_ends,
    of_a_hundred_uses_of_a_proof_at_once_exactly_one_is_the_first,
}

pub(super) fn code(grant: &Grant) -> CodeRecord {
    CodeRecord {
        app: grant.app.clone(),
        merchant: grant.merchant.clone(),
        grant: grant.id.clone(),
        family: FamilyId::new("family_1").unwrap(),
        redirect_uri: Some("http://127.0.0.1:9999/callback".to_owned()),
        scopes: grant.scopes.clone(),
        challenge: Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned()),
        confirmation: Some(Confirmation::Key(Thumbprint([5; 32]))),
        authentication: Authentication {
            at: Timestamp::from_seconds(1_000),
            class: AuthenticationClass::TwoFactors,
        },
        issued_at: START,
        expires_at: later(60),
        redeemed_at: None,
    }
}

async fn a_code_comes_back_as_it_went_in(store: Store) {
    let grant = seed_grant(&store).await;
    let full = code(&grant);
    let bare = CodeRecord {
        family: FamilyId::new("family_2").unwrap(),
        redirect_uri: None,
        challenge: None,
        confirmation: None,
        ..full.clone()
    };
    store.give_code(&CodeHash::of("full"), full.clone(), None).await.unwrap();
    store.give_code(&CodeHash::of("bare"), bare.clone(), None).await.unwrap();
    assert_eq!(store.code(&CodeHash::of("full")).await.unwrap(), Some(full.clone()));
    assert_eq!(store.code(&CodeHash::of("bare")).await.unwrap(), Some(bare));
    assert_eq!(store.code(&CodeHash::of("other")).await.unwrap(), None);
    let taken = store.give_code(&CodeHash::of("full"), full, None).await.unwrap_err();
    assert!(matches!(taken, StoreError::Conflict { .. }), "{taken}");
}

async fn a_code_is_redeemed_once(store: Store) {
    let grant = seed_grant(&store).await;
    let (hash, fresh) = (CodeHash::of("code"), code(&grant));
    store.give_code(&hash, fresh.clone(), None).await.unwrap();
    let redeemed = CodeRecord { redeemed_at: Some(later(1)), ..fresh };
    let first = store.redeem_code(&hash, later(1)).await.unwrap();
    assert_eq!(first, Redeemed::First(redeemed.clone()));
    let second = store.redeem_code(&hash, later(2)).await.unwrap();
    assert_eq!(second, Redeemed::Again(redeemed.clone()));
    assert_eq!(store.code(&hash).await.unwrap(), Some(redeemed));
    let other = store.redeem_code(&CodeHash::of("other"), later(1)).await.unwrap();
    assert_eq!(other, Redeemed::Unknown);
}

async fn of_a_hundred_redemptions_at_once_exactly_one_is_the_first(store: Store) {
    let grant = seed_grant(&store).await;
    let hash = CodeHash::of("code");
    store.give_code(&hash, code(&grant), None).await.unwrap();
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.redeem_code(&hash, later(number)).await.unwrap() })
        })
        .collect();
    let (mut first, mut again) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Redeemed::First(_) => first += 1,
            Redeemed::Again(_) => again += 1,
            Redeemed::Unknown => panic!("the code was there"),
        }
    }
    assert_eq!((first, again), (1, 99));
}

fn session(merchant: &MerchantId) -> LoginSession {
    LoginSession {
        id: SessionId::new("ses_1").unwrap(),
        authentication: Authentication { at: START, class: AuthenticationClass::OneFactor },
        merchant: merchant.clone(),
        method: Some(LoginMethod::Password),
        address: None,
        seen_at: None,
        csrf_secret: [9; 32],
        created_at: START,
        expires_at: later(60),
    }
}

/// Each session has an id of its own, made of the hash.
fn named(hash: &SessionHash, session: &LoginSession) -> LoginSession {
    let id = SessionId::new(&hexadecimal(&hash.0)).unwrap();
    LoginSession { id, ..session.clone() }
}

async fn begin(store: &Store, hash: &SessionHash, session: &LoginSession) -> bool {
    store.begin_login_session(hash, &named(hash, session), &super::seed::password()).await.unwrap()
}

async fn a_session_is_found_until_it_expires_or_ends(store: Store) {
    let (_, merchant) = seed(&store).await;
    let session = session(&merchant.id);
    let hashes = ["one", "two", "three"].map(SessionHash::of);
    for hash in &hashes {
        assert!(begin(&store, hash, &session).await);
    }
    assert_eq!(store.login_session(&hashes[0], later(59)).await.unwrap(), Some(named(&hashes[0], &session)));
    assert_eq!(store.login_session(&hashes[0], later(60)).await.unwrap(), None);
    store.delete_login_session(&hashes[0]).await.unwrap();
    store.delete_login_session(&hashes[0]).await.unwrap();
    assert_eq!(store.login_session(&hashes[0], START).await.unwrap(), None);
    assert!(store.login_session(&hashes[2], START).await.unwrap().is_some());
}

async fn a_new_password_or_a_suspension_ends_all_sessions_of_the_merchant(store: Store) {
    let (_, merchant) = seed(&store).await;
    let other = super::seed::merchant("merchant_2", "other");
    store.create_merchant(&other, super::seed::PASSWORD_HASH).await.unwrap();
    let (one, two) = (SessionHash::of("one"), SessionHash::of("two"));
    assert!(begin(&store, &two, &session(&other.id)).await);
    for step in ["password", "suspended"] {
        assert!(begin(&store, &one, &session(&merchant.id)).await);
        match step {
            "password" => store.set_merchant_password(&merchant.id, "$argon2id$new").await.unwrap(),
            _ => store.set_merchant_standing(&merchant.id, Standing::Suspended).await.unwrap(),
        }
        assert_eq!(store.login_session(&one, START).await.unwrap(), None, "{step}");
        assert!(!begin(&store, &one, &session(&merchant.id)).await, "begun behind the back of the {step}");
        store.set_merchant_password(&merchant.id, super::seed::PASSWORD_HASH).await.unwrap();
    }
    store.set_merchant_standing(&merchant.id, Standing::Active).await.unwrap();
    assert!(begin(&store, &one, &session(&merchant.id)).await);
    store.set_merchant_standing(&merchant.id, Standing::Active).await.unwrap();
    assert!(store.login_session(&one, START).await.unwrap().is_some());
    assert!(store.login_session(&two, START).await.unwrap().is_some());
    let nobody = MerchantId::new("nobody").unwrap();
    let missing = store.set_merchant_password(&nobody, "x").await;
    assert!(matches!(missing, Err(StoreError::Missing { .. })));
}

fn signing_key(kid: &str, after: u64) -> StoredSigningKey {
    StoredSigningKey {
        kid: kid.to_owned(),
        algorithm: SigningAlgorithm::EdDsa,
        sealed: vec![0, 255, 1],
        created_at: START,
        active_from: later(after),
        revoked_at: None,
    }
}

async fn signing_keys_follow_one_another(store: Store) {
    let (old, new) = (signing_key("old", 0), signing_key("new", 10));
    assert!(store.add_signing_key(&old, None).await.unwrap());
    assert!(!store.add_signing_key(&signing_key("other", 0), None).await.unwrap(), "of another node");
    let told = store.identity_changes(None).await.unwrap().next;
    assert!(store.add_signing_key(&new, Some("old")).await.unwrap());
    match store.add_signing_key(&old, Some("new")).await {
        Err(StoreError::Conflict { what }) => assert_eq!(what, "signing_key.kid"),
        other => panic!("expected a conflict, got {other:?}"),
    }
    let changes = store.identity_changes(Some(told)).await.unwrap().subjects.unwrap();
    assert!(changes.iter().any(|subject| subject == SIGNING_KEYS_CHANGED), "{changes:?}");
    assert_eq!(store.signing_keys().await.unwrap(), [old, new.clone()]);
    assert_eq!(store.forget_expired(later(10)).await.unwrap(), 0);
    assert_eq!(store.forget_expired(later(11)).await.unwrap(), 1, "what was followed long ago");
    assert_eq!(store.forget_expired(later(1_000)).await.unwrap(), 0, "the last stays");
    assert_eq!(store.signing_keys().await.unwrap(), [new]);
}

async fn a_signing_key_that_is_revoked_is_followed_at_once(store: Store) {
    let keys = [signing_key("old", 0), signing_key("now", 10), signing_key("next", 100)];
    let mut newest = None;
    for key in &keys {
        assert!(store.add_signing_key(key, newest).await.unwrap());
        newest = Some(key.kid.as_str());
    }
    let (spare, at) = (signing_key("spare", 20), later(20));
    let revoke = async |kid| store.revoke_signing_key(kid, &spare, at).await.unwrap();
    assert_eq!(revoke("nobody").await, KeyRevoked::Unknown);
    assert_eq!(revoke("old").await, KeyRevoked::Beside);
    assert_eq!(revoke("now").await, KeyRevoked::NextSigns);
    assert_eq!(revoke("now").await, KeyRevoked::Unknown);
    let living = async || {
        let keys = store.signing_keys().await.unwrap().into_iter();
        keys.filter(|key| key.revoked_at.is_none()).collect::<Vec<_>>()
    };
    assert_eq!(living().await, [StoredSigningKey { active_from: at, ..keys[2].clone() }]);
    assert_eq!(revoke("next").await, KeyRevoked::SpareSigns);
    assert_eq!(living().await, std::slice::from_ref(&spare));
    assert_eq!(store.forget_expired(later(21)).await.unwrap(), 3);
}

async fn what_has_expired_is_forgotten(store: Store) {
    let grant = seed_grant(&store).await;
    store.give_code(&CodeHash::of("code"), code(&grant), None).await.unwrap();
    assert!(begin(&store, &SessionHash::of("one"), &session(&grant.merchant)).await);
    super::contract_refresh::start(&store, &grant, "family_1", later(60)).await;
    super::contract_refresh::start(&store, &grant, "family_2", later(61)).await;
    assert_eq!(store.forget_expired(later(60)).await.unwrap(), 0);
    assert_eq!(store.forget_expired(later(61)).await.unwrap(), 4);
    assert_eq!(store.forget_expired(later(61)).await.unwrap(), 0);
    assert_eq!(store.code(&CodeHash::of("code")).await.unwrap(), None);
    let kept = super::contract_refresh::hash("family_2");
    assert!(store.refresh_token(&kept).await.unwrap().is_some());
}

async fn a_proof_is_used_once_until_it_ends(store: Store) {
    let (one, other) = ([1; 32], [2; 32]);
    for (id, is_first) in [(one, true), (one, false), (other, true), (one, false)] {
        assert_eq!(store.use_dpop_proof(&id, later(60)).await.unwrap(), is_first);
    }
    assert_eq!(store.forget_ended(later(60)).await.unwrap(), 0);
    assert!(!store.use_dpop_proof(&one, later(60)).await.unwrap());
    assert_eq!(store.forget_ended(later(61)).await.unwrap(), 2);
    assert!(store.use_dpop_proof(&one, later(120)).await.unwrap());
}

async fn of_a_hundred_uses_of_a_proof_at_once_exactly_one_is_the_first(store: Store) {
    let mut uses = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let store = store.clone();
        uses.spawn(async move { store.use_dpop_proof(&[7; 32], later(60)).await.unwrap() });
    }
    let first = uses.join_all().await.into_iter().filter(|is_first| *is_first).count();
    assert_eq!(first, 1);
}
