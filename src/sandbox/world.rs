//! What the four upstreams share: one state behind one lock, the clock, and who calls.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRequestParts, Path};
use axum::http::HeaderMap;
use axum::http::request::Parts;

use super::problem::Refused;
use super::state::State;
use crate::domain::id::MerchantId;
use crate::domain::time::{Clock, Timestamp};

/// The shared state.
#[derive(Clone)]
pub(super) struct World {
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
    pay_url: Arc<str>,
}

impl World {
    /// A world with the seed products, whose pay pages are below `pay_url`.
    pub(super) fn new(clock: Arc<dyn Clock>, pay_url: &str) -> Self {
        Self { state: Arc::new(Mutex::new(State::new(clock.now()))), clock, pay_url: pay_url.into() }
    }

    /// Takes one step, or a look. The lock ends with it, so that it is never held across an await. What is overdue
    /// has ended before.
    pub(super) fn step<T>(&self, step: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock, so that time does not step back from one step to the next.
        let now = self.clock.now();
        state.expire(now);
        step(&mut state, now)
    }

    /// Where a buyer pays.
    pub(super) fn pay_url(&self, payment: &str) -> String {
        format!("{}/{payment}", self.pay_url)
    }
}

/// The merchant on whose behalf the gateway forwards the call.
#[derive(Debug, Clone)]
pub(super) struct Merchant(pub(super) MerchantId);

impl<S: Send + Sync> FromRequestParts<S> for Merchant {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        named(&parts.headers)?.map(Self).ok_or(Refused::NoMerchant)
    }
}

/// The merchant, if the call is on behalf of one.
#[derive(Debug, Clone)]
pub(super) struct AnyMerchant(pub(super) Option<MerchantId>);

impl<S: Send + Sync> FromRequestParts<S> for AnyMerchant {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        named(&parts.headers).map(Self)
    }
}

/// A field that is there but names nobody is refused: it must not count as a call on behalf of no merchant.
fn named(headers: &HeaderMap) -> Result<Option<MerchantId>, Refused> {
    let Some(value) = headers.get("x-tollgate-merchant") else { return Ok(None) };
    let merchant = value.to_str().ok().and_then(|text| MerchantId::new(text).ok());
    merchant.map(Some).ok_or(Refused::NoMerchant)
}

/// The `{id}` of the path.
#[derive(Debug, Clone)]
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.map(|Path(id)| Self(id)).map_err(|_| Refused::Malformed("The path must be UTF-8".to_owned()))
    }
}
