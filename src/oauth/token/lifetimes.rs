//! How long refresh tokens live, one by one and as a family.

use super::super::router::OAuth;
use crate::domain::identity::ClientKind;
use crate::domain::scope::ScopeSet;
use crate::domain::time::Timestamp;

/// From when on a refresh token does not work that is given at `now` and not used.
pub(super) fn refresh_token_end(oauth: &OAuth, scopes: &ScopeSet, now: Timestamp) -> Timestamp {
    now.plus(oauth.live.load().refresh_token_lifetime(scopes))
}

/// When a family ends that begins at `now`, though it is used; `None`: never. One of a public app, whose tokens may lie in a
/// browser, lives no longer than its first token (RFC 10017, section 6.3.2.3).
pub(super) fn family_end(
    oauth: &OAuth,
    kind: ClientKind,
    scopes: &ScopeSet,
    now: Timestamp,
) -> Option<Timestamp> {
    let of_platform = oauth.live.load().platform.refresh_family_lifetime.map(|life| now.plus(life));
    match kind {
        ClientKind::Confidential => of_platform,
        ClientKind::Public => {
            let of_first = refresh_token_end(oauth, scopes, now);
            Some(of_platform.map_or(of_first, |end| end.min(of_first)))
        }
    }
}
