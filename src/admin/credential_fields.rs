//! What a new credential of an app may be: as its body says, and no wider than the app.

use std::fmt::Display;

use ipnet::IpNet;
use serde_json::Value;

use super::app;
use super::fields::{self, Fields};
use super::problem::{FieldError, Problem};
use super::reach::Reach;
use super::state::AdminState;
use crate::domain::app_credential::AppCredential;
use crate::domain::id::{AppId, ProductName};
use crate::domain::narrowing::{InvalidList, Narrowing, Networks, Products, network};
use crate::domain::scope::ScopeSet;
use crate::domain::time::Timestamp;

/// A credential as it is asked for.
pub(super) struct NewCredential {
    /// The app that it is to prove.
    app: AppId,
    /// A narrower set of scopes than the app's.
    scopes: Option<ScopeSet>,
    /// To what else it is narrowed.
    narrowing: Narrowing,
    /// When it ends.
    expires_at: Option<Timestamp>,
}

impl NewCredential {
    /// The credential of that id, made at `now`.
    pub(super) fn made<I, O>(self, id: I, own: O, now: Timestamp) -> AppCredential<I, O> {
        let Self { app, scopes, narrowing, expires_at } = self;
        AppCredential { scopes, narrowing, expires_at, ..AppCredential::new(id, app, own, now) }
    }
}

/// The credential that a body asks for at `now`; `None` if something is wrong, which is noted.
pub(super) fn new_credential(body: &mut Fields, now: Timestamp) -> Option<NewCredential> {
    let app = body.required("app", fields::text::<AppId>);
    let scopes = body.optional("scopes", fields::scopes);
    let products = body.optional("products", products);
    let addresses = body.optional("addresses", addresses);
    let expires_at = expiry(body, now);
    let narrowing = Narrowing { products: products?, addresses: addresses? };
    Some(NewCredential { app: app?, scopes: scopes?, narrowing, expires_at: expires_at? })
}

/// When the credential is to end; `None` if that is wrong.
pub(super) fn expiry(body: &mut Fields, now: Timestamp) -> Option<Option<Timestamp>> {
    let expires_at = body.optional("expires_at", fields::text::<Timestamp>);
    if expires_at.flatten().is_some_and(|expiry| expiry <= now) {
        body.wrong("expires_at", "must be in the future".to_owned());
    }
    expires_at
}

fn products(value: &Value) -> Result<Products, String> {
    entries(value, ProductName::new, Products::new)
}

fn addresses(value: &Value) -> Result<Networks, String> {
    entries::<IpNet, _, _>(value, network, Networks::new)
}

/// A list of which each entry is read by itself; all that are wrong are told.
fn entries<T, E: Display, L>(
    value: &Value,
    read: impl Fn(&str) -> Result<T, E>,
    list: impl FnOnce(Vec<T>) -> Result<L, InvalidList>,
) -> Result<L, String> {
    let (mut right, mut wrong) = (Vec::new(), Vec::new());
    for text in fields::texts(value)? {
        match read(&text) {
            Ok(entry) => right.push(entry),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    if wrong.is_empty() { list(right).map_err(|error| error.to_string()) } else { Err(wrong.join("; ")) }
}

/// How far the app reaches at `now` that a credential is to prove, which is no wider.
///
/// # Errors
/// [`Problem::Invalid`] if there is no such app, or the credential is wider.
pub(super) async fn app_for(
    state: &AdminState,
    new: &NewCredential,
    now: Timestamp,
) -> Result<Reach, Problem> {
    let app = app::find(state, new.app.as_str()).await.map_err(|problem| match problem {
        Problem::NotFound(_) => invalid(vec![("/app", format!("there is no app {}", new.app))]),
        other => other,
    })?;
    let reach = Reach::of(state, app, now).await?;
    check_within(new, &reach)?;
    Ok(reach)
}

/// Whether a credential is no wider than its app.
///
/// # Errors
/// [`Problem::Invalid`].
fn check_within(new: &NewCredential, reach: &Reach) -> Result<(), Problem> {
    let mut wrong = Vec::new();
    let beyond = new.scopes.as_ref().map(|scopes| reach.app.scopes.missing(scopes));
    if let Some(beyond) = beyond.filter(|scopes| !scopes.is_empty()) {
        wrong.push(("/scopes", format!("must be within the app's scopes; {beyond} is not")));
    }
    let beyond = new.narrowing.products.as_ref().map(|products| reach.beyond(products)).unwrap_or_default();
    if !beyond.is_empty() {
        let detail = format!(
            "must be API products that the app has subscribed to, which are: {}; not so: {}",
            reach.products(),
            beyond.join(", ")
        );
        wrong.push(("/products", detail));
    }
    if wrong.is_empty() { Ok(()) } else { Err(invalid(wrong)) }
}

/// That these fields are wrong.
pub(super) fn invalid(wrong: Vec<(&str, String)>) -> Problem {
    let told = |(pointer, detail): (&str, String)| FieldError { pointer: pointer.to_owned(), detail };
    Problem::Invalid(wrong.into_iter().map(told).collect())
}
