//! Whether what a refresh token rests on still holds, beside the token itself.

use super::super::error::EndpointError;
use super::super::router::OAuth;
use crate::domain::identity::Standing;
use crate::store::refresh_token::RefreshFamily;

/// How firm a refresh token's ground is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rests {
    /// The merchant may have apps act for it, and lets this one.
    Firm,
    /// The merchant is suspended. It may be resumed, so nothing happens to the token.
    Suspended,
    /// The merchant is gone, or has taken its grant back.
    Gone,
}

/// What the family rests on.
///
/// # Errors
/// [`EndpointError::Unavailable`].
pub async fn of(oauth: &OAuth, family: &RefreshFamily) -> Result<Rests, EndpointError> {
    let merchant = oauth.store.merchant(&family.merchant).await?;
    let grant = oauth.store.grant(&family.grant).await?;
    let is_given = grant.is_some_and(|grant| grant.revoked_at.is_none());
    Ok(match merchant.map(|merchant| merchant.standing) {
        Some(Standing::Active) if is_given => Rests::Firm,
        Some(Standing::Suspended) if is_given => Rests::Suspended,
        Some(Standing::Active | Standing::Suspended) | None => Rests::Gone,
    })
}
