//! An authorization request: from what was sent to what it means, fully checked (RFC 6749, section 4.1.1).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::error::{AuthorizeError, EndpointError, PageError, Registered};
use super::observed;
use super::parameters::Parameters;
use super::pkce;
use super::redirect;
use super::resource;
use super::router::OAuth;
use super::scopes;
use super::step_up::Wanted;
use crate::domain::client::{ClientSettings, GrantType};
use crate::domain::confirmation::Thumbprint;
use crate::domain::id::AppId;
use crate::domain::identity::{App, ClientKind, Partner};
use crate::domain::scope::ScopeSet;
use crate::domain::secret_hash::RequestHash;
use crate::store::StoreError;
use crate::store::client::Client;

/// What an app is told that sends a request by the browser though it must not.
const NOT_PUSHED: &str =
    "this app must push its requests to /oauth/par (RFC 9126), and send request_uri alone";

/// What no URI may have; beyond it, what is not ASCII.
const UNSENDABLE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>');

/// The query of an authorization request as a URI may have it: what a browser sent unencoded is encoded, so that the request
/// can be gone on with in a redirect, and means the same.
#[must_use]
pub fn normal(query: &str) -> Cow<'_, str> {
    utf8_percent_encode(query, UNSENDABLE).into()
}

/// A checked authorization request.
#[derive(Debug)]
pub struct ClientRequest {
    /// Who asks.
    pub app: App,
    /// Whose app it is.
    pub partner: Partner,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// The redirect URI as the request had it, if it had one.
    pub sent_redirect_uri: Option<String>,
    /// What it asks for.
    pub scopes: ScopeSet,
    /// To be given back as it is.
    pub state: Option<String>,
    /// The PKCE challenge.
    pub challenge: Option<String>,
    /// The key that the tokens have to be bound to (`dpop_jkt`; RFC 9449, section 10).
    pub key: Option<Thumbprint>,
    /// What it asks of the merchant's login.
    pub wanted: Wanted,
    /// The languages that its pages are to be in.
    pub ui_locales: Option<String>,
    /// Who is to log in, as far as the app knows.
    pub login_hint: Option<String>,
    /// By which it was pushed, if it was: the merchant's answer uses it up.
    pub pushed: Option<RequestHash>,
}

/// Why a request is not good.
#[derive(Debug)]
pub enum RequestError {
    /// The user is told.
    Page(PageError),
    /// The app is told, at its redirect URI.
    Redirect {
        /// The app's name.
        app: String,
        /// Where.
        redirect_uri: String,
        /// Its state.
        state: Option<String>,
        /// What.
        error: AuthorizeError,
    },
}

impl From<PageError> for RequestError {
    fn from(error: PageError) -> Self {
        Self::Page(error)
    }
}

impl ClientRequest {
    /// Checks the request in `query`.
    ///
    /// # Errors
    /// [`RequestError`]: a page while it is not sure where to redirect to, a redirect from then on.
    pub async fn read(oauth: &OAuth, query: &str) -> Result<Self, RequestError> {
        let sent = Parameters::parse(query);
        let client = client(oauth, &sent).await?;
        let (parameters, pushed) = pushed(oauth, &client, &sent).await?.unzip();
        let parameters = parameters.as_ref().unwrap_or(&sent);
        let requires_par = client.settings.requires_par || oauth.live.load().platform.requires_par;
        let Client { app, partner, settings, .. } = client;
        let redirect_uri = redirect_uri(&app, parameters)?;
        // Of several states nobody knows which one the app would know again.
        let state = parameters.get("state").filter(|_| !parameters.is_faulty("state")).map(str::to_owned);
        let checked = match pushed.is_some() || !requires_par {
            true => check(oauth, (&app, &settings), parameters),
            false => Err(AuthorizeError::InvalidRequest(NOT_PUSHED.to_owned())),
        };
        match checked {
            Ok(Checked { scopes, challenge, key, wanted }) => {
                let sent_redirect_uri = parameters.get("redirect_uri").map(str::to_owned);
                let ui_locales = parameters.get("ui_locales").map(str::to_owned);
                let login_hint = parameters.get("login_hint").map(str::to_owned);
                Ok(Self {
                    ui_locales,
                    login_hint,
                    app,
                    partner,
                    redirect_uri,
                    sent_redirect_uri,
                    scopes,
                    state,
                    challenge,
                    key,
                    wanted,
                    pushed,
                })
            }
            Err(error) => Err(RequestError::Redirect { app: app.name, redirect_uri, state, error }),
        }
    }
}

impl ClientRequest {
    /// What its app is told that asked for what cannot be.
    #[must_use]
    pub fn refused(&self, error: AuthorizeError) -> RequestError {
        let (app, redirect_uri) = (self.app.name.clone(), self.redirect_uri.clone());
        RequestError::Redirect { app, redirect_uri, state: self.state.clone(), error }
    }

    /// What went wrong with it, as it is to be told: what is of ours to its app, what its merchant can mend to the merchant.
    #[must_use]
    pub fn failed(&self, error: RequestError) -> RequestError {
        match error {
            RequestError::Page(PageError::Unavailable(source)) => {
                tracing::error!(error = %source, "an authorization request could not be served");
                match source.downcast_ref() {
                    Some(StoreError::Unavailable { .. }) => self.refused(AuthorizeError::Unavailable),
                    Some(_) | None => self.refused(AuthorizeError::ServerError),
                }
            }
            told => told,
        }
    }
}

/// Checks a request that `app` pushes: so far as it is checked again when a browser brings it.
///
/// # Errors
/// [`EndpointError`].
pub fn check_pushed(
    oauth: &OAuth,
    (app, settings): (&App, &ClientSettings),
    parameters: &Parameters,
) -> Result<(), EndpointError> {
    redirect_uri(app, parameters).map_err(|error| {
        EndpointError::InvalidRequest(match error {
            PageError::NoRedirect(Registered::Several) => {
                "redirect_uri is missing: the app has registered several"
            }
            PageError::NoRedirect(Registered::None) => {
                "redirect_uri is missing, and the app has registered none"
            }
            _ => "redirect_uri is none that the app has registered",
        })
    })?;
    check(oauth, (app, settings), parameters).map(drop).map_err(EndpointError::Request)
}

/// The request that the browser brought a reference to (RFC 9126, section 4); what else it brought is passed over.
async fn pushed(
    oauth: &OAuth,
    client: &Client,
    sent: &Parameters,
) -> Result<Option<(Parameters, RequestHash)>, PageError> {
    if sent.is_faulty("request_uri") {
        return Err(PageError::RequestGone);
    }
    let Some(request_uri) = sent.get("request_uri") else { return Ok(None) };
    let hash = RequestHash::of(request_uri);
    let found = oauth.store.pushed_request(&client.app.id, &hash, oauth.clock.now()).await?;
    let pushed = found.ok_or(PageError::RequestGone)?;
    Ok(Some((Parameters::parse(&pushed.request), hash)))
}

async fn client(oauth: &OAuth, parameters: &Parameters) -> Result<Client, PageError> {
    // With a repeated client_id or redirect_uri nobody knows whom to tell.
    if parameters.is_faulty("client_id") || parameters.is_faulty("redirect_uri") {
        return Err(PageError::UnknownApp);
    }
    let named = parameters.get("client_id").ok_or(PageError::NoApp)?;
    let id = AppId::new(named).map_err(|_| PageError::UnknownApp)?;
    let client = oauth.store.client(&id).await?.ok_or_else(|| {
        observed::is_no_app(id.as_str());
        PageError::UnknownApp
    })?;
    observed::is_app(&client.app.id);
    if client.is_active() { Ok(client) } else { Err(PageError::SuspendedApp) }
}

fn redirect_uri(app: &App, parameters: &Parameters) -> Result<String, PageError> {
    match (parameters.get("redirect_uri"), app.redirect_uris.as_slice()) {
        (Some(uri), registered) if redirect::is_registered(registered, uri) => Ok(uri.to_owned()),
        (None, [only]) => Ok(only.clone()),
        (Some(uri), _) => {
            observed::is_unregistered(uri);
            Err(PageError::UnknownRedirect)
        }
        (None, []) => Err(PageError::NoRedirect(Registered::None)),
        (None, _) => Err(PageError::NoRedirect(Registered::Several)),
    }
}

/// What is asked for, once it is known where the answer goes.
struct Checked {
    scopes: ScopeSet,
    challenge: Option<String>,
    key: Option<Thumbprint>,
    wanted: Wanted,
}

fn check(
    oauth: &OAuth,
    (app, settings): (&App, &ClientSettings),
    parameters: &Parameters,
) -> Result<Checked, AuthorizeError> {
    let invalid = |what: &str| AuthorizeError::InvalidRequest(what.to_owned());
    if let Some(name) = parameters.repeated() {
        return Err(AuthorizeError::InvalidRequest(format!("{} was sent more than once", shown(name))));
    }
    if let Some(name) = parameters.malformed() {
        return Err(AuthorizeError::InvalidRequest(format!("{} is malformed", shown(name))));
    }
    if parameters.get("request").is_some() {
        return Err(AuthorizeError::RequestNotSupported);
    }
    if parameters.get("response_mode").is_some_and(|mode| mode != "query") {
        return Err(invalid("response_mode must be query, or left out"));
    }
    match parameters.get("response_type") {
        Some("code") => {}
        Some(_) => return Err(AuthorizeError::UnsupportedResponseType),
        None => return Err(invalid("response_type is missing")),
    }
    if !settings.has_grant_type(GrantType::AuthorizationCode) {
        return Err(AuthorizeError::UnauthorizedClient);
    }
    let scopes = scopes::asked(oauth, app, parameters.get("scope")).map_err(AuthorizeError::InvalidScope)?;
    if !resource::is_ours(oauth, parameters) {
        return Err(AuthorizeError::InvalidTarget);
    }
    let (challenge, key) = (challenge(oauth, app, parameters)?, key(parameters)?);
    Ok(Checked { scopes, challenge, key, wanted: Wanted::read(parameters)? })
}

fn key(parameters: &Parameters) -> Result<Option<Thumbprint>, AuthorizeError> {
    let Some(text) = parameters.get("dpop_jkt") else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    let invalid =
        || AuthorizeError::InvalidRequest("dpop_jkt is not a SHA-256 thumbprint of a JWK".to_owned());
    bytes.map(|bytes| Some(Thumbprint(bytes))).ok_or_else(invalid)
}

/// A parameter's name, if an error description may have it (RFC 6749, section 4.1.2.1).
fn shown(name: &str) -> &str {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && name.len() <= 40;
    if is_plain { name } else { "a parameter" }
}

/// Whether a code is given to `app`, and taken from it, only with PKCE.
pub(super) fn requires_pkce(oauth: &OAuth, app: &App) -> bool {
    app.kind == ClientKind::Public || app.requires_pkce || oauth.live.load().platform.requires_pkce
}

fn challenge(oauth: &OAuth, app: &App, parameters: &Parameters) -> Result<Option<String>, AuthorizeError> {
    let invalid = |what: &str| AuthorizeError::InvalidRequest(what.to_owned());
    match (parameters.get("code_challenge"), parameters.get("code_challenge_method")) {
        (None, None) if requires_pkce(oauth, app) => {
            Err(invalid("code_challenge is missing: this app must use PKCE with S256"))
        }
        (None, None) => Ok(None),
        (None, Some(_)) => Err(invalid("code_challenge_method has no code_challenge")),
        (Some(challenge), Some("S256")) if pkce::is_challenge(challenge) => Ok(Some(challenge.to_owned())),
        (Some(_), Some("S256")) => Err(invalid("code_challenge is not an S256 challenge")),
        (Some(_), _) => Err(invalid("code_challenge_method must be S256")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_leaves_unencoded_means_the_same_once_it_is_encoded() {
        let query = "client_id=a&redirect_uri=http://a/cb?x=1&state=中%E4+b%20é";
        let encoded = normal(query);
        assert_eq!(encoded, "client_id=a&redirect_uri=http://a/cb?x=1&state=%E4%B8%AD%E4+b%20%C3%A9");
        assert_eq!(normal(&encoded), encoded);
    }
}
