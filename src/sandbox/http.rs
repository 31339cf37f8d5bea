//! What the four upstreams have in common: shared state, who calls, field readers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use serde_json::Value;

use super::problem::Refused;
use super::record::CURRENCY;
use super::state::State;
use crate::domain::money::{Amount, Currency};
use crate::domain::time::{Clock, Timestamp};

/// What the upstreams share. The lock is never held across an await.
#[derive(Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
    /// Where the payment upstream's page is.
    pub pay_url: Arc<str>,
}

impl World {
    /// A world with the seed products.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, pay_url: String) -> Self {
        Self { state: Arc::new(Mutex::new(State::new(clock.now()))), clock, pay_url: pay_url.into() }
    }

    /// The state, for one step.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// The merchant on whose behalf the gateway forwards the call.
///
/// # Errors
/// [`Refused::NoMerchant`].
pub fn merchant(headers: &HeaderMap) -> Result<String, Refused> {
    optional_merchant(headers).ok_or(Refused::NoMerchant)
}

/// The merchant, if the call is on behalf of one.
#[must_use]
pub fn optional_merchant(headers: &HeaderMap) -> Option<String> {
    headers.get("x-tollgate-merchant").and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// A JSON body.
///
/// # Errors
/// [`Refused::Invalid`] if it is not a JSON object.
pub fn object(body: &[u8]) -> Result<Value, Refused> {
    let invalid = |_| Refused::Invalid { field: "body", right: "a JSON object".to_owned() };
    let value: Value = serde_json::from_slice(body).map_err(invalid)?;
    if value.is_object() {
        return Ok(value);
    }
    Err(Refused::Invalid { field: "body", right: "a JSON object".to_owned() })
}

/// A text of 1 to 500 characters.
///
/// # Errors
/// [`Refused::Invalid`].
pub fn text(object: &Value, field: &'static str) -> Result<String, Refused> {
    object
        .get(field)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty() && text.chars().count() <= 500)
        .map(str::to_owned)
        .ok_or_else(|| Refused::Invalid { field, right: "a text of 1 to 500 characters".to_owned() })
}

/// A decimal amount above zero, such as `"19.90"`, in minor units.
///
/// # Errors
/// [`Refused::Invalid`].
pub fn amount(object: &Value, field: &'static str) -> Result<i64, Refused> {
    let invalid = || Refused::Invalid { field, right: "an amount above zero such as \"19.90\"".to_owned() };
    let text = object.get(field).and_then(Value::as_str).ok_or_else(invalid)?;
    let currency: Currency = CURRENCY.parse().map_err(|_| invalid())?;
    Amount::parse(text, currency)
        .ok()
        .map(|amount| amount.minor)
        .filter(|minor| *minor > 0)
        .ok_or_else(invalid)
}

/// A whole number in a range.
///
/// # Errors
/// [`Refused::Invalid`].
pub fn integer(
    object: &Value,
    field: &'static str,
    range: std::ops::RangeInclusive<i64>,
) -> Result<i64, Refused> {
    let right = || format!("a whole number from {} to {}", range.start(), range.end());
    object
        .get(field)
        .and_then(Value::as_i64)
        .filter(|value| range.contains(value))
        .ok_or_else(|| Refused::Invalid { field, right: right() })
}

/// Minor units as a decimal string.
#[must_use]
pub fn money(minor: i64) -> String {
    let currency = CURRENCY.parse::<Currency>();
    currency.map_or_else(|_| minor.to_string(), |currency| Amount { minor, currency }.to_string())
}
