//! One account's history: what it came to before, each posting since, and what it came to then.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use crate::domain::account::Account;
use crate::domain::money::Currency;
use crate::store::account_history::HistoryEntry;
use crate::store::{Store, StoreError};

/// A page of an account's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// What the account came to before the first entry, in minor units: debits less credits.
    pub opening: i128,
    /// Each posting, in order, with what the account came to then.
    pub entries: Vec<(HistoryEntry, i128)>,
    /// What it came to after the last entry.
    pub closing: i128,
    /// The cursor of the next page, if there may be one.
    pub next: Option<i64>,
}

/// What was posted to an account in a currency after the cursor, 0 for all, `size` postings at most; as it was at one moment.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn history(
    store: &Store,
    (account, currency): (&Account, Currency),
    after: i64,
    size: usize,
) -> Result<History, StoreError> {
    let mut transaction = store.begin_reading().await?;
    let opening = transaction.balance_up_to((account, currency), after).await?;
    let limit = i64::try_from(size).unwrap_or(i64::MAX);
    let entries = transaction.account_history((account, currency), after, limit).await?;
    transaction.roll_back().await?;
    let next = entries.last().filter(|_| entries.len() >= size).map(|last| last.number);
    let (entries, closing) = running(opening, entries);
    Ok(History { opening, entries, closing, next })
}

/// Each entry with the balance after it, and the last balance.
fn running(opening: i128, entries: Vec<HistoryEntry>) -> (Vec<(HistoryEntry, i128)>, i128) {
    let mut balance = opening;
    let after = |entry: HistoryEntry| {
        // Of 2^64 postings of 64 bits each, none overflows.
        balance = balance.saturating_add(i128::from(entry.minor));
        (entry, balance)
    };
    let entries: Vec<_> = entries.into_iter().map(after).collect();
    let closing = entries.last().map_or(opening, |(_, balance)| *balance);
    (entries, closing)
}
