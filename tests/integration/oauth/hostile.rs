//! What hostile pages, links and guesses get out of the merchant's pages (RFC 9700, sections 4.11, 4.12 and 4.16).

use std::time::{Duration, Instant};

use super::visitor::Browser;
use crate::support::dev::{Dev, input};
use crate::support::http::{self, Answer, FORM, form};

const PLACES: [&str; 6] = [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "/oauth/apps@evil.example",
    "/oauth/device?user_code=https://evil.example",
    "@evil.example",
];

#[test]
fn a3_no_form_and_no_link_leads_a_browser_off_our_own_pages() {
    let dev = Dev::start();
    for place in PLACES {
        let mut browser = Browser::new(&dev);
        let (username, password) = browser.merchant();
        let login = [("request", place), ("username", username), ("password", password)];
        let login = browser.post("/oauth/login", &[], &login);
        assert_ours(&login, place);
        let csrf = input(&browser.get("/oauth/apps").text(), "csrf");
        assert_ours(&browser.submit("/oauth/logout", &[("request", place), ("csrf", &csrf)]), place);
        let encoded: String = form_urlencoded::byte_serialize(place.as_bytes()).collect();
        let step = dev.get(&format!("/oauth/login/code?request={encoded}"), &[]);
        assert_ours(&step, place);
        let query =
            format!("client_id={}&response_type=code&redirect_uri={encoded}", dev.told("/app/client_id"));
        let refused = dev.get(&format!("/oauth/authorize?{query}"), &[]);
        assert_eq!((refused.status, refused.header("location")), (400, None), "{place}");
    }
}

/// A redirect within our own pages.
#[track_caller]
fn assert_ours(answer: &Answer, place: &str) {
    let location = answer.header("location").unwrap_or_else(|| panic!("{place}: {}", answer.text()));
    let ours = ["/oauth/authorize?", "/oauth/device", "/oauth/apps"];
    let is_ours = ours.iter().any(|path| location.starts_with(path));
    assert!(answer.status == 303 && is_ours, "{place}: {location}");
}

#[test]
fn a8_no_page_can_be_framed_scripted_or_kept_and_each_is_read_on_a_phone() {
    let dev = Dev::start();
    let mut browser = Browser::new(&dev);
    browser.log_in_at("/oauth/apps", 0);
    let app = dev.told("/app/client_id");
    let mut pages = vec![
        ("login", dev.get(&format!("/oauth/authorize?client_id={app}&response_type=code"), &[])),
        ("error", dev.get("/oauth/authorize?client_id=nobody", &[])),
        ("login for the apps", dev.get("/oauth/apps", &[])),
        ("consent", browser.get(&format!("/oauth/authorize?client_id={app}&response_type=code"))),
    ];
    for path in ["apps", "device", "device?user_code=BBBBBBBB", "device/allowed", "second_factor"] {
        pages.push((path, browser.get(&format!("/oauth/{path}"))));
    }
    pages.push(("stale form", browser.submit("/oauth/apps/revoke", &[])));
    pages.push(("logged out", Browser::new(&dev).submit("/oauth/logout", &[])));
    for (name, page) in pages {
        let policy = page.header("content-security-policy").unwrap_or_default();
        for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{name}: {policy}");
        }
        for (field, value) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("referrer-policy", "same-origin"),
        ] {
            assert_eq!(page.header(field), Some(value), "{name}: {field}");
        }
        let text = page.text();
        assert!(!text.contains("<script") && !text.contains("javascript:"), "{name}");
        assert!(text.contains("name=\"viewport\" content=\"width=device-width"), "{name}");
        assert!(!text.contains("style=") && text.contains("<html lang=\"en\">"), "{name}");
    }
}

#[test]
fn a8_what_follows_a_form_with_credentials_is_303_and_never_repeats_it() {
    let dev = Dev::start();
    let app = dev.told("/app/client_id");
    let query = format!("client_id={app}&response_type=code");
    let mut browser = Browser::new(&dev);
    let consent = browser.log_in(&query);
    assert_eq!(consent.status, 303);
    let csrf = input(&browser.get(consent.header("location").unwrap()).text(), "csrf");
    for decision in ["deny", "allow"] {
        let fields = [("request", &*query), ("csrf", &csrf), ("decision", decision)];
        let answer = browser.submit("/oauth/consent", &fields);
        assert_eq!(answer.status, 303, "{decision}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{decision}");
    }
}

#[test]
fn who_guesses_at_logins_learns_neither_by_words_nor_by_time_which_names_exist() {
    let dev = Dev::start();
    let suspended = format!("/admin/merchants/{}/suspend", dev.told("/merchants/1/id"));
    assert_eq!(dev.admin("POST", &suspended, "").status, 200);
    let attempt = |username: &str, password: &str| {
        let login = form(&[("request", "/oauth/apps"), ("username", username), ("password", password)]);
        let begun = Instant::now();
        let answer = http::request(dev.base(), "POST", "/oauth/login", &[FORM], &login);
        let text = answer.text().replace(&input(&answer.text(), "csrf"), "");
        // What was typed stands in its field again.
        let text = text.replace(&format!("value=\"{username}\""), "");
        assert_eq!((answer.status, answer.header("location")), (200, None), "{username}");
        (text, begun.elapsed())
    };
    let known = (dev.told("/merchants/0/username"), "wrong-password");
    // Who has its password is told that it is suspended; nobody else is.
    let barred = (dev.told("/merchants/1/username"), "wrong-password");
    let unknown = ("nobody-of-that-name", "wrong-password");
    let mut times = [known, barred, unknown].map(|_| Vec::new());
    let expected = attempt("nobody", "wrong-password").0;
    for _ in 0..7 {
        for (times, (username, password)) in times.iter_mut().zip([known, barred, unknown]) {
            let (text, time) = attempt(username, password);
            assert_eq!(text, expected, "{username}");
            times.push(time);
        }
    }
    // Without the hash's work, an answer comes in a tenth of the time.
    let least = times.map(|times| times.into_iter().min().unwrap_or(Duration::MAX));
    let (fastest, slowest) = (least.iter().min().unwrap(), least.iter().max().unwrap());
    assert!(*slowest < *fastest * 2, "known, suspended, unknown: {least:?}");
}
