//! What the four sandbox upstreams know together, and how it changes: pure steps, the time passed in.
//!
//! Invariant: for every product, stock and what is in orders that hold stock add up to what there was; stock is
//! never below zero.

use std::collections::BTreeMap;
use std::time::Duration;

use super::problem::Refused;
use super::record::{Item, Order, OrderStatus, Payment, Product, Receiver, Shipment, ShipmentEvent, event};
use super::seed;
use crate::domain::time::Timestamp;

/// Orders kept; beyond, no more are taken until the sandbox is started anew.
pub const MAX_ORDERS: usize = 1_000_000;
/// Items of one order.
pub const MAX_ITEMS: usize = 100;
/// How long an unpaid order holds its stock.
const UNPAID_FOR: Duration = Duration::from_secs(30 * 60);
/// Everything the sandbox knows.
#[derive(Debug)]
pub struct State {
    products: BTreeMap<String, Product>,
    orders: BTreeMap<String, Order>,
    payments: BTreeMap<String, Payment>,
    /// Unpaid orders by the time they end.
    unpaid: BTreeMap<(Timestamp, String), ()>,
    next: u64,
}

impl State {
    /// The seed products and nothing else.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let products = seed::products(now).into_iter().map(|product| (product.id.clone(), product)).collect();
        let (orders, payments, unpaid) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { products, orders, payments, unpaid, next: 1 }
    }

    /// All products by id.
    pub fn products(&self) -> impl Iterator<Item = &Product> {
        self.products.values()
    }

    /// A product.
    ///
    /// # Errors
    /// [`Refused::NotFound`].
    pub fn product(&self, id: &str) -> Result<&Product, Refused> {
        self.products.get(id).ok_or_else(|| Refused::NotFound(format!("product {id}")))
    }

    /// Changes a product's price, or stock, or both.
    ///
    /// # Errors
    /// [`Refused::NotFound`].
    pub fn update_product(
        &mut self,
        id: &str,
        (price, stock): (Option<i64>, Option<i64>),
        now: Timestamp,
    ) -> Result<&Product, Refused> {
        let product = self.products.get_mut(id).ok_or_else(|| Refused::NotFound(format!("product {id}")))?;
        product.price = price.unwrap_or(product.price);
        product.stock = stock.unwrap_or(product.stock);
        product.updated_at = now;
        Ok(product)
    }

    /// Places an order: all of its stock is reserved, or none.
    ///
    /// # Errors
    /// [`Refused::OutOfStock`], [`Refused::Invalid`], [`Refused::NotFound`], [`Refused::Full`].
    pub fn place_order(
        &mut self,
        merchant: &str,
        wanted: &[(String, i64)],
        receiver: Receiver,
        now: Timestamp,
    ) -> Result<&Order, Refused> {
        self.expire(now);
        if self.orders.len() >= MAX_ORDERS {
            return Err(Refused::Full);
        }
        let (items, total) = self.price(wanted)?;
        for item in &items {
            if let Some(product) = self.products.get_mut(&item.product) {
                product.stock -= item.quantity;
                product.updated_at = now;
            }
        }
        let id = self.new_id("o");
        let waybill = format!("SF{:012}", self.next);
        let expires_at = now.plus(UNPAID_FOR);
        self.unpaid.insert((expires_at, id.clone()), ());
        let created = event(now, "created", "Warehouse", "Shipment created");
        let order = Order {
            id: id.clone(),
            merchant: merchant.to_owned(),
            status: OrderStatus::Created,
            items,
            total,
            refunded: 0,
            receiver,
            created_at: now,
            expires_at,
            shipment: Shipment { carrier: "SF Express", waybill, events: vec![created] },
        };
        Ok(self.orders.entry(id).or_insert(order))
    }

    /// The items at today's prices, if there is enough stock of each product over all its lines.
    fn price(&self, wanted: &[(String, i64)]) -> Result<(Vec<Item>, i64), Refused> {
        let mut items = Vec::new();
        let mut needed: BTreeMap<&str, i64> = BTreeMap::new();
        let mut total: i64 = 0;
        let too_much = || Refused::Invalid { field: "items", right: "the total is too large".to_owned() };
        for (id, quantity) in wanted {
            let product = self.product(id)?;
            let of_product = needed.entry(id).or_default();
            *of_product = of_product.checked_add(*quantity).ok_or_else(too_much)?;
            if *of_product > product.stock {
                return Err(Refused::OutOfStock { product: id.clone(), left: product.stock });
            }
            let line = product.price.checked_mul(*quantity).ok_or_else(too_much)?;
            total = total.checked_add(line).ok_or_else(too_much)?;
            items.push(Item { product: id.clone(), quantity: *quantity, price: product.price });
        }
        Ok((items, total))
    }

    /// A merchant's order. Another merchant's is as good as none.
    ///
    /// # Errors
    /// [`Refused::NotFound`].
    pub fn order(&mut self, merchant: Option<&str>, id: &str, now: Timestamp) -> Result<&Order, Refused> {
        self.expire(now);
        self.orders
            .get(id)
            .filter(|order| merchant.is_none_or(|merchant| order.merchant == merchant))
            .ok_or_else(|| Refused::NotFound(format!("order {id}")))
    }

    /// A merchant's orders, newest first.
    pub fn orders<'s>(&'s mut self, merchant: &'s str, now: Timestamp) -> impl Iterator<Item = &'s Order> {
        self.expire(now);
        self.orders.values().rev().filter(move |order| order.merchant == merchant)
    }

    /// Cancels an unpaid order and gives its stock back.
    ///
    /// # Errors
    /// [`Refused::Conflict`] if it is not unpaid; [`Refused::NotFound`].
    pub fn cancel_order(&mut self, merchant: &str, id: &str, now: Timestamp) -> Result<&Order, Refused> {
        let status = self.order(Some(merchant), id, now)?.status;
        if status != OrderStatus::Created {
            return Err(Refused::Conflict(format!("The order is {} and cannot be cancelled", status.name())));
        }
        self.end_unpaid(id, OrderStatus::Cancelled, now);
        self.order(Some(merchant), id, now)
    }

    /// Begins the payment of an unpaid order; a second one gives the first again.
    ///
    /// # Errors
    /// [`Refused::Conflict`] if it is not unpaid; [`Refused::NotFound`].
    pub fn start_payment(
        &mut self,
        merchant: &str,
        order: &str,
        now: Timestamp,
    ) -> Result<&Payment, Refused> {
        let (status, amount) = {
            let order = self.order(Some(merchant), order, now)?;
            (order.status, order.total)
        };
        if status != OrderStatus::Created {
            return Err(Refused::Conflict(format!("The order is {} and cannot be paid", status.name())));
        }
        let open =
            self.payments.values().find(|payment| payment.order == order).map(|payment| payment.id.clone());
        let id = open.unwrap_or_else(|| self.new_id("pay"));
        let (order, merchant) = (order.to_owned(), merchant.to_owned());
        let payment = Payment { id: id.clone(), order, merchant, is_paid: false, amount, refunds: 0 };
        Ok(self.payments.entry(id).or_insert(payment))
    }

    /// A payment; of a merchant, if one is named.
    ///
    /// # Errors
    /// [`Refused::NotFound`].
    pub fn payment(&self, merchant: Option<&str>, id: &str) -> Result<&Payment, Refused> {
        self.payments
            .get(id)
            .filter(|payment| merchant.is_none_or(|merchant| payment.merchant == merchant))
            .ok_or_else(|| Refused::NotFound(format!("payment {id}")))
    }

    /// The buyer pays; paying twice changes nothing.
    ///
    /// # Errors
    /// [`Refused::Conflict`] if the order has ended meanwhile; [`Refused::NotFound`].
    pub fn pay(&mut self, id: &str, now: Timestamp) -> Result<&Payment, Refused> {
        let payment = self.payment(None, id)?.clone();
        if !payment.is_paid {
            let status = self.order(None, &payment.order, now)?.status;
            if status != OrderStatus::Created {
                return Err(Refused::Conflict(format!("The order is {}", status.name())));
            }
            if let Some(order) = self.orders.get_mut(&payment.order) {
                self.unpaid.remove(&(order.expires_at, order.id.clone()));
                order.status = OrderStatus::Paid;
            }
            if let Some(payment) = self.payments.get_mut(id) {
                payment.is_paid = true;
            }
        }
        self.payment(None, id)
    }

    /// Gives money back; gives the refund's id.
    ///
    /// # Errors
    /// [`Refused::Conflict`] if it is not paid or less is left than `amount`; [`Refused::NotFound`].
    pub fn refund(&mut self, merchant: &str, id: &str, amount: i64) -> Result<String, Refused> {
        let payment = self.payment(Some(merchant), id)?;
        if !payment.is_paid {
            return Err(Refused::Conflict("The payment has not been paid".to_owned()));
        }
        let left = payment.amount - payment.refunds;
        if amount > left {
            return Err(Refused::Conflict("The refund is more than what is left of the payment".to_owned()));
        }
        let order = payment.order.clone();
        if let Some(payment) = self.payments.get_mut(id) {
            payment.refunds += amount;
        }
        if let Some(order) = self.orders.get_mut(&order) {
            order.refunded += amount;
            order.status =
                if amount == left { OrderStatus::Refunded } else { OrderStatus::PartiallyRefunded };
        }
        Ok(self.new_id("r"))
    }

    /// A carrier tells what happened to the shipment of an order, by its waybill or the order's id.
    ///
    /// # Errors
    /// [`Refused::NotFound`]; [`Refused::Conflict`] if the order has ended or is not paid.
    pub fn report(&mut self, id: &str, event: ShipmentEvent, now: Timestamp) -> Result<&Order, Refused> {
        self.expire(now);
        let found = self.orders.values().find(|order| order.id == id || order.shipment.waybill == id);
        let id =
            found.map(|order| order.id.clone()).ok_or_else(|| Refused::NotFound(format!("shipment {id}")))?;
        if let Some(order) = self.orders.get_mut(&id) {
            match (order.status, event.status.as_str()) {
                (OrderStatus::Paid | OrderStatus::Shipped, "delivered") => {
                    order.status = OrderStatus::Delivered
                }
                (OrderStatus::Paid | OrderStatus::Shipped, _) => order.status = OrderStatus::Shipped,
                (status, _) => return Err(Refused::Conflict(format!("The order is {}", status.name()))),
            }
            if order.shipment.events.len() < MAX_ITEMS {
                order.shipment.events.push(event);
            }
        }
        self.order(None, &id, now)
    }

    /// Ends the unpaid orders whose time is over.
    fn expire(&mut self, now: Timestamp) {
        while let Some(((expires_at, id), ())) = self.unpaid.first_key_value() {
            if *expires_at > now {
                return;
            }
            let id = id.clone();
            self.end_unpaid(&id, OrderStatus::Expired, now);
        }
    }

    fn end_unpaid(&mut self, id: &str, status: OrderStatus, now: Timestamp) {
        let Some(order) = self.orders.get_mut(id) else { return };
        self.unpaid.remove(&(order.expires_at, order.id.clone()));
        order.status = status;
        for item in &order.items {
            if let Some(product) = self.products.get_mut(&item.product) {
                product.stock += item.quantity;
                product.updated_at = now;
            }
        }
    }

    fn new_id(&mut self, kind: &str) -> String {
        let number = self.next;
        self.next += 1;
        format!("{kind}-{number:08}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

    fn receiver() -> Receiver {
        Receiver { name: "n".to_owned(), phone: "p".to_owned(), address: "a".to_owned() }
    }

    fn held(state: &State, product: &str) -> i64 {
        let holds = |order: &&Order| !matches!(order.status, OrderStatus::Cancelled | OrderStatus::Expired);
        let items = state.orders.values().filter(holds).flat_map(|order| &order.items);
        items.filter(|item| item.product == product).map(|item| item.quantity).sum()
    }

    #[test]
    fn an_order_reserves_all_or_nothing() {
        let mut state = State::new(NOW);
        let wanted = [("p-1001".to_owned(), 1), ("p-1050".to_owned(), 51)];
        let refused = state.place_order("m", &wanted, receiver(), NOW).unwrap_err();
        assert_eq!(refused, Refused::OutOfStock { product: "p-1050".to_owned(), left: 50 });
        assert_eq!(state.product("p-1001").unwrap().stock, 1_000_000);
        let twice = [("p-1050".to_owned(), 30), ("p-1050".to_owned(), 30)];
        assert!(state.place_order("m", &twice, receiver(), NOW).is_err());
    }

    #[test]
    fn another_merchants_order_is_as_good_as_none() {
        let mut state = State::new(NOW);
        let id = state.place_order("m1", &[("p-1001".to_owned(), 1)], receiver(), NOW).unwrap().id.clone();
        assert!(state.order(Some("m1"), &id, NOW).is_ok());
        assert!(matches!(state.order(Some("m2"), &id, NOW), Err(Refused::NotFound(_))));
        assert!(matches!(state.cancel_order("m2", &id, NOW), Err(Refused::NotFound(_))));
    }

    proptest! {
        #[test]
        fn whatever_happens_no_stock_is_lost_or_made(
            steps in prop::collection::vec((0_u8..6, 0_usize..8, 1_i64..20, 0_u64..600), 1..80),
        ) {
            let mut state = State::new(NOW);
            let mut now = NOW;
            for (step, which, quantity, pause) in steps {
                now = now.plus(Duration::from_secs(pause));
                let order = state.orders.keys().nth(which).cloned().unwrap_or_default();
                let payment = state.payments.keys().nth(which).cloned().unwrap_or_default();
                let _ = match step {
                    0 | 1 => state.place_order("m", &[("p-1050".to_owned(), quantity)], receiver(), now).map(|_| ()),
                    2 => state.cancel_order("m", &order, now).map(|_| ()),
                    3 => state.start_payment("m", &order, now).map(|_| ()),
                    4 => state.pay(&payment, now).map(|_| ()),
                    _ => state.refund("m", &payment, quantity * 100).map(|_| ()),
                };
                let stock = state.product("p-1050").unwrap().stock;
                prop_assert!(stock >= 0);
                prop_assert_eq!(stock + held(&state, "p-1050"), 50);
                for payment in state.payments.values() {
                    prop_assert!(payment.refunds <= payment.amount);
                }
            }
        }
    }
}
