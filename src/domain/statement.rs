//! Statements: what an app owes for a period, line by line.

use rust_decimal::Decimal;

use super::charge::LineKey;
use super::id::{AppId, PartnerId};
use super::location::Location;
use super::money::{Amount, Currency};
use super::time::{Period, Timestamp};

/// What an app owes for a period in one currency.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Whose app.
    pub partner: PartnerId,
    /// Which app.
    pub app: AppId,
    /// For which period.
    pub period: Period,
    /// In which currency.
    pub currency: Currency,
    /// Its lines, in order.
    pub lines: Vec<StatementLine>,
    /// Their sum.
    pub total: Amount,
    /// Whether it can still change.
    pub status: StatementStatus,
}

/// Whether a statement can still change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementStatus {
    /// Its period is open.
    Draft,
    /// It is frozen.
    Final {
        /// Its number.
        number: i64,
        /// When it was closed.
        closed_at: Timestamp,
        /// SHA-256 of its content, in hexadecimal.
        hash: String,
    },
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct StatementLine {
    /// What it sums up.
    pub key: LineKey,
    /// Charges in it.
    pub charges: u64,
    /// Units that cost something, or transactions.
    pub quantity: u64,
    /// Units of the free allowance.
    pub free: u64,
    /// Price of a unit in the line's currency, or percentage.
    pub rate: Decimal,
    /// Sum of the transactions' amounts, for a share.
    pub base: Option<Amount>,
    /// What it comes to, rounded once.
    pub amount: Amount,
    /// The rule in the policy files.
    pub rule: Location,
}
