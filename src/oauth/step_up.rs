//! How a merchant has to prove itself before it is asked for its consent: `prompt`, `max_age` and `acr_values` (OpenID Connect
//! Core, section 3.1.2.1; RFC 9470, section 4).
//!
//! A login leads back to the request that asked for it, marked by what only that login's session can make, for that request
//! alone. So nobody but the one who logged in can say that he did, and it is believed for a while.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;

use super::error::AuthorizeError;
use super::parameters::Parameters;
use super::session::{Session, hex};
use crate::domain::authentication::{Authentication, AuthenticationClass, Step};
use crate::domain::time::Timestamp;

/// Holds the mark of the login that led back to this request.
const AFTER_LOGIN: &str = "after_login";
/// So long a login counts as one for the request that it led back to: login, second factor and consent take their time.
const JUST: Duration = Duration::from_secs(300);
/// Parameters that may ask for a login although there was one; in a request that was pushed, they are not seen.
const ASKING: [&str; 4] = ["prompt", "max_age", "acr_values", "request_uri"];

/// What a request asks of its merchant's login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    prompt: Prompt,
    step: Step,
}

/// The login of the merchant that a request meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Login {
    /// When, and how.
    pub authentication: Authentication,
    /// Whether it was this request that led to it.
    pub is_for_this: bool,
}

impl Login {
    /// That of `session`, for the request of `query`.
    #[must_use]
    pub fn of(session: &Session, query: &str) -> Self {
        let sent = Parameters::parse(query);
        let expected = mark(&session.csrf, &unmarked(query));
        let is_right = |sent: &str| verify_slices_are_equal(sent.as_bytes(), expected.as_bytes()).is_ok();
        let is_for_this = sent.get(AFTER_LOGIN).is_some_and(is_right);
        Self { authentication: session.authentication, is_for_this }
    }

    fn is_new(self, now: Timestamp) -> bool {
        self.is_for_this && now.since(self.authentication.at) <= JUST
    }
}

/// Which pages a merchant is to see (`prompt`). The consent page it always sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prompt {
    /// Those that it needs.
    Needed,
    /// The login page, too.
    Login,
    /// None at all.
    None,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The merchant logs in.
    LogIn,
    /// The merchant is asked for its consent.
    Ask,
    /// Neither will do.
    Refuse(AuthorizeError),
}

impl Wanted {
    /// Reads the parameters of a request.
    ///
    /// # Errors
    /// [`AuthorizeError::InvalidRequest`], [`AuthorizeError::Unmet`].
    pub fn read(parameters: &Parameters) -> Result<Self, AuthorizeError> {
        let max_age = parameters.get("max_age").map(max_age).transpose()?;
        let prompt = match prompt(parameters.get("prompt").unwrap_or_default())? {
            // What is not older than nothing is new (OpenID Connect Core, section 3.1.2.1).
            Prompt::Needed if max_age == Some(Duration::ZERO) => Prompt::Login,
            prompt => prompt,
        };
        let class = parameters.get("acr_values").map(class).transpose()?;
        let step = Step { class, max_age: max_age.filter(|max_age| !max_age.is_zero()) };
        Ok(Self { prompt, step })
    }

    /// Whether a login of before may not do, even for a merchant that has not logged in here yet.
    #[must_use]
    pub fn is_particular(&self) -> bool {
        let is_strong = self.step.class > Some(AuthenticationClass::OneFactor);
        self.prompt == Prompt::Login || self.step.max_age.is_some() || is_strong
    }

    /// What comes next for a merchant that has logged in so, or has not.
    #[must_use]
    pub fn next(&self, login: Option<Login>, now: Timestamp) -> Next {
        match (login, self.prompt) {
            (Some(login), prompt) if self.step.is_taken(login.authentication, now) => match prompt {
                Prompt::Needed => Next::Ask,
                Prompt::Login if login.is_new(now) => Next::Ask,
                Prompt::Login => Next::LogIn,
                Prompt::None => Next::Refuse(AuthorizeError::ConsentRequired),
            },
            (_, Prompt::None) => Next::Refuse(AuthorizeError::LoginRequired),
            // The login that this request led to was all that this merchant can do.
            (Some(login), _) if login.is_new(now) && self.is_weak(login.authentication) => {
                Next::Refuse(AuthorizeError::Unmet)
            }
            (Some(_) | None, _) => Next::LogIn,
        }
    }

    fn is_weak(&self, authentication: Authentication) -> bool {
        self.step.class.is_some_and(|class| authentication.class < class)
    }
}

/// The query of an authorization request as a login leads back to it whose session has that `secret`.
#[must_use]
pub fn after_login(query: &str, secret: &str) -> String {
    let query = unmarked(query);
    let parameters = Parameters::parse(&query);
    match ASKING.iter().any(|name| parameters.get(name).is_some()) {
        true => format!("{query}&{AFTER_LOGIN}={}", mark(secret, &query)),
        false => query,
    }
}

fn unmarked(query: &str) -> String {
    let is_mark = |pair: &str| pair.split('=').next() == Some(AFTER_LOGIN);
    query.split('&').filter(|pair| !is_mark(pair)).collect::<Vec<_>>().join("&")
}

fn mark(secret: &str, query: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex(hmac::sign(&key, format!("after login: {query}").as_bytes()).as_ref())
}

/// Whether a request is to be answered without any page, as its sender may ask (`prompt=none`).
#[must_use]
pub fn is_silent(query: &str) -> bool {
    Parameters::parse(query).get("prompt").is_some_and(|prompt| prompt.trim() == "none")
}

fn prompt(text: &str) -> Result<Prompt, AuthorizeError> {
    let invalid = |what: &str| Err(AuthorizeError::InvalidRequest(what.to_owned()));
    let mut prompt = Prompt::Needed;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match word {
            "none" if text.trim() != "none" => return invalid("prompt has none, and something beside it"),
            "none" => prompt = Prompt::None,
            "login" | "select_account" => prompt = Prompt::Login,
            "consent" => {}
            _ => return invalid("prompt is none, or some of login, consent and select_account"),
        }
    }
    Ok(prompt)
}

fn max_age(text: &str) -> Result<Duration, AuthorizeError> {
    let is_number = text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = text.parse().ok().filter(|_| is_number).map(Duration::from_secs);
    seconds.ok_or_else(|| AuthorizeError::InvalidRequest("max_age is a number of seconds".to_owned()))
}

/// The weakest class that will do. Those that are not known here will not.
fn class(text: &str) -> Result<AuthenticationClass, AuthorizeError> {
    text.split(' ').filter_map(AuthenticationClass::named).min().ok_or(AuthorizeError::Unmet)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_seconds(1_790_000_000);

    /// What comes next after a login of that age; one with a plus before its query is for it.
    fn next(query: &str, age: Option<u64>) -> Next {
        let (query, is_for_this) = query.strip_prefix('+').map_or((query, false), |query| (query, true));
        let wanted = Wanted::read(&Parameters::parse(query)).unwrap();
        let authentication = Authentication { at: AT, class: AuthenticationClass::OneFactor };
        let now = AT.plus(Duration::from_secs(age.unwrap_or(0)));
        wanted.next(age.map(|_| Login { authentication, is_for_this }), now)
    }

    #[test]
    fn a_login_is_asked_for_where_there_is_none_that_will_do() {
        let two = "acr_values=urn:tollgate:acr:two-factors";
        let either = "acr_values=x+urn:tollgate:acr:two-factors+urn:tollgate:acr:one-factor";
        let refused = |error| Next::Refuse(error);
        for (query, age, expected) in [
            ("", None, Next::LogIn),
            ("", Some(9_999), Next::Ask),
            ("prompt=consent", Some(9_999), Next::Ask),
            ("prompt=login", Some(0), Next::LogIn),
            ("+prompt=login", Some(300), Next::Ask),
            ("+prompt=login", Some(301), Next::LogIn),
            ("+prompt=login", None, Next::LogIn),
            ("prompt=select_account+consent", Some(1), Next::LogIn),
            ("max_age=0", Some(0), Next::LogIn),
            ("+max_age=0", Some(5), Next::Ask),
            ("max_age=60", Some(60), Next::Ask),
            ("max_age=60", Some(61), Next::LogIn),
            ("+max_age=60", Some(61), Next::LogIn),
            (either, Some(9_999), Next::Ask),
            (two, None, Next::LogIn),
            (two, Some(10), Next::LogIn),
            ("+acr_values=urn:tollgate:acr:two-factors", Some(10), refused(AuthorizeError::Unmet)),
            ("prompt=none", None, refused(AuthorizeError::LoginRequired)),
            ("prompt=none&max_age=5", Some(6), refused(AuthorizeError::LoginRequired)),
            ("prompt=none", Some(6), refused(AuthorizeError::ConsentRequired)),
        ] {
            assert_eq!(next(query, age), expected, "{query} {age:?}");
        }
    }

    #[test]
    fn what_cannot_be_asked_for_is_refused() {
        let invalid = |query: &str| Wanted::read(&Parameters::parse(query)).unwrap_err();
        for query in [
            "prompt=none+login",
            "prompt=login+none",
            "prompt=create",
            "max_age=-1",
            "max_age=+1",
            "max_age=1.5",
            "max_age=x",
            "max_age=99999999999",
        ] {
            assert!(matches!(invalid(query), AuthorizeError::InvalidRequest(_)), "{query}");
        }
        assert_eq!(invalid("acr_values=gold"), AuthorizeError::Unmet);
    }

    #[test]
    fn a_login_leads_back_to_a_request_that_says_so_if_it_asked_for_one() {
        assert_eq!(after_login("client_id=a&after_login=1", "secret"), "client_id=a");
        for query in ["client_id=a&prompt=login", "client_id=a&request_uri=b"] {
            let back = after_login(query, "secret");
            assert_eq!(back, format!("{query}&after_login={}", mark("secret", query)));
            assert_eq!(after_login(&back, "secret"), back);
            assert_ne!(after_login(query, "other"), back);
            assert_ne!(mark("secret", &format!("{query}&state=s")), mark("secret", query));
        }
        let between = "client_id=a&after_login=1&prompt=login";
        assert_eq!(after_login(between, "secret"), after_login("client_id=a&prompt=login", "secret"));
    }
}
