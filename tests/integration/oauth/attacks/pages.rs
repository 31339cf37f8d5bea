//! What hostile pages and links get out of the merchant's browser (RFC 9700, sections 4.1, 4.2, 4.7, 4.11, 4.12 and 4.16). What
//! stands in a form's way to [devices](super::super::device), [second factors](super::super::second_factor) and
//! [sessions](super::super::apps) is with them; more of login forms in [`super::super::browser`].

use crate::oauth::table::Expected::{Page, Status};
use crate::oauth::table::Table;
use crate::oauth::visitor::Browser;
use crate::support::dev::{Dev, input};
use crate::support::http::Answer;

const PLACES: [&str; 6] = [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "/oauth/apps@evil.example",
    "/oauth/device?user_code=https://evil.example",
    "@evil.example",
];

#[test]
fn rfc_9700_pages() {
    let dev = Dev::start();
    let mut table = Table::default();
    redirects(&dev, &mut table);
    forgeries(&dev, &mut table);
    links(&dev, &mut table);
    framing(&dev, &mut table);
    table.end(&["9700-4.1", "9700-4.2", "9700-4.7", "9700-4.11", "9700-4.12", "9700-4.16"]);
}

/// A link alone leads nobody to an app's site, whatever is wrong with its request: first the merchant sees who asks, and logs in.
fn links(dev: &Dev, table: &mut Table) {
    let app = dev.told("/app/client_id");
    for (name, wrong) in [
        ("an unknown scope", "response_type=code&scope=bogus"),
        ("another response type", "response_type=token"),
        ("no response type", "state=s"),
        ("an unknown class", "response_type=code&acr_values=gold"),
    ] {
        let path = format!("/oauth/authorize?client_id={app}&{wrong}");
        let mut browser = Browser::new(dev);
        let page = browser.get(&path);
        table.row(&format!("9700-4.11 a link with {name}"), &page, Status(200));
        table.equal(
            &format!("9700-4.11 who asks by {name}"),
            page.text().contains("name=\"password\""),
            true,
        );
        let back = browser.log_in_at(&path, 0);
        let next = back.header("location").unwrap_or_default().to_owned();
        let told = browser.get(&next);
        let location = told.header("location").unwrap_or_default();
        table.equal(&format!("9700-4.11 after login, {name}"), location.contains("error="), true);
        let silent = dev.get(&format!("{path}&prompt=none"), &[]);
        table.row(&format!("9700-4.11 without pages, {name}"), &silent, Status(303));
    }
}

/// No form and no link leads a browser off our own pages.
fn redirects(dev: &Dev, table: &mut Table) {
    for place in PLACES {
        let mut browser = Browser::new(dev);
        let (username, password) = browser.merchant();
        let login = [("request", place), ("username", username), ("password", password)];
        let login = browser.post("/oauth/login", &[], &login);
        let csrf = input(&browser.get("/oauth/apps").text(), "csrf");
        let logout = browser.submit("/oauth/logout", &[("request", place), ("csrf", &csrf)]);
        let encoded: String = form_urlencoded::byte_serialize(place.as_bytes()).collect();
        let step = dev.get(&format!("/oauth/login/code?request={encoded}"), &[]);
        for (name, answer) in [("login", login), ("logout", logout), ("second step", step)] {
            table.row(&format!("9700-4.12 {name} to {place}"), &answer, Status(303));
            let location = answer.header("location").unwrap_or_default();
            let is_ours = ["/oauth/authorize?", "/oauth/device", "/oauth/apps"]
                .iter()
                .any(|path| location.starts_with(path));
            table.equal(&format!("9700-4.11 {name} to {place}"), is_ours, true);
        }
        let app = dev.told("/app/client_id");
        let query = format!("client_id={app}&response_type=code&redirect_uri={encoded}");
        let refused = dev.get(&format!("/oauth/authorize?{query}"), &[]);
        table.row(&format!("9700-4.1 to {place}"), &refused, Page);
        let refused = dev.get(&format!("/oauth/authorize?{query}&prompt=none"), &[]);
        table.row(&format!("9700-4.11 by an error, to {place}"), &refused, Page);
    }
}

/// Forms that another site sends, or that carry no token or a wrong one, log nobody in and consent to nothing.
fn forgeries(dev: &Dev, table: &mut Table) {
    let query = format!("client_id={}&response_type=code&state=s", dev.told("/app/client_id"));
    let path = format!("/oauth/authorize?{query}");
    let ours = ("Origin", dev.base());
    let evil = ("Origin", "https://evil.example");
    let forged = |csrf: &str| {
        [
            ("another site", vec![evil], csrf.to_owned()),
            ("a hidden origin", vec![("Origin", "null")], csrf.to_owned()),
            ("a sister site", vec![ours, ("Sec-Fetch-Site", "same-site")], csrf.to_owned()),
            ("no token", vec![ours], String::new()),
            ("a wrong token", vec![ours], "0000".to_owned()),
        ]
    };
    let mut browser = Browser::new(dev);
    let csrf = input(&browser.get(&path).text(), "csrf");
    let (username, password) = browser.merchant();
    for (name, headers, csrf) in forged(&csrf) {
        let fields = [("request", &*query), ("csrf", &csrf), ("username", username), ("password", password)];
        table.row(&format!("9700-4.7 login, {name}"), &browser.post("/oauth/login", &headers, &fields), Page);
        table.equal(&format!("9700-4.7 login, {name}: no session"), browser.has_session(), false);
    }
    browser.log_in(&query);
    let csrf = input(&browser.get(&path).text(), "csrf");
    let mut stranger = Browser::new(dev);
    stranger.log_in_at("/oauth/apps", 1);
    let others = input(&stranger.get("/oauth/apps").text(), "csrf");
    let mut consents: Vec<_> = forged(&csrf).into();
    consents.push(("another session's token", vec![ours], others));
    for (name, headers, csrf) in consents {
        for decision in ["allow", "deny"] {
            let fields = [("request", &*query), ("csrf", &csrf), ("decision", decision)];
            let answer = browser.post("/oauth/consent", &headers, &fields);
            table.row(&format!("9700-4.7 {decision}, {name}"), &answer, Page);
        }
    }
    let apps = browser.get("/oauth/apps").text();
    table.equal("9700-4.7 nobody got access", apps.contains("Shop Manager"), false);
    let fields = [("request", &*query), ("csrf", &csrf), ("decision", "allow")];
    table.row("9700-4.7 the merchant itself", &browser.submit("/oauth/consent", &fields), Status(303));
    table.row("9700-4.7 consent by a link", &browser.get("/oauth/consent"), Status(405));
}

/// No page can be framed, scripted or kept, none tells where it was, and each is read on a phone.
fn framing(dev: &Dev, table: &mut Table) {
    let mut browser = Browser::new(dev);
    browser.log_in_at("/oauth/apps", 0);
    let authorize = format!("/oauth/authorize?client_id={}&response_type=code", dev.told("/app/client_id"));
    let mut pages = vec![
        ("login", dev.get(&authorize, &[])),
        ("error", dev.get("/oauth/authorize?client_id=nobody", &[])),
        ("login for the apps", dev.get("/oauth/apps", &[])),
        ("consent", browser.get(&authorize)),
    ];
    for path in ["apps", "device", "device?user_code=BBBBBBBB", "device/allowed", "second_factor"] {
        pages.push((path, browser.get(&format!("/oauth/{path}"))));
    }
    pages.push(("stale form", browser.submit("/oauth/apps/revoke", &[])));
    pages.push(("logged out", Browser::new(dev).submit("/oauth/logout", &[])));
    for (name, page) in pages {
        check_page(&page, name, table);
    }
}

fn check_page(page: &Answer, name: &str, table: &mut Table) {
    let policy = page.header("content-security-policy").unwrap_or_default();
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
        table.equal(&format!("9700-4.16 {name}: {part}"), policy.contains(part), true);
    }
    for (field, value) in [
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("referrer-policy", "same-origin"),
    ] {
        let clause = if field == "referrer-policy" { "9700-4.2" } else { "9700-4.16" };
        table.equal(&format!("{clause} {name}: {field}"), page.header(field), Some(value));
    }
    let text = page.text();
    let is_scripted = text.contains("<script") || text.contains("javascript:");
    table.equal(&format!("9700-4.16 {name}: scripts"), is_scripted, false);
    table.equal(&format!("9700-4.2 {name}: things of other sites"), text.contains("src=\"http"), false);
    let is_for_phones = text.contains("name=\"viewport\" content=\"width=device-width");
    table.equal(&format!("9700-4.16 {name}: read on a phone"), is_for_phones, true);
    let is_plain = !text.contains("style=") && text.contains("<html lang=\"en\">");
    table.equal(&format!("9700-4.16 {name}: its own style and language"), is_plain, true);
}
