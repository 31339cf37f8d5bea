//! Tells of balances that are nearly used up, or are: each time once, on whichever node sees it first. What is paid in, another limit
//! and another month of a budget make it another time.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use crate::domain::balance::{BalanceKind, Funds};
use crate::domain::time::{Period, Timestamp, Zone};
use crate::store::balance_alert::Used;
use crate::store::{Store, StoreError};

/// So many percent of a balance are used when it is told.
pub const PERCENTS: [u8; 2] = [80, 100];

/// Tells of balances that have come so far since they were told last: of some of them, if they are many, and of the others next time.
///
/// # Errors
/// [`StoreError`].
pub async fn alert(store: &Store, (zone, now): (&Zone, Timestamp)) -> Result<(), StoreError> {
    let period = Period::of(now, zone);
    for Used { balance, kind, funds } in store.untold_balances(period, PERCENTS).await? {
        let Some((bound, percent)) = reached(kind, funds) else { continue };
        let mark = if kind.is_monthly() { format!("{period} {bound}") } else { bound.to_string() };
        if store.note_balance_alert(&balance, (&mark, percent), now).await? {
            tracing::warn!(%balance, kind = kind.name(), percent, spent = funds.spent, bound, "a balance is used so far");
        }
    }
    Ok(())
}

/// What bounds a balance, in minor units, and the highest of [`PERCENTS`] that is used of it; none of one of which nothing is spent.
fn reached(kind: BalanceKind, Funds { paid_in, spent, .. }: Funds) -> Option<(i64, u8)> {
    let bound = match kind {
        BalanceKind::Prepaid => paid_in,
        BalanceKind::Credit(limit) => limit.saturating_add(paid_in),
        BalanceKind::Budget(limit) => limit,
    };
    let is_reached = |percent: &u8| {
        let of_bound = i128::from(bound).saturating_mul(i128::from(*percent));
        i128::from(spent).saturating_mul(100) >= of_bound
    };
    let percent = PERCENTS.into_iter().rev().find(is_reached)?;
    (spent > 0).then_some((bound, percent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balance_is_told_of_at_eighty_and_a_hundred_percent() {
        let used = |kind, paid_in, spent| reached(kind, Funds { paid_in, spent, reserved: 0 });
        for (spent, percent) in
            [(0, None), (79, None), (80, Some(80)), (99, Some(80)), (100, Some(100)), (101, Some(100))]
        {
            assert_eq!(
                used(BalanceKind::Prepaid, 100, spent),
                percent.map(|percent| (100, percent)),
                "{spent}"
            );
        }
        assert_eq!(used(BalanceKind::Credit(50), 50, 80), Some((100, 80)));
        assert_eq!(used(BalanceKind::Budget(50), 0, 50), Some((50, 100)));
        assert_eq!(used(BalanceKind::Prepaid, 0, 0), None, "nothing is paid in, and nothing spent");
        assert_eq!(used(BalanceKind::Credit(i64::MAX), i64::MAX, 1), None);
    }
}
