//! How long tokens live: the shortest of what the platform says and what each of their scopes does. So a scope that shows more,
//! such as buyers' personal data, is worth less to who steals a token, and the others need not be as short.

use std::time::Duration;

use super::snapshot::{ScopeText, Snapshot};
use crate::domain::scope::ScopeSet;

impl Snapshot {
    /// How long an access token lives that has these scopes.
    #[must_use]
    pub fn access_token_lifetime(&self, scopes: &ScopeSet) -> Duration {
        self.shortest(self.platform.access_token_lifetime, scopes, |scope| scope.access_token_lifetime)
    }

    /// How long a refresh token lives, without being used, that gives these scopes.
    #[must_use]
    pub fn refresh_token_lifetime(&self, scopes: &ScopeSet) -> Duration {
        self.shortest(self.platform.refresh_token_lifetime, scopes, |scope| scope.refresh_token_lifetime)
    }

    fn shortest(
        &self,
        of_platform: Duration,
        scopes: &ScopeSet,
        of_scope: impl Fn(&ScopeText) -> Option<Duration>,
    ) -> Duration {
        let of_scopes = scopes.iter().filter_map(|scope| self.scopes.get(scope)).filter_map(of_scope);
        of_scopes.fold(of_platform, Duration::min)
    }
}
