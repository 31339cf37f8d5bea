//! The access token of one upstream: kept fresh by a task of the control plane, read by each core without a lock.
//!
//! What is published has a version that a core compares with its own; only when there is another does it look. The task
//! asks for the next token ahead of time; an upstream that refuses a token has another asked for, once, however many calls
//! it refuses. While no token can be had, the one before is used to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::{Notify, watch};

use super::client::Client;
use super::rest::{chance, rest_after};
use super::token_request::{self, TokenError};
use crate::domain::id::UpstreamName;
use crate::domain::random::Random;
use crate::domain::time::Clock;
use crate::policy::token_source::TokenSource;

/// Least time between two requests that refused tokens cause.
const RENEWAL_REST: Duration = Duration::from_secs(10);
/// Least time between two requests.
const LEAST_REST: Duration = Duration::from_millis(500);

/// A token that is used.
#[derive(Debug)]
pub struct HeldToken {
    /// Its number: tokens of an upstream are counted from 1.
    pub number: u64,
    /// The value of `Authorization`.
    pub authorization: HeaderValue,
    /// When it was asked for, in monotonic time.
    pub since: Duration,
    /// From when it is no longer used, in monotonic time.
    pub ends_at: Duration,
}

/// What the cores know of an upstream's token.
#[derive(Debug, Clone, Default)]
pub struct Published {
    /// The latest token, if there ever was one.
    pub token: Option<Arc<HeldToken>>,
    /// Requests for a token that are over.
    pub requests: u64,
    /// Of those, the ones that brought none.
    pub failures: u64,
    /// Whether the last one was such.
    pub is_failing: bool,
    /// Whether one is being asked for because the upstream refused the latest.
    pub is_renewing: bool,
    /// From when on the next token that the upstream refuses is replaced, in monotonic time.
    pub renewable_from: Duration,
}

impl Published {
    /// The token, if it is good at `now`.
    #[must_use]
    pub fn good(&self, now: Duration) -> Option<&Arc<HeldToken>> {
        self.token.as_ref().filter(|token| now < token.ends_at)
    }
}

/// The token of one upstream, as all cores share it.
pub struct TokenCell {
    upstream: UpstreamName,
    source: Arc<TokenSource>,
    published: watch::Receiver<Published>,
    refused: Arc<Refused>,
    task: tokio::task::AbortHandle,
}

/// The latest token that the upstream refused.
#[derive(Default)]
struct Refused {
    number: AtomicU64,
    told: Notify,
}

impl TokenCell {
    /// Begins to keep a token of `source` at hand.
    pub(super) fn start(
        upstream: UpstreamName,
        source: Arc<TokenSource>,
        (client, clock, random): (Client, Arc<dyn Clock>, Arc<dyn Random>),
        control: &tokio::runtime::Handle,
    ) -> Self {
        let (publish, published) = watch::channel(Published::default());
        let refused = Arc::<Refused>::default();
        let keeper = Keeper {
            upstream: upstream.clone(),
            source: source.clone(),
            publish,
            refused: refused.clone(),
            client,
            clock,
            random,
        };
        let task = control.spawn(keeper.keep()).abort_handle();
        Self { upstream, source, published, refused, task }
    }

    /// Whose it is.
    #[must_use]
    pub fn upstream(&self) -> &UpstreamName {
        &self.upstream
    }

    /// Where it comes from.
    #[must_use]
    pub(super) fn source(&self) -> &TokenSource {
        &self.source
    }

    /// What is published, to be looked at again whenever it changes.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Published> {
        let mut published = self.published.clone();
        published.mark_changed();
        published
    }

    /// The upstream refused the token of that number: another is asked for, unless there is one already.
    pub fn refuse(&self, number: u64) {
        self.refused.number.fetch_max(number, Ordering::AcqRel);
        self.refused.told.notify_one();
    }
}

impl Drop for TokenCell {
    /// Nobody uses it any more.
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Asks for tokens, one request at a time.
struct Keeper {
    upstream: UpstreamName,
    source: Arc<TokenSource>,
    publish: watch::Sender<Published>,
    refused: Arc<Refused>,
    client: Client,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Keeper {
    /// Keeps a token at hand, for ever.
    async fn keep(self) {
        let mut failures_in_a_row = 0;
        loop {
            let asked_at = self.clock.monotonic();
            let rest = match token_request::request(&self.client, &self.source).await {
                Ok(token) => {
                    failures_in_a_row = 0;
                    let rest = ahead(token.lifetime, chance(&*self.random));
                    self.hold(token, asked_at);
                    rest
                }
                Err(error) => {
                    failures_in_a_row += 1;
                    self.fail(&error);
                    rest_after(failures_in_a_row, &*self.random)
                }
            };
            self.wait(rest.max(LEAST_REST)).await;
        }
    }

    fn hold(&self, token: token_request::NewToken, asked_at: Duration) {
        self.publish.send_modify(|published| {
            published.requests += 1;
            published.is_renewing = false;
            if std::mem::replace(&mut published.is_failing, false) {
                tracing::info!(upstream = %self.upstream, "there is an access token again");
            }
            published.token = Some(Arc::new(HeldToken {
                number: published.token.as_ref().map_or(1, |token| token.number + 1),
                authorization: token.authorization,
                since: asked_at,
                ends_at: asked_at.saturating_add(token.lifetime),
            }));
        });
    }

    fn fail(&self, error: &TokenError) {
        tracing::error!(
            upstream = %self.upstream,
            token_url = %self.source.token_url,
            %error,
            cause = ?std::error::Error::source(error),
            "an upstream's access token could not be had"
        );
        self.publish.send_modify(|published| {
            published.requests += 1;
            published.failures += 1;
            published.is_renewing = false;
            published.is_failing = true;
        });
    }

    /// Waits for `rest`, or until the token at hand is refused and may be replaced.
    async fn wait(&self, rest: Duration) {
        let rested = tokio::time::sleep(rest);
        let mut rested = std::pin::pin!(rested);
        loop {
            tokio::select! {
                () = &mut rested => return,
                () = self.refused.told.notified() => {}
            }
            let (number, renewable_from) = {
                let published = self.publish.borrow();
                (published.token.as_ref().map_or(0, |token| token.number), published.renewable_from)
            };
            let now = self.clock.monotonic();
            if self.refused.number.load(Ordering::Acquire) >= number && now >= renewable_from {
                tracing::warn!(upstream = %self.upstream, "the upstream refused its access token: it gets another");
                self.publish.send_modify(|published| {
                    published.is_renewing = true;
                    published.renewable_from = now + RENEWAL_REST;
                });
                return;
            }
        }
    }
}

/// When the next token is asked for: after some four fifths of the life of the one at hand, not at the same moment on each
/// node.
fn ahead(lifetime: Duration, chance: u8) -> Duration {
    lifetime / 1024 * (768 + u32::from(chance) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_token_is_asked_for_ahead_and_not_by_all_at_once() {
        let hour = Duration::from_secs(3600);
        assert_eq!(ahead(hour, 0), hour * 3 / 4);
        assert!(ahead(hour, 255) < hour * 7 / 8 && ahead(hour, 255) > hour * 4 / 5);
    }
}
