//! What a login goes on with.
//!
//! Invariant: one of a closed set of our own pages. A form or a link names it by a text that only ever turns into one of them,
//! so that nothing it says can send a browser elsewhere; an authorization request in it is checked as any other once it is gone
//! on with.

use std::borrow::Cow;

use axum::http::HeaderMap;

use super::client_request::{ClientRequest, RequestError, normal};
use super::error::PageError;
use super::pages::Language;
use super::parameters::Parameters;
use super::router::OAuth;
use super::step_up::{Wanted, after_login};
use crate::domain::user_code::UserCode;

/// The name of the hidden field, and of the parameter, that carry it.
pub const FIELD: &str = "request";

/// What a merchant was on its way to when it was asked to prove itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interaction {
    /// An authorization request, by its query as a URI may have it.
    Authorize(String),
    /// The apps with access to its shop.
    Apps,
    /// A device that waits, by the code that it shows if that is known.
    Device(Option<UserCode>),
    /// Its second factor.
    SecondFactor,
}

/// Where a merchant whose device is let through is told so.
pub const DEVICE_ALLOWED: &str = "/oauth/device/allowed";
/// Where a merchant whose device is turned away is told so.
pub const DEVICE_DENIED: &str = "/oauth/device/denied";

/// Where the page of the second factor is.
const SECOND_FACTOR: &str = "/oauth/second_factor";
/// Where the page of devices is.
const DEVICE: &str = "/oauth/device";
/// Where it is with a code.
const DEVICE_CODE: &str = "/oauth/device?user_code=";
/// Where the page of apps is.
const APPS: &str = "/oauth/apps";

/// What the login page tells the merchant that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// To go on to the app of that name.
    App(String),
    /// To see the apps with access to the merchant's shop.
    Apps,
    /// To let a device through.
    Device,
    /// To see the merchant's second factor.
    SecondFactor,
}

impl Interaction {
    /// The authorization request of a query, as it was sent.
    #[must_use]
    pub fn authorize(query: &str) -> Self {
        Self::Authorize(normal(query).into_owned())
    }

    /// What a form or link names, as [`Self::field`] has it: a page by its path, an authorization request by its query. Who
    /// comes for nothing in particular gets to the page of apps.
    #[must_use]
    pub fn named(field: Option<&str>) -> Self {
        match field {
            None | Some(APPS) => Self::Apps,
            Some(DEVICE) => Self::Device(None),
            Some(SECOND_FACTOR) => Self::SecondFactor,
            Some(text) => match text.strip_prefix(DEVICE_CODE) {
                Some(code) => Self::Device(UserCode::read(code)),
                None => Self::authorize(text),
            },
        }
    }

    /// What a form or link carries.
    #[must_use]
    pub fn field(&self) -> Cow<'_, str> {
        match self {
            Self::Authorize(query) => query.into(),
            Self::Apps | Self::Device(_) | Self::SecondFactor => self.path().into(),
        }
    }

    /// The language of its pages: that of the authorization request, else what the browser likes.
    #[must_use]
    pub fn language(&self, headers: &HeaderMap) -> Language {
        match self {
            Self::Authorize(query) => Language::wanted(headers, Parameters::parse(query).get("ui_locales")),
            Self::Apps | Self::Device(_) | Self::SecondFactor => Language::preferred(headers),
        }
    }

    /// The language of the answer to a form that names what it goes on with.
    #[must_use]
    pub fn language_of(form: Option<&Parameters>, headers: &HeaderMap) -> Language {
        Self::named(form.and_then(|form| form.get(FIELD))).language(headers)
    }

    /// Where it goes on: a path of our own.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Authorize(query) => format!("/oauth/authorize?{query}"),
            Self::Apps => APPS.to_owned(),
            Self::SecondFactor => SECOND_FACTOR.to_owned(),
            Self::Device(None) => DEVICE.to_owned(),
            Self::Device(Some(code)) => format!("{DEVICE_CODE}{code}"),
        }
    }

    /// Where it goes on once the merchant has logged in for it, in a session of that [`csrf`](super::session::Session::csrf).
    #[must_use]
    pub fn path_after_login(&self, csrf: &str) -> String {
        match self {
            Self::Authorize(query) => Self::Authorize(after_login(query, csrf)).path(),
            Self::Apps | Self::Device(_) | Self::SecondFactor => self.path(),
        }
    }

    /// What it asks of a login, checked as [`Self::purpose`] is; `None` if nothing.
    ///
    /// # Errors
    /// [`PageError`] of an authorization request that tells not even whose it is.
    pub async fn wanted(&self, oauth: &OAuth) -> Result<Option<Wanted>, PageError> {
        match self {
            Self::Authorize(query) => match ClientRequest::read(oauth, query).await {
                Ok(request) => Ok(Some(request.wanted)),
                // Its app is told once the merchant has logged in.
                Err(RequestError::Redirect { .. }) => Ok(None),
                Err(RequestError::Page(error)) => Err(error),
            },
            Self::Apps | Self::Device(_) | Self::SecondFactor => Ok(None),
        }
    }

    /// What it is for, checked as far as it can be before anybody has logged in.
    ///
    /// # Errors
    /// [`PageError`] of an authorization request that tells not even whose it is.
    pub async fn purpose(&self, oauth: &OAuth) -> Result<Purpose, PageError> {
        match self {
            Self::Authorize(query) => match ClientRequest::read(oauth, query).await {
                Ok(request) => Ok(Purpose::App(request.app.name)),
                Err(RequestError::Redirect { app, .. }) => Ok(Purpose::App(app)),
                Err(RequestError::Page(error)) => Err(error),
            },
            Self::Apps => Ok(Purpose::Apps),
            Self::Device(_) => Ok(Purpose::Device),
            Self::SecondFactor => Ok(Purpose::SecondFactor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_form_names_comes_back_and_stays_on_our_own_pages() {
        for field in [
            "client_id=a&response_type=code&state=s",
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "/../evil",
            "/oauth/apps/../../evil",
            "/oauth/apps",
            "/oauth/second_factor",
            "/oauth/device",
            "/oauth/device?user_code=wdjbmjht",
            "/oauth/device?user_code=https://evil.example/",
            "",
        ] {
            let interaction = Interaction::named(Some(field));
            assert_eq!(Interaction::named(Some(&interaction.field())), interaction, "{field}");
            let path = interaction.path();
            let ours =
                ["/oauth/apps", "/oauth/second_factor", "/oauth/device", "/oauth/device?user_code=WDJB-MJHT"];
            assert!(path.starts_with("/oauth/authorize?") || ours.contains(&&*path), "{field}: {path}");
        }
        assert_eq!(Interaction::named(None), Interaction::Apps);
    }
}
