//! Whether what a code or a refresh token rests on still holds, beside itself.

use super::super::error::EndpointError;
use super::super::router::OAuth;
use crate::domain::id::{GrantId, MerchantId};
use crate::domain::identity::Standing;

/// How firm its ground is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rests {
    /// The merchant may have apps act for it, and lets this one.
    Firm,
    /// The merchant is suspended. It may be resumed, so nothing happens to it.
    Suspended,
    /// The merchant is gone, or has taken its grant back.
    Gone,
}

/// How firm the ground is of what rests on a merchant and its grant.
///
/// # Errors
/// [`EndpointError::Unavailable`].
pub async fn of(oauth: &OAuth, (merchant, grant): (&MerchantId, &GrantId)) -> Result<Rests, EndpointError> {
    let merchant = oauth.store.merchant(merchant).await?;
    let grant = oauth.store.grant(grant).await?;
    let is_given = grant.is_some_and(|grant| grant.revoked_at.is_none());
    Ok(match merchant.map(|merchant| merchant.standing) {
        Some(Standing::Active) if is_given => Rests::Firm,
        Some(Standing::Suspended) if is_given => Rests::Suspended,
        Some(Standing::Active | Standing::Suspended) | None => Rests::Gone,
    })
}
