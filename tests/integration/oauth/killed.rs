//! SIGKILL at any moment of a flow, and a new start: no code and no refresh token is usable twice, no consent that was answered
//! is lost, what was ended stays ended, and nobody is stranded. On both stores.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::interrupted::{on_both_stores, refresh, refresh_token};
use crate::support::dev::{input, parameter};
use crate::support::fleet::Fleet;
use crate::support::http::Answer;

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A flow that is cut off, with what it is called and how many milliseconds it takes at most: what it does until the kill comes
/// after that time, and what must hold then. It gives how many codes, tokens and sessions it looked at.
type Flow = (&'static str, u64, fn(&mut Fleet, Duration) -> usize);

const FLOWS: [Flow; 7] = [
    ("refresh", 100, refreshes),
    ("exchange", 60, exchanges),
    ("consent", 150, consents),
    ("login", 400, logins),
    ("device", 200, devices),
    ("revocation", 200, revocations),
    ("consent taken back", 200, taken_back),
];

fn rounds(fleet: &mut Fleet, rounds: usize) {
    for (name, longest, flow) in FLOWS {
        let begun = Instant::now();
        let looked_at: usize = (0..rounds).map(|_| flow(fleet, moment(longest))).sum();
        println!("{name}: {rounds} kills, {looked_at} looked at, {:.1?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_kill_in_any_flow_loses_nothing_and_gives_nothing_twice() {
    on_both_stores(|fleet, _| rounds(fleet, 1)).await;
}

/// `make prove` runs this.
#[tokio::test]
#[ignore = "takes minutes: a hundred restarts on each store"]
async fn kills_at_any_moment_of_any_flow_lose_nothing_and_give_nothing_twice() {
    on_both_stores(|fleet, _| rounds(fleet, 15)).await;
}

/// When it happens is chance by intention; what must hold does not depend on it.
fn moment(longest: u64) -> Duration {
    let mut chance = [0; 4];
    aws_lc_rs::rand::fill(&mut chance).unwrap();
    Duration::from_micros(u64::from(u32::from_le_bytes(chance)) % (longest * 1_000))
}

/// SIGKILL while one step after another is made, as long as `step` is answered; then the node is started anew.
fn kill_while(fleet: &mut Fleet, after: Duration, mut step: impl FnMut(&Fleet) -> Option<()> + Send) {
    std::thread::scope(|scope| {
        let calling = {
            let fleet = &*fleet;
            scope.spawn(move || while step(fleet).is_some() {})
        };
        std::thread::sleep(after);
        fleet.signal(0, "KILL");
        calling.join().unwrap();
    });
    fleet.restart(0);
}

fn access_token(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

#[track_caller]
fn is_refused(answer: &Answer) {
    assert_eq!((answer.status, &answer.json()["error"]), (400, &Value::from("invalid_grant")));
}

/// Whoever refreshes on and on goes on with what it has.
fn refreshes(fleet: &mut Fleet, after: Duration) -> usize {
    let mut had = vec![refresh_token(&fleet.exchange(0, &fleet.code(0)))];
    kill_while(fleet, after, |fleet| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", had.last().unwrap().as_str())];
        had.push(refresh_token(&fleet.try_call(0, "/oauth/token", &fields)?));
        Some(())
    });
    let looked_at = had.len();
    let last = had.pop().unwrap();
    let next = refresh(fleet, &last);
    assert_eq!(next.status, 200, "stranded: {}", next.text());
    let used = refresh(fleet, &refresh_token(&next));
    assert_eq!(used.status, 200, "{}", used.text());
    // Whatever was used before is of no use.
    is_refused(&refresh(fleet, had.last().unwrap_or(&last)));
    assert_eq!(fleet.grants(0), 1, "the consent is there");
    looked_at
}

/// Whoever exchanges a code and tries again succeeds once at most.
fn exchanges(fleet: &mut Fleet, after: Duration) -> usize {
    // Some were exchanged before the kill, one while it came.
    let codes: Vec<String> = (0..8).map(|_| fleet.code(0)).collect();
    let (mut left, mut given) = (codes.clone(), Vec::new());
    kill_while(fleet, after, |fleet| {
        let code = left.pop()?;
        let answer = fleet.try_exchange(0, &code)?;
        given.push((code, access_token(&answer)));
        Some(())
    });
    for code in &codes {
        let before = given.iter().find(|(known, _)| known == code);
        let again = fleet.exchange(0, code);
        let first = match before {
            Some((_, token)) => {
                is_refused(&again);
                Some(token.clone())
            }
            None => (again.status == 200).then(|| access_token(&again)),
        };
        is_refused(&fleet.exchange(0, code));
        // What it gave was revoked by the try after it.
        assert!(first.is_none_or(|token| !fleet.believes(0, &token)));
    }
    assert_eq!(fleet.grants(0), 1, "the consent is there");
    let fresh = fleet.exchange(0, &fleet.code(0));
    assert!(fleet.believes(0, &access_token(&fresh)));
    codes.len()
}

/// Sends a form again while there were too many.
fn submit(fleet: &Fleet, path: &str, session: &str, fields: &[(&str, &str)]) -> Option<Answer> {
    loop {
        let answer = fleet.try_submit(0, path, session, fields)?;
        if answer.status != 429 {
            return Some(answer);
        }
    }
}

/// The merchant consents; gives the code.
fn consent(fleet: &Fleet, session: &str) -> Option<String> {
    let query = fleet.query();
    let page = fleet.try_page(0, &format!("/oauth/authorize?{query}"), session)?;
    let csrf = input(&page.text(), "csrf");
    let fields = [("request", &*query), ("csrf", &csrf), ("decision", "allow")];
    let answer = submit(fleet, "/oauth/consent", session, &fields)?;
    Some(parameter(answer.header("location").unwrap(), "code").expect("a code"))
}

/// A field of the apps' page, and the token of its forms.
fn apps(fleet: &Fleet, session: &str, field: &str) -> Option<(String, String)> {
    let page = fleet.try_page(0, "/oauth/apps", session)?.text();
    Some((input(&page, field), input(&page, "csrf")))
}

/// The merchant takes the app's access back.
fn take_back(fleet: &Fleet, session: &str) -> Option<()> {
    let (grant, csrf) = apps(fleet, session, "grant")?;
    let fields = [("grant", &*grant), ("csrf", &csrf)];
    let answer = submit(fleet, "/oauth/apps/revoke", session, &fields)?;
    assert_eq!(answer.status, 303, "{}", answer.text());
    Some(())
}

/// A consent that was answered holds, and each of its codes gives tokens once.
fn consents(fleet: &mut Fleet, after: Duration) -> usize {
    let session = fleet.try_log_in(0).unwrap();
    if fleet.grants(0) > 0 {
        take_back(fleet, &session).unwrap();
    }
    let mut codes = Vec::new();
    kill_while(fleet, after, |fleet| {
        codes.push(consent(fleet, &session)?);
        Some(())
    });
    let grants = fleet.grants(0);
    assert!(grants == 1 || grants == 0 && codes.is_empty(), "{grants} grants of {} consents", codes.len());
    for code in &codes {
        assert_eq!(fleet.exchange(0, code).status, 200);
        is_refused(&fleet.exchange(0, code));
    }
    codes.len() + 1
}

/// Who was logged in stays so, and who was logged out too.
fn logins(fleet: &mut Fleet, after: Duration) -> usize {
    let (mut open, mut ended) = (Vec::new(), Vec::new());
    kill_while(fleet, after, |fleet| {
        open.push(fleet.try_log_in(0)?);
        let leaving = fleet.try_log_in(0)?;
        let (_, csrf) = apps(fleet, &leaving, "csrf")?;
        let answer = fleet.try_submit(0, "/oauth/logout", &leaving, &[("csrf", &csrf)])?;
        assert!(matches!(answer.status, 200 | 303), "{}", answer.text());
        ended.push(leaving);
        Some(())
    });
    for (sessions, is_open) in [(&open, true), (&ended, false)] {
        for session in sessions {
            let page = fleet.try_page(0, "/oauth/apps", session).unwrap().text();
            assert_eq!(page.contains("Where you are logged in"), is_open);
        }
    }
    assert!(fleet.try_log_in(0).is_some());
    open.len() + ended.len() + 1
}

/// How far a device got before the kill.
#[derive(PartialEq)]
enum Device {
    Asked,
    Allowed,
    Polled,
    Given,
}

fn poll(fleet: &Fleet, code: &str) -> Option<Answer> {
    fleet.try_call(0, "/oauth/token", &[("grant_type", DEVICE_GRANT), ("device_code", code)])
}

/// A device that was let through gets its tokens, and none gets them twice.
fn devices(fleet: &mut Fleet, after: Duration) -> usize {
    let session = fleet.try_log_in(0).unwrap();
    let mut devices = Vec::<(String, Device)>::new();
    kill_while(fleet, after, |fleet| {
        let codes = fleet.try_call(0, "/oauth/device_authorization", &[])?.json();
        let [code, user_code] =
            ["device_code", "user_code"].map(|name| codes[name].as_str().unwrap().to_owned());
        devices.push((code.clone(), Device::Asked));
        let stage = &mut devices.last_mut().unwrap().1;
        let page = fleet.try_page(0, &format!("/oauth/device?user_code={user_code}"), &session)?.text();
        let csrf = input(&page, "csrf");
        let fields = [("user_code", &*user_code), ("csrf", &csrf), ("decision", "allow")];
        let answer = fleet.try_submit(0, "/oauth/device", &session, &fields)?;
        assert_eq!(answer.header("location"), Some("/oauth/device/allowed"), "{}", answer.text());
        *stage = Device::Allowed;
        // Every other one leaves it at that.
        if devices.len().is_multiple_of(2) {
            devices.last_mut().unwrap().1 = Device::Polled;
            assert_eq!(poll(fleet, &code)?.status, 200);
            devices.last_mut().unwrap().1 = Device::Given;
        }
        Some(())
    });
    for (code, stage) in &devices {
        let first = poll(fleet, code).unwrap();
        let is_right = match (stage, first.status) {
            (Device::Asked, 400) => first.json()["error"] == "authorization_pending",
            (Device::Allowed, status) => status == 200,
            (Device::Given, status) => status == 400,
            (Device::Asked | Device::Polled, status) => matches!(status, 200 | 400),
        };
        assert!(is_right, "{}", first.text());
        if first.status == 200 {
            assert!(fleet.believes(0, &access_token(&first)));
            is_refused(&poll(fleet, code).unwrap());
        }
    }
    devices.len()
}

/// What the app revoked stays revoked, and what it did not goes on.
fn revocations(fleet: &mut Fleet, after: Duration) -> usize {
    let session = fleet.try_log_in(0).unwrap();
    let (mut live, mut revoked) = (Vec::new(), Vec::new());
    kill_while(fleet, after, |fleet| {
        let tokens = fleet.try_exchange(0, &consent(fleet, &session)?)?;
        live.push(tokens);
        if live.len().is_multiple_of(2) {
            let tokens = live.pop().unwrap();
            let token = refresh_token(&tokens);
            assert_eq!(fleet.try_call(0, "/oauth/revoke", &[("token", &token)])?.status, 200);
            revoked.push(tokens);
        }
        Some(())
    });
    for tokens in &revoked {
        is_refused(&refresh(fleet, &refresh_token(tokens)));
        assert!(!fleet.believes(0, &access_token(tokens)));
    }
    for tokens in &live {
        assert!(fleet.believes(0, &access_token(tokens)));
        assert_eq!(refresh(fleet, &refresh_token(tokens)).status, 200);
    }
    2 * (revoked.len() + live.len()) + 1
}

/// What the merchant took back is of no use any more.
fn taken_back(fleet: &mut Fleet, after: Duration) -> usize {
    let session = fleet.try_log_in(0).unwrap();
    let mut ended = Vec::new();
    kill_while(fleet, after, |fleet| {
        let tokens = fleet.try_exchange(0, &consent(fleet, &session)?)?;
        take_back(fleet, &session)?;
        ended.push(tokens);
        Some(())
    });
    for tokens in &ended {
        assert!(!fleet.believes(0, &access_token(tokens)));
        is_refused(&refresh(fleet, &refresh_token(tokens)));
    }
    assert!(fleet.grants(0) <= 1);
    2 * ended.len() + 1
}
