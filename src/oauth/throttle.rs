//! How often somebody may try to log in, or an app to prove itself: in bounded memory.
//!
//! A login is counted before its password is checked, first by where it comes from, so that one network or site can neither try
//! without end nor lock others out: the tight limit of an account is one of that account from that network. A login that
//! turns out right is given back to all of them, so that owners who log in often, or many from one address, never wait.
//! Browsers in which an account's owner has logged in before are counted apart from all others, so that nobody else can make
//! them wait.
//!
//! An app's secret cannot be guessed and costs little to check, so it is checked first: only what failed is counted, and
//! told to wait. Who has the right secret always gets in, whoever else is behind the same address. What an app signed costs more:
//! it is not looked at while too much has failed.

mod lines;
mod presented;
mod seen;

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use moka::sync::Cache;

pub use self::lines::LeftOut;
use self::lines::Lines;
use self::seen::Seen;
use crate::domain::id::{MerchantId, SessionId};
use crate::domain::identity::{App, ClientKind};
use crate::domain::plan::Rate;
use crate::domain::refusal::whole_seconds;
use crate::domain::secret_hash::DeviceCodeHash;
use crate::limit::cell::{Cell, network, site};
use crate::limit::gcra::{Verdict, admit, give_back};

/// Subjects of each kind that are remembered.
const CAPACITY: u64 = 100_000;
/// How long one is remembered after its last attempt; by then its limit is as if never used.
const REMEMBERED_FOR: Duration = Duration::from_secs(3600);
/// Characters of an account's or app's name that count. Longer names are cut: nobody has one, and memory stays bounded.
const NAME_LENGTH: usize = 100;

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    /// Logins from a network.
    Network(IpAddr),
    /// Logins from a site.
    Site(IpAddr),
    /// Logins to an account from a network.
    AccountFrom(String, IpAddr),
    /// Logins to an account from anywhere.
    Account(String),
    /// Logins from a browser in which somebody had logged in to the account.
    Device(String),
    /// Logins to an account from all such browsers.
    DevicesOf(String),
    /// Failed attempts from a network to prove to be an app.
    AppFrom(String, IpAddr),
    /// Authorization requests that an app pushed from a network.
    PushedFrom(String, IpAddr),
    /// Devices of an app that ask from a network.
    DevicesFrom(String, IpAddr),
    /// Refreshes of a family.
    Refreshes(String),
    /// Questions of the device of a code that there is.
    Polls(DeviceCodeHash),
    /// User codes of devices that a merchant tries.
    UserCodes(String),
    /// Forms of a session.
    Forms(String),
    /// Consents of a merchant.
    Consents(String),
    /// What is guessed at from a network, of one kind.
    Guesses(IpAddr),
    /// Logins that a network begins at the identity provider.
    FederatedFrom(IpAddr),
}

/// What opens something for whoever names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Guessed {
    /// The code that a device shows.
    UserCode,
    /// The code that a device keeps.
    DeviceCode,
    /// A login at the identity provider that is under way.
    FederatedLogin,
    /// An API key that somebody says to have found.
    ApiKey,
}

type Cells = Cache<Subject, Arc<Cell>>;

/// Counts attempts.
pub struct Throttle {
    seen: Seen,
    lines: Lines,
    by_network: Rate,
    by_site: Rate,
    by_account_and_network: Rate,
    by_account: Rate,
    by_app_and_network: Rate,
    pushed_by_app_and_network: Rate,
    rows_of_anybody: Rate,
    devices: Rate,
    refreshes: Rate,
    polls: Rate,
    user_codes: Rate,
    forms: Rate,
    consents: Rate,
}

/// A login that was let through. It counts against whom it is for unless it is given back.
#[must_use = "an attempt that turns out right is to be given back"]
pub struct Attempt<'t>(Vec<(Arc<Cell>, &'t Rate)>);

impl Attempt<'_> {
    /// It was right, or proved nothing either way: it does not count.
    pub fn give_back(self) {
        for (cell, rate) in &self.0 {
            give_back(cell, rate);
        }
    }
}

impl Default for Throttle {
    fn default() -> Self {
        let rate = |requests, burst| Rate { requests, window: Duration::from_secs(600), burst };
        let number = |value| NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN);
        Self {
            seen: Seen::with_capacity(CAPACITY),
            lines: Lines::default(),
            by_network: rate(number(200), number(50)),
            by_site: rate(number(400), number(100)),
            by_account_and_network: rate(number(20), number(10)),
            by_account: rate(number(400), number(200)),
            by_app_and_network: rate(number(600), number(300)),
            pushed_by_app_and_network: rate(number(12_000), number(600)),
            rows_of_anybody: rate(number(600), number(60)),
            devices: rate(number(300), number(60)),
            refreshes: rate(number(120), number(300)),
            polls: rate(number(600), number(10)),
            user_codes: rate(number(20), number(10)),
            forms: rate(number(600), number(60)),
            consents: rate(number(600), number(120)),
        }
    }
}

impl Throttle {
    /// Counts a login to `account` from `address` at `now`, a monotonic time; from `device`, if somebody had logged in to the
    /// account there, by itself.
    ///
    /// # Errors
    /// The seconds to wait if there were too many.
    pub fn login(
        &self,
        account: &str,
        device: Option<&str>,
        address: IpAddr,
        now: Duration,
    ) -> Result<Attempt<'_>, u64> {
        let network = network(address);
        let account = cut(account);
        if let Some(device) = device {
            let cells = &self.seen.devices_of_owners;
            let own = (cells, Subject::Device(cut(device)), &self.by_account_and_network);
            return count_all(now, [own, (cells, Subject::DevicesOf(account), &self.by_account)]);
        }
        let cells = &self.seen.logins;
        count_all(
            now,
            [
                (cells, Subject::Network(network), &self.by_network),
                (cells, Subject::Site(site(network)), &self.by_site),
                (cells, Subject::AccountFrom(account.clone(), network), &self.by_account_and_network),
                (cells, Subject::Account(account), &self.by_account),
            ],
        )
    }

    /// Counts a user code that `merchant` tries from `address` at `now`, a monotonic time (RFC 8628, section 5.1). Twenty
    /// tries in ten minutes against codes of 34 bits: one in a billion.
    ///
    /// # Errors
    /// The seconds to wait if there were too many.
    pub fn user_code(&self, merchant: &str, address: IpAddr, now: Duration) -> Result<Attempt<'_>, u64> {
        let cells = self.seen.guesses(Guessed::UserCode);
        count_all(
            now,
            [
                (cells, Subject::Guesses(network(address)), &self.by_network),
                (&self.seen.user_codes, Subject::UserCodes(cut(merchant)), &self.user_codes),
            ],
        )
    }

    /// Counts what may be a guess from `address` at `now`, a monotonic time.
    ///
    /// # Errors
    /// The seconds to wait if there were too many.
    pub fn guess(&self, at: Guessed, address: IpAddr, now: Duration) -> Result<Attempt<'_>, u64> {
        count_all(now, [(self.seen.guesses(at), Subject::Guesses(network(address)), &self.by_network)])
    }

    /// Counts a login that is begun at the identity provider from `address` at `now`, a monotonic time: each is a row in the
    /// store.
    ///
    /// # Errors
    /// The seconds to wait if there were too many.
    pub fn federated(&self, address: IpAddr, now: Duration) -> Result<(), u64> {
        let subject = Subject::FederatedFrom(network(address));
        count(&self.seen.federated, subject, &self.rows_of_anybody, now).map(drop)
    }

    /// Counts a device of `app` that asks from `address` at `now`, a monotonic time: each is a row in the store.
    ///
    /// # Errors
    /// The seconds to wait if there were too many.
    pub fn device(&self, app: &str, address: IpAddr, now: Duration) -> Result<(), u64> {
        let subject = Subject::DevicesFrom(cut(app), network(address));
        count(&self.seen.devices, subject, &self.devices, now).map(drop)
    }

    /// Counts a refresh of `family` at `now`, a monotonic time: each is a token that is kept until it expires.
    ///
    /// # Errors
    /// The seconds to wait if there were too many.
    pub fn refresh(&self, family: &str, now: Duration) -> Result<(), u64> {
        let subject = Subject::Refreshes(cut(family));
        count(&self.seen.refreshes, subject, &self.refreshes, now).map(drop)
    }

    /// Counts a form of `session` at `now`, a monotonic time: each may be a row in the store, and an audit record. None of a merchant's
    /// sessions keeps another from being ended.
    ///
    /// # Errors
    /// The seconds to wait if there were too many.
    pub fn form(&self, session: &SessionId, now: Duration) -> Result<(), u64> {
        let subject = Subject::Forms(cut(session.as_str()));
        count(&self.seen.forms, subject, &self.forms, now).map(drop)
    }

    /// Counts a consent of `merchant` at `now`, a monotonic time, in whatever session: each is an audit record, which stays for ever.
    ///
    /// # Errors
    /// The seconds to wait if there were too many.
    pub fn consent(&self, merchant: &MerchantId, now: Duration) -> Result<(), u64> {
        let subject = Subject::Consents(cut(merchant.as_str()));
        count(&self.seen.forms, subject, &self.consents, now).map(drop)
    }

    /// Whether the store is asked for the device of that code at `now`, a monotonic time: what it learns is written each time.
    /// Counts the question, once [`Self::polled`] has said that there is such a code; made-up ones are kept nowhere.
    pub fn may_poll(&self, code: &DeviceCodeHash, now: Duration) -> bool {
        let cell = self.seen.polls.get(&Subject::Polls(*code));
        cell.is_none_or(|cell| take(&cell, &self.polls, now).is_ok())
    }

    /// There is a device of that code, and it waits.
    pub fn polled(&self, code: &DeviceCodeHash) {
        self.seen.polls.get_with(Subject::Polls(*code), Arc::default);
    }

    /// Counts an attempt from `address` to prove to be `app` that failed at `now`, a monotonic time.
    ///
    /// # Errors
    /// The seconds to wait if there were too many.
    pub fn app_failed(&self, app: &str, address: IpAddr, now: Duration) -> Result<(), u64> {
        let subject = Subject::AppFrom(cut(app), network(address));
        count(&self.seen.failures, subject, &self.by_app_and_network, now).map(drop)
    }

    /// Whether `app` was failed to be so often from `address` that an attempt which is dear to check is not looked at, at `now`, a
    /// monotonic time.
    ///
    /// # Errors
    /// The seconds to wait then.
    pub fn may_be_app(&self, app: &str, address: IpAddr, now: Duration) -> Result<(), u64> {
        let Some(cell) = self.seen.failures.get(&Subject::AppFrom(cut(app), network(address))) else {
            return Ok(());
        };
        take(&cell, &self.by_app_and_network, now)?;
        give_back(&cell, &self.by_app_and_network);
        Ok(())
    }

    /// Counts an authorization request that `app` pushed from `address` at `now`, a monotonic time: each is kept for a while.
    /// Anybody can be a `public` app, so that one has far less.
    ///
    /// # Errors
    /// The seconds to wait if there were too many.
    pub fn pushed(&self, app: &App, address: IpAddr, now: Duration) -> Result<(), u64> {
        let subject = Subject::PushedFrom(cut(app.id.as_str()), network(address));
        let rate = match app.kind {
            ClientKind::Public => &self.rows_of_anybody,
            ClientKind::Confidential => &self.pushed_by_app_and_network,
        };
        count(&self.seen.pushed, subject, rate, now).map(drop)
    }

    /// Whether the log may have a line of a call from `address` that was refused at `now`, a monotonic time; if so, how many were
    /// left out since the last one of that network.
    pub fn line(&self, address: IpAddr, now: Duration) -> Option<u64> {
        self.lines.next(network(address), now)
    }

    /// How many lines were left out since it was last told, if it is to be told at `now`, a monotonic time: once a minute.
    pub fn left_out(&self, now: Duration) -> Option<LeftOut> {
        self.lines.left_out(now)
    }
}

/// Counts an attempt against all of these, or against none if one of them refuses.
fn count_all<'t, const N: usize>(
    now: Duration,
    subjects: [(&'t Cells, Subject, &'t Rate); N],
) -> Result<Attempt<'t>, u64> {
    let mut attempt = Attempt(Vec::with_capacity(N));
    for (cells, subject, rate) in subjects {
        match count(cells, subject, rate, now) {
            Ok(cell) => attempt.0.push((cell, rate)),
            Err(wait) => {
                // What one limit refuses uses up nothing of another.
                attempt.give_back();
                return Err(wait);
            }
        }
    }
    Ok(attempt)
}

fn count(cells: &Cells, subject: Subject, rate: &Rate, now: Duration) -> Result<Arc<Cell>, u64> {
    let cell = cells.get_with(subject, Arc::default);
    take(&cell, rate, now)?;
    Ok(cell)
}

fn take(cell: &Arc<Cell>, rate: &Rate, now: Duration) -> Result<(), u64> {
    match admit(cell, rate, now) {
        Verdict::Admitted { .. } => Ok(()),
        Verdict::Refused { retry_after } => Err(whole_seconds(retry_after).max(1)),
    }
}

fn cut(name: &str) -> String {
    name.chars().take(NAME_LENGTH).collect()
}

/// Where a request comes from, as the data plane says; whatever came from outside under that name was dropped there.
#[must_use]
pub fn address_of(headers: &HeaderMap) -> IpAddr {
    let told = headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
    told.and_then(|address| address.parse().ok()).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

#[cfg(test)]
mod tests;
