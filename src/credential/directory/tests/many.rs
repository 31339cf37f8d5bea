//! Many keys, many new tokens, and floods of forged ones.

use super::*;

#[tokio::test]
async fn keys_that_were_learnt_cost_no_load_and_a_change_beats_them() {
    let world = World::new();
    let memory = Memory { keys: 100_000, ..MEMORY };
    let (source, clock, control) =
        (world.source.clone(), world.clock.clone(), tokio::runtime::Handle::current());
    let ring = Arc::new(KeyRing::new(Vec::new(), ISSUER));
    let directory = Arc::new(Directory::new(source, ring, clock, control, memory));
    directory.begin_learning();
    assert!(directory.is_learning());
    directory.learn_keys().await.unwrap();
    assert_eq!(directory.keys(), usize::from(KEYS) * 2 / 3);
    assert!(!directory.is_learning());
    let identify = async |number| {
        let key = numbered_key(number);
        directory.identify(Presented::ApiKey(key.reveal()), world.clock.moment()).await.unwrap().unwrap()
    };
    for number in (0..KEYS).filter(|number| !number.is_multiple_of(3)) {
        assert_eq!(identify(number).await.identity.caller.app.id.as_str(), format!("app_{number:05}"));
    }
    assert_eq!(world.loads(), 0);
    directory.forget_app(&AppId::new("app_00001").unwrap());
    assert_eq!(identify(1).await.identity.caller.app.id.as_str(), "app_1", "loaded again");
    assert_eq!(world.loads(), 1);
}

#[tokio::test]
async fn what_is_heard_of_keeps_memories_from_ageing_and_beats_them() {
    let world = World::new();
    let known = world.identify().await.unwrap().unwrap();
    for _ in 0..100 {
        world.later(30);
        world.directory.hear(Some(&["key_other".to_owned()]), world.clock.monotonic());
    }
    assert!(world.directory.is_current(&known, world.clock.moment()));
    world.identify().await.unwrap();
    assert_eq!(world.loads(), 1);
    world.source.is_suspended.store(true, Ordering::SeqCst);
    world.directory.hear(Some(&["app_1".to_owned()]), world.clock.monotonic());
    assert!(!world.directory.is_current(&known, world.clock.moment()));
    assert!(matches!(world.identify().await, Err(Refusal::Suspended(Subject::App))));
    world.source.is_suspended.store(false, Ordering::SeqCst);
    world.directory.hear(None, world.clock.monotonic());
    assert!(world.identify().await.is_ok(), "everything may have changed");
}

#[tokio::test]
async fn a_new_token_of_an_app_that_is_known_costs_no_load() {
    let world = World::new();
    for number in 0..100 {
        assert!(world.identify_token(&world.token(&format!("t{number}"))).await.is_ok());
    }
    assert_eq!((world.loads(), world.directory.verified()), (1, 100));
}

#[tokio::test]
async fn a_new_credential_is_read_once_with_all_that_it_rests_on_and_its_app_is_known_then() {
    let world = World::new();
    assert!(world.identify().await.is_ok());
    assert_eq!((world.asked(), world.loads()), (1, 1));
    assert!(world.identify_token(&world.token("t")).await.is_ok());
    assert_eq!((world.asked(), world.loads()), (1, 1), "the token's app came with the key");
    world.directory.forget_app(&AppId::new("app_1").unwrap());
    assert!(world.identify().await.is_ok());
    assert_eq!((world.asked(), world.loads()), (2, 2));
}

#[tokio::test]
async fn a_flood_of_forged_tokens_is_not_verified_and_good_ones_are() {
    let world = World::new();
    let (flooder, caller) = ("192.0.2.1".parse().ok(), "192.0.2.2".parse().ok());
    let identify = async |token: &str, address| {
        let presented = Presented::AccessToken(token);
        let tried = world.directory.identify_from(presented, address, world.clock.moment());
        tried.await.map_err(|refused| refused.refusal)
    };
    let stranger = TokenSigner::new(Arc::new(KeyRing::new(vec![signing_key()], ISSUER)));
    let good = world.token("good");
    let (rest, signature) = good.rsplit_once('.').unwrap();
    for number in 0..10_000_u32 {
        // The last two characters stand for other bits of the signature.
        let other = format!("{rest}.{:04}{}", number % 9973, &signature[4..]);
        let refused = identify(&other, flooder).await;
        assert!(matches!(refused, Err(Refusal::CredentialInvalid(_) | Refusal::LimitReached { .. })));
    }
    let guessed = world.directory.verified();
    assert!(guessed <= 50, "{guessed} forged tokens were verified");
    for number in 0..1_000 {
        assert!(identify(&world.token(&format!("t{number}")), caller).await.is_ok());
    }
    assert!(identify(&good, flooder).await.is_err(), "new, from where the flood comes");
    world.later(1);
    assert!(identify(&good, flooder).await.is_ok());
    let verified = world.directory.verified();
    for token in ["x", "a.b.c", &stranger_token(&stranger, &world), &"x".repeat(9000)] {
        assert!(matches!(identify(token, caller).await, Err(Refusal::CredentialInvalid(_))), "{token}");
    }
    assert_eq!(world.directory.verified(), verified, "what is refused by its look is not verified");
}

fn stranger_token(stranger: &TokenSigner, world: &World) -> String {
    let (id, scopes) = ("s".to_owned(), ScopeSet::default());
    let app = AppId::new("app_1").unwrap();
    let new = NewToken { id, ..NewToken::of_app(app, scopes) };
    stranger.sign(new, world.clock.now(), Duration::from_secs(3600)).unwrap()
}

#[tokio::test]
async fn a_signing_key_that_is_gone_takes_its_tokens_along_and_no_others() {
    let world = World::new();
    let old = world.token("old");
    let known = world.identify_token(&old).await.unwrap().unwrap();
    world.ring.replace(vec![signing_key()], &[]);
    world.directory.forget_all();
    assert!(!world.directory.is_current(&known, world.clock.moment()));
    assert!(matches!(world.identify_token(&old).await, Err(Refusal::CredentialInvalid(_))));
    assert!(world.identify_token(&world.token("new")).await.is_ok());
}

#[tokio::test]
async fn a_token_that_is_revoked_by_itself_is_refused_and_no_other() {
    let world = World::new();
    let (one, other, later) = (world.token("tok_1"), world.token("tok_2"), world.token("tok_3"));
    let known = world.identify_token(&one).await.unwrap().unwrap();
    let untouched = world.identify_token(&other).await.unwrap().unwrap();
    world.directory.forget_token("tok_1", world.clock.now().plus(Duration::from_secs(3600)));
    world.directory.hear(Some(&["tok_3".to_owned()]), world.clock.monotonic());
    assert!(!world.directory.is_current(&known, world.clock.moment()));
    for revoked in [&one, &later] {
        let refused = world.identify_token(revoked).await;
        assert_eq!(refused.unwrap_err(), Refusal::CredentialInvalid("The access token was revoked."));
    }
    assert!(world.directory.is_current(&untouched, world.clock.moment()));
    world.directory.hear(None, world.clock.monotonic());
    assert!(!world.directory.knows_revoked_tokens(), "some may not have been told");
    assert!(world.identify_token(&other).await.is_ok(), "the store says that it is not");
    world.directory.learn_revoked_tokens().await.unwrap();
    assert!(world.directory.knows_revoked_tokens());
}
