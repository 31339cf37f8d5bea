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
use crate::limit::gcra::{Verdict, admit, give_back};

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
        let (of_a_network, of_all) = match known {
            KnownKeys::AtFirst => (rate(OF_A_NETWORK_AT_FIRST, NETWORK_WINDOW), a_second(OF_ALL, OF_ALL)),
            KnownKeys::Some => (of_a_network(), a_second(OF_ALL, OF_ALL)),
            KnownKeys::All => (of_a_network(), a_second(KEYS_OF_ALL, KEYS_AT_ONCE)),
        };
        self.keys.pay_by(of_a_network, of_all, address, now)
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
                Err(Refusal::Unavailable("Too many unknown credentials are being tried"))
            }
        }
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
mod tests {
    use super::*;

    #[test]
    fn who_guesses_is_refused_and_who_does_not_is_not() {
        let (guesses, now) = (Guesses::new(), Duration::from_secs(1000));
        let (one, other) = ("192.0.2.1".parse().ok(), "192.0.2.2".parse().ok());
        let taken = (0..1000).filter(|_| guesses.pay(one, now).is_ok()).count();
        assert_eq!(taken, OF_A_NETWORK as usize);
        for _ in 0..1000 {
            guesses.pay(other, now).unwrap().give_back();
        }
        assert!(matches!(guesses.pay(one, now), Err(Refusal::LimitReached { .. })));
        assert!(guesses.pay(one, now + NETWORK_WINDOW).is_ok());
    }

    #[test]
    fn while_keys_are_learnt_a_network_may_try_more_and_all_no_more() {
        let (guesses, now) = (Guesses::new(), Duration::from_secs(1000));
        let address = |number: u32| Some(IpAddr::from(number.to_be_bytes()));
        let pay = |known, address| guesses.pay_for_key(known, address, now);
        let paid: Vec<_> = (0..1000).filter_map(|_| pay(KnownKeys::AtFirst, address(0)).ok()).collect();
        assert_eq!(paid.len(), OF_A_NETWORK_AT_FIRST as usize);
        paid.iter().for_each(Paid::give_back);
        let taken = (0..10).flat_map(|number| (0..1000).map(move |_| address(number)));
        let taken = taken.filter(|address| pay(KnownKeys::AtFirst, *address).is_ok()).count();
        assert_eq!(taken, OF_ALL as usize);
        assert!(matches!(pay(KnownKeys::All, address(99)), Err(Refusal::Unavailable(_))));
        assert!(guesses.pay(address(99), now).is_ok(), "tokens are paid for by themselves");
    }

    #[test]
    fn waits_are_bounded_by_themselves() {
        let (guesses, now) = (Guesses::new(), Duration::from_secs(1000));
        let (issuer, one) = (Arc::default(), "192.0.2.1".parse().ok());
        let wait = || guesses.pay_for_wait(&issuer, one, now);
        let paid: Vec<_> = (0..1000).filter_map(|_| wait().ok()).collect();
        assert_eq!(paid.len(), WAITS_OF_A_NETWORK as usize);
        assert!(guesses.pay(one, now).is_ok());
        paid.iter().for_each(PaidWait::give_back);
        assert!(wait().is_ok());
    }

    #[test]
    fn who_waits_for_one_issuer_leaves_room_for_who_waits_for_another() {
        let (guesses, now) = (Guesses::new(), Duration::from_secs(1000));
        let address = |number: u32| Some(IpAddr::from(number.to_be_bytes()));
        let waits = |issuer: &Arc<Cell>| {
            let tried =
                (0..10_000).filter_map(|number| guesses.pay_for_wait(issuer, address(number), now).ok());
            tried.collect::<Vec<_>>()
        };
        let (one, other) = (Arc::default(), Arc::default());
        let paid = waits(&one);
        assert_eq!(paid.len(), WAITS_OF_AN_ISSUER as usize);
        assert!(matches!(guesses.pay_for_wait(&one, None, now), Err(Refusal::Unavailable(_))));
        assert_eq!(waits(&other).len(), (OF_ALL - WAITS_OF_AN_ISSUER) as usize);
        // A network that has used up its own takes nothing of its issuer's.
        paid.iter().for_each(PaidWait::give_back);
        let of_a_network = (0..10_000).filter(|_| guesses.pay_for_wait(&one, address(99_999), now).is_ok());
        assert_eq!(of_a_network.count(), WAITS_OF_A_NETWORK as usize);
        assert_eq!(waits(&one).len(), (WAITS_OF_AN_ISSUER - WAITS_OF_A_NETWORK) as usize);
    }

    #[test]
    fn guesses_from_everywhere_are_bounded_together() {
        let (guesses, now) = (Guesses::new(), Duration::from_secs(1000));
        let address = |number: u32| Some(IpAddr::from(number.to_be_bytes()));
        let taken = (0..10_000).filter(|number| guesses.pay(address(*number), now).is_ok()).count();
        assert_eq!(taken, AT_ONCE as usize);
        assert!(matches!(guesses.pay(None, now), Err(Refusal::Unavailable(_))));
        let keys = (0..10_000)
            .filter(|number| guesses.pay_for_key(KnownKeys::All, address(*number), now).is_ok())
            .count();
        assert_eq!(keys, KEYS_AT_ONCE as usize);
        let second = Duration::from_secs(1);
        let in_a_second = (0..1_000).map(|milliseconds| now + second + Duration::from_millis(milliseconds));
        let keys = in_a_second.flat_map(|now| std::iter::repeat_n(now, 10));
        let keys = keys.filter(|now| guesses.pay_for_key(KnownKeys::All, None, *now).is_ok()).count();
        assert!((KEYS_OF_ALL..=KEYS_OF_ALL + KEYS_AT_ONCE).contains(&(keys as u32)), "{keys}");
    }

    #[test]
    fn a_wrong_token_is_known_for_a_while() {
        let (guesses, second) = (Guesses::new(), Duration::from_secs(1));
        let app = AppId::new("app_1").unwrap();
        guesses.remember_wrong([7; 32], ("why", Some(&app)), 5 * second);
        let refused = Refused::of(&app, Refusal::CredentialInvalid("why"));
        assert_eq!(guesses.known_wrong(&[7; 32], second), Some(refused));
        assert_eq!(guesses.known_wrong(&[7; 32], 5 * second), None);
        assert_eq!(guesses.known_wrong(&[8; 32], second), None);
    }
}
