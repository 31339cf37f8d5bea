//! What the four sandbox upstreams know together, and how it changes: pure steps, the time passed in.
//!
//! Invariant: for every product, stock, reserved and sold add up to what there was, and no step happens half. Whoever
//! looks calls [`State::expire`] first. Nothing outlives the process.

use std::time::Duration;

use super::kept_orders::KeptOrders;
use super::problem::Refused;
use super::record::{
    Order, Payment, Product, Receiver, Shipment, ShipmentEvent, ShipmentStatus, Stage, Wanted,
};
use super::shelf::{ProductChange, Shelf};
use crate::domain::id::MerchantId;
use crate::domain::time::Timestamp;

#[cfg(test)]
mod tests;

/// Orders kept. Beyond, the one finished for longest is dropped, or the oldest paid one; while all are unpaid, no more
/// are taken.
pub(super) const MAX_ORDERS: usize = 250_000;
/// Items of one order.
pub(super) const MAX_ITEMS: usize = 100;
/// Events of one shipment.
const MAX_EVENTS: usize = 100;
/// How long an unpaid order holds its stock.
const UNPAID_FOR: Duration = Duration::from_secs(30 * 60);

/// Everything the sandbox knows.
#[derive(Debug)]
pub(super) struct State {
    shelf: Shelf,
    orders: KeptOrders,
    /// The number of the next id.
    next: u64,
}

impl State {
    /// The seed products and nothing else.
    pub(super) fn new(now: Timestamp) -> Self {
        Self::bounded(now, MAX_ORDERS)
    }

    /// Ids count from the microsecond of the start, so that those of two runs, which may be in the same books, differ.
    fn bounded(now: Timestamp, max_orders: usize) -> Self {
        let next = u64::try_from(now.as_micros()).unwrap_or(0);
        Self { shelf: Shelf::new(now), orders: KeptOrders::new(max_orders), next }
    }

    /// All products by id.
    pub(super) fn products(&self) -> impl Iterator<Item = &Product> {
        self.shelf.products()
    }

    pub(super) fn product(&self, id: &str) -> Result<&Product, Refused> {
        self.shelf.product(id)
    }

    pub(super) fn update_product(
        &mut self,
        id: &str,
        change: ProductChange,
        now: Timestamp,
    ) -> Result<&Product, Refused> {
        self.shelf.update(id, change, now)
    }

    /// Places an order: all of its stock is reserved and a shipment made, or nothing happens.
    pub(super) fn place_order(
        &mut self,
        merchant: &MerchantId,
        wanted: &[Wanted],
        receiver: Receiver,
        now: Timestamp,
    ) -> Result<&Order, Refused> {
        self.orders.check_room()?;
        let (items, total) = self.shelf.reserve(wanted, now)?;
        let created = ShipmentEvent {
            at: now,
            status: ShipmentStatus::Created,
            place: "Hangzhou".to_owned(),
            text: "The warehouse prepares the parcel".to_owned(),
        };
        let (id, waybill) = (self.new_id("o-"), self.new_id("SF"));
        Ok(self.orders.insert(Order {
            id,
            merchant: merchant.clone(),
            stage: Stage::Created,
            items,
            total,
            refunded: 0,
            receiver,
            created_at: now,
            expires_at: now.plus(UNPAID_FOR),
            shipment: Shipment { carrier: "SF Express", waybill, events: vec![created] },
            payment: None,
        }))
    }

    /// An order; of a merchant, if one is named: another merchant's is as good as none.
    pub(super) fn order(&self, merchant: Option<&MerchantId>, id: &str) -> Result<&Order, Refused> {
        owned(self.orders.get(id), merchant).ok_or_else(|| Refused::not_found("order", id))
    }

    /// A merchant's orders, newest first.
    pub(super) fn orders<'s>(&'s self, merchant: &MerchantId) -> impl Iterator<Item = &'s Order> + use<'s> {
        self.orders.of(merchant)
    }

    /// Cancels an unpaid order and gives its stock back.
    pub(super) fn cancel_order(
        &mut self,
        merchant: &MerchantId,
        id: &str,
        now: Timestamp,
    ) -> Result<&Order, Refused> {
        let order = self.order(Some(merchant), id)?;
        if order.stage != Stage::Created {
            let why = format!("The order is {}; only one that is created can be cancelled", order.status());
            return Err(Refused::Conflict(why));
        }
        self.end_unpaid(id, Stage::Cancelled, now);
        self.order(Some(merchant), id)
    }

    /// Begins the payment of an unpaid order; beginning it again gives the same one.
    pub(super) fn start_payment(
        &mut self,
        merchant: &MerchantId,
        order: &str,
        return_url: Option<String>,
    ) -> Result<(&Order, &Payment), Refused> {
        let found = self.order(Some(merchant), order)?;
        if found.stage != Stage::Created {
            let why = format!("The order is {}; only one that is created can be paid", found.status());
            return Err(Refused::Conflict(why));
        }
        let begun = found.payment.clone();
        let id = begun.as_ref().map_or_else(|| self.new_id("pay-"), |payment| payment.id.clone());
        let return_url = return_url.or(begun.and_then(|payment| payment.return_url));
        self.orders.set_payment(order, Payment { id: id.clone(), return_url });
        self.payment(Some(merchant), &id)
    }

    /// A payment and its order; of a merchant, if one is named.
    pub(super) fn payment(
        &self,
        merchant: Option<&MerchantId>,
        id: &str,
    ) -> Result<(&Order, &Payment), Refused> {
        let order = owned(self.orders.paid_by(id), merchant);
        let found = order.and_then(|order| Some((order, order.payment.as_ref()?)));
        found.ok_or_else(|| Refused::not_found("payment", id))
    }

    /// The buyer pays; paying twice changes nothing.
    pub(super) fn pay(&mut self, id: &str, now: Timestamp) -> Result<(&Order, &Payment), Refused> {
        let (order, _) = self.payment(None, id)?;
        let order_id = order.id.clone();
        match order.stage {
            Stage::Created => {
                if let Some(order) = self.orders.enter(&order_id, Stage::Paid) {
                    self.shelf.sell(&order.items, now);
                }
            }
            Stage::Paid | Stage::Shipped | Stage::Delivered => {}
            Stage::Cancelled | Stage::Expired => {
                let why = format!("The order is {} and can no longer be paid", order.status());
                return Err(Refused::Conflict(why));
            }
        }
        self.payment(None, id)
    }

    /// Gives money back; gives the refund's id. An order that is refunded wholly before it left does not leave: its
    /// stock can be sold again.
    pub(super) fn refund(
        &mut self,
        merchant: &MerchantId,
        id: &str,
        amount: i64,
        now: Timestamp,
    ) -> Result<String, Refused> {
        self.give_back(Some(merchant), id, amount, now)?;
        Ok(self.new_id("r-"))
    }

    /// The buyer's bank takes money back; gives the chargeback's id. Otherwise it is as a refund.
    pub(super) fn charge_back(&mut self, id: &str, amount: i64, now: Timestamp) -> Result<String, Refused> {
        self.give_back(None, id, amount, now)?;
        Ok(self.new_id("c-"))
    }

    /// The money of a payment moved: the order that it paid.
    pub(super) fn settle(&self, id: &str) -> Result<&Order, Refused> {
        let (order, _) = self.payment(None, id)?;
        if !order.stage.is_paid() && order.refunded == 0 {
            let why =
                format!("The payment is {}; only one that is paid can be settled", order.payment_status());
            return Err(Refused::Conflict(why));
        }
        Ok(order)
    }

    fn give_back(
        &mut self,
        merchant: Option<&MerchantId>,
        id: &str,
        amount: i64,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let (order, _) = self.payment(merchant, id)?;
        if !order.stage.is_paid() && order.refunded == 0 {
            let why =
                format!("The payment is {}; only one that is paid can be refunded", order.payment_status());
            return Err(Refused::Conflict(why));
        }
        let left = order.total.saturating_sub(order.refunded);
        if amount > left {
            return Err(Refused::RefundTooLarge { left });
        }
        let (order_id, has_left) = (order.id.clone(), order.stage != Stage::Paid);
        self.orders.add_refund(&order_id, amount);
        if amount == left
            && !has_left
            && let Some(order) = self.orders.enter(&order_id, Stage::Cancelled)
        {
            self.shelf.take_back(&order.items, now);
        }
        Ok(())
    }

    /// A carrier tells what happened to a shipment, named by its waybill or its order's id.
    pub(super) fn report(&mut self, shipment: &str, event: ShipmentEvent) -> Result<&Order, Refused> {
        let order =
            self.orders.shipped_as(shipment).ok_or_else(|| Refused::not_found("shipment", shipment))?;
        let id = order.id.clone();
        match order.stage {
            Stage::Paid | Stage::Shipped => {}
            Stage::Created | Stage::Delivered | Stage::Cancelled | Stage::Expired => {
                let why = format!("The order is {}; its parcel cannot move", order.status());
                return Err(Refused::Conflict(why));
            }
        }
        if order.shipment.events.len() >= MAX_EVENTS {
            return Err(Refused::Conflict(format!(
                "The shipment has {MAX_EVENTS} events, the most it can have"
            )));
        }
        let stage = match event.status {
            ShipmentStatus::Delivered => Stage::Delivered,
            ShipmentStatus::Created | ShipmentStatus::Exception => order.stage,
            ShipmentStatus::PickedUp
            | ShipmentStatus::Shipped
            | ShipmentStatus::InTransit
            | ShipmentStatus::OutForDelivery => Stage::Shipped,
        };
        self.orders.add_event(&id, event);
        self.orders.enter(&id, stage);
        self.order(None, &id)
    }

    /// Ends the unpaid orders whose time is over and gives their stock back.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while let Some(id) = self.orders.take_overdue(now) {
            self.end_unpaid(&id, Stage::Expired, now);
        }
    }

    fn end_unpaid(&mut self, id: &str, stage: Stage, now: Timestamp) {
        if let Some(order) = self.orders.enter(id, stage) {
            self.shelf.release(&order.items, now);
        }
    }

    fn new_id(&mut self, prefix: &str) -> String {
        let number = self.next;
        self.next = number.wrapping_add(1);
        // Sixteen digits sort as numbers do until the year 2286.
        format!("{prefix}{number:016}")
    }
}

fn owned<'s>(order: Option<&'s Order>, merchant: Option<&MerchantId>) -> Option<&'s Order> {
    order.filter(|order| merchant.is_none_or(|merchant| order.merchant == *merchant))
}
