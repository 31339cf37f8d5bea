//! Keeps the keys of other issuers fresh: one task of the control plane for each, so that never two readings of one issuer's keys
//! are under way, and never on a core's thread. It reads from the address that the policies say, and from no other.
//!
//! The keys are read anew after the time that their server says, and once at most in a while for a key that is not known. While
//! the server is away those before are good for a day; then the issuer's tokens are refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use http::header::CACHE_CONTROL;
use tokio::task::AbortHandle;

use super::readings::{REST, Readings};
use crate::config::service_url::ServiceUrl;
use crate::credential::directory::Directory;
use crate::credential::key_set::KeySet;
use crate::domain::random::Random;
use crate::domain::time::Clock;
use crate::outbound::client::{CallError, Client};
use crate::outbound::rest::{chance, rest_after};
use crate::policy::issuer::ForeignIssuer;

/// After which time keys are read again whose server does not say.
const UNTOLD: Duration = Duration::from_secs(300);
/// Whatever it says: not sooner and not later.
const TOLD: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));
/// For how long keys are good while their server is away.
const GOOD: Duration = Duration::from_secs(24 * 3600);

/// Keeps the keys of other issuers fresh, as long as it lives.
pub struct IssuerKeys {
    keeping: Mutex<HashMap<Arc<str>, Keeping>>,
    directory: Arc<Directory>,
    client: Client,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    control: tokio::runtime::Handle,
}

/// One issuer's keys are kept fresh.
struct Keeping {
    address: ServiceUrl,
    readings: Arc<Readings>,
    task: Option<AbortHandle>,
}

impl Drop for Keeping {
    /// Nobody wants them any more.
    fn drop(&mut self) {
        self.task.iter().for_each(AbortHandle::abort);
    }
}

/// Why a reading brought no keys.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("its server gave no answer")]
    Call(#[from] CallError),
    #[error("its server answered with status {0}")]
    Status(u16),
    #[error("what its server answered is no JWK Set")]
    Wrong,
}

impl IssuerKeys {
    /// Keeps none yet; they will be read on `control`.
    #[must_use]
    pub fn new(
        directory: Arc<Directory>,
        client: Client,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        control: tokio::runtime::Handle,
    ) -> Self {
        Self { keeping: Mutex::default(), directory, client, clock, random, control }
    }

    /// Has the tokens of these issuers be taken, and of no others, and begins to read the keys of those that are new. One that is read
    /// from where it was keeps its keys.
    pub fn follow(&self, issuers: &[Arc<ForeignIssuer>]) {
        let mut keeping = self.keeping.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut kept, mut listed) = (HashMap::new(), Vec::new());
        for issuer in issuers {
            let name: Arc<str> = issuer.issuer.as_str().into();
            let same = keeping.remove(&name).filter(|kept| kept.address == issuer.keys);
            let one = same.unwrap_or_else(|| Keeping {
                address: issuer.keys.clone(),
                readings: Arc::default(),
                task: None,
            });
            listed.push((issuer.clone(), one.readings.clone()));
            kept.insert(name, one);
        }
        // Before they are read: who reads them finds their issuer in force.
        self.directory.trust_issuers(listed);
        for (name, one) in kept.iter_mut().filter(|(_, one)| one.task.is_none()) {
            one.task = Some(self.start(name, one));
        }
        *keeping = kept;
    }

    fn start(&self, issuer: &Arc<str>, one: &Keeping) -> AbortHandle {
        let keeper = Keeper {
            issuer: issuer.clone(),
            address: one.address.clone(),
            readings: one.readings.clone(),
            directory: self.directory.clone(),
            client: self.client.clone(),
            clock: self.clock.clone(),
            random: self.random.clone(),
        };
        self.control.spawn(keeper.keep()).abort_handle()
    }
}

/// Reads one issuer's keys, one reading at a time.
struct Keeper {
    issuer: Arc<str>,
    address: ServiceUrl,
    readings: Arc<Readings>,
    directory: Arc<Directory>,
    client: Client,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Keeper {
    /// Keeps the keys fresh, for ever.
    async fn keep(self) {
        let mut failures_in_a_row = 0;
        loop {
            let began = self.clock.monotonic();
            let rest = match self.read().await {
                Ok((set, told)) => {
                    failures_in_a_row = 0;
                    self.hold(set, began);
                    spread(told, chance(&*self.random))
                }
                Err(error) => {
                    failures_in_a_row += 1;
                    self.fail(&error);
                    rest_after(failures_in_a_row, &*self.random)
                }
            };
            self.wait(began, rest).await;
        }
    }

    async fn read(&self) -> Result<(KeySet, Option<Duration>), ReadError> {
        let answer = self.client.document(&self.address).await?;
        match answer.status().as_u16() {
            200 => {}
            status => return Err(ReadError::Status(status)),
        }
        let told = max_age(answer.headers());
        Ok((KeySet::read(answer.body()).ok_or(ReadError::Wrong)?, told))
    }

    fn hold(&self, set: KeySet, began: Duration) {
        let before = self.readings.state();
        if set.keys().is_empty() {
            tracing::warn!(issuer = %self.issuer, "the key set of an issuer has no key that is taken: its tokens are refused");
        } else if before.is_failing {
            tracing::info!(issuer = %self.issuer, "the keys of an issuer can be read again");
        }
        self.directory.hold_issuer_keys(&self.readings, Some(set));
        self.readings.succeed(began);
    }

    /// What changes is told once, not each failure.
    fn fail(&self, error: &ReadError) {
        let (before, now) = (self.readings.state(), self.clock.monotonic());
        let good = before.read_at.filter(|read_at| now.saturating_sub(*read_at) < GOOD);
        let cause = std::error::Error::source(error);
        match (before.read_at, good) {
            (Some(_), None) => {
                self.directory.hold_issuer_keys(&self.readings, None);
                tracing::error!(issuer = %self.issuer, %error, ?cause, "the keys of an issuer are too old: its tokens are refused");
            }
            (Some(_), Some(_)) if !before.is_failing => {
                tracing::warn!(issuer = %self.issuer, %error, ?cause, "the keys of an issuer cannot be read: those before are good for a day");
            }
            (None, _) if !before.is_failing => {
                tracing::error!(issuer = %self.issuer, %error, ?cause, "the keys of an issuer cannot be read: its tokens are refused");
            }
            (Some(_), Some(_)) | (None, _) => {}
        }
        self.readings.fail(good);
    }

    /// Waits for `rest`, or until a call wants other keys and may have them.
    async fn wait(&self, began: Duration, rest: Duration) {
        let ends = self.clock.monotonic().saturating_add(rest);
        tokio::select! {
            () = tokio::time::sleep(rest) => return,
            () = self.readings.wanted() => {}
        }
        let soonest = began.saturating_add(REST).min(ends);
        tokio::time::sleep(soonest.saturating_sub(self.clock.monotonic())).await;
    }
}

/// How long what an answer holds may be kept (RFC 9111, section 5.2.2.1), if it says so.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut directives = values.flat_map(|value| value.split(',')).map(str::trim);
    directives.find_map(|directive| {
        let (name, seconds) = directive.split_once('=')?;
        let is_it = name.trim().eq_ignore_ascii_case("max-age");
        let seconds = seconds.trim().trim_matches('"').parse().ok().filter(|_| is_it)?;
        Some(Duration::from_secs(seconds))
    })
}

/// When keys are read again: not at the same moment on each node, and never later than was told.
fn spread(told: Option<Duration>, chance: u8) -> Duration {
    let (soonest, latest) = TOLD;
    told.unwrap_or(UNTOLD).clamp(soonest, latest) / 2048 * (1792 + u32::from(chance))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn keys_are_read_again_when_their_server_says_within_bounds() {
        let rest = |told: Option<u64>, chance| spread(told.map(Duration::from_secs), chance).as_secs_f64();
        for (told, longest) in [(None, 300.0), (Some(0), 60.0), (Some(600), 600.0), (Some(u64::MAX), 3600.0)]
        {
            assert!(rest(told, 255) <= longest && rest(told, 255) > longest * 0.99, "{told:?}");
            assert!(rest(told, 0) >= longest * 0.87, "{told:?}");
        }
    }

    #[test]
    fn an_age_is_read_from_whatever_stands_beside_it() {
        let age = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CACHE_CONTROL, HeaderValue::from_static(value));
            }
            max_age(&headers).map(|age| age.as_secs())
        };
        assert_eq!(age(&["public, max-age=21600, must-revalidate"]), Some(21600));
        assert_eq!(age(&["no-transform", "Max-Age=\"60\""]), Some(60));
        assert_eq!(age(&["s-maxage=5"]), None);
        assert_eq!(age(&["max-age=-1"]), None);
        assert_eq!(age(&["max-age=99999999999999999999"]), None);
        assert_eq!(age(&[]), None);
    }
}
