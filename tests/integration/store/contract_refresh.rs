//! Refresh tokens: what a lost answer, a replay and a race do.

use tollgate::domain::authentication::{Authentication, AuthenticationClass};
use tollgate::domain::confirmation::{Confirmation, Thumbprint};
use tollgate::domain::id::FamilyId;
use tollgate::domain::identity::Grant;
use tollgate::domain::secret_hash::{CodeHash, RefreshTokenHash};
use tollgate::domain::time::Timestamp;
use tollgate::store::Store;
use tollgate::store::authorization_code::{CodeRecord, Redeemed};
use tollgate::store::refresh_token::{MAX_SUCCESSORS, NewRefreshToken, RefreshFamily, Rotation, Started};

use super::contract;
use super::seed::{START, later, seed_grant};

contract! {
    a_token_knows_its_family,
    a_lost_answer_leaves_the_old_token_redeemable,
    a_spent_token_that_comes_again_revokes_the_family,
    the_first_use_of_a_successor_spends_its_siblings,
    an_expired_or_revoked_token_is_not_rotated,
    r4_a_family_ends_though_its_tokens_are_used,
    revoking_the_grant_revokes_its_families,
    a_family_of_a_replayed_code_or_revoked_grant_is_born_revoked,
    of_many_rotations_at_once_one_family_survives,
    whichever_of_many_answers_arrives_goes_on,
    unused_successors_are_bounded,
    a_thief_that_pushes_the_owners_token_out_is_found_out,
    a_chain_of_races_ends_with_at_most_one_line,
}

pub(super) fn hash(name: &str) -> RefreshTokenHash {
    RefreshTokenHash::of(name)
}

fn token(name: &str, expires_at: Timestamp) -> NewRefreshToken {
    NewRefreshToken { hash: hash(name), expires_at }
}

fn family(grant: &Grant, id: &str) -> RefreshFamily {
    RefreshFamily {
        id: FamilyId::new(id).unwrap(),
        app: grant.app.clone(),
        merchant: grant.merchant.clone(),
        grant: grant.id.clone(),
        scopes: grant.scopes.clone(),
        created_at: START,
        confirmation: Some(Confirmation::Certificate(Thumbprint([3; 32]))),
        authentication: Authentication { at: START, class: AuthenticationClass::OneFactor },
        ends_at: Some(later(900)),
        revoked_at: None,
    }
}

/// Starts a family whose first token has the family's name.
pub(super) async fn start(store: &Store, grant: &Grant, id: &str, expires_at: Timestamp) -> RefreshFamily {
    let family = family(grant, id);
    let started = store.start_refresh_family(&family, &token(id, expires_at)).await.unwrap();
    assert_eq!(started, Started::Alive);
    family
}

async fn rotate(store: &Store, old: &str, new: &str) -> Rotation {
    store.rotate_refresh_token(&hash(old), &token(new, later(9_999)), later(10)).await.unwrap()
}

async fn is_valid(store: &Store, name: &str) -> bool {
    store.refresh_token(&hash(name)).await.unwrap().is_some_and(|token| token.is_valid(later(20)))
}

async fn a_token_knows_its_family(store: Store) {
    let grant = seed_grant(&store).await;
    let family = start(&store, &grant, "a", later(60)).await;
    let token = store.refresh_token(&hash("a")).await.unwrap().unwrap();
    assert_eq!(token.family, family);
    assert_eq!((token.issued_at, token.expires_at, token.spent_at), (START, later(60), None));
    assert_eq!(store.refresh_token(&hash("b")).await.unwrap(), None);
    assert_eq!(rotate(&store, "b", "c").await, Rotation::Unknown);
}

async fn a_lost_answer_leaves_the_old_token_redeemable(store: Store) {
    let grant = seed_grant(&store).await;
    let family = start(&store, &grant, "a", later(60)).await;
    assert_eq!(rotate(&store, "a", "lost").await, Rotation::Rotated(family.clone()));
    assert!(is_valid(&store, "a").await && is_valid(&store, "lost").await);
    assert_eq!(rotate(&store, "a", "b").await, Rotation::Rotated(family.clone()));
    assert_eq!(rotate(&store, "b", "c").await, Rotation::Rotated(family));
    assert!(!is_valid(&store, "a").await && !is_valid(&store, "lost").await);
    assert!(is_valid(&store, "b").await && is_valid(&store, "c").await);
}

async fn a_spent_token_that_comes_again_revokes_the_family(store: Store) {
    let grant = seed_grant(&store).await;
    let family = start(&store, &grant, "a", later(60)).await;
    rotate(&store, "a", "b").await;
    rotate(&store, "b", "c").await;
    let revoked = RefreshFamily { revoked_at: Some(later(10)), ..family };
    assert_eq!(rotate(&store, "a", "thief").await, Rotation::Replayed(revoked.clone()));
    assert!(!is_valid(&store, "b").await && !is_valid(&store, "c").await);
    assert_eq!(store.refresh_token(&hash("thief")).await.unwrap(), None);
    assert_eq!(rotate(&store, "c", "d").await, Rotation::Ended(revoked.clone()));
    assert_eq!(rotate(&store, "a", "d").await, Rotation::Ended(revoked));
}

async fn the_first_use_of_a_successor_spends_its_siblings(store: Store) {
    let grant = seed_grant(&store).await;
    start(&store, &grant, "a", later(60)).await;
    rotate(&store, "a", "b1").await;
    rotate(&store, "a", "b2").await;
    assert!(is_valid(&store, "b1").await && is_valid(&store, "b2").await);
    rotate(&store, "b1", "c").await;
    assert!(matches!(rotate(&store, "b2", "thief").await, Rotation::Replayed(_)));
    assert!(!is_valid(&store, "c").await);
}

async fn an_expired_or_revoked_token_is_not_rotated(store: Store) {
    let grant = seed_grant(&store).await;
    let expired = start(&store, &grant, "a", later(10)).await;
    assert_eq!(rotate(&store, "a", "b").await, Rotation::Ended(expired));
    let family = start(&store, &grant, "c", later(60)).await;
    assert!(store.revoke_refresh_family(&family.id, later(5)).await.unwrap());
    assert!(!store.revoke_refresh_family(&family.id, later(6)).await.unwrap());
    let revoked = RefreshFamily { revoked_at: Some(later(5)), ..family };
    assert_eq!(rotate(&store, "c", "d").await, Rotation::Ended(revoked));
}

async fn r4_a_family_ends_though_its_tokens_are_used(store: Store) {
    let grant = seed_grant(&store).await;
    let family = start(&store, &grant, "a", later(9_999)).await;
    let end = family.ends_at.unwrap();
    let of = async |name: &str| store.refresh_token(&hash(name)).await.unwrap().unwrap();
    assert_eq!(of("a").await.expires_at, end, "the first token does not outlive it");
    assert_eq!(rotate(&store, "a", "b").await, Rotation::Rotated(family.clone()));
    assert_eq!(of("b").await.expires_at, end, "nor does a successor");
    assert!(of("b").await.is_valid(later(899)) && !of("b").await.is_valid(end));
    let rotate_at = async |at| {
        let next = token(&format!("{at:?}"), later(9_999));
        store.rotate_refresh_token(&hash("b"), &next, at).await.unwrap()
    };
    assert_eq!(rotate_at(later(899)).await, Rotation::Rotated(family.clone()));
    assert_eq!(rotate_at(end).await, Rotation::Ended(family));
}

async fn revoking_the_grant_revokes_its_families(store: Store) {
    let grant = seed_grant(&store).await;
    start(&store, &grant, "a", later(60)).await;
    start(&store, &grant, "b", later(60)).await;
    store.revoke_grant(&grant.id, later(4)).await.unwrap();
    assert!(!is_valid(&store, "a").await && !is_valid(&store, "b").await);
}

async fn a_family_of_a_replayed_code_or_revoked_grant_is_born_revoked(store: Store) {
    let grant = seed_grant(&store).await;
    let code = CodeRecord {
        app: grant.app.clone(),
        merchant: grant.merchant.clone(),
        grant: grant.id.clone(),
        family: FamilyId::new("a").unwrap(),
        redirect_uri: None,
        scopes: grant.scopes.clone(),
        challenge: None,
        confirmation: None,
        authentication: Authentication { at: START, class: AuthenticationClass::OneFactor },
        issued_at: START,
        expires_at: later(60),
        redeemed_at: None,
    };
    let code_hash = CodeHash::of("code");
    store.give_code(&code_hash, code, None).await.unwrap();
    assert!(matches!(store.redeem_code(&code_hash, later(1)).await.unwrap(), Redeemed::First(_)));
    assert!(matches!(store.redeem_code(&code_hash, later(2)).await.unwrap(), Redeemed::Again(_)));
    let started = store.start_refresh_family(&family(&grant, "a"), &token("a", later(60))).await.unwrap();
    assert_eq!(started, Started::Revoked);
    assert!(!is_valid(&store, "a").await);

    store.revoke_grant(&grant.id, later(5)).await.unwrap();
    let started = store.start_refresh_family(&family(&grant, "b"), &token("b", later(60))).await.unwrap();
    assert_eq!(started, Started::Revoked);
}

async fn rotate_at_once(store: &Store, old: &str, generation: u32, times: u32) -> Vec<(String, Rotation)> {
    let tasks: Vec<_> = (0..times)
        .map(|number| {
            let (store, old, new) = (store.clone(), old.to_owned(), format!("{generation}-{number}"));
            tokio::spawn(async move {
                let rotation = rotate(&store, &old, &new).await;
                (new, rotation)
            })
        })
        .collect();
    let mut rotations = Vec::new();
    for task in tasks {
        rotations.push(task.await.unwrap());
    }
    rotations
}

async fn of_many_rotations_at_once_one_family_survives(store: Store) {
    let grant = seed_grant(&store).await;
    let family = start(&store, &grant, "a", later(60)).await;
    for (_, rotation) in rotate_at_once(&store, "a", 1, 50).await {
        assert_eq!(rotation, Rotation::Rotated(family.clone()));
    }
    assert!(is_valid(&store, "a").await);
}

async fn whichever_of_many_answers_arrives_goes_on(store: Store) {
    let grant = seed_grant(&store).await;
    start(&store, &grant, "a", later(60)).await;
    let rotations = rotate_at_once(&store, "a", 1, 64).await;
    for (name, rotation) in &rotations {
        assert!(matches!(rotation, Rotation::Rotated(_)), "{rotation:?}");
        assert!(is_valid(&store, name).await);
    }
    let (arrived, lost) = (&rotations[0].0, &rotations[63].0);
    assert!(matches!(rotate(&store, arrived, "next").await, Rotation::Rotated(_)));
    assert!(is_valid(&store, "next").await && !is_valid(&store, lost).await);
}

async fn unused_successors_are_bounded(store: Store) {
    let grant = seed_grant(&store).await;
    start(&store, &grant, "a", later(60)).await;
    let mut rotations = rotate_at_once(&store, "a", 1, 64).await;
    rotations.extend(rotate_at_once(&store, "a", 2, 100).await);
    let mut alive = 0;
    for (name, _) in &rotations {
        alive += i64::from(is_valid(&store, name).await);
    }
    assert_eq!(alive, MAX_SUCCESSORS);
    rotate(&store, "a", "last").await;
    assert!(is_valid(&store, "last").await);
}

async fn a_thief_that_pushes_the_owners_token_out_is_found_out(store: Store) {
    let grant = seed_grant(&store).await;
    start(&store, &grant, "stolen", later(60)).await;
    let first = token("owner", later(9_999));
    store.rotate_refresh_token(&hash("stolen"), &first, later(1)).await.unwrap();
    let mut last = String::new();
    for number in 0..MAX_SUCCESSORS {
        last = format!("thief-{number}");
        assert!(matches!(rotate(&store, "stolen", &last).await, Rotation::Rotated(_)));
    }
    assert!(is_valid(&store, &last).await);
    assert!(matches!(rotate(&store, "owner", "next").await, Rotation::Replayed(_)));
    assert!(!is_valid(&store, &last).await);
}

async fn a_chain_of_races_ends_with_at_most_one_line(store: Store) {
    let grant = seed_grant(&store).await;
    start(&store, &grant, "a", later(60)).await;
    let siblings = rotate_at_once(&store, "a", 1, 4).await;
    let tasks: Vec<_> = siblings
        .iter()
        .map(|(name, _)| {
            let (store, name) = (store.clone(), name.clone());
            tokio::spawn(async move { rotate(&store, &name, &format!("next-{name}")).await })
        })
        .collect();
    let mut rotated = 0;
    for task in tasks {
        rotated += u32::from(matches!(task.await.unwrap(), Rotation::Rotated(_)));
    }
    assert_eq!(rotated, 1, "one sibling is used first, the others are replays");
    for (name, _) in siblings {
        assert!(!is_valid(&store, &name).await && !is_valid(&store, &format!("next-{name}")).await);
    }
}
