//! The pages themselves: their language, how they look, and how they open.

use super::visitor::Browser;
use crate::support::dev::Dev;
use crate::support::http::{self, FORM, form};
use crate::support::tls::Authority;

#[test]
fn a_page_that_only_a_form_leads_to_opens_as_a_page() {
    let dev = Dev::start();
    for (path, status, location) in [
        ("/oauth/login", 303, Some("/oauth/apps")),
        ("/oauth/logout", 303, Some("/oauth/apps")),
        ("/oauth/federated", 303, Some("/oauth/apps")),
        ("/oauth/apps/revoke", 303, Some("/oauth/apps")),
        ("/oauth/second_factor/confirm", 303, Some("/oauth/second_factor")),
        ("/oauth/consent", 405, None),
    ] {
        let answer = dev.get(path, &[]);
        assert_eq!((answer.status, answer.header("location")), (status, location), "{path}");
        let is_page = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
        assert_eq!(is_page, status == 405, "{path}");
    }
    assert_eq!(dev.get("/oauth/consent", &[]).header("allow"), Some("POST"));
}

#[test]
fn an_app_chooses_the_language_of_its_request_from_login_to_consent() {
    let dev = Dev::start();
    let (app, secret) = (dev.told("/app/client_id"), dev.told("/app/client_secret"));
    let asked = [
        ("client_id", app),
        ("response_type", "code"),
        ("redirect_uri", dev.told("/app/redirect_uri")),
        ("ui_locales", "fr-CA zh-Hans en"),
    ];
    let fields = form(&[&asked[..], &[("client_secret", secret)]].concat());
    let pushed = http::request(dev.base(), "POST", "/oauth/par", &[FORM], &fields).json();
    let pushed = form(&[("client_id", app), ("request_uri", pushed["request_uri"].as_str().unwrap())]);
    for query in [form(&asked), pushed] {
        let mut browser = Browser::new(&dev);
        let page = browser.get(&format!("/oauth/authorize?{query}")).text();
        assert!(page.contains("lang=\"zh\""), "{page}");
        let request = crate::support::dev::input(&page, "request");
        let csrf = crate::support::dev::input(&page, "csrf");
        let wrong = [("request", &*request), ("csrf", &csrf), ("username", "a"), ("password", "b")];
        let page = browser.submit("/oauth/login", &wrong).text();
        assert!(page.contains("用户名或密码错误") && page.contains("lang=\"zh\""), "{page}");
        let answer = browser.log_in(&query);
        assert_eq!(answer.status, 303, "{}", answer.text());
        let page = browser.get(answer.header("location").unwrap()).text();
        assert!(page.contains("/oauth/consent") && page.contains("lang=\"zh\""), "{page}");
    }
    let page = dev.get("/oauth/authorize?client_id=nobody&ui_locales=zh", &[("Accept-Language", "en")]);
    assert!(page.text().contains("lang=\"zh\""), "{}", page.text());
}

#[test]
fn where_there_is_tls_browsers_are_told_to_stay_with_it() {
    let authority = Authority::of(&["api.example"]);
    for (dev, expected) in
        [(Dev::with_tls(authority.folder(), |_| {}), Some("max-age=31536000")), (Dev::start(), None)]
    {
        for path in ["/oauth/apps", "/oauth/authorize?client_id=nobody"] {
            assert_eq!(dev.get(path, &[]).header("strict-transport-security"), expected, "{path}");
        }
    }
}

/// WCAG 2.2, success criterion 1.4.11: what shows where a field is stands out from the page by 3:1.
#[test]
fn the_edges_of_fields_are_seen() {
    let style = Dev::start().get("/oauth/style.css", &[]).text();
    assert!(style.contains("input { box-sizing: border-box") && !style.contains("input { border: 0"));
    let edges: Vec<&str> = style.split("--edge: #").skip(1).map(|rest| &rest[..6]).collect();
    // The canvas of browsers, in light and in dark.
    for (edge, canvas) in edges.iter().zip(["ffffff", "121212"]) {
        let (edge, canvas) = (luminance(edge), luminance(canvas));
        let contrast = (edge.max(canvas) + 0.05) / (edge.min(canvas) + 0.05);
        assert!(contrast >= 3.0, "{contrast}");
    }
    assert_eq!(edges.len(), 2);
}

fn luminance(colour: &str) -> f64 {
    let part = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
}
