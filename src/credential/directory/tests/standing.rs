//! Identities of calls under way that are asked for again.

use serde_json::json;

use super::certificates::names;
use super::foreign::Trusting;
use super::*;
use crate::credential::directory::standing::AT_ONCE;
use crate::domain::ended::Ended;
use crate::domain::id::{GrantId, MerchantId};
use crate::domain::identity::Grant;

async fn ask(world: &World, identity: &Arc<Identity>) -> Result<Arc<Identity>, Ended> {
    world.directory.ask_again(identity.clone(), None).await.unwrap()
}

fn suspend(world: &World) {
    world.source.is_suspended.store(true, Ordering::SeqCst);
    world.directory.forget_app(&AppId::new("app_1").unwrap());
}

#[tokio::test]
async fn an_identity_stands_until_something_changes_that_it_rests_on_and_then_as_it_is() {
    let world = World::new();
    let by_key = world.identify().await.unwrap().unwrap().identity;
    let by_token = world.identify_token(&world.token("one")).await.unwrap().unwrap().identity;
    let sgk = world.directory.identify_signature_key("sgk_1", None, world.clock.moment()).await;
    let all = [by_key, by_token, sgk.unwrap().identity];
    let before = world.directory.changes();
    world.directory.forget_app(&AppId::new("app_2").unwrap());
    assert!(world.directory.changes() > before);
    world.directory.forget_app(&AppId::new("app_1").unwrap());
    for identity in &all {
        assert!(!world.directory.is_untouched(identity));
        let again = ask(&world, identity).await.unwrap();
        assert!(world.directory.is_untouched(&again));
        assert_eq!(again.caller.credential_id, identity.caller.credential_id);
    }
    suspend(&world);
    for identity in &all {
        assert_eq!(ask(&world, identity).await.unwrap_err(), Ended::Suspended(Subject::App));
    }
}

#[tokio::test]
async fn a_token_stands_after_its_end_but_not_after_its_revocation() {
    let world = World::new();
    let identity = world.identify_token(&world.token("tok_1")).await.unwrap().unwrap().identity;
    world.later(7_200);
    world.directory.forget_app(&AppId::new("app_1").unwrap());
    assert!(ask(&world, &identity).await.is_ok());
    world.directory.forget_token("tok_1", world.clock.now().plus(Duration::from_secs(60)));
    assert!(matches!(ask(&world, &identity).await, Err(Ended::Revoked(_))));
}

#[tokio::test]
async fn what_only_ends_takes_nothing_along_that_is_under_way_and_what_is_revoked_or_suspended_then_does() {
    let world = World::new();
    let ends_at = world.clock.now().plus(Duration::from_secs(60));
    let (known, names) = names(&["CN=a"]);
    world.register("crt_1", &known[0], |it| it.expires_at = Some(ends_at));
    let sign = async || world.directory.identify_signature_key("sgk_1", None, world.clock.moment()).await;
    let identities = [
        world.identify().await.unwrap().unwrap().identity,
        world.identify_token(&world.token("one")).await.unwrap().unwrap().identity,
        sign().await.unwrap().identity,
        world.shown(&names, "192.0.2.1").await.unwrap().unwrap(),
    ];
    // They are to end as of late, and the token's key was followed by another long ago.
    *world.source.keys_end_at.lock().unwrap() = Some(ends_at);
    let before = world.ring.keys().all()[0].clone();
    let kid = before.key.kid().to_owned();
    let followed = RingKey { followed_at: Some(world.clock.now()), ..before };
    world.ring.replace(vec![followed, signing_key()], &[]);
    world.later(200_000);
    for _ in 0..2 {
        world.directory.forget_all();
        for identity in &identities {
            assert!(ask(&world, identity).await.is_ok(), "{:?}", identity.caller.credential);
        }
        assert!(world.identify().await.is_err() && sign().await.is_err());
        assert!(world.shown(&names, "192.0.2.1").await.is_err());
        for identity in &identities {
            assert!(
                ask(&world, identity).await.is_ok(),
                "refused to others: {:?}",
                identity.caller.credential
            );
        }
    }
    world.ring.replace(vec![signing_key()], &[&kid]);
    world.source.is_key_revoked.store(true, Ordering::SeqCst);
    world.source.unknown.lock().unwrap().push(world.key.hash());
    world.register("crt_1", &known[0], |it| {
        (it.expires_at, it.revoked_at) = (Some(ends_at), Some(ends_at));
    });
    world.directory.forget_all();
    for identity in &identities {
        assert!(matches!(ask(&world, identity).await, Err(Ended::Revoked(_))));
    }
}

#[tokio::test]
async fn what_has_ended_ends_with_its_app_all_the_same() {
    let world = World::new();
    *world.source.keys_end_at.lock().unwrap() = Some(world.clock.now().plus(Duration::from_secs(60)));
    let identity = world.identify().await.unwrap().unwrap().identity;
    world.later(120);
    suspend(&world);
    assert_eq!(ask(&world, &identity).await.unwrap_err(), Ended::Suspended(Subject::App));
}

#[tokio::test]
async fn what_a_store_that_is_away_cannot_say_is_asked_again_until_it_can() {
    let world = World::new();
    let identity = world.identify().await.unwrap().unwrap().identity;
    world.directory.forget_app(&AppId::new("app_1").unwrap());
    world.source.is_away.store(true, Ordering::SeqCst);
    let asked = world.source.keys_asked.load(Ordering::SeqCst);
    let asking = world.directory.ask_again(identity, None);
    while world.source.keys_asked.load(Ordering::SeqCst) < asked + 3 {
        tokio::task::yield_now().await;
    }
    assert!(!asking.is_finished());
    world.source.is_away.store(false, Ordering::SeqCst);
    assert!(asking.await.unwrap().is_ok());
}

/// Whether it is still being found out, after a while in which it might have been.
async fn goes_on<T>(asking: &mut tokio::task::JoinHandle<T>) -> bool {
    tokio::time::timeout(Duration::from_millis(500), asking).await.is_err()
}

#[tokio::test]
async fn what_nobody_can_say_for_ten_seconds_is_unclear_unless_others_only_have_their_turn_first() {
    let world = World::new();
    let identity = world.identify().await.unwrap().unwrap().identity;
    world.directory.forget_app(&AppId::new("app_1").unwrap());
    let asking = &world.directory.asking;
    let places = asking.places.acquire_many(AT_ONCE.try_into().unwrap()).await.unwrap();
    let mut waiting = world.directory.ask_again(identity.clone(), None);
    for _ in 0..3 {
        assert!(goes_on(&mut waiting).await);
        world.later(9);
        asking.note_answer(world.clock.monotonic());
    }
    assert!(goes_on(&mut waiting).await);
    drop(places);
    assert!(waiting.await.unwrap().is_ok());
    world.source.is_away.store(true, Ordering::SeqCst);
    world.directory.forget_app(&AppId::new("app_1").unwrap());
    let mut away = world.directory.ask_again(identity, None);
    assert!(goes_on(&mut away).await);
    world.later(9);
    assert!(goes_on(&mut away).await);
    world.later(1);
    assert_eq!(away.await.unwrap().unwrap_err(), Ended::Unclear);
}

#[tokio::test]
async fn a_token_that_is_asked_for_again_does_not_keep_what_it_lacked_meanwhile() {
    let trusting = Trusting::new();
    let world = &trusting.world;
    let grant = |scopes: &str| {
        *world.source.granted.lock().unwrap() = Some(Grant {
            id: GrantId::new("grt_1").unwrap(),
            merchant: MerchantId::new("mer_1").unwrap(),
            app: AppId::new("app_1").unwrap(),
            scopes: scopes.parse().unwrap(),
            created_at: Timestamp::default(),
            revoked_at: None,
        });
        world.directory.forget_grant(&GrantId::new("grt_1").unwrap());
    };
    let scope = "order:read order:write";
    let token = trusting.token(&json!({"shop": "mer_1", "scope": scope}));
    grant("order:read");
    let identity = world.identify_token(&token).await.unwrap().unwrap().identity;
    assert_eq!(identity.caller.scopes.to_string(), "order:read");
    grant(scope);
    let again = ask(world, &identity).await.unwrap();
    let anew = world.identify_token(&token).await.unwrap().unwrap().identity;
    for identity in [again, anew] {
        assert_eq!(identity.caller.scopes.to_string(), scope);
        assert_eq!(identity.caller.grant.as_ref().unwrap().as_str(), "grt_1");
    }
    world.directory.trust_issuers(Vec::new());
    assert!(matches!(ask(world, &identity).await, Err(Ended::Revoked(_))));
}
