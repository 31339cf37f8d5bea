//! Revocation (RFC 7009): what ends, what goes on, and what is told.

use serde_json::Value;

use crate::support::dev::{Dev, wait_for};
use crate::support::fleet::Fleet;
use crate::support::http::{self, Answer, FORM, form};
use crate::support::stores::Place;

/// A form of the app that the ready file calls `app`.
fn form_of(dev: &Dev, app: &str, fields: &[(&str, &str)]) -> String {
    let (id, secret) = (format!("/{app}/client_id"), format!("/{app}/client_secret"));
    let mut all = vec![("client_id", dev.told(&id))];
    all.extend(dev.ready.pointer(&secret).and_then(Value::as_str).map(|secret| ("client_secret", secret)));
    all.extend(fields);
    form(&all)
}

fn revoke_as(dev: &Dev, app: &str, fields: &[(&str, &str)]) -> Answer {
    http::request(dev.base(), "POST", "/oauth/revoke", &[FORM], &form_of(dev, app, fields))
}

#[track_caller]
fn is_done(answer: &Answer) {
    assert_eq!((answer.status, answer.text().as_str()), (200, ""));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

/// The tokens of a new authorization.
struct Tokens {
    access: String,
    refresh: String,
}

impl Tokens {
    fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.text());
        let told = answer.json();
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }

    fn new(dev: &Dev, merchant: usize) -> Self {
        let (code, redirect_uri) = (dev.code(merchant), dev.told("/app/redirect_uri"));
        Self::of(&dev.token_call(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", redirect_uri),
        ]))
    }

    fn refreshed(&self, dev: &Dev) -> Answer {
        dev.token_call(&[("grant_type", "refresh_token"), ("refresh_token", &self.refresh)])
    }
}

fn works(dev: &Dev, access_token: &str) -> bool {
    let bearer = format!("Bearer {access_token}");
    match dev.get("/api/orders", &[("Authorization", &bearer)]).status {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

fn of_the_app_itself(dev: &Dev) -> String {
    let answer = dev.token_call(&[("grant_type", "client_credentials")]);
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

/// Whether a token that an app got for itself is believed: it may call this, but acts for no merchant.
fn is_believed(dev: &Dev, access_token: &str) -> bool {
    let bearer = format!("Bearer {access_token}");
    dev.get("/api/orders", &[("Authorization", &bearer)]).status != 401
}

#[test]
fn g5_what_is_revoked_ends_and_what_is_not_goes_on() {
    let dev = Dev::start();
    // An access token of a family ends alone.
    let first = Tokens::new(&dev, 0);
    let beside = Tokens::of(&first.refreshed(&dev));
    assert!(works(&dev, &first.access) && works(&dev, &beside.access));
    is_done(&revoke_as(&dev, "app", &[("token", &first.access), ("token_type_hint", "access_token")]));
    assert!(!works(&dev, &first.access) && works(&dev, &beside.access));
    // A refresh token, here one that was spent, ends its family and all access tokens of it; a wrong hint means nothing.
    let after = Tokens::of(&beside.refreshed(&dev));
    let other = Tokens::new(&dev, 0);
    is_done(&revoke_as(&dev, "app", &[("token", &first.refresh), ("token_type_hint", "access_token")]));
    for ended in [&beside, &after] {
        assert!(!works(&dev, &ended.access));
        assert_eq!(ended.refreshed(&dev).json()["error"], "invalid_grant");
    }
    assert!(works(&dev, &other.access), "another authorization of the same merchant");
    assert_eq!(other.refreshed(&dev).status, 200);
    // A token that an app got for itself ends by its id.
    let (own, more) = (of_the_app_itself(&dev), of_the_app_itself(&dev));
    assert!(is_believed(&dev, &own) && is_believed(&dev, &more));
    for _ in 0..2 {
        is_done(&revoke_as(&dev, "app", &[("token", &own), ("token_type_hint", "nonsense")]));
        assert!(!is_believed(&dev, &own) && is_believed(&dev, &more));
    }
}

#[tokio::test]
async fn g5_what_one_node_revokes_every_node_refuses() {
    let place = Place::postgres().await;
    let store = place.address();
    let test = move || {
        let mut fleet = Fleet::start(store, 2, |_| {});
        let token = || {
            let answer = fleet.token_call(0, &[("grant_type", "client_credentials")]);
            answer.json()["access_token"].as_str().unwrap().to_owned()
        };
        let (seen, unseen, other) = (token(), token(), token());
        assert!(fleet.believes(1, &seen) && fleet.believes(1, &other));
        for token in [&seen, &unseen] {
            let answer = fleet.try_call(0, "/oauth/revoke", &[("token", token)]);
            assert_eq!(answer.unwrap().status, 200);
            assert!(!fleet.believes(0, token), "at once where it was revoked");
            wait_for("the other node to refuse it", || !fleet.believes(1, token));
        }
        assert!(fleet.believes(1, &other) && fleet.believes(0, &other));
        fleet.signal(1, "KILL");
        fleet.restart(1);
        assert!(!fleet.believes(1, &seen) && !fleet.believes(1, &unseen), "it outlives the process");
        assert!(fleet.believes(1, &other));
    };
    tokio::task::spawn_blocking(test).await.unwrap();
    drop(place);
}
