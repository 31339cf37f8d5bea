//! Logins and logouts as a browser drives them, with what a browser sends along.

use serde_json::json;

use super::visitor::Browser;
use crate::support::dev::{Dev, input, parameter};

fn query(dev: &Dev) -> String {
    format!("client_id={}&response_type=code&state=s", dev.told("/app/client_id"))
}

#[test]
fn a_browser_logs_in_by_the_form_of_its_own_page_alone() {
    let dev = Dev::start();
    let query = query(&dev);
    assert_eq!(Browser::new(&dev).log_in(&query).status, 303);

    let mut browser = Browser::new(&dev);
    let page = browser.get(&format!("/oauth/authorize?{query}")).text();
    let csrf = input(&page, "csrf");
    let again = browser.get(&format!("/oauth/authorize?{query}")).text();
    assert_eq!(input(&again, "csrf"), csrf, "two pages side by side");
    let (username, password) = browser.merchant();
    let login = |csrf| [("request", &*query), ("csrf", csrf), ("username", username), ("password", password)];
    let ours = ("Origin", dev.base());
    let referer = format!("{}/oauth/authorize", dev.base());
    for (what, headers, csrf) in [
        ("no token", &[ours][..], ""),
        ("no token, by its address alone", &[("Referer", &*referer)], ""),
        ("a wrong token", &[ours], "0000"),
        ("a hidden origin", &[("Origin", "null")], &csrf),
        ("another site", &[("Origin", "https://evil.example")], &csrf),
        ("a sister site", &[ours, ("Sec-Fetch-Site", "same-site")], &csrf),
    ] {
        let answer = browser.post("/oauth/login", headers, &login(csrf));
        assert_eq!(answer.status, 400, "{what}");
        assert!(!browser.has_session(), "{what}");
    }
    let other = Browser::new(&dev).post("/oauth/login", &[ours], &login(&csrf));
    assert_eq!(other.status, 400, "the token of another browser");
    assert_eq!(browser.post("/oauth/login", &[ours], &login(&csrf)).status, 303);
}

#[test]
fn a_program_that_posts_the_form_by_itself_needs_no_page_before() {
    let dev = Dev::start();
    let query = query(&dev);
    let mut program = Browser::new(&dev);
    let (username, password) = program.merchant();
    let bare = [("request", &*query), ("username", username), ("password", password)];
    assert_eq!(program.post("/oauth/login", &[], &bare).status, 303);
    // Programs that fetch as browsers do send this one along.
    let mode = [("Sec-Fetch-Mode", "cors")];
    assert_eq!(Browser::new(&dev).post("/oauth/login", &mode, &bare).status, 303);
    // And one that reads the page and sends all of its fields back.
    let mut reader = Browser::new(&dev);
    let page = reader.get(&format!("/oauth/authorize?{query}")).text();
    let csrf = input(&page, "csrf");
    let all = [("request", &*query), ("csrf", &csrf), ("username", username), ("password", password)];
    assert_eq!(reader.post("/oauth/login", &[], &all).status, 303);
}

#[test]
fn a_login_page_lives_an_hour_from_when_it_was_last_shown() {
    let dev = Dev::start();
    let query = query(&dev);
    let path = format!("/oauth/authorize?{query}");
    let mut browser = Browser::new(&dev);
    let first = browser.get(&path);
    let cookie = first.header("set-cookie").unwrap();
    assert!(cookie.starts_with("tollgate-login=") && cookie.contains("Max-Age=3600"), "{cookie}");
    assert_eq!(browser.get(&path).header("set-cookie"), Some(cookie));
    let csrf = input(&first.text(), "csrf");
    let wrong =
        [("request", &*query), ("csrf", &csrf), ("username", "nobody"), ("password", "wrong-password")];
    let again = browser.post("/oauth/login", &[("Origin", dev.base())], &wrong);
    assert_eq!((again.status, again.header("set-cookie")), (200, Some(cookie)));
}

#[test]
fn a_stale_login_form_is_answered_by_a_page_that_works_unless_another_site_sent_it() {
    let dev = Dev::start();
    let query = query(&dev);
    let mut browser = Browser::new(&dev);
    let (username, password) = browser.merchant();
    let csrf = input(&browser.get(&format!("/oauth/authorize?{query}")).text(), "csrf");
    let fields =
        |csrf| [("request", &*query), ("csrf", csrf), ("username", username), ("password", password)];
    let ours = [("Origin", dev.base())];
    browser.cookies.clear();
    let foreign = browser.post("/oauth/login", &[("Origin", "https://evil.example")], &fields(&csrf));
    assert_eq!((foreign.status, foreign.header("set-cookie")), (400, None));
    let mut unreadable = fields(&csrf);
    unreadable[0].1 = "client_id=nobody";
    let unreadable = browser.post("/oauth/login", &ours, &unreadable);
    assert_eq!((unreadable.status, unreadable.header("set-cookie")), (400, None));
    let stale = browser.post("/oauth/login", &ours, &fields(&csrf));
    assert_eq!(stale.status, 400);
    assert!(stale.text().contains("open for too long") && !browser.has_session(), "{}", stale.text());
    assert_eq!(input(&stale.text(), "request"), query);
    let again = browser.post("/oauth/login", &ours, &fields(&input(&stale.text(), "csrf")));
    assert_eq!(again.status, 303, "{}", again.text());
    assert!(browser.has_session());
}

#[test]
fn merchants_behind_one_address_log_in_as_often_as_they_like() {
    let dev = Dev::start();
    let query = query(&dev);
    let (username, password) = Browser::new(&dev).merchant();
    let right = [("request", &*query), ("username", username), ("password", password)];
    for number in 1..=60 {
        let answer = Browser::new(&dev).post("/oauth/login", &[], &right);
        assert_eq!(answer.status, 303, "login {number}: {}", answer.text());
    }
}

#[test]
fn a_wrong_password_shows_a_form_that_can_be_sent_again() {
    let dev = Dev::start();
    let query = query(&dev);
    let mut browser = Browser::new(&dev);
    let page = browser.get(&format!("/oauth/authorize?{query}")).text();
    let ours = [("Origin", dev.base())];
    let (username, password) = browser.merchant();
    let fields = |csrf, password| {
        [("request", &*query), ("csrf", csrf), ("username", username), ("password", password)]
    };
    let csrf = input(&page, "csrf");
    let wrong = browser.post("/oauth/login", &ours, &fields(&csrf, "wrong-password")).text();
    assert!(wrong.contains("wrong"), "{wrong}");
    assert_eq!(input(&wrong, "csrf"), csrf);
    let right = browser.post("/oauth/login", &ours, &fields(&csrf, password));
    assert_eq!(right.status, 303, "{}", right.text());
}

#[test]
fn a_merchant_logs_out_or_goes_on_as_another_and_nobody_else_can_have_it_do_so() {
    let dev = Dev::start();
    let query = query(&dev);
    let mut browser = Browser::new(&dev);
    let consent = browser.log_in(&query).header("location").unwrap().to_owned();
    let page = browser.get(&consent).text();
    assert!(page.contains("Use another account"), "{page}");
    let (csrf, session) = (input(&page, "csrf"), browser.cookie());
    let ours = [("Origin", dev.base())];
    let fields = [("request", &*query), ("csrf", &*csrf)];
    for (headers, fields) in [
        (&ours[..], &fields[..1]),
        (&[("Origin", "https://evil.example")], &fields),
        (&ours, &[("csrf", "0")]),
    ] {
        assert_eq!(browser.post("/oauth/logout", headers, fields).status, 400, "{headers:?} {fields:?}");
    }
    let out = browser.post("/oauth/logout", &ours, &fields);
    assert_eq!((out.status, out.header("location")), (303, Some(&*consent)));
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert!(browser.get(&consent).text().contains("name=\"password\""));
    let stolen = dev.get(&consent, &[("Cookie", &session)]).text();
    assert!(stolen.contains("name=\"password\""), "the session lives on");
    let bye = browser.post("/oauth/logout", &ours, &[]);
    assert!(bye.status == 200 && bye.text().contains("logged out"), "{}", bye.text());
}

#[test]
fn a_new_login_and_a_new_password_end_the_session_before() {
    let dev = Dev::start();
    let query = query(&dev);
    let page = format!("/oauth/authorize?{query}");
    let asks_for_password =
        |cookie: &str| dev.get(&page, &[("Cookie", cookie)]).text().contains("name=\"password\"");
    let mut browser = Browser::new(&dev);
    browser.log_in(&query);
    let first = browser.cookie();
    assert!(!asks_for_password(&first));
    let (username, password) = browser.merchant();
    let again = [("request", &*query), ("username", username), ("password", password)];
    assert_eq!(browser.post("/oauth/login", &[], &again).status, 303);
    assert!(asks_for_password(&first) && !asks_for_password(&browser.cookie()));
    let path = format!("/admin/merchants/{}/password", dev.told("/merchants/0/id"));
    assert_eq!(dev.admin("POST", &path, r#"{"password":"another password"}"#).status, 200);
    assert!(asks_for_password(&browser.cookie()));
}

#[test]
fn a_state_comes_back_byte_for_byte_even_if_the_browser_did_not_encode_it() {
    let dev = Dev::start();
    let base = format!("client_id={}&response_type=code", dev.told("/app/client_id"));
    for (sent, state) in [("中文é", "中文é"), ("a%2Bb%20%26%25", "a+b &%"), ("x'%22%3Cy%3E", "x'\"<y>")]
    {
        let location = dev.consent(&format!("{base}&state={sent}"), 0);
        assert_eq!(parameter(&location, "state").as_deref(), Some(state), "{location}");
        assert!(parameter(&location, "code").is_some(), "{location}");
    }
    for (sent, error) in [
        ("state=a&state=b", "invalid_request"),
        ("scope=x&state=a&scope=y&state=b", "invalid_request"),
        ("state=%00", "invalid_request"),
        ("state=%ff", "invalid_request"),
    ] {
        let answer = dev.get_logged_in(&format!("/oauth/authorize?{base}&{sent}"));
        let location = answer.header("location").unwrap_or_else(|| panic!("{sent}: {}", answer.text()));
        assert_eq!(parameter(location, "error").as_deref(), Some(error), "{sent}");
        assert_eq!(parameter(location, "state"), None, "{sent}");
    }
}

#[test]
fn who_guesses_at_an_account_does_not_lock_the_browsers_of_its_owner_out() {
    let dev = Dev::start();
    let query = query(&dev);
    let mut owner = Browser::new(&dev);
    let done = owner.log_in(&query);
    let mut cookies = done.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    let (_, set) = cookies.find(|(_, value)| value.starts_with("tollgate-device=")).unwrap();
    assert!(set.contains("; HttpOnly; SameSite=Lax; Max-Age=15552000"), "{set}");
    let (username, password) = owner.merchant();
    assert!(!set.contains(username), "{set}");
    let device = set.split(';').next().unwrap().split_once('=').unwrap().1.to_owned();
    let log_in = |device: &str, username: &str, password: &str| {
        let mut program = Browser::new(&dev);
        program.cookies.push(("tollgate-device".to_owned(), device.to_owned()));
        let fields = [("request", &*query), ("username", username), ("password", password)];
        program.post("/oauth/login", &[], &fields).status
    };
    // Ten, and one more every half a minute.
    let is_slowed = |device: &str, username: &str| {
        let tries = (0..20).take_while(|_| log_in(device, username, "wrong-password") != 429).count();
        (10..13).contains(&tries)
    };
    assert!(is_slowed("", username));
    assert_eq!(log_in(&device, username, password), 303, "its owner is locked out");
    let forged = device.replace('.', ".0");
    let younger = format!("9{device}");
    for other in ["", "x", "..", &forged, &younger, &device[..device.len() - 1]] {
        assert_eq!(log_in(other, username, password), 429, "{other:?}");
    }
    // Nor that of an account whose name ends alike.
    let twin = format!("a.{username}");
    let account = json!({"username": twin, "name": "A", "password": password}).to_string();
    assert_eq!(dev.admin("POST", "/admin/merchants", &account).status, 201);
    let mut other = Browser::new(&dev);
    let done =
        other.post("/oauth/login", &[], &[("request", &*query), ("username", &twin), ("password", password)]);
    assert_eq!(done.status, 303, "{}", done.text());
    let (_, of_twin) = other.cookies.iter().find(|(name, _)| name == "tollgate-device").unwrap();
    let (stem, tag) = of_twin.rsplit_once('.').unwrap();
    assert_eq!(log_in(&format!("{stem}.a.{tag}"), username, password), 429);
    // It is of no use for another name, be there one or not, and of no more than others to whoever has it.
    let second = dev.told("/merchants/1/username");
    for name in [second, "nobody"] {
        assert!(is_slowed("", name), "{name}");
        assert_eq!(log_in(&device, name, "wrong-password"), 429, "{name}");
    }
    assert!(is_slowed(&device, username));
    assert_eq!(log_in(&device, username, password), 429);
}

#[test]
fn a_browser_is_known_by_the_password_that_was_proven_there_and_by_none_that_came_meanwhile() {
    let dev = Dev::start();
    dev.tamper(
        "create trigger meanwhile after insert on login_session begin update merchant set password_hash = \
         (select password_hash from merchant other where other.id <> new.merchant limit 1) \
         where id = new.merchant; end",
    );
    let mut browser = Browser::new(&dev);
    assert_eq!(browser.log_in(&query(&dev)).status, 303);
    dev.tamper("drop trigger meanwhile");
    let log_in = |browser: &mut Browser<'_>| {
        let fields = [("request", "apps"), ("username", username(&dev)), ("password", "wrong-password")];
        browser.post("/oauth/login", &[], &fields).status
    };
    while log_in(&mut Browser::new(&dev)) != 429 {}
    let device = browser.cookies.into_iter().find(|(name, _)| name == "tollgate-device").unwrap();
    let mut program = Browser::new(&dev);
    program.cookies.push(device);
    assert_eq!(log_in(&mut program), 429, "whoever knew the old password is known by the new one");
}

fn username(dev: &Dev) -> &str {
    dev.told("/merchants/0/username")
}

#[test]
fn a_browser_is_one_of_its_owners_until_the_password_is_another() {
    let dev = Dev::start();
    let mut owner = Browser::new(&dev);
    owner.log_in(&query(&dev));
    let (username, password) = owner.merchant();
    let device = |browser: &Browser<'_>| {
        let found = browser.cookies.iter().find(|(name, _)| name == "tollgate-device");
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let log_in = |device: &str, password: &str| {
        let mut program = Browser::new(&dev);
        program.cookies.push(("tollgate-device".to_owned(), device.to_owned()));
        let fields = [("request", "apps"), ("username", username), ("password", password)];
        let status = program.post("/oauth/login", &[], &fields).status;
        (status, program)
    };
    let slow_down = || while log_in("", "wrong-password").0 != 429 {};
    let known = device(&owner);
    slow_down();
    let (status, again) = log_in(&known, password);
    assert_eq!(status, 303);
    let renewed = device(&again);
    assert_eq!(renewed.split('.').nth(1), known.split('.').nth(1), "it is the same browser");

    let new = json!({"password": "another-good-password"}).to_string();
    let path = format!("/admin/merchants/{}/password", dev.told("/merchants/0/id"));
    assert_eq!(dev.admin("POST", &path, &new).status, 200);
    slow_down();
    for old in [&known, &renewed] {
        assert_eq!(log_in(old, "another-good-password").0, 429);
    }
}
