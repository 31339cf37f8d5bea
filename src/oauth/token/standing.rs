//! Whether what a refresh token rests on still holds, beside the token itself.

use super::super::error::EndpointError;
use super::super::router::OAuth;
use crate::domain::identity::Standing;
use crate::store::refresh_token::RefreshFamily;

/// Whether the family's merchant may have apps act for it, and has not taken its grant back. A merchant that is suspended may be
/// resumed: nothing happens to the token.
///
/// # Errors
/// [`EndpointError::Unavailable`].
pub async fn stands(oauth: &OAuth, family: &RefreshFamily) -> Result<bool, EndpointError> {
    let merchant = oauth.store.merchant(&family.merchant).await?;
    let grant = oauth.store.grant(&family.grant).await?;
    let is_active = merchant.is_some_and(|merchant| merchant.standing == Standing::Active);
    Ok(is_active && grant.is_some_and(|grant| grant.revoked_at.is_none()))
}
