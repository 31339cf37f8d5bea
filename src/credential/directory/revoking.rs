//! Access tokens that are revoked one by one, and what a token permits that was verified already.

use std::sync::Arc;
use std::time::Duration;

use super::Directory;
use crate::credential::access_token::VerifiedToken;
use crate::credential::freshness::Stamps;
use crate::credential::loader::Failure;
use crate::credential::revoked::TOKEN_ID_PREFIX;
use crate::credential::source::SourceUnavailable;
use crate::domain::principal::Caller;
use crate::domain::time::Timestamp;
use crate::policy::snapshot::MAX_ACCESS_TOKEN_LIFETIME;

/// Revoked tokens that are learnt at once.
const LEARNT_AT_ONCE: u32 = 1_000;
/// How long at most a token holds of which it is only heard that it is revoked, with what clocks are apart.
const LONGEST: Duration = MAX_ACCESS_TOKEN_LIFETIME.saturating_add(Duration::from_secs(300));

impl Directory {
    /// Forgets an access token that was revoked, and would have expired then.
    pub fn forget_token(&self, id: &str, expires_at: Timestamp) {
        self.revoked.insert(id, expires_at);
        self.changes.bump(id);
    }

    /// Takes note of it if what changed is a token: nothing of one changes but that it is revoked.
    pub(super) fn hear_of_token(&self, subject: &str) {
        if subject.starts_with(TOKEN_ID_PREFIX) {
            self.revoked.insert(subject, self.clock.now().plus(LONGEST));
        }
    }

    /// Whether all tokens are known that were revoked one by one; else the store is asked about each that is new.
    #[must_use]
    pub fn knows_revoked_tokens(&self) -> bool {
        self.revoked.is_complete()
    }

    /// Learns which tokens were revoked one by one. Those that are revoked meanwhile must be heard of.
    ///
    /// # Errors
    /// [`SourceUnavailable`]; what was learnt stays.
    pub async fn learn_revoked_tokens(&self) -> Result<(), SourceUnavailable> {
        self.revoked.begin();
        let mut after = String::new();
        loop {
            let page = self.source.revoked_tokens(&after, LEARNT_AT_ONCE).await?;
            page.iter().for_each(|(id, expires_at)| self.revoked.insert(id, *expires_at));
            match page.into_iter().next_back() {
                Some((last, _)) => after = last,
                None => break,
            }
        }
        self.revoked.has_all();
        Ok(())
    }

    /// Whom a token proves that was verified, and what it permits now; `None` if it no longer holds. For the control plane: what
    /// is not known is loaded here.
    ///
    /// # Errors
    /// [`SourceUnavailable`].
    pub async fn standing_of(&self, token: &VerifiedToken) -> Result<Option<Arc<Caller>>, SourceUnavailable> {
        let mut stamps = Stamps::default();
        let judging = self.judging(self.clock.moment());
        match self.loader.load_token(token, judging, &mut stamps).await {
            Ok(identity) => Ok(Some(identity.caller)),
            Err(Failure::Refused(_)) => Ok(None),
            Err(Failure::Source(error)) => Err(error),
            Err(Failure::Busy) => {
                Err(SourceUnavailable("too many credentials are being looked up".to_owned()))
            }
        }
    }
}
