//! Logins that are asked for anew or by more (OpenID Connect Core, section 3.1.2.1; RFC 9470): check P6 of the list, and what
//! of A9 it adds.

use crate::support::dev::{Dev, input, parameter, wait_for};
use crate::support::dpop::{claims, now};
use crate::support::http::{self, Answer, FORM, form};

/// A browser of the first merchant: its session's cookie.
struct Browser<'d> {
    dev: &'d Dev,
    session: String,
}

fn query(dev: &Dev, more: &str) -> String {
    format!("client_id={}&response_type=code&state=s{more}", dev.told("/app/client_id"))
}

impl<'d> Browser<'d> {
    fn new(dev: &'d Dev) -> Self {
        Self { dev, session: String::new() }
    }

    fn get(&self, query: &str) -> Answer {
        self.dev.get(&format!("/oauth/authorize?{query}"), &[("Cookie", &self.session)])
    }

    /// Logs in before a request; gives the query that this leads back to.
    fn log_in(&mut self, query: &str) -> String {
        let (username, password) =
            (self.dev.told("/merchants/0/username"), self.dev.told("/merchants/0/password"));
        let fields = form(&[("request", query), ("username", username), ("password", password)]);
        let headers = [FORM, ("Cookie", &*self.session)];
        let answer = http::request(self.dev.base(), "POST", "/oauth/login", &headers, &fields);
        assert_eq!(answer.status, 303, "{}", answer.text());
        let location = answer.header("location").unwrap().split_once('?').unwrap().1.to_owned();
        self.session = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        location
    }

    /// Consents on a page; gives the location that the browser is sent to.
    fn consent(&self, page: &Answer) -> String {
        let (request, csrf) = (input(&page.text(), "request"), input(&page.text(), "csrf"));
        let fields = form(&[("request", &request), ("csrf", &csrf), ("decision", "allow")]);
        let headers = [FORM, ("Cookie", &*self.session)];
        let answer = http::request(self.dev.base(), "POST", "/oauth/consent", &headers, &fields);
        assert_eq!(answer.status, 303, "{}", answer.text());
        answer.header("location").unwrap().to_owned()
    }

    /// A token after a login for a request with `more`.
    fn token(&mut self, more: &str) -> String {
        let back = self.log_in(&query(self.dev, more));
        let code = parameter(&self.consent(&self.get(&back)), "code").unwrap();
        let answer = self.dev.token_call(&[("grant_type", "authorization_code"), ("code", &code)]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }
}

fn is_login(page: &Answer) -> bool {
    page.status == 200 && page.text().contains("name=\"password\"")
}

fn is_consent(page: &Answer) -> bool {
    page.status == 200 && page.text().contains("name=\"decision\"")
}

#[track_caller]
fn error(answer: &Answer) -> String {
    let location = answer.header("location").unwrap_or_else(|| panic!("{}", answer.text()));
    assert_eq!(parameter(location, "state").as_deref(), Some("s"), "{location}");
    assert!(parameter(location, "iss").is_some(), "{location}");
    parameter(location, "error").unwrap_or_else(|| panic!("{location}"))
}

#[test]
fn a9_prompt_login_asks_once_more_and_goes_on_then() {
    let dev = Dev::start();
    let mut browser = Browser::new(&dev);
    browser.log_in(&query(&dev, ""));
    assert!(is_consent(&browser.get(&query(&dev, ""))));
    assert!(is_consent(&browser.get(&query(&dev, "&prompt=consent"))));
    assert!(is_consent(&browser.get(&query(&dev, "&max_age=3600"))));
    for more in ["&prompt=login", "&prompt=login+consent", "&prompt=select_account", "&max_age=0"] {
        let asked = query(&dev, more);
        assert!(is_login(&browser.get(&asked)), "{more}");
        let before = browser.session.clone();
        let back = browser.log_in(&asked);
        assert_ne!(browser.session, before);
        let page = browser.get(&back);
        assert!(is_consent(&page), "{more}: {}", page.text());
        assert!(parameter(&browser.consent(&page), "code").is_some(), "{more}");
        assert!(is_login(&browser.get(&asked)), "{more}, asked again");
    }
}

#[test]
fn p6_only_the_login_that_a_request_led_to_counts_as_one_for_it() {
    let dev = Dev::start();
    let (mut browser, mut other) = (Browser::new(&dev), Browser::new(&dev));
    let asked = query(&dev, "&prompt=login");
    let mark = |back: &str| parameter(&format!("?{back}"), "after_login").unwrap();
    let another = query(&dev, "&prompt=login&scope=order:read");
    let of_another = mark(&other.log_in(&asked));
    let before = mark(&browser.log_in(&asked));
    let for_another = mark(&browser.log_in(&another));
    // It has just logged in, but not for this request, in this session.
    for said in ["1", "", &of_another, &before, &for_another] {
        let query = format!("{asked}&after_login={said}");
        let page = browser.get(&query);
        assert!(is_login(&page), "{said}: {}", page.text());
        let csrf = input(&browser.get(&self::query(&dev, "")).text(), "csrf");
        let fields = form(&[("request", &query), ("csrf", &csrf), ("decision", "allow")]);
        let headers = [FORM, ("Cookie", &*browser.session)];
        let answer = http::request(dev.base(), "POST", "/oauth/consent", &headers, &fields);
        let location = answer.header("location").unwrap();
        assert!(location.starts_with("/oauth/authorize?"), "{said}: {location}");
    }
    let back = browser.log_in(&format!("{asked}&after_login=1"));
    assert!(is_consent(&browser.get(&back)), "{back}");
    assert!(is_login(&browser.get(&format!("{back}&scope=order:read"))), "another request than it was for");
    // In the place of what is unmet, too: who says so is asked to log in.
    let strong = query(&dev, "&acr_values=urn:tollgate:acr:two-factors&after_login=1");
    assert!(is_login(&browser.get(&strong)));
}

#[test]
fn a9_prompt_none_shows_no_page() {
    let dev = Dev::start();
    let mut browser = Browser::new(&dev);
    assert_eq!(error(&browser.get(&query(&dev, "&prompt=none"))), "login_required");
    browser.log_in(&query(&dev, ""));
    assert_eq!(error(&browser.get(&query(&dev, "&prompt=none"))), "consent_required");
    for more in ["&prompt=none+login", "&prompt=create", "&max_age=-1", "&max_age=x"] {
        assert_eq!(error(&browser.get(&query(&dev, more))), "invalid_request", "{more}");
    }
}

#[test]
fn p6_what_no_login_can_give_is_unmet() {
    let dev = Dev::start();
    let mut browser = Browser::new(&dev);
    let asked = query(&dev, "&acr_values=urn:tollgate:acr:two-factors");
    assert!(is_login(&browser.get(&asked)));
    let back = browser.log_in(&asked);
    assert_eq!(error(&browser.get(&back)), "unmet_authentication_requirements");
    let unknown = query(&dev, "&acr_values=gold");
    assert_eq!(error(&browser.get(&unknown)), "unmet_authentication_requirements");
    assert!(is_consent(&browser.get(&query(&dev, "&acr_values=gold+urn:tollgate:acr:one-factor"))));
}

#[test]
fn p6_an_old_login_is_not_enough_where_a_route_says_so_and_a_new_one_is() {
    let dev = Dev::with_policies(|policies| {
        let path = policies.join("routes/orders.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        let step = "      merchant: true\n      authentication: {max_age: 3s}\n";
        std::fs::write(&path, text.replace("      merchant: true\n", step)).unwrap();
    });
    let mut browser = Browser::new(&dev);
    let call = |token: &str| dev.get("/api/orders", &[("Authorization", &format!("Bearer {token}"))]);
    let token = browser.token("");
    assert!(claims(&token)["auth_time"].as_u64().unwrap() <= now());
    assert_eq!(claims(&token)["acr"], "urn:tollgate:acr:one-factor");
    let mut refused = call(&token);
    wait_for("the login to grow old", || {
        refused = call(&token);
        refused.status != 200
    });
    assert_eq!((refused.status, refused.code().as_str()), (401, "authentication_insufficient"));
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"insufficient_user_authentication\""), "{challenge}");
    assert!(challenge.contains("max_age=\"3\"") && !challenge.contains("acr_values"), "{challenge}");
    // The app asks for what the challenge says; its merchant has a session still, but an old one.
    let asked = query(&dev, "&max_age=3");
    assert!(is_login(&browser.get(&asked)));
    // However slow this machine is just now.
    wait_for("a login that is new enough", || call(&browser.token("&max_age=3")).status == 200);
}

#[test]
fn p6_a_weak_login_is_not_enough_where_a_route_says_so() {
    let dev = Dev::with_policies(|policies| {
        let path = policies.join("routes/orders.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        let step = "      merchant: true\n      authentication: {class: two_factors, max_age: 15m}\n";
        std::fs::write(&path, text.replace("      merchant: true\n", step)).unwrap();
    });
    let refused = dev.get("/api/orders", &[("Authorization", &dev.bearer(0))]);
    assert_eq!((refused.status, refused.code().as_str()), (401, "authentication_insufficient"));
    let challenge = refused.header("www-authenticate").unwrap();
    let asked = "acr_values=\"urn:tollgate:acr:two-factors\", max_age=\"900\"";
    assert!(challenge.starts_with("Bearer ") && challenge.contains(asked), "{challenge}");
    let metadata = dev.get("/.well-known/oauth-authorization-server", &[]).json();
    assert!(metadata["acr_values_supported"].to_string().contains("urn:tollgate:acr:two-factors"));
    let own = dev.token_call(&[("grant_type", "client_credentials"), ("scope", "order:read")]).json();
    let own = format!("Bearer {}", own["access_token"].as_str().unwrap());
    assert_eq!(dev.get("/api/orders", &[("Authorization", &own)]).code(), "merchant_missing");
}
