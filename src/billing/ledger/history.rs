//! One account's history: what it came to before, each posting since, and what it came to then. What it came to where a page ended is
//! remembered, as the next page begins with it, and the sum of all before it is read only where it is not: postings never change.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::fmt;
use std::str::FromStr;

use crate::domain::account::Account;
use crate::domain::money::Currency;
use crate::store::account_history::HistoryEntry;
use crate::store::{Store, StoreError};

/// Where a history goes on: behind the entry of that number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct HistoryCursor(i64);

impl HistoryCursor {
    /// Behind the entry of that number.
    #[must_use]
    pub fn after(number: i64) -> Self {
        Self(number)
    }
}

impl fmt::Display for HistoryCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is no place in a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be what `next` was, or the number of an entry")]
pub struct InvalidCursor;

impl FromStr for HistoryCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        text.parse().ok().filter(|number| *number >= 0).map(Self).ok_or(InvalidCursor)
    }
}

/// Ends of pages that are remembered.
const REMEMBERED_ENDS: u64 = 1_000;

/// What accounts came to where pages of their histories ended.
#[derive(Debug, Clone)]
pub struct PageEnds(moka::sync::Cache<(Account, Currency, i64), (HistoryEntry, i128)>);

impl Default for PageEnds {
    fn default() -> Self {
        Self(moka::sync::Cache::new(REMEMBERED_ENDS))
    }
}

impl PageEnds {
    /// What the account came to with its posting `last`, if a page ended with that very one: of a store that was put back, its number may
    /// be another's.
    fn balance(&self, (account, currency): (&Account, Currency), last: &HistoryEntry) -> Option<i128> {
        let (known, balance) = self.0.get(&(account.clone(), currency, last.number))?;
        (known == *last).then_some(balance)
    }

    fn remember(&self, (account, currency): (&Account, Currency), (last, balance): &(HistoryEntry, i128)) {
        self.0.insert((account.clone(), currency, last.number), (last.clone(), *balance));
    }
}

/// A page of an account's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// What the account came to before the first entry, in minor units: debits less credits.
    pub opening: i128,
    /// Each posting, in order, with what the account came to then.
    pub entries: Vec<(HistoryEntry, i128)>,
    /// What it came to after the last entry.
    pub closing: i128,
    /// Where the next page goes on, if there may be one.
    pub next: Option<HistoryCursor>,
}

/// What was posted to an account in a currency after the cursor, `size` postings at most; as it was at one moment.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn history(
    store: &Store,
    of: (&Account, Currency),
    HistoryCursor(after): HistoryCursor,
    size: usize,
    ends: &PageEnds,
) -> Result<History, StoreError> {
    let mut transaction = store.begin_reading().await?;
    // With the one that the page goes on behind, if there is one of that number.
    let limit = i64::try_from(size).unwrap_or(i64::MAX).saturating_add(1);
    let mut entries = transaction.account_history(of, after.saturating_sub(1), limit).await?;
    let is_behind = entries.first().is_some_and(|first| first.number <= after);
    let last = is_behind.then(|| entries.remove(0));
    entries.truncate(size);
    let opening = match last.and_then(|last| ends.balance(of, &last)) {
        Some(balance) => balance,
        None => transaction.balance_up_to(of, after).await?,
    };
    transaction.roll_back().await?;
    let (entries, closing) = running(opening, entries);
    let last = entries.last().filter(|_| entries.len() >= size);
    let next = last.map(|(last, _)| HistoryCursor(last.number));
    if let Some(last) = last {
        ends.remember(of, last);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_number_and_says_nothing_of_what_an_account_came_to() {
        assert_eq!("7".parse(), Ok(HistoryCursor::after(7)));
        assert_eq!(HistoryCursor::after(7).to_string(), "7");
        for wrong in ["", "-1", "7.100", "7.", "x", "9223372036854775808"] {
            assert_eq!(wrong.parse::<HistoryCursor>(), Err(InvalidCursor), "{wrong}");
        }
    }
}
