//! The orders that are kept, and every way to find one without looking at the others.
//!
//! Invariant: the indexes say what the orders say, because stages change in [`KeptOrders::enter`] alone. Never more
//! than `max` orders: the one that has been finished for longest makes room for a new one, or without any, the paid one
//! that was placed first.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::problem::Refused;
use super::record::{Order, Payment, ShipmentEvent, Stage};
use crate::domain::id::MerchantId;
use crate::domain::time::Timestamp;

/// Orders and their indexes.
#[derive(Debug)]
pub(super) struct KeptOrders {
    max: usize,
    by_id: BTreeMap<String, Order>,
    of_merchant: BTreeSet<(MerchantId, String)>,
    by_waybill: HashMap<String, String>,
    by_payment: HashMap<String, String>,
    /// Unpaid ones by the time they end.
    unpaid: BTreeSet<(Timestamp, String)>,
    /// In the order in which they finished.
    finished: VecDeque<String>,
    /// Paid or shipped; the one that was placed first has the lowest id.
    paid: BTreeSet<String>,
}

impl KeptOrders {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            by_id: BTreeMap::new(),
            of_merchant: BTreeSet::new(),
            by_waybill: HashMap::new(),
            by_payment: HashMap::new(),
            unpaid: BTreeSet::new(),
            finished: VecDeque::new(),
            paid: BTreeSet::new(),
        }
    }

    /// Whether there is room for one more, or can be made: unpaid orders hold stock and stay.
    pub(super) fn check_room(&self) -> Result<(), Refused> {
        if self.by_id.len() < self.max || self.unpaid.len() < self.by_id.len() {
            return Ok(());
        }
        Err(Refused::Full)
    }

    fn make_room(&mut self) {
        while self.by_id.len() >= self.max {
            let Some(oldest) = self.finished.pop_front().or_else(|| self.paid.pop_first()) else { return };
            self.forget(&oldest);
        }
    }

    /// Keeps a new, unpaid order. One that is over, or was paid, makes room for it.
    pub(super) fn insert(&mut self, order: Order) -> &Order {
        self.make_room();
        let id = order.id.clone();
        self.of_merchant.insert((order.merchant.clone(), id.clone()));
        self.by_waybill.insert(order.shipment.waybill.clone(), id.clone());
        self.unpaid.insert((order.expires_at, id.clone()));
        self.by_id.entry(id).or_insert(order)
    }

    pub(super) fn get(&self, id: &str) -> Option<&Order> {
        self.by_id.get(id)
    }

    /// The order that a payment pays.
    pub(super) fn paid_by(&self, payment: &str) -> Option<&Order> {
        self.by_id.get(self.by_payment.get(payment)?)
    }

    /// The order of a shipment, by its waybill or the order's id.
    pub(super) fn shipped_as(&self, shipment: &str) -> Option<&Order> {
        self.by_id.get(self.by_waybill.get(shipment).map_or(shipment, String::as_str))
    }

    /// A merchant's orders, newest first.
    pub(super) fn of<'s>(&'s self, merchant: &MerchantId) -> impl Iterator<Item = &'s Order> + use<'s> {
        // Every id lies between the empty text and "p": it begins with "o".
        let range = (merchant.clone(), String::new())..(merchant.clone(), "p".to_owned());
        self.of_merchant.range(range).rev().filter_map(|(_, id)| self.by_id.get(id))
    }

    /// Takes an order whose time to be paid is over from the unpaid ones.
    pub(super) fn take_overdue(&mut self, now: Timestamp) -> Option<String> {
        self.unpaid.first().filter(|(expires_at, _)| *expires_at <= now)?;
        self.unpaid.pop_first().map(|(_, id)| id)
    }

    /// An order enters a stage: the one place where stages change.
    pub(super) fn enter(&mut self, id: &str, stage: Stage) -> Option<&Order> {
        let order = self.by_id.get_mut(id)?;
        if order.stage == Stage::Created {
            self.unpaid.remove(&(order.expires_at, order.id.clone()));
        }
        if stage.is_finished() && !order.stage.is_finished() {
            self.finished.push_back(order.id.clone());
            self.paid.remove(&order.id);
        } else if order.stage == Stage::Created && stage == Stage::Paid {
            self.paid.insert(order.id.clone());
        }
        order.stage = stage;
        Some(order)
    }

    /// Gives an order its payment.
    pub(super) fn set_payment(&mut self, id: &str, payment: Payment) {
        if let Some(order) = self.by_id.get_mut(id) {
            self.by_payment.insert(payment.id.clone(), order.id.clone());
            order.payment = Some(payment);
        }
    }

    /// Adds to what was refunded of an order.
    pub(super) fn add_refund(&mut self, id: &str, amount: i64) {
        if let Some(order) = self.by_id.get_mut(id) {
            order.refunded = order.refunded.saturating_add(amount).min(order.total);
        }
    }

    /// Adds to what happened to an order's shipment.
    pub(super) fn add_event(&mut self, id: &str, event: ShipmentEvent) {
        if let Some(order) = self.by_id.get_mut(id) {
            order.shipment.events.push(event);
        }
    }

    fn forget(&mut self, id: &str) {
        let Some(order) = self.by_id.remove(id) else { return };
        self.by_waybill.remove(&order.shipment.waybill);
        if let Some(payment) = order.payment {
            self.by_payment.remove(&payment.id);
        }
        self.of_merchant.remove(&(order.merchant, order.id));
    }
}
