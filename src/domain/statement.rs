//! Statements: what one app comes to in one period and currency, line by line.

use std::sync::Arc;

use rust_decimal::Decimal;

use super::charge::LineKey;
use super::id::{AppId, PartnerId};
use super::location::Location;
use super::money::{Amount, Currency, MoneyError};
use super::time::{Period, Timestamp};
use super::working::{LineName, Working};

/// What one app comes to in one period and currency.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Whether it can still change.
    pub standing: StatementStanding,
    /// Who owes it.
    pub partner: PartnerId,
    /// For which app.
    pub app: AppId,
    /// For which period.
    pub period: Period,
    /// In which currency.
    pub currency: Currency,
    /// Its lines, in the order of their keys.
    pub lines: Vec<StatementLine>,
    /// What they come to.
    pub totals: Totals,
    /// What of it was paid from balances by then; none of one that an older program closed, which does not tell.
    pub paid: Option<Paid>,
}

/// What of a statement was paid from balances, when it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paid {
    /// By what was paid into balances.
    pub from_balance: Amount,
    /// What is left to pay: the total less that.
    pub left: Amount,
}

/// Whether a statement can still change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementStanding {
    /// Its period is open: this is what it would be now.
    Draft,
    /// Its period is closed.
    Final {
        /// Its number, from 1, without a gap.
        number: i64,
        /// When its period was closed.
        closed_at: Timestamp,
        /// SHA-256 of its content, in hexadecimal.
        hash: String,
    },
}

impl Statement {
    /// The name of the line that stands at `place`, from 0; of a draft's none, as its lines may still move.
    #[must_use]
    pub fn line_name(&self, place: usize) -> Option<LineName> {
        match self.standing {
            StatementStanding::Draft => None,
            StatementStanding::Final { number, .. } => {
                let place = u32::try_from(place).ok()?.checked_add(1)?;
                Some(LineName { statement: number, place })
            }
        }
    }

    /// Whether a line of it is not charged yet: it is what it would be were the period closed as things stand.
    #[must_use]
    pub fn expects(&self, line: &StatementLine) -> bool {
        self.standing == StatementStanding::Draft && line.key.kind.is_recurring()
    }
}

/// One line of a statement.
#[derive(Debug, Clone, PartialEq)]
pub struct StatementLine {
    /// What its charges have in common.
    pub key: LineKey,
    /// How many charges it sums up.
    pub charges: u64,
    /// Units that cost something, or that do since a rewalk; of a share, transactions; of what recurs, days.
    pub quantity: u64,
    /// Units that were free of charge.
    pub free: u64,
    /// Price of a unit in major units; of a share, the percentage. Zero where the price has words.
    pub rate: Decimal,
    /// The price in words, if not every unit costs the same.
    pub price: Option<Arc<str>>,
    /// Of a share, the sum of the amounts of which it is a percentage; of a minimum, what that is.
    pub base: Option<Amount>,
    /// What it comes to, rounded once.
    pub amount: Amount,
    /// The rule in the policy files.
    pub rule: Location,
    /// How its amount is reckoned: of fees by units, on a final statement, where the prices are known.
    pub working: Option<Working>,
    /// The line that an adjustment on a final statement corrects, if there is one.
    pub corrects: Option<LineName>,
}

impl StatementLine {
    /// The line without what only a final statement tells of it.
    #[must_use]
    pub fn untold(&self) -> Self {
        Self { working: None, corrects: None, ..self.clone() }
    }

    /// Adds what another line of the same key comes to.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`], [`MoneyError::MixedCurrencies`].
    pub fn add(&mut self, other: &Self) -> Result<(), MoneyError> {
        let count = |one: u64, other: u64| one.checked_add(other).ok_or(MoneyError::Overflow);
        self.charges = count(self.charges, other.charges)?;
        self.quantity = count(self.quantity, other.quantity)?;
        self.free = count(self.free, other.free)?;
        self.amount = self.amount.checked_add(other.amount)?;
        self.base = match (self.base, other.base) {
            (Some(base), Some(more)) => Some(base.checked_add(more)?),
            (base, _) => base,
        };
        Ok(())
    }
}

/// What the lines of a statement come to. Adjustments, of whatever kind, are summed by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Fees of the period: of calls, and by the month.
    pub fees: Amount,
    /// Shares of the period's sales, less what refunds gave back.
    pub share: Amount,
    /// What earlier periods, closed already, turned out to come to more or less.
    pub adjustments: Amount,
    /// All of it.
    pub total: Amount,
}

impl Totals {
    /// The sums of `lines`.
    ///
    /// # Errors
    /// [`MoneyError::MixedCurrencies`]; [`MoneyError::Overflow`].
    pub fn of(lines: &[StatementLine], currency: Currency) -> Result<Self, MoneyError> {
        let zero = Amount::zero(currency);
        let mut totals = Self { fees: zero, share: zero, adjustments: zero, total: zero };
        for line in lines {
            let sum = match (line.key.is_adjustment(), line.key.kind) {
                (true, _) => &mut totals.adjustments,
                (false, kind) if kind.is_fee() => &mut totals.fees,
                (false, _) => &mut totals.share,
            };
            *sum = sum.checked_add(line.amount)?;
            totals.total = totals.total.checked_add(line.amount)?;
        }
        Ok(totals)
    }
}
