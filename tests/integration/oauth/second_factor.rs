//! Second factors: one-time passwords of an authenticator app, and recovery codes.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::visitor::Browser;
use crate::support::dev::{Dev, input, parameter};
use crate::support::http::Answer;

const PAGE: &str = "/oauth/second_factor";

/// What an authenticator app shows `ahead` time steps from now.
pub(super) fn code(secret: &str, ahead: u64) -> String {
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String = secret.chars().map(|char| format!("{:05b}", letters.find(char).unwrap())).collect();
    let bytes: Vec<u8> =
        (0..bits.len() / 8).map(|at| u8::from_str_radix(&bits[at * 8..at * 8 + 8], 2).unwrap()).collect();
    let step = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 30 + ahead;
    let tag = sign(&Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes), &step.to_be_bytes());
    let offset = usize::from(tag.as_ref()[19] & 15);
    let word = u32::from_be_bytes(tag.as_ref()[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", word % 1_000_000)
}

/// Turns the second factor of the first merchant on; gives its secret and its recovery codes.
#[track_caller]
pub(super) fn turn_on(browser: &mut Browser<'_>) -> (String, Vec<String>) {
    assert_eq!(browser.log_in_at(PAGE, 0).header("location"), Some(PAGE));
    let page = browser.get(PAGE).text();
    let (csrf, password) = (input(&page, "csrf"), browser.merchant().1);
    let offered = browser.submit(&format!("{PAGE}/offer"), &[("csrf", &csrf), ("password", password)]);
    assert_eq!((offered.status, offered.header("location")), (303, Some(PAGE)));
    let page = browser.get(PAGE).text();
    let secret =
        page.split("secret=").nth(1).unwrap_or_else(|| panic!("no secret in {page}"))[..32].to_owned();
    assert!(page.contains(&format!("<p class=\"code\">{secret}</p>")) && page.contains("otpauth://totp/"));
    assert!(page.contains("<svg class=\"qr\""), "no QR code in {page}");
    let wrong = browser.submit(&format!("{PAGE}/confirm"), &[("csrf", &csrf), ("code", "000000")]);
    assert!(wrong.text().contains("wrong"), "{}", wrong.text());
    let on =
        browser.submit(&format!("{PAGE}/confirm"), &[("csrf", &csrf), ("code", &code(&secret, 0))]).text();
    let codes: Vec<String> = on.split("<li>").skip(1).map(|rest| rest[..16].to_owned()).collect();
    assert_eq!(codes.len(), 10, "{on}");
    (secret, codes)
}

/// The second step of a login that began at `path`.
#[track_caller]
pub(super) fn second_step(browser: &mut Browser<'_>, path: &str, typed: &str) -> Answer {
    let page = browser.get(path);
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    let page = page.text();
    let (request, csrf) = (input(&page, "request"), input(&page, "csrf"));
    browser.submit("/oauth/login/code", &[("request", &request), ("csrf", &csrf), ("code", typed)])
}

#[test]
fn a_login_takes_both_factors_and_each_code_works_once() {
    let dev = Dev::start();
    let mut first = Browser::new(&dev);
    let (secret, recovery) = turn_on(&mut first);
    assert!(!first.get(PAGE).text().contains(&secret), "the secret is shown once more");

    let query = format!("client_id={}&response_type=code&state=s", dev.told("/app/client_id"));
    let mut browser = Browser::new(&dev);
    let begun = browser.log_in(&query);
    let path = begun.header("location").unwrap().to_owned();
    assert!(begun.status == 303 && path.starts_with("/oauth/login/code?request="), "{path}");
    assert!(!browser.has_session(), "a session by the password alone");
    let still = browser.get(&format!("/oauth/authorize?{query}")).text();
    assert!(still.contains("name=\"password\""), "{still}");
    for wrong in ["000000", "", "not a code", &recovery[0][1..]] {
        let answer = second_step(&mut browser, &path, wrong);
        assert!(answer.status == 200 && answer.text().contains("wrong"), "{wrong}");
        assert!(!browser.has_session(), "{wrong}");
    }
    let right = code(&secret, 1);
    let done = second_step(&mut browser, &path, &right);
    let expected = format!("/oauth/authorize?{query}");
    assert_eq!((done.status, done.header("location")), (303, Some(&*expected)));
    assert!(browser.has_session() && browser.get(&expected).text().contains("value=\"allow\""));
    // It is used up, and so is all that goes before it.
    let mut thief = Browser::new(&dev);
    let path = thief.log_in(&query).header("location").unwrap().to_owned();
    for replayed in [right, code(&secret, 0)] {
        assert!(second_step(&mut thief, &path, &replayed).text().contains("used before"));
    }
    let typed = recovery[0].to_ascii_uppercase();
    assert_eq!(second_step(&mut thief, &path, &format!(" {}-{}", &typed[..8], &typed[8..])).status, 303);
    let mut other = Browser::new(&dev);
    let path = other.log_in(&query).header("location").unwrap().to_owned();
    assert!(second_step(&mut other, &path, &recovery[0]).text().contains("used before"));
    assert!(first.get(PAGE).text().contains("Recovery codes left: 9"), "{}", first.get(PAGE).text());
}

#[test]
fn a_login_by_two_factors_is_what_an_app_gets_that_asks_for_one() {
    let dev = Dev::start();
    let (secret, _) = turn_on(&mut Browser::new(&dev));
    let acr = "urn:tollgate:acr:two-factors";
    let query = format!("client_id={}&response_type=code&acr_values={acr}", dev.told("/app/client_id"));
    let mut browser = Browser::new(&dev);
    let path = browser.log_in(&query).header("location").unwrap().to_owned();
    let done = second_step(&mut browser, &path, &code(&secret, 1));
    let page = browser.get(done.header("location").unwrap()).text();
    let (request, csrf) = (input(&page, "request"), input(&page, "csrf"));
    let consent = [("request", &*request), ("csrf", &csrf), ("decision", "allow")];
    let given = browser.submit("/oauth/consent", &consent);
    let given = parameter(given.header("location").unwrap(), "code").expect("a code");
    let tokens = dev.token_call(&[("grant_type", "authorization_code"), ("code", &given)]);
    let tokens = tokens.json();
    let claims = tokens["access_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    assert!(claims.contains(acr), "{claims}");
}

#[test]
fn second_factors_cannot_be_guessed_at_nor_sent_by_a_foreign_form() {
    let dev = Dev::start();
    turn_on(&mut Browser::new(&dev));
    let mut browser = Browser::new(&dev);
    let path = browser.log_in_at(PAGE, 0).header("location").unwrap().to_owned();
    let page = browser.get(&path).text();
    let (request, csrf) = (input(&page, "request"), input(&page, "csrf"));
    let evil = [("Origin", "https://evil.example")];
    for (headers, token) in [(&evil[..], &*csrf), (&[], ""), (&[], "0000")] {
        let fields = [("request", &*request), ("csrf", token), ("code", "000000")];
        assert_eq!(browser.post("/oauth/login/code", headers, &fields).status, 400, "{headers:?} {token}");
    }
    let slowed = (0..10).find(|_| second_step(&mut browser, &path, "000000").status == 429);
    assert_eq!(slowed, Some(5));
    // Without a login that waits there is nothing to try.
    let nobody = Browser::new(&dev).submit("/oauth/login/code", &[("request", PAGE), ("code", "000000")]);
    assert_eq!((nobody.status, nobody.header("location")), (303, Some(PAGE)));
}

#[test]
fn a_second_factor_is_turned_on_by_the_password_and_off_by_itself_or_by_an_administrator() {
    let dev = Dev::start();
    let mut browser = Browser::new(&dev);
    browser.log_in_at(PAGE, 0);
    let csrf = input(&browser.get(PAGE).text(), "csrf");
    let offer = format!("{PAGE}/offer");
    let refused = browser.submit(&offer, &[("csrf", &csrf), ("password", "wrong-password")]);
    assert!(refused.text().contains("password is wrong"), "{}", refused.text());
    let evil = [("Origin", "https://evil.example")];
    for step in ["offer", "confirm", "remove"] {
        let path = format!("{PAGE}/{step}");
        assert_eq!(browser.post(&path, &evil, &[("csrf", &csrf)]).status, 400, "{step}");
        assert_eq!(browser.submit(&path, &[("csrf", "0000")]).status, 400, "{step}");
    }
    let mut browser = Browser::new(&dev);
    let (_, recovery) = turn_on(&mut browser);
    let csrf = input(&browser.get(PAGE).text(), "csrf");
    let remove = format!("{PAGE}/remove");
    assert!(browser.submit(&remove, &[("csrf", &csrf), ("code", "000000")]).text().contains("wrong"));
    assert_eq!(browser.submit(&remove, &[("csrf", &csrf), ("code", &recovery[3])]).status, 303);
    assert_eq!(Browser::new(&dev).log_in_at(PAGE, 0).header("location"), Some(PAGE));

    let merchant = format!("/admin/merchants/{}", dev.told("/merchants/0/id"));
    let shown = || dev.admin("GET", &merchant, "").json()["second_factor"].clone();
    assert_eq!(shown(), Value::Null);
    let (_, recovery) = turn_on(&mut Browser::new(&dev));
    assert_eq!(shown()["recovery_codes_left"], 10);
    let mut other = Browser::new(&dev);
    let path = other.log_in_at(PAGE, 0).header("location").unwrap().to_owned();
    assert_eq!(second_step(&mut other, &path, &recovery[0]).status, 303);
    let factor = shown();
    assert!(factor["since"].as_str().unwrap().starts_with("20"), "{factor}");
    assert_eq!(factor["recovery_codes_left"], 9);
    let sessions = dev.admin("GET", &format!("{merchant}/sessions"), "").json();
    let by_both: Vec<_> =
        sessions["items"].as_array().unwrap().iter().map(|one| &one["two_factors"]).collect();
    assert_eq!(by_both, [true, false], "the youngest first");
    assert_eq!(dev.admin("POST", &format!("{merchant}/second-factor/remove"), "").status, 200);
    assert_eq!(shown(), Value::Null);
    let record = dev.admin("GET", "/admin/audit?action=merchant.remove_second_factor", "").json();
    let (before, after) = (&record["items"][0]["before"], &record["items"][0]["after"]);
    assert_eq!((&before["second_factor"], &after["second_factor"]), (&factor, &Value::Null));
    assert_eq!(Browser::new(&dev).log_in_at(PAGE, 0).header("location"), Some(PAGE));
    let records = dev.admin("GET", "/admin/audit", "").text();
    for action in ["second_factor.confirm", "second_factor.remove", "merchant.remove_second_factor"] {
        assert!(records.contains(action), "no {action} in {records}");
    }
}

#[test]
fn who_knows_the_password_locks_no_owner_out_of_a_browser_of_its_own() {
    let dev = Dev::start();
    let mut knew_the_password = Browser::new(&dev);
    knew_the_password.log_in_at(PAGE, 0);
    let mut owner = Browser::new(&dev);
    let (secret, _) = turn_on(&mut owner);
    let mut stranger = Browser::new(&dev);
    let path = stranger.log_in_at(PAGE, 0).header("location").unwrap().to_owned();
    let guess = |browser: &mut Browser<'_>, path: &str| second_step(browser, path, "000000").status;
    assert!((0..10).any(|_| guess(&mut stranger, &path) == 429));

    // It is known there, and no longer logged in.
    owner.cookies.retain(|(name, _)| name.contains("device"));
    assert_eq!(owner.cookies.len(), 1);
    let path = owner.log_in_at(PAGE, 0).header("location").unwrap().to_owned();
    assert_eq!(second_step(&mut owner, &path, &code(&secret, 1)).status, 303);
    assert!(owner.has_session());
    // A right code costs a known browser nothing; what it was known by before there was a second factor is of no use.
    assert!(knew_the_password.cookies.iter().any(|(name, _)| name.contains("device")));
    let path = knew_the_password.log_in_at(PAGE, 0).header("location").unwrap().to_owned();
    assert_eq!(guess(&mut knew_the_password, &path), 429);

    // A known browser is no way to guess on and on.
    owner.cookies.retain(|(name, _)| name.contains("device"));
    let path = owner.log_in_at(PAGE, 0).header("location").unwrap().to_owned();
    assert!((0..40).any(|_| guess(&mut owner, &path) == 429));
}
