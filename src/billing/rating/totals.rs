//! What was counted before: units of each service period, sales with what became of them, and the sums of statement lines.
//!
//! Remembered from the batch before or loaded from the store, changed by rating, and written back; only what changed is
//! written.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::bounds::TooLarge;
use super::call::Billable;
use super::outcome::Unrated;
use super::running::{Running, Versioned};
use super::tiers;
use crate::domain::charge::Charge;
use crate::domain::id::{AppId, PartnerId};
use crate::domain::identity::Environment;
use crate::domain::money::Currency;
use crate::domain::running_total::{Counted, FeeFamily, TierFamily, TierSum, Units};
use crate::domain::sale::{Event, EventKey, Sale, SaleKey};
use crate::domain::statement::StatementLine;
use crate::domain::tariff::{FeeItem, Tariff};
use crate::domain::tiers::Tiers;
use crate::domain::time::Period;
use crate::domain::transaction::{Reach, Transaction, TransactionKind};

/// Where a call's units are counted that is charged by an item.
pub(super) fn fee_family(call: &Billable, item: &FeeItem, service_period: Period) -> FeeFamily {
    FeeFamily {
        app: call.app.clone(),
        product: call.product.clone(),
        plan: call.plan.name.clone(),
        service_period,
        item: item.key().cloned(),
    }
}

/// The sale of the calling app that a transaction is, or is of.
#[must_use]
pub fn sale_key(call: &Billable, transaction: &Transaction) -> SaleKey {
    let currency = transaction.amount.currency;
    SaleKey { app: call.app.clone(), id: transaction.sale().to_owned(), currency }
}

/// Where a transaction of a sale is counted.
#[must_use]
pub fn event_key(sale: &SaleKey, transaction: &Transaction) -> EventKey {
    EventKey { sale: sale.clone(), kind: transaction.kind, id: transaction.id.clone() }
}

/// What was counted before, and what rating adds to it.
#[derive(Debug, Default)]
pub struct Totals {
    running: Running,
    sales: Table<SaleKey, Sale>,
    /// Whose sales have an id, and in which currency: of many apps, if their upstreams give ids by themselves.
    apps: Table<String, Vec<(Currency, AppId)>>,
    /// Where apps are: those of one environment never speak of sales of another. None of an app that is not registered.
    environments: Table<AppId, Option<Environment>>,
    events: BTreeMap<EventKey, Event>,
    tiers: Table<TierFamily, tiers::Counted>,
    /// Of the partners whom evidence names, those that there are not.
    strangers: HashSet<PartnerId>,
    changed_sales: HashSet<SaleKey>,
    new_events: HashSet<EventKey>,
    changed_tiers: HashSet<TierFamily>,
}

type Table<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

impl Totals {
    /// Those of a batch after others.
    pub(in crate::billing) fn after(running: Running) -> Self {
        Self { running, ..Self::default() }
    }

    /// Takes out what may be remembered of them for the next batch, once all of this one is rated.
    pub(in crate::billing) fn take_running(&mut self) -> Running {
        std::mem::take(&mut self.running).settled()
    }

    /// Whether all is here that was counted of an app in a service period.
    pub(in crate::billing) fn knows(&self, app: &AppId, service_period: Period) -> bool {
        self.running.knows(app, service_period)
    }

    /// Takes what the store knows of `apps` in service periods; what is known here already stays as it is.
    pub(in crate::billing) fn load_units(
        &mut self,
        apps: impl IntoIterator<Item = (AppId, Period)>,
        units: Vec<Counted>,
    ) {
        self.running.load(units);
        for (app, service_period) in apps {
            self.running.know(app, service_period);
        }
    }

    /// Takes what the store knows; what is known here already stays as it is.
    pub(in crate::billing) fn load_sales(&mut self, sales: HashMap<SaleKey, Sale>) {
        for (key, sale) in sales {
            if !self.sales.contains_key(&key) {
                self.put_sale(key, sale);
            }
        }
    }

    fn put_sale(&mut self, key: SaleKey, sale: Sale) {
        let apps = self.apps.entry(key.id.clone()).or_default();
        if !apps.iter().any(|(currency, app)| (currency, app) == (&key.currency, &key.app)) {
            apps.push((key.currency, key.app.clone()));
        }
        self.sales.insert(key, sale);
    }

    /// Takes what the store knows; what is known here already stays as it is.
    pub(in crate::billing) fn load_events(&mut self, events: HashMap<EventKey, Event>) {
        for (key, event) in events {
            self.events.entry(key).or_insert(event);
        }
    }

    /// Takes what the store knows; what is known here already stays as it is.
    pub(in crate::billing) fn load_lines(&mut self, lines: &[StatementLine]) {
        self.running.bounds.load(lines);
    }

    /// Units counted so far, by version.
    pub(super) fn sums(&self, family: &FeeFamily) -> &[Versioned] {
        self.running.versions(family)
    }

    /// The versions behind that of a call, in order, that share its free allowance: their prices are needed to rate it.
    #[must_use]
    pub fn later_versions(&self, call: &Billable, tariff: &Tariff, service_period: Period) -> Vec<u32> {
        // Nearly always a plan has one version in a period.
        let item = tariff.fee_of(call.route.as_ref()).filter(|_| self.running.has_later(&call.plan));
        let Some(item) = item else { return Vec::new() };
        let sums = self.sums(&fee_family(call, item, service_period));
        sums.iter().map(|one| one.version).filter(|version| *version > call.plan.version).collect()
    }

    /// A sale that is known.
    #[must_use]
    pub fn sale(&self, key: &SaleKey) -> Option<&Sale> {
        self.sales.get(key)
    }

    /// The sale that a transaction is of, if it is known.
    ///
    /// # Errors
    /// [`Unrated::SaleUnknown`]; or [`Unrated::SaleAmbiguous`] if it may be of any app's, several have one of that id, and it was
    /// counted for none of these before.
    pub fn sale_of(&self, call: &Billable, transaction: &Transaction) -> Result<(SaleKey, &Sale), Unrated> {
        let own = sale_key(call, transaction);
        let key = match (&call.sale_app, transaction.details.reach) {
            (Some(app), _) => Some(SaleKey { app: app.clone(), ..own.clone() }),
            (None, Reach::OwnApp) => Some(own.clone()),
            (None, Reach::AnyApp) => self.sale_of_any_app(&own, transaction)?,
        };
        let known = key.and_then(|key| self.sales.get(&key).map(|sale| (key, sale)));
        known.ok_or(Unrated::SaleUnknown { kind: transaction.kind, sale: own.id, currency: own.currency })
    }

    fn sale_of_any_app(
        &self,
        named: &SaleKey,
        transaction: &Transaction,
    ) -> Result<Option<SaleKey>, Unrated> {
        let apps: Vec<SaleKey> = self.alike(named).collect();
        if let [] | [_] = apps.as_slice() {
            return Ok(apps.into_iter().next());
        }
        let was_counted = |sale: &SaleKey| self.events.contains_key(&event_key(sale, transaction));
        let (kind, sale, currency) = (transaction.kind, named.id.clone(), named.currency);
        let before = apps.into_iter().find(was_counted);
        before.map(Some).ok_or(Unrated::SaleAmbiguous { kind, sale, currency })
    }

    /// The sales of that id of all apps that are where the one of `named` is.
    fn alike(&self, named: &SaleKey) -> impl Iterator<Item = SaleKey> {
        let here = self.environment(&named.app);
        self.apps_with(named)
            .filter(move |app| self.environment(app) == here)
            .map(move |app| SaleKey { app: app.clone(), ..named.clone() })
    }

    /// The apps that have a sale of that id in that currency.
    pub(in crate::billing) fn apps_with(&self, named: &SaleKey) -> impl Iterator<Item = &AppId> {
        let currency = named.currency;
        self.with_id(&named.id).iter().filter(move |(of, _)| *of == currency).map(|(_, app)| app)
    }

    /// The apps that have a sale of that id, each with the sale's currency.
    pub(in crate::billing) fn with_id(&self, id: &str) -> &[(Currency, AppId)] {
        self.apps.get(id).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether it is known where an app is.
    pub(in crate::billing) fn knows_environment(&self, app: &AppId) -> bool {
        self.environments.contains_key(app)
    }

    /// Where an app is, as far as it is known.
    pub(super) fn environment(&self, app: &AppId) -> Option<Environment> {
        self.environments.get(app).copied().flatten()
    }

    /// Takes where an app is; none of one that is not registered.
    pub fn load_environment(&mut self, app: AppId, environment: Option<Environment>) {
        self.environments.insert(app, environment);
    }

    /// The sales that a transaction could be of if they were in its currency, in order.
    pub(in crate::billing) fn elsewhere(&self, call: &Billable, transaction: &Transaction) -> Vec<SaleKey> {
        let own = sale_key(call, transaction);
        let here = self.environment(&own.app);
        let may_be_of = |app: &AppId| match transaction.details.reach {
            Reach::OwnApp => *app == own.app,
            Reach::AnyApp => self.environment(app) == here,
        };
        let others = self.with_id(&own.id).iter();
        let others = others.filter(|(currency, app)| *currency != own.currency && may_be_of(app));
        let mut sales: Vec<SaleKey> = others
            .map(|(currency, app)| SaleKey { app: app.clone(), id: own.id.clone(), currency: *currency })
            .collect();
        sales.sort_unstable();
        sales
    }

    /// Whether it is known what sales of a family come to together.
    #[must_use]
    pub fn knows_tiers(&self, family: &TierFamily) -> bool {
        self.tiers.contains_key(family)
    }

    /// Takes what sales of a family come to together, by which tiers; what is known here already stays as it is.
    pub fn load_tiers(&mut self, family: TierFamily, tiers: Arc<Tiers>, sum: TierSum) {
        self.tiers.entry(family).or_insert(tiers::Counted { tiers, sum });
    }

    pub(super) fn tier(&self, family: &TierFamily) -> Result<&tiers::Counted, Unrated> {
        self.tiers.get(family).ok_or_else(|| Unrated::TiersUnknown(family.plan.clone()))
    }

    pub(super) fn set_tier(&mut self, family: TierFamily, sum: TierSum) {
        if let Some(counted) = self.tiers.get_mut(&family) {
            counted.sum = sum;
            self.changed_tiers.insert(family);
        }
    }

    /// What sales come to together of which one is new or changed.
    pub fn changed_tiers(&self) -> impl Iterator<Item = (&TierFamily, TierSum)> {
        self.changed_tiers.iter().filter_map(|family| Some((family, self.tiers.get(family)?.sum)))
    }

    /// Takes partners whom evidence names, and the store does not know.
    pub(in crate::billing) fn load_strangers(&mut self, strangers: impl IntoIterator<Item = PartnerId>) {
        self.strangers.extend(strangers);
    }

    pub(super) fn strangers(&self) -> &HashSet<PartnerId> {
        &self.strangers
    }

    /// Whether several apps that are where the sale's is have a sale of that id.
    pub(in crate::billing) fn is_of_several(&self, key: &SaleKey) -> bool {
        self.alike(key).nth(1).is_some()
    }

    pub(super) fn event(&self, key: &EventKey) -> Option<&Event> {
        self.events.get(key)
    }

    /// What of a sale was refunded and cancelled by amounts, by later calls than one, as far as its transactions are here.
    pub(super) fn given_since(&self, sale: &SaleKey, usage: Uuid) -> i64 {
        let first = EventKey { sale: sale.clone(), kind: TransactionKind::Sale, id: String::new() };
        let of_sale = self.events.range(first..).take_while(|(key, _)| key.sale == *sale);
        let given = of_sale.filter(|(key, event)| {
            matches!(key.kind, TransactionKind::Refund | TransactionKind::Cancellation)
                && event.usage > Some(usage)
        });
        // It was counted, so it can be summed up.
        given.filter_map(|(_, event)| event.amount).fold(0, i64::saturating_add)
    }

    /// Has the units of a version be these.
    pub(super) fn set_units(&mut self, family: &FeeFamily, version: u32, units: Units) {
        self.running.set_units(family, version, units);
    }

    pub(super) fn set_sale(&mut self, key: SaleKey, sale: Sale) {
        self.changed_sales.insert(key.clone());
        self.put_sale(key, sale);
    }

    pub(super) fn set_event(&mut self, key: EventKey, event: Event) {
        self.new_events.insert(key.clone());
        self.events.insert(key, event);
    }

    /// Adds charges to the sums of their lines and statements, if all of these stay within what is believed.
    pub(super) fn add_to_lines(&mut self, charges: &[Charge]) -> Result<(), TooLarge> {
        self.running.bounds.add_all(charges)
    }

    /// Apps and periods of statements of which the store was not asked yet how large they are, if nothing was added to any
    /// that could be too much for a small one.
    pub(in crate::billing) fn small_statements(&self) -> Option<(Vec<String>, Vec<String>)> {
        self.running.bounds.small()
    }

    /// Notes that those were small before anything was added that is here.
    pub(in crate::billing) fn were_small(&mut self) {
        self.running.bounds.were_small();
    }

    /// The sales that are new or changed.
    pub fn changed_sales(&self) -> impl Iterator<Item = (&SaleKey, &Sale)> {
        self.changed_sales.iter().filter_map(|key| Some((key, self.sales.get(key)?)))
    }

    /// The transactions of sales that are new.
    pub fn new_events(&self) -> impl Iterator<Item = (&EventKey, &Event)> {
        self.new_events.iter().filter_map(|key| Some((key, self.events.get(key)?)))
    }
}
