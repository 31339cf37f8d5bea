//! Consent, code and pushed request: all of it, or nothing.

use std::net::IpAddr;

use tollgate::domain::client::ClientSettings;
use tollgate::domain::id::{AppId, FamilyId, GrantId};
use tollgate::domain::identity::App;
use tollgate::domain::secret_hash::{CodeHash, RequestHash};
use tollgate::store::authorization_code::{CodeRecord, GivenCode};
use tollgate::store::pushed_request::{PushedRequest, WhenFull};
use tollgate::store::{Page, Store, StoreError};

use super::contract;
use super::contract_oauth::code;
use super::seed::{START, later, seed, seed_grant};

const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);

contract! {
    a_pushed_request_is_there_for_its_app_until_it_expires,
    no_more_requests_of_an_app_wait_than_may,
    of_an_app_that_anybody_can_be_each_network_has_a_fair_share,
    a_site_has_one_share_however_many_networks_it_is_and_a_tenth_goes_at_once,
    many_that_push_to_a_full_app_at_once_wait_for_nobody_in_a_circle,
    a_code_comes_with_its_consent_and_uses_the_request_up,
    a_code_that_cannot_be_kept_leaves_everything_as_it_was,
    of_many_answers_to_one_request_exactly_one_gets_a_code,
}

async fn push(store: &Store, app: &AppId) -> RequestHash {
    let request = "client_id=app_1&scope=order%3Aread".to_owned();
    let pushed = PushedRequest { app: app.clone(), request, created_at: START, expires_at: later(60) };
    let hash = RequestHash::of("urn:x");
    assert!(store.push_request(&hash, &pushed, (10, WhenFull::Refuse)).await.unwrap());
    assert_eq!(store.pushed_request(app, &hash, later(59)).await.unwrap(), Some(pushed));
    hash
}

async fn a_pushed_request_is_there_for_its_app_until_it_expires(store: Store) {
    let (app, _) = seed(&store).await;
    let hash = push(&store, &app.id).await;
    assert_eq!(store.pushed_request(&app.id, &hash, later(60)).await.unwrap(), None);
    let other = AppId::new("other").unwrap();
    assert_eq!(store.pushed_request(&other, &hash, START).await.unwrap(), None);
    assert!(!store.drop_pushed_request(&other, &hash, START).await.unwrap());
    assert!(!store.drop_pushed_request(&app.id, &hash, later(60)).await.unwrap());
    assert!(store.drop_pushed_request(&app.id, &hash, START).await.unwrap());
    assert!(!store.drop_pushed_request(&app.id, &hash, START).await.unwrap());
    push(&store, &app.id).await;
    assert_eq!(store.forget_ended(later(61)).await.unwrap(), 1);
}

async fn no_more_requests_of_an_app_wait_than_may(store: Store) {
    let first = seed(&store).await.0;
    let second = App { id: AppId::new("app_second").unwrap(), ..first.clone() };
    store.create_app(&second, &ClientSettings::of_kind(second.kind), None).await.unwrap();
    let push = async |app: &App, number: u32, at| {
        let request = "client_id=a".to_owned();
        let pushed =
            PushedRequest { app: app.id.clone(), request, created_at: at, expires_at: at.plus(MINUTE) };
        let hash = RequestHash::of(&number.to_string());
        store.push_request(&hash, &pushed, (3, WhenFull::Refuse)).await.unwrap()
    };
    for (number, is_kept) in [(0, true), (1, true), (2, true), (3, false)] {
        assert_eq!(push(&first, number, START).await, is_kept, "{number}");
    }
    assert!(push(&second, 10, START).await, "of another app");
    assert!(!push(&first, 4, later(59)).await);
    assert!(store.drop_pushed_request(&first.id, &RequestHash::of("0"), START).await.unwrap());
    assert!(push(&first, 5, later(59)).await, "one was answered");
    assert!(push(&first, 6, later(60)).await && push(&first, 7, later(60)).await, "two have expired");
    assert!(!push(&first, 8, later(60)).await);
}

async fn of_an_app_that_anybody_can_be_each_network_has_a_fair_share(store: Store) {
    const MOST: u32 = 6;
    let app = seed(&store).await.0;
    let mut pushed = Vec::new();
    let mut push = async |network: u8, second: u64| {
        let (at, request) = (later(second), format!("network={network}&second={second}"));
        let record =
            PushedRequest { app: app.id.clone(), request, created_at: at, expires_at: at.plus(MINUTE) };
        let (hash, from) = (RequestHash::of(&record.request), IpAddr::from([192, 0, 2, network]));
        assert!(store.push_request(&hash, &record, (MOST, WhenFull::OldestGo(from))).await.unwrap());
        pushed.push(((network, second), hash));
        let mut waiting = Vec::new();
        for (what, hash) in &pushed {
            waiting.extend(store.pushed_request(&app.id, hash, at).await.unwrap().map(|_| *what));
        }
        waiting
    };
    assert_eq!(push(1, 0).await, [(1, 0)]);
    for second in 1..20 {
        push(2, second).await;
        push(3, second).await;
    }
    // Whoever floods pushes out his own first. Of two that have as many, the older goes.
    assert_eq!(push(3, 20).await, [(1, 0), (2, 18), (3, 18), (2, 19), (3, 19), (3, 20)]);
    assert_eq!(push(4, 21).await, [(1, 0), (2, 18), (2, 19), (3, 19), (3, 20), (4, 21)]);
    assert_eq!(push(1, 22).await, [(2, 18), (2, 19), (3, 19), (3, 20), (4, 21), (1, 22)]);
    // What has expired is in nobody's way.
    assert_eq!(push(5, 80).await, [(4, 21), (1, 22), (5, 80)]);
}

/// Pushes a request to an app of which `most` wait, if it is full in place of the oldest.
async fn push_from(store: &Store, (app, most): (&AppId, u32), network: IpAddr, number: u64) -> RequestHash {
    let (created_at, request) = (later(number % 50), number.to_string());
    let expires_at = created_at.plus(MINUTE);
    let hash = RequestHash::of(&request);
    let pushed = PushedRequest { app: app.clone(), request, created_at, expires_at };
    assert!(store.push_request(&hash, &pushed, (most, WhenFull::OldestGo(network))).await.unwrap());
    hash
}

async fn a_site_has_one_share_however_many_networks_it_is_and_a_tenth_goes_at_once(store: Store) {
    const MOST: u32 = 20;
    let app = seed(&store).await.0.id;
    let mut hashes = Vec::new();
    let waiting = async |hashes: &[RequestHash]| {
        let mut waiting = Vec::new();
        for (number, hash) in hashes.iter().enumerate() {
            waiting.extend(store.pushed_request(&app, hash, later(30)).await.unwrap().map(|_| number));
        }
        waiting
    };
    // Two of one network and one of its neighbour, then a network each of a site.
    for network in ["192.0.2.1", "192.0.2.1", "2001:db8:1:1::"] {
        let number = hashes.len() as u64;
        hashes.push(push_from(&store, (&app, MOST), network.parse().unwrap(), number).await);
    }
    for number in 3..20 {
        let network = format!("2001:db8:1:{:x}::", number + 100).parse().unwrap();
        hashes.push(push_from(&store, (&app, MOST), network, number).await);
    }
    assert_eq!(waiting(&hashes).await, (0..20).collect::<Vec<_>>());
    hashes.push(push_from(&store, (&app, MOST), "2001:db8:1:ffff::".parse().unwrap(), 20).await);
    let kept: Vec<_> = [0, 1].into_iter().chain(5..21).collect();
    assert_eq!(waiting(&hashes).await, kept, "the site's own go, three at once");
    for number in 21..23 {
        hashes.push(push_from(&store, (&app, MOST), "2001:db8:1:5::".parse().unwrap(), number).await);
    }
    let kept: Vec<_> = [0, 1].into_iter().chain(5..23).collect();
    assert_eq!(waiting(&hashes).await, kept, "there is room again");
    // In a site, whoever has most there.
    hashes.push(push_from(&store, (&app, MOST), "2001:db8:1:5::".parse().unwrap(), 23).await);
    let kept: Vec<_> = [0, 1].into_iter().chain(6..21).chain([23]).collect();
    assert_eq!(waiting(&hashes).await, kept);
}

async fn many_that_push_to_a_full_app_at_once_wait_for_nobody_in_a_circle(store: Store) {
    const MOST: u32 = 40;
    let app = seed(&store).await.0.id;
    let tasks: Vec<_> = (0..20_u64)
        .map(|task| {
            let (store, app) = (store.clone(), app.clone());
            tokio::spawn(async move {
                for number in 0..20 {
                    let network = IpAddr::from([192, 0, 2, u8::try_from(task % 4).unwrap()]);
                    push_from(&store, (&app, MOST), network, task * 20 + number).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn a_code_comes_with_its_consent_and_uses_the_request_up(store: Store) {
    let grant = seed_grant(&store).await;
    store.revoke_grant(&grant.id, START).await.unwrap();
    let pushed = push(&store, &grant.app).await;
    let new = CodeRecord { grant: GrantId::new("grant_2").unwrap(), ..code(&grant) };
    let hash = CodeHash::of("code");
    let given = store.give_code(&hash, new.clone(), Some(&pushed)).await.unwrap();
    assert_eq!(given, GivenCode::Given(new.grant.clone()));
    assert_eq!(store.code(&hash).await.unwrap(), Some(new.clone()));
    assert_eq!(store.grant(&new.grant).await.unwrap().unwrap().scopes, new.scopes);
    let again = CodeRecord { family: FamilyId::new("family_2").unwrap(), ..new };
    let used = store.give_code(&CodeHash::of("another"), again.clone(), Some(&pushed)).await.unwrap();
    assert_eq!((used, store.code(&CodeHash::of("another")).await.unwrap()), (GivenCode::RequestGone, None));
    let wider = CodeRecord {
        grant: GrantId::new("grant_3").unwrap(),
        scopes: "catalog:read".parse().unwrap(),
        ..again
    };
    let given = store.give_code(&CodeHash::of("another"), wider, None).await.unwrap();
    let active = GrantId::new("grant_2").unwrap();
    assert_eq!(given, GivenCode::Given(active.clone()), "the active grant is widened");
    let scopes = store.grant(&active).await.unwrap().unwrap().scopes;
    assert_eq!(scopes, grant.scopes.union(&"catalog:read".parse().unwrap()));
}

async fn a_code_that_cannot_be_kept_leaves_everything_as_it_was(store: Store) {
    let grant = seed_grant(&store).await;
    let hash = CodeHash::of("code");
    store.give_code(&hash, code(&grant), None).await.unwrap();
    let pushed = push(&store, &grant.app).await;
    let taken = CodeRecord { scopes: "catalog:read".parse().unwrap(), ..code(&grant) };
    let refused = store.give_code(&CodeHash::of("another"), taken, Some(&pushed)).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    assert!(store.pushed_request(&grant.app, &pushed, START).await.unwrap().is_some());
    let grants = store.grants_of_app(&grant.app, &Page::first()).await.unwrap();
    assert_eq!(grants, [grant]);
}

async fn of_many_answers_to_one_request_exactly_one_gets_a_code(store: Store) {
    let grant = seed_grant(&store).await;
    let pushed = push(&store, &grant.app).await;
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let family = FamilyId::new(&format!("family_{number}")).unwrap();
            let (store, code) = (store.clone(), CodeRecord { family, ..code(&grant) });
            let hash = CodeHash::of(&number.to_string());
            tokio::spawn(async move { store.give_code(&hash, code, Some(&pushed)).await.unwrap() })
        })
        .collect();
    let mut given = 0;
    for task in tasks {
        given += usize::from(matches!(task.await.unwrap(), GivenCode::Given(_)));
    }
    assert_eq!(given, 1);
}
