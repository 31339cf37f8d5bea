//! Admin tokens: who has one is an administrator. There is the one that the node was started with, and those that
//! administrators make for each other, each with a name. Only hashes are kept; comparison takes the same time for any guess.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::administrator::{Administrator, PeerAddress};
use super::problem::Problem;
use super::state::AdminState;
use crate::domain::admin_access::AdminAccess;
use crate::domain::secret_hash::AdminTokenHash;

/// Shortest admin token, in characters.
const MIN_LENGTH: usize = 32;

/// Whose the token is that the node was started with, as audit records say. No other token can have the name.
pub(super) const OF_THE_NODE: &str = "node";

/// An admin token that could be guessed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an admin token has at least {MIN_LENGTH} visible ASCII characters; `openssl rand -hex 32` makes one"
)]
pub struct WeakToken;

/// What an administrator proves himself with.
#[derive(Debug, Clone)]
pub struct AdminToken(AdminTokenHash);

impl AdminToken {
    /// Takes a token.
    ///
    /// # Errors
    /// [`WeakToken`] if it is short, or could not be sent.
    pub fn new(token: &str) -> Result<Self, WeakToken> {
        if token.len() < MIN_LENGTH || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(WeakToken);
        }
        Ok(Self(AdminTokenHash::of(token)))
    }

    /// Hashes are compared, so that the time says nothing about the token.
    fn is(&self, hash: &AdminTokenHash) -> bool {
        verify_slices_are_equal(&hash.0, &self.0.0).is_ok()
    }
}

/// The hash of the one token that is sent.
fn sent_in(headers: &HeaderMap) -> Option<AdminTokenHash> {
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (sent.next(), sent.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| AdminTokenHash::of(token.trim()))
}

/// Who has a token, and what it is good for.
struct Owner {
    name: String,
    /// The id of the token, unless it is the one that the node was started with.
    credential: Option<String>,
    access: AdminAccess,
}

/// Whose token has that hash.
async fn owner(state: &AdminState, hash: &AdminTokenHash) -> Result<Option<Owner>, Problem> {
    if state.token.is(hash) {
        let name = OF_THE_NODE.to_owned();
        return Ok(Some(Owner { name, credential: None, access: AdminAccess::Write }));
    }
    let known = state.store.admin_token_by_hash(hash).await?;
    let valid = known.filter(|token| token.is_valid(state.clock.now()));
    Ok(valid.map(|token| Owner { name: token.name, credential: Some(token.id), access: token.access }))
}

/// Calls that only ask, by a method that may change something: what they ask about is a secret, and belongs in no URL.
const ASKING: [&str; 1] = ["/admin/keys/inspect"];

/// Whether `access` is enough for a call: what has no effect (RFC 9110, section 9.2.1) is to read, all else to write.
fn is_enough(access: AdminAccess, request: &Request) -> bool {
    let only_asks =
        || request.extensions().get::<MatchedPath>().is_some_and(|path| ASKING.contains(&path.as_str()));
    match access {
        AdminAccess::Write => true,
        AdminAccess::Read => request.method().is_safe() || only_asks(),
    }
}

/// Lets only administrators through, to what their tokens are good for, and says who calls.
pub(super) async fn require(
    State(state): State<Arc<AdminState>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let hash = sent_in(request.headers());
    let owner = match &hash {
        Some(hash) => owner(&state, hash).await?,
        None => None,
    };
    let (path, address) = (request.uri().path(), request.extensions().get::<PeerAddress>());
    let address = address.map(|peer| tracing::field::display(peer.0));
    let Some(Owner { name, credential, access }) = owner else {
        let has_token = hash.is_some();
        tracing::warn!(path, address, has_token, "an admin call was refused: it has no token that is good");
        return Err(Problem::Unauthenticated);
    };
    if !is_enough(access, &request) {
        tracing::warn!(path, address, name, "an admin call was refused: its token may only read");
        return Err(Problem::ReadOnly(name));
    }
    let who = Administrator::of(&request, &name, credential);
    request.extensions_mut().insert(who);
    Ok(next.run(request).await)
}
