//! The page of the apps with access to a merchant's shop.

use serde_json::{Value, json};

use super::visitor::Browser;
use crate::support::dev::{Dev, input};

const PAGE: &str = "/oauth/apps";

#[test]
fn a_merchant_sees_the_apps_with_access_and_takes_it_back_everywhere_at_once() {
    let dev = Dev::start();
    let code = dev.code(0);
    let redirect_uri = dev.told("/app/redirect_uri");
    let fields = [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", redirect_uri)];
    let tokens = dev.token_call(&fields).json();
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let call = || dev.get("/api/orders", &[("Authorization", &bearer)]).status;
    let refresh = || {
        let token = tokens["refresh_token"].as_str().unwrap();
        dev.token_call(&[("grant_type", "refresh_token"), ("refresh_token", token)])
    };
    assert_eq!(call(), 200);

    let mut browser = Browser::new(&dev);
    let login = browser.get(PAGE);
    assert!(login.text().contains("name=\"password\"") && !login.text().contains("Shop Manager"));
    let gone_on = browser.log_in_at(PAGE, 0);
    assert_eq!((gone_on.status, gone_on.header("location")), (303, Some(PAGE)));
    let page = browser.get(PAGE).text();
    for expected in ["West Lake Tea House", "Shop Manager", "Bright Apps", "See your orders"] {
        assert!(page.contains(expected), "no {expected} in {page}");
    }
    assert!(!page.contains("last refreshed"), "{page}");
    assert_eq!(refresh().status, 200);
    assert!(browser.get(PAGE).text().contains("last refreshed"));

    let (grant, csrf) = (input(&page, "grant"), input(&page, "csrf"));
    let revoke = format!("{PAGE}/revoke");
    let evil = [("Origin", "https://evil.example")];
    for (headers, token) in [(&[][..], ""), (&[], "0000"), (&evil, &csrf)] {
        let answer = browser.post(&revoke, headers, &[("grant", &grant), ("csrf", token)]);
        assert_eq!(answer.status, 400, "{headers:?} {token}");
    }
    let nobody = Browser::new(&dev).submit(&revoke, &[("grant", &grant), ("csrf", &csrf)]);
    assert_eq!(nobody.status, 400);
    let mut other = Browser::new(&dev);
    other.log_in_at(PAGE, 1);
    let others = input(&other.get(PAGE).text(), "csrf");
    for strange in [&*grant, "gr_nobody", "\"", ""] {
        let answer = other.submit(&revoke, &[("grant", strange), ("csrf", &others)]);
        assert_eq!((answer.status, answer.header("location")), (303, Some(PAGE)), "{strange}");
    }
    assert_eq!(call(), 200, "another merchant, or none, took it back");

    let answer = browser.submit(&revoke, &[("grant", &grant), ("csrf", &csrf)]);
    assert_eq!((answer.status, answer.header("location")), (303, Some(PAGE)));
    assert_eq!(call(), 401);
    assert_eq!(refresh().json()["error"], "invalid_grant");
    assert!(browser.get(PAGE).text().contains("No app has access"));
    let record = dev.admin("GET", "/admin/audit?action=grant.revoke", "").json()["items"][0].clone();
    let merchant = format!("merchant:{}", dev.told("/merchants/0/id"));
    assert_eq!((&record["actor"], &record["subject"]), (&json!(merchant), &json!(grant)));
    // It has the form that it has when an administrator takes it back.
    let shown = dev.admin("GET", &format!("/admin/grants/{grant}"), "").json();
    assert_eq!((&record["after"], &record["before"]["revoked_at"]), (&shown, &Value::Null));
}

#[test]
fn a_merchant_ends_its_own_sessions_and_no_others() {
    let dev = Dev::start();
    let browsers = [0, 0, 1].map(|merchant| {
        let mut browser = Browser::new(&dev);
        assert_eq!(browser.log_in_at(PAGE, merchant).status, 303);
        browser
    });
    let [mut here, mut there, mut stranger] = browsers;
    let is_in = |browser: &mut Browser<'_>| browser.get(PAGE).text().contains("Where you are logged in");
    let (mine, theirs) = (here.get(PAGE).text(), there.get(PAGE).text());
    for page in [&mine, &theirs] {
        assert_eq!(page.matches("This browser").count(), 1, "{page}");
        assert_eq!(page.matches("name=\"session\"").count(), 1, "{page}");
    }
    let until = mine.matches(" Asia/Shanghai</p>").count();
    assert_eq!((mine.matches("Logged in by password from 127.0.0.1").count(), until), (2, 2), "{mine}");
    assert_eq!(mine.matches(" Asia/Shanghai, last seen 20").count(), 2, "{mine}");
    let chinese = dev.get(PAGE, &[("Cookie", &here.cookie()), ("Accept-Language", "zh")]).text();
    assert_eq!(chinese.matches("登录：密码，来自 127.0.0.1").count(), 2, "{chinese}");
    assert_eq!(chinese.matches(" Asia/Shanghai，最近使用于 20").count(), 2, "{chinese}");
    let (other, own, csrf) = (input(&mine, "session"), input(&theirs, "session"), input(&mine, "csrf"));
    let end = format!("{PAGE}/sessions/end");
    let path = format!("/admin/merchants/{}/sessions", dev.told("/merchants/0/id"));
    let sessions = dev.admin("GET", &path, "").json();
    let shown = sessions["items"].as_array().unwrap().iter().find(|session| session["id"] == *other).unwrap();

    let token = input(&stranger.get(PAGE).text(), "csrf");
    assert_eq!(stranger.submit(&end, &[("session", &other), ("csrf", &token)]).status, 303);
    assert_eq!(here.submit(&end, &[("session", &other), ("csrf", "0000")]).status, 400);
    assert!(is_in(&mut there), "a stranger ended it");
    assert_eq!(here.submit(&end, &[("session", &other), ("csrf", &csrf)]).status, 303);
    let record = dev.admin("GET", "/admin/audit?action=session.end", "").json()["items"][0].clone();
    assert_eq!((&record["before"]["id"], &record["after"]), (&shown["id"], &Value::Null));
    let names = |of: &Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&record["before"]), names(shown), "as an administrator sees it");
    assert!(!is_in(&mut there) && is_in(&mut here) && is_in(&mut stranger));
    let answer = here.submit(&end, &[("session", &own), ("csrf", &csrf)]);
    assert!(answer.header("set-cookie").is_some_and(|cookie| cookie.contains("Max-Age=0")));
    assert!(!is_in(&mut here));
}

#[test]
fn forms_of_a_browser_that_sends_too_many_wait_and_those_of_no_other() {
    let dev = Dev::start();
    let [mut first, mut own, mut second] = [(); 3].map(|()| Browser::new(&dev));
    let send = |browser: &mut Browser<'_>, csrf: &str| {
        browser.submit(&format!("{PAGE}/sessions/end"), &[("session", "ses_nobody"), ("csrf", csrf)])
    };
    let browsers = [(&mut first, 0), (&mut own, 0), (&mut second, 1)];
    let [mine, also_mine, theirs] = browsers.map(|(browser, merchant)| {
        assert_eq!(browser.log_in_at(PAGE, merchant).status, 303);
        input(&browser.get(PAGE).text(), "csrf")
    });
    let slowed = (0..200).map(|_| send(&mut first, &mine)).find(|answer| answer.status == 429);
    let slowed = slowed.expect("it goes on and on");
    assert!(
        slowed.header("retry-after").is_some_and(|seconds| seconds.parse::<u64>().is_ok_and(|wait| wait > 0))
    );
    assert_eq!(send(&mut second, &theirs).status, 303);
    // Be it a thief who has the session of the first: the merchant ends it from another browser.
    let session = input(&own.get(PAGE).text(), "session");
    let ended = own.submit(&format!("{PAGE}/sessions/end"), &[("session", &session), ("csrf", &also_mine)]);
    assert_eq!(ended.status, 303);
    assert!(!first.get(PAGE).text().contains("Where you are logged in"));
}
