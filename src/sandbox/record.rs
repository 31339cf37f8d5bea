//! Products, orders, shipments and payments as the sandbox keeps them. Values only; how they change is in `state.rs`.

use crate::domain::time::Timestamp;

/// The currency of every price.
pub const CURRENCY: &str = "CNY";

/// Something to sell. Prices are in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its id.
    pub id: String,
    /// Its stock keeping unit.
    pub sku: String,
    /// Its Chinese name.
    pub name: String,
    /// Its English name.
    pub name_en: String,
    /// Its price.
    pub price: i64,
    /// How many can be ordered.
    pub stock: i64,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderStatus {
    /// Placed; its stock is reserved.
    Created,
    /// Paid.
    Paid,
    /// On its way.
    Shipped,
    /// With the receiver.
    Delivered,
    /// Taken back before it was paid.
    Cancelled,
    /// Not paid in time.
    Expired,
    /// Some of the money was given back.
    PartiallyRefunded,
    /// All of the money was given back.
    Refunded,
}

impl OrderStatus {
    /// The name used in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Paid => "paid",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::PartiallyRefunded => "partially_refunded",
            Self::Refunded => "refunded",
        }
    }
}

/// Who gets an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// The name.
    pub name: String,
    /// The phone number.
    pub phone: String,
    /// The address.
    pub address: String,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The product.
    pub product: String,
    /// How many.
    pub quantity: i64,
    /// What one costs.
    pub price: i64,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub merchant: String,
    /// Where it stands.
    pub status: OrderStatus,
    /// What was ordered.
    pub items: Vec<Item>,
    /// What it costs.
    pub total: i64,
    /// What was given back.
    pub refunded: i64,
    /// Who gets it.
    pub receiver: Receiver,
    /// When it was placed.
    pub created_at: Timestamp,
    /// When it ends if it is not paid.
    pub expires_at: Timestamp,
    /// Its shipment.
    pub shipment: Shipment,
}

/// How an order travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipment {
    /// The carrier.
    pub carrier: &'static str,
    /// The carrier's number.
    pub waybill: String,
    /// What happened: when, status, place, text.
    pub events: Vec<ShipmentEvent>,
}

/// Something that happened to a shipment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShipmentEvent {
    /// When.
    pub at: Timestamp,
    /// What it is now: `created`, `shipped`, `in_transit`, `delivered` …
    pub status: String,
    /// Where.
    pub place: String,
    /// In words.
    pub text: String,
}

/// A payment of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its id.
    pub id: String,
    /// What it pays.
    pub order: String,
    /// Whose it is.
    pub merchant: String,
    /// Whether the money came.
    pub is_paid: bool,
    /// How much.
    pub amount: i64,
    /// What was given back.
    pub refunds: i64,
}

/// Something that happened to a shipment.
#[must_use]
pub fn event(at: Timestamp, status: &str, place: &str, text: &str) -> ShipmentEvent {
    ShipmentEvent { at, status: status.to_owned(), place: place.to_owned(), text: text.to_owned() }
}
