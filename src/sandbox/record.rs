//! Products, orders and shipments as the sandbox keeps them. Values only; how they change is in `state.rs`.
//!
//! An order's status is never stored: it follows from its stage and from what was refunded, so the two cannot differ.

use crate::domain::id::MerchantId;
use crate::domain::money::{Amount, Currency};
use crate::domain::time::Timestamp;

/// The currency of every price.
pub(super) const CURRENCY: &str = "CNY";

/// Minor units as a decimal string.
pub(super) fn money(minor: i64) -> String {
    let currency = CURRENCY.parse::<Currency>();
    currency.map_or_else(|_| minor.to_string(), |currency| Amount { minor, currency }.to_string())
}

/// Something to sell. Prices are in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Product {
    pub(super) id: String,
    pub(super) sku: String,
    /// The Chinese name.
    pub(super) name: String,
    pub(super) name_en: String,
    pub(super) price: i64,
    /// How many can be ordered.
    pub(super) stock: i64,
    /// How many unpaid orders hold.
    pub(super) reserved: i64,
    /// How many were paid and not taken back.
    pub(super) sold: i64,
    pub(super) updated_at: Timestamp,
}

/// How far an order has come, whatever was refunded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Placed; its stock is reserved.
    Created,
    Paid,
    /// On its way.
    Shipped,
    /// With the receiver.
    Delivered,
    /// Taken back before it left.
    Cancelled,
    /// Not paid in time.
    Expired,
}

impl Stage {
    /// Whether nothing more is to come.
    pub(super) fn is_finished(self) -> bool {
        match self {
            Self::Created | Self::Paid | Self::Shipped => false,
            Self::Delivered | Self::Cancelled | Self::Expired => true,
        }
    }

    /// Whether the money came.
    pub(super) fn is_paid(self) -> bool {
        match self {
            Self::Paid | Self::Shipped | Self::Delivered => true,
            Self::Created | Self::Cancelled | Self::Expired => false,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Paid => "paid",
            Self::Shipped => "shipped",
            Self::Delivered => "delivered",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

/// Who gets an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Receiver {
    pub(super) name: String,
    pub(super) phone: String,
    pub(super) address: String,
}

/// What someone wants to order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) product: String,
    /// Above zero.
    pub(super) quantity: i64,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) product: String,
    pub(super) quantity: i64,
    /// What one cost when it was ordered.
    pub(super) price: i64,
}

/// The one payment of an order. What it is worth and where it stands is what the order says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Payment {
    pub(super) id: String,
    /// Where the buyer's browser goes after paying.
    pub(super) return_url: Option<String>,
}

/// An order, with its shipment and its payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) id: String,
    pub(super) merchant: MerchantId,
    pub(super) stage: Stage,
    pub(super) items: Vec<Item>,
    /// What it costs; above zero.
    pub(super) total: i64,
    /// What was given back; never above `total`.
    pub(super) refunded: i64,
    pub(super) receiver: Receiver,
    pub(super) created_at: Timestamp,
    /// When it ends if it is not paid.
    pub(super) expires_at: Timestamp,
    pub(super) shipment: Shipment,
    pub(super) payment: Option<Payment>,
}

impl Order {
    /// Where it stands, as answers say it.
    pub(super) fn status(&self) -> &'static str {
        self.refund_status().unwrap_or(self.stage.name())
    }

    /// Where its payment stands, as answers say it.
    pub(super) fn payment_status(&self) -> &'static str {
        self.refund_status().unwrap_or(match self.stage {
            Stage::Created => "created",
            Stage::Paid | Stage::Shipped | Stage::Delivered => "paid",
            Stage::Cancelled | Stage::Expired => "closed",
        })
    }

    /// Where its parcel is, as answers say it.
    pub(super) fn tracking_status(&self) -> &'static str {
        match self.stage {
            Stage::Cancelled | Stage::Expired => "cancelled",
            Stage::Created | Stage::Paid | Stage::Shipped | Stage::Delivered => {
                self.shipment.events.last().map_or(ShipmentStatus::Created, |last| last.status).name()
            }
        }
    }

    fn refund_status(&self) -> Option<&'static str> {
        match self.refunded {
            0 => None,
            refunded if refunded < self.total => Some("partially_refunded"),
            _ => Some("refunded"),
        }
    }
}

/// How an order travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shipment {
    pub(super) carrier: &'static str,
    /// The carrier's number.
    pub(super) waybill: String,
    /// What happened, oldest first.
    pub(super) events: Vec<ShipmentEvent>,
}

/// What a parcel is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShipmentStatus {
    /// The carrier knows of it.
    Created,
    PickedUp,
    Shipped,
    InTransit,
    OutForDelivery,
    Delivered,
    /// Something keeps it from going on.
    Exception,
}

impl ShipmentStatus {
    /// What a carrier can report.
    pub(super) const REPORTED: [Self; 6] = [
        Self::PickedUp,
        Self::Shipped,
        Self::InTransit,
        Self::OutForDelivery,
        Self::Delivered,
        Self::Exception,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::PickedUp => "picked_up",
            Self::Shipped => "shipped",
            Self::InTransit => "in_transit",
            Self::OutForDelivery => "out_for_delivery",
            Self::Delivered => "delivered",
            Self::Exception => "exception",
        }
    }
}

/// Something that happened to a shipment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShipmentEvent {
    pub(super) at: Timestamp,
    pub(super) status: ShipmentStatus,
    pub(super) place: String,
    /// In words.
    pub(super) text: String,
}
