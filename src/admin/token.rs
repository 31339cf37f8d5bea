//! The admin token: who has it is an administrator. Only its hash is kept; comparison takes the same time for any guess.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::problem::Problem;
use super::state::AdminState;
use crate::domain::secret_hash::SecretHash;

/// Shortest admin token, in characters.
const MIN_LENGTH: usize = 32;

/// An admin token that could be guessed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an admin token has at least {MIN_LENGTH} visible ASCII characters; `openssl rand -hex 32` makes one"
)]
pub struct WeakToken;

/// What an administrator proves himself with.
#[derive(Debug, Clone)]
pub struct AdminToken(SecretHash);

impl AdminToken {
    /// Takes a token.
    ///
    /// # Errors
    /// [`WeakToken`] if it is short, or could not be sent.
    pub fn new(token: &str) -> Result<Self, WeakToken> {
        if token.len() < MIN_LENGTH || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(WeakToken);
        }
        Ok(Self(SecretHash::of(token)))
    }

    fn is_sent_in(&self, headers: &HeaderMap) -> bool {
        let mut sent = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (sent.next(), sent.next()) else { return false };
        let Some((scheme, token)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else {
            return false;
        };
        // Hashes are compared, so that the time says nothing about the token.
        let is_equal = verify_slices_are_equal(&SecretHash::of(token.trim()).0, &self.0.0).is_ok();
        scheme.eq_ignore_ascii_case("bearer") && is_equal
    }
}

/// Lets only administrators through.
pub(super) async fn require(
    State(state): State<Arc<AdminState>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if !state.token.is_sent_in(request.headers()) {
        tracing::warn!(path = request.uri().path(), "an admin call without the admin token was refused");
        return Err(Problem::Unauthenticated);
    }
    Ok(next.run(request).await)
}
