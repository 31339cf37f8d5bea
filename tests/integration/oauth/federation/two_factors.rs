//! A merchant's own second factor, and a new login, after a login at the provider.

use serde_json::{Value, json};

use super::super::second_factor::{code, second_step, turn_on};
use super::super::visitor::Browser;
use super::{Federated, come_back, query, send_for, session};
use crate::support::dev::parameter;
use crate::support::http::Answer;
use crate::support::provider::now;

const ACCOUNT: &str = "user-1";

/// Comes back from the provider for a request with `more` in a browser, which had gone there with these cookies.
#[track_caller]
fn come(federated: &Federated, more: &str, cookies: &str, claims: &Value) -> Answer {
    let query = format!("{}{more}", query(&federated.dev));
    let sent = send_for(&federated.dev, &query, cookies);
    federated.provider.lets_in(ACCOUNT, &sent.parameter("nonce"), claims);
    come_back(&federated.dev, &sent.cookie, &[("code", "c"), ("state", &sent.parameter("state"))])
}

#[test]
fn a_login_there_does_not_stand_in_for_the_second_factor_here() {
    let federated = Federated::start(&["two_factors_acr: [strong]"]);
    let dev = &federated.dev;
    assert_eq!(federated.link(0, ACCOUNT).status, 201);
    let (secret, _) = turn_on(&mut Browser::new(dev));
    let begun = come(&federated, "", "a=b", &json!({"auth_time": now() - 30}));
    let path = begun.header("location").unwrap().to_owned();
    assert!(begun.status == 303 && path.starts_with("/oauth/login/code?request="), "{path}");
    assert_eq!(session(&begun), None, "a session by the provider's login alone");

    let mut browser = Browser::new(dev);
    browser.keep(&begun);
    let wrong = second_step(&mut browser, &path, "000000");
    assert!(wrong.text().contains("wrong") && !browser.has_session(), "{}", wrong.text());
    let done = second_step(&mut browser, &path, &code(&secret, 1));
    let expected = format!("/oauth/authorize?{}", query(dev));
    assert_eq!((done.status, done.header("location")), (303, Some(&*expected)));
    assert!(browser.has_session() && browser.get(&expected).text().contains("value=\"allow\""));

    // A login that the policies take for one by two factors needs no more.
    let strong = come(&federated, "", "a=b", &json!({"acr": "strong"}));
    assert!(session(&strong).is_some(), "{:?}", strong.header("location"));
    // Who is no longer linked when it gives the factor does not get in by it.
    let mut late = Browser::new(dev);
    let begun = come(&federated, "", "a=b", &json!({}));
    late.keep(&begun);
    let id = dev.told("/merchants/0/id");
    let body = json!({"issuer": federated.provider.issuer(), "subject": ACCOUNT}).to_string();
    assert_eq!(dev.admin("POST", &format!("/admin/merchants/{id}/accounts/unlink"), &body).status, 200);
    let (path, typed) = (begun.header("location").unwrap(), code(&secret, 1));
    let refused = second_step(&mut late, path, &typed);
    assert!(!late.has_session(), "{}", refused.text());
}

#[test]
fn a_merchant_that_is_suspended_hears_so_before_it_is_asked_for_anything_more() {
    let federated = Federated::start(&[]);
    let dev = &federated.dev;
    assert_eq!(federated.link(0, ACCOUNT).status, 201);
    let (_, recovery_codes) = turn_on(&mut Browser::new(dev));
    let id = dev.told("/merchants/0/id");
    let change = |change: &str| {
        assert_eq!(dev.admin("POST", &format!("/admin/merchants/{id}/{change}"), "").status, 200);
    };
    let mut browser = Browser::new(dev);
    let begun = come(&federated, "", "a=b", &json!({}));
    browser.keep(&begun);
    let path = begun.header("location").unwrap().to_owned();
    change("suspend");
    let refused = come(&federated, "", "a=b", &json!({}));
    assert_eq!((refused.status, refused.header("location"), refused.header("set-cookie")), (403, None, None));
    assert!(refused.text().contains("This account is suspended"), "{}", refused.text());
    // Nor does one that was suspended meanwhile use anything up.
    let refused = second_step(&mut browser, &path, &recovery_codes[0]);
    assert!(
        refused.status == 403 && refused.text().contains("This account is suspended"),
        "{}",
        refused.text()
    );
    change("resume");
    let done = second_step(&mut browser, &path, &recovery_codes[0]);
    assert!(done.status == 303 && browser.has_session(), "{}", done.text());
}

#[test]
fn a_login_there_is_enough_where_the_policies_say_that_it_is_always_by_two_factors() {
    let federated = Federated::start(&["always_two_factors: true"]);
    assert_eq!(federated.link(0, ACCOUNT).status, 201);
    turn_on(&mut Browser::new(&federated.dev));
    let done =
        come(&federated, "&acr_values=urn:tollgate:acr:two-factors", "a=b", &json!({"auth_time": now()}));
    let session = session(&done).unwrap_or_else(|| panic!("{}", done.text()));
    let page = federated.dev.get(done.header("location").unwrap(), &[("Cookie", &session)]);
    assert!(page.text().contains("value=\"allow\""), "{}", page.text());
}

#[test]
fn a_new_login_is_one_that_the_provider_says_was_new() {
    let federated = Federated::start(&[]);
    let dev = &federated.dev;
    assert_eq!(federated.link(0, ACCOUNT).status, 201);
    for more in ["&prompt=login", "&max_age=60", "&max_age=0"] {
        let sent = send_for(dev, &format!("{}{more}", query(dev)), "a=b");
        assert_eq!(
            (sent.parameter("prompt"), sent.parameter("max_age")),
            ("login".to_owned(), "0".to_owned())
        );
        // The provider goes by a login of before, or does not tell.
        for claims in [json!({"auth_time": now() - 600}), json!({"auth_time": null})] {
            let answer = come(&federated, more, "a=b", &claims);
            assert_eq!((answer.status, session(&answer)), (502, None), "{more} {claims}: {}", answer.text());
        }
        let done = come(&federated, more, "a=b", &json!({"auth_time": now()}));
        let session = session(&done).unwrap_or_else(|| panic!("{more}: {}", done.text()));
        let back = done.header("location").unwrap();
        assert!(parameter(back, "after_login").is_some(), "{back}");
        let page = dev.get(back, &[("Cookie", &session)]);
        assert!(page.text().contains("value=\"allow\""), "{more}: {}", page.text());
    }
    // Where nothing of that is asked for, a login of before will do.
    assert!(session(&come(&federated, "", "a=b", &json!({"auth_time": now() - 600}))).is_some());
}

#[test]
fn a_session_tells_administrators_that_it_began_there_and_by_what() {
    let federated = Federated::start(&["two_factors_acr: [strong]"]);
    let dev = &federated.dev;
    assert_eq!(federated.link(0, ACCOUNT).status, 201);
    for (claims, by_both) in [(json!({}), false), (json!({"acr": "strong"}), true)] {
        session(&come(&federated, "", "a=b", &claims)).unwrap();
        let path = format!("/admin/merchants/{}/sessions", dev.told("/merchants/0/id"));
        let sessions = dev.admin("GET", &path, "").json();
        let youngest = &sessions["items"][0];
        assert_eq!((&youngest["method"], &youngest["two_factors"]), (&json!("provider"), &json!(by_both)));
    }
}

#[test]
fn a_login_of_which_the_provider_does_not_say_when_it_was_is_none_of_late() {
    let federated = Federated::start(&[]);
    let dev = &federated.dev;
    assert_eq!(federated.link(0, ACCOUNT).status, 201);
    let sent = send_for(dev, &query(dev), "a=b");
    assert_eq!(sent.parameter("max_age"), "31536000", "a provider that is asked has to say when");
    let allows_at_once = |claims: Value| {
        let session = session(&come(&federated, "", "a=b", &claims)).unwrap();
        let path = format!("/oauth/authorize?{}&max_age=3600", query(dev));
        dev.get(&path, &[("Cookie", &session)]).text().contains("value=\"allow\"")
    };
    assert!(allows_at_once(json!({"auth_time": now() - 600})));
    assert!(!allows_at_once(json!({"auth_time": null})));
}
