//! What a flood of credentials that prove nothing may cost: so many verifications of tokens and look-ups of keys that fail, and
//! no more.
//!
//! A try is paid for before it is made, and the price is given back if the credential is good. So who guesses is refused
//! before any curve arithmetic or look-up, the sooner the more he guesses. While guesses of many networks use up what all may
//! cost, a good credential that is new may be refused too; one that was good before is not.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::refused::Refused;
use crate::domain::id::{AppId, LimitName, RouteName};
use crate::domain::plan::Rate;
use crate::domain::refusal::Refusal;
use crate::limit::cell::{Cell, CellKey, Cells};
use crate::limit::gcra::{Verdict, admit, give_back, left};

/// Wrong credentials of one network that are tried: as many at once, and ten a second.
const OF_A_NETWORK: u32 = 50;
/// The same of API keys while the platform's are being learnt, as then a network's good ones are among what is tried.
const OF_A_NETWORK_AT_FIRST: u32 = 500;
/// Calls of one network that wait for another issuer's keys: its good ones are among them while the issuer signs by a new one.
const WAITS_OF_A_NETWORK: u32 = 500;
/// How soon a network has all of them again.
const NETWORK_WINDOW: Duration = Duration::from_secs(5);
/// Wrong credentials of all that are tried in a second: of tokens, a tenth of a core.
const OF_ALL: u32 = 2_500;
/// As many of them at once, as long as each takes a core by itself: a core is kept from others for some milliseconds.
const AT_ONCE: u32 = OF_ALL / 10;
/// API keys of all that are tried in a second once it is known which there are: then only one that was just made on another node is new.
const KEYS_OF_ALL: u32 = 500;
/// As many of them at once.
const KEYS_AT_ONCE: u32 = 50;
/// Calls that wait for the keys of one other issuer, in a second: nearly all, but those of another find room.
const WAITS_OF_AN_ISSUER: u32 = OF_ALL / 5 * 4;
/// Networks of which is known how much they guessed.
const NETWORKS: usize = 16_384;
/// Wrong credentials that are known as such; beyond, the one in the same place is forgotten.
const PLACES: usize = 4_096;

const TOO_MANY: Refusal = Refusal::Unavailable("Too many unknown credentials are being tried");

/// What has been guessed of late.
pub(super) struct Guesses {
    price: Price,
    keys: Price,
    waits: Price,
    wrong: Box<[Mutex<Wrong>]>,
}

/// What was paid of late.
#[derive(Debug)]
pub(super) struct Price {
    networks: Option<Networks>,
    all: Arc<Cell>,
}

#[derive(Debug)]
struct Networks {
    cells: Cells,
    name: LimitName,
    /// What takes a route's place in the name of a cell.
    of: RouteName,
}

/// A credential that is known to prove nothing.
#[derive(Default)]
struct Wrong {
    hash: [u8; 32],
    until: Duration,
    why: &'static str,
    /// The app that it was once good for.
    app: Option<AppId>,
}

/// Which of the platform's API keys a node knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KnownKeys {
    /// It has just begun to learn them, so that good ones are among what is tried.
    AtFirst,
    /// Those that it has room for.
    Some,
    /// Which there are.
    All,
}

impl KnownKeys {
    /// How many are tried of a network, and of all.
    fn rates(self) -> (Rate, Rate) {
        match self {
            Self::AtFirst => (rate(OF_A_NETWORK_AT_FIRST, NETWORK_WINDOW), a_second(OF_ALL, OF_ALL)),
            Self::Some => (of_a_network(), a_second(OF_ALL, OF_ALL)),
            Self::All => (of_a_network(), a_second(KEYS_OF_ALL, KEYS_AT_ONCE)),
        }
    }
}

/// A try that is paid for.
pub(super) struct Paid {
    of_network: Option<(Arc<Cell>, Rate)>,
    of_all: Option<(Arc<Cell>, Rate)>,
}

/// A wait for an issuer's keys that is paid for.
pub(super) struct PaidWait {
    paid: Paid,
    of_issuer: Arc<Cell>,
}

impl Guesses {
    pub(super) fn new() -> Self {
        let wrong = (0..PLACES).map(|_| Mutex::default()).collect();
        Self {
            price: Price::new("unknown-credentials"),
            keys: Price::new("unknown-keys"),
            waits: Price::new("unknown-issuer-keys"),
            wrong,
        }
    }

    /// Why a credential proves nothing, if that was found out lately.
    pub(super) fn known_wrong(&self, hash: &[u8; 32], now: Duration) -> Option<Refused> {
        let place = self.place(hash)?.lock().unwrap_or_else(PoisonError::into_inner);
        (place.hash == *hash && now < place.until)
            .then(|| Refused { refusal: Refusal::CredentialInvalid(place.why), app: place.app.clone() })
    }

    /// Remembers until `until` why a credential proves nothing, and the app that it was once good for.
    pub(super) fn remember_wrong(
        &self,
        hash: [u8; 32],
        (why, app): (&'static str, Option<&AppId>),
        until: Duration,
    ) {
        if let Some(place) = self.place(&hash) {
            let wrong = Wrong { hash, until, why, app: app.cloned() };
            *place.lock().unwrap_or_else(PoisonError::into_inner) = wrong;
        }
    }

    /// Pays for a try of a credential from `address`.
    ///
    /// # Errors
    /// As [`Price::pay`].
    pub(super) fn pay(&self, address: Option<IpAddr>, now: Duration) -> Result<Paid, Refusal> {
        self.price.pay(address, now)
    }

    /// The same, of an API key, by what is known of the others.
    ///
    /// # Errors
    /// As [`Price::pay`].
    pub(super) fn pay_for_key(
        &self,
        known: KnownKeys,
        address: Option<IpAddr>,
        now: Duration,
    ) -> Result<Paid, Refusal> {
        let (of_a_network, of_all) = known.rates();
        self.keys.pay_by(of_a_network, of_all, address, now)
    }

    /// Whether a try of an API key from `address` could be paid for. Asking costs nothing, and who floods is told by it before
    /// anything is done for the call.
    ///
    /// # Errors
    /// As [`Price::pay`].
    pub(super) fn could_pay_for_key(
        &self,
        known: KnownKeys,
        address: Option<IpAddr>,
        now: Duration,
    ) -> Result<(), Refusal> {
        let (of_a_network, of_all) = known.rates();
        self.keys.could_pay_by(&of_a_network, &of_all, address, now)
    }

    /// Pays for a wait for the keys of the issuer of a token from `address`; `issuer` counts those that wait for it. That costs nothing of
    /// what is paid for other credentials.
    ///
    /// # Errors
    /// As [`Price::pay`]; also [`Refusal::Unavailable`] if many wait for that issuer.
    pub(super) fn pay_for_wait(
        &self,
        issuer: &Arc<Cell>,
        address: Option<IpAddr>,
        now: Duration,
    ) -> Result<PaidWait, Refusal> {
        if let Verdict::Refused { .. } = admit(issuer, &of_an_issuer(), now) {
            return Err(Refusal::Unavailable(
                "Too many calls wait for the keys of the access token's issuer",
            ));
        }
        let of_a_network = rate(WAITS_OF_A_NETWORK, NETWORK_WINDOW);
        match self.waits.pay_by(of_a_network, a_second(OF_ALL, OF_ALL), address, now) {
            Ok(paid) => Ok(PaidWait { paid, of_issuer: issuer.clone() }),
            Err(refusal) => {
                give_back(issuer, &of_an_issuer());
                Err(refusal)
            }
        }
    }

    /// Forgets networks that have not guessed of late.
    pub(super) fn sweep(&self, now: Duration) {
        self.price.sweep(now);
        self.keys.sweep(now);
        self.waits.sweep(now);
    }

    fn place(&self, hash: &[u8; 32]) -> Option<&Mutex<Wrong>> {
        let [first, second, ..] = *hash;
        self.wrong.get(usize::from(u16::from_le_bytes([first, second])) % PLACES)
    }
}

impl Paid {
    /// Gives the price of a good credential back.
    pub(super) fn give_back(&self) {
        for (cell, rate) in [&self.of_all, &self.of_network].into_iter().flatten() {
            give_back(cell, rate);
        }
    }
}

impl PaidWait {
    /// Gives the price of a wait back that brought a good credential, or nothing.
    pub(super) fn give_back(&self) {
        self.paid.give_back();
        give_back(&self.of_issuer, &of_an_issuer());
    }
}

impl Price {
    /// Of verifications that the limit of that name bounds.
    pub(super) fn new(name: &str) -> Self {
        let names = LimitName::new(name).ok().zip(RouteName::new("-").ok());
        let networks = names.map(|(name, of)| Networks { cells: Cells::new(NETWORKS), name, of });
        Self { networks, all: Arc::default() }
    }

    /// Pays for a verification of what came from `address`.
    ///
    /// # Errors
    /// [`Refusal::LimitReached`] for the network that guesses, [`Refusal::Unavailable`] if many do.
    pub(super) fn pay(&self, address: Option<IpAddr>, now: Duration) -> Result<Paid, Refusal> {
        self.pay_by(of_a_network(), a_second(OF_ALL, AT_ONCE), address, now)
    }

    fn pay_by(
        &self,
        of_a_network: Rate,
        of_all: Rate,
        address: Option<IpAddr>,
        now: Duration,
    ) -> Result<Paid, Refusal> {
        let paid = self.of_network(of_a_network, address, now)?;
        match admit(&self.all, &of_all, now) {
            Verdict::Admitted { .. } => Ok(Paid { of_all: Some((self.all.clone(), of_all)), ..paid }),
            Verdict::Refused { .. } => {
                paid.give_back();
                Err(TOO_MANY)
            }
        }
    }

    fn could_pay_by(
        &self,
        of_a_network: &Rate,
        of_all: &Rate,
        address: Option<IpAddr>,
        now: Duration,
    ) -> Result<(), Refusal> {
        if let (Some(networks), Some(address)) = (&self.networks, address)
            && let Some(cell) = networks.cells.known(&CellKey::address(address, &networks.of))
            && let Some(retry_after) = wait_of(&cell, of_a_network, now)
        {
            return Err(Refusal::LimitReached { limit: networks.name.clone(), retry_after });
        }
        if wait_of(&self.all, of_all, now).is_some() {
            return Err(TOO_MANY);
        }
        Ok(())
    }

    /// Pays for a verification from what the network of `address` may cost alone, whatever all cost.
    ///
    /// # Errors
    /// [`Refusal::LimitReached`].
    pub(super) fn pay_of_network(&self, address: Option<IpAddr>, now: Duration) -> Result<Paid, Refusal> {
        self.of_network(of_a_network(), address, now)
    }

    fn of_network(&self, rate: Rate, address: Option<IpAddr>, now: Duration) -> Result<Paid, Refusal> {
        let mut paid = Paid { of_network: None, of_all: None };
        if let (Some(networks), Some(address)) = (&self.networks, address) {
            let cell = networks.cells.find(&CellKey::address(address, &networks.of), now);
            if let Verdict::Refused { retry_after } = admit(&cell, &rate, now) {
                return Err(Refusal::LimitReached { limit: networks.name.clone(), retry_after });
            }
            paid.of_network = Some((cell, rate));
        }
        Ok(paid)
    }

    /// Forgets networks that have not guessed of late.
    pub(super) fn sweep(&self, now: Duration) {
        if let Some(networks) = &self.networks {
            networks.cells.sweep(now);
        }
    }
}

/// After how long one more would pass; `None`: right away.
fn wait_of(cell: &Cell, rate: &Rate, now: Duration) -> Option<Duration> {
    let (left, until_whole) = left(cell, rate, now);
    let each = rate.window.checked_div(rate.requests.get()).unwrap_or_default();
    (left == 0).then(|| until_whole.saturating_sub(each.saturating_mul(rate.burst.get() - 1)))
}

fn of_a_network() -> Rate {
    rate(OF_A_NETWORK, NETWORK_WINDOW)
}

fn of_an_issuer() -> Rate {
    a_second(WAITS_OF_AN_ISSUER, WAITS_OF_AN_ISSUER)
}

fn a_second(requests: u32, at_once: u32) -> Rate {
    let burst = NonZeroU32::new(at_once).unwrap_or(NonZeroU32::MIN);
    Rate { burst, ..rate(requests, Duration::from_secs(1)) }
}

fn rate(requests: u32, window: Duration) -> Rate {
    let requests = NonZeroU32::new(requests).unwrap_or(NonZeroU32::MIN);
    Rate { requests, window, burst: requests }
}

#[cfg(test)]
mod tests;
