//! Which API keys there are: guesses that need no look-up, and keys that were made elsewhere meanwhile.

use super::*;

impl World {
    /// The source tells of so many keys, and of no other.
    async fn knowing(keys: u16) -> Self {
        let world = Self::new();
        world.tell(0..keys);
        world.directory.learn_existing_keys().await.unwrap();
        world
    }

    fn tell(&self, numbers: std::ops::Range<u16>) {
        let told = numbers.map(|number| (key_id(number), numbered_key(number).hash()));
        self.source.told.lock().unwrap().extend(told);
    }

    /// The node hears of what changed up to now.
    async fn hear(&self, subjects: Option<&[String]>) {
        self.directory.hear(subjects, self.clock.monotonic());
        self.directory.hear_of_keys(subjects, self.clock.monotonic()).await;
    }
}

fn key_id(number: u16) -> KeyId {
    KeyId::new(&format!("key_{number:05}")).unwrap()
}

fn is_unknown(tried: &Result<Option<Known>, Refusal>) -> bool {
    matches!(tried, Err(Refusal::CredentialInvalid(_)))
}

#[tokio::test]
async fn a_key_that_there_is_not_is_refused_and_the_source_not_asked() {
    let world = World::knowing(10).await;
    for guess in 1_000..1_040 {
        assert!(is_unknown(&world.try_key(&numbered_key(guess), None).await), "{guess}");
    }
    assert_eq!(world.asked(), 0);
    assert!(world.try_key(&numbered_key(9), None).await.is_ok(), "there is this one");
    assert_eq!((world.asked() > 0, world.directory.looked_up()), (true, 1));
}

#[tokio::test]
async fn a_key_that_was_made_elsewhere_is_good_once_it_is_heard_of_and_its_first_call_waits_for_that() {
    let world = World::knowing(10).await;
    world.later(1);
    world.tell(10..11);
    let subjects = [key_id(10).to_string(), "app_1".to_owned()];
    // It cannot be known yet whether there is such a key: the answer waits for the news.
    let (made, guess) = (numbered_key(10), numbered_key(2_000));
    let (tried, ()) = tokio::join!(world.try_key(&made, None), world.hear(Some(&subjects)));
    assert!(tried.is_ok(), "{tried:?}");
    let (guessed, ()) = tokio::join!(world.try_key(&guess, None), world.hear(Some(&[])));
    assert!(is_unknown(&guessed));
    assert_eq!(world.directory.looked_up(), 1);
}

#[tokio::test]
async fn news_are_wanted_while_a_key_waits_for_them() {
    let world = World::knowing(10).await;
    let told_early = tokio::time::timeout(Duration::ZERO, world.directory.wants_news_of_keys()).await;
    assert!(told_early.is_err(), "nobody waits");
    world.later(1);
    let told = async {
        world.directory.wants_news_of_keys().await;
        world.hear(Some(&[])).await;
    };
    let guess = numbered_key(2_000);
    let (guessed, ()) = tokio::join!(world.try_key(&guess, None), told);
    assert!(is_unknown(&guessed));
}

#[tokio::test]
async fn a_key_of_this_node_is_good_at_once() {
    let world = World::knowing(10).await;
    world.directory.learn_key(&numbered_key(11).hash());
    assert!(world.try_key(&numbered_key(11), None).await.is_ok());
}

#[tokio::test]
async fn while_some_may_be_missing_the_source_is_asked() {
    let world = World::new();
    let many: Vec<_> = (0..101).map(|number| key_id(number).to_string()).collect();
    for (number, gap) in [(20, None), (21, Some(&many[..]))] {
        world.directory.learn_existing_keys().await.unwrap();
        assert!(world.directory.knows_existing_keys());
        world.hear(gap).await;
        assert!(!world.directory.knows_existing_keys());
        world.directory.misses_existing_keys().await;
        assert!(world.try_key(&numbered_key(number), None).await.is_ok(), "the source knows every key");
    }
    world.directory.learn_existing_keys().await.unwrap();
    world.source.is_away.store(true, Ordering::SeqCst);
    world.hear(Some(&many[..1])).await;
    assert!(!world.directory.knows_existing_keys(), "what was made is not known");
    assert!(world.directory.learn_existing_keys().await.is_err() && !world.directory.knows_existing_keys());
}

#[tokio::test]
async fn what_is_missed_while_all_are_learnt_is_not_taken_for_known() {
    let world = World::new();
    world.directory.existing.begin();
    world.hear(None).await;
    world.directory.existing.has_all(world.clock.monotonic());
    assert!(!world.directory.knows_existing_keys());
}

#[tokio::test]
async fn of_more_keys_than_there_is_room_for_none_is_taken_for_missing() {
    let world = World::knowing(1_001).await;
    assert!(!world.directory.knows_existing_keys());
    assert!(world.try_key(&numbered_key(1_000), None).await.is_ok());
    world.directory.learn_existing_keys().await.unwrap();
    assert!(!world.directory.knows_existing_keys());
}
