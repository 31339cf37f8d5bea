//! All purses of a node, and each core's own view of those that it used lately, so that a steady caller costs no lock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::purse::{Desk, Purse};
use crate::domain::balance::{PaidFrom, Part, Stretch};
use crate::domain::id::{AppId, BalanceId, ItemName, ProductName};
use crate::domain::plan::PlanRef;
use crate::domain::time::{Period, Timestamp, Zone};

/// Purses of a node. Beyond, calls that need another are refused for the moment.
const MOST: usize = 65_536;
/// Purses that a core keeps at hand; beyond: it begins anew.
const AT_HAND: usize = 4096;

/// All purses of a node.
#[derive(Debug, Default)]
pub struct Purses {
    all: Mutex<HashMap<Stretch, Arc<Purse>, foldhash::fast::RandomState>>,
    desk: Arc<Desk>,
}

/// There are as many purses as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

impl Purses {
    /// The purse for a stretch, whose service period has that span.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn find(&self, stretch: Stretch, span: (Timestamp, Timestamp)) -> Result<Arc<Purse>, TooMany> {
        let mut all = self.lock();
        if let Some(purse) = all.get(&stretch) {
            return Ok(purse.clone());
        }
        if all.len() >= MOST {
            return Err(TooMany);
        }
        let purse = Arc::new(Purse::new(stretch.clone(), span, self.desk.clone()));
        all.insert(stretch, purse.clone());
        Ok(purse)
    }

    /// Waits until a purse asks for more; gives those that do.
    pub async fn asking(&self) -> Vec<Arc<Purse>> {
        loop {
            let asking = self.desk.take();
            if !asking.is_empty() {
                return asking;
            }
            self.desk.bell.notified().await;
        }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Purse>> {
        self.lock().values().cloned().collect()
    }

    /// Forgets those that are empty and that nobody has.
    pub fn sweep(&self) {
        self.lock().retain(|_, purse| Arc::strong_count(purse) > 1 || purse.left() > 0);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Stretch, Arc<Purse>, foldhash::fast::RandomState>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose calls are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Sought<'s> {
    /// What pays for them, or the cap that they are under.
    pub paid_from: &'s PaidFrom,
    /// The app.
    pub app: &'s AppId,
    /// The API product.
    pub product: &'s ProductName,
    /// The plan version in force.
    pub plan: &'s PlanRef,
    /// The item that charges them.
    pub item: &'s ItemName,
    /// The place of the item's promotion in which they are, if there is one.
    pub promotion: Option<usize>,
    /// When the call came.
    pub at: Timestamp,
}

impl Sought<'_> {
    fn is_of(&self, purse: &Purse) -> bool {
        let Stretch { balance, product, plan, part, .. } = purse.stretch();
        part.as_ref().is_some_and(|part| part.item == *self.item && part.promotion == self.promotion)
            && plan == self.plan
            && product == self.product
            && *balance == self.paid_from.balance
            && purse.is_for(self.at)
    }
}

/// A core's own view.
#[derive(Debug, Default)]
pub struct LocalPurses {
    /// Those of what pays.
    by_app: HashMap<AppId, Vec<Arc<Purse>>, foldhash::fast::RandomState>,
    /// Those of merchants' caps, of which an app may be under many.
    by_cap: HashMap<BalanceId, Vec<Arc<Purse>>, foldhash::fast::RandomState>,
}

impl LocalPurses {
    /// The purse for a call, in periods of that zone.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn find(&mut self, purses: &Purses, sought: Sought<'_>, zone: &Zone) -> Result<Arc<Purse>, TooMany> {
        let at_hand = match sought.paid_from.merchant {
            None => self.by_app.get(sought.app),
            Some(_) => self.by_cap.get(&sought.paid_from.balance),
        };
        let known = at_hand.and_then(|at_hand| at_hand.iter().find(|purse| sought.is_of(purse)));
        if let Some(purse) = known {
            return Ok(purse.clone());
        }
        let Sought { paid_from, app, product, plan, item, promotion, at } = sought;
        let service_period = Period::of(at, zone);
        let (balance, app) = (paid_from.balance.clone(), app.clone());
        let stretch = Stretch {
            balance: balance.clone(),
            app: app.clone(),
            product: product.clone(),
            plan: plan.clone(),
            part: Some(Part { item: item.clone(), promotion }),
            service_period,
        };
        let purse = purses.find(stretch, (service_period.start(zone), service_period.end(zone)))?;
        if self.by_app.len() + self.by_cap.len() >= AT_HAND {
            self.sweep();
        }
        let at_hand = match paid_from.merchant {
            None => self.by_app.entry(app).or_default(),
            Some(_) => self.by_cap.entry(balance).or_default(),
        };
        // It is there, and for another time, if its service period was another when it began.
        if !at_hand.iter().any(|known| Arc::ptr_eq(known, &purse)) {
            at_hand.push(purse.clone());
        }
        Ok(purse)
    }

    /// Forgets all, so that the shared map can drop what nobody uses.
    pub fn sweep(&mut self) {
        self.by_app.clear();
        self.by_cap.clear();
    }
}
