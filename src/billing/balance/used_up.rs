//! Whether a balance is used up on which shares are counted. What a call's share comes to only its answer tells, so shares are taken
//! behind: once nothing is left, nodes hear of it and let no call through that may bring one. What is under way by then, and not recorded
//! yet, is taken all the same.

use crate::domain::balance::{Balance, Funds};
use crate::domain::time::{Period, Timestamp};
use crate::store::{StoreError, Transaction};

/// Until something else changes it.
pub const FOR_EVER: Timestamp = Timestamp::from_micros(i64::MAX);

/// Until when no call passes that may bring a share, with such sums: of a budget, until its period ends at `end`.
#[must_use]
pub fn used_up_until(balance: &Balance, funds: Funds, end: Timestamp) -> Option<Timestamp> {
    let is_used_up = balance.counts_shares && balance.left(Funds { reserved: 0, ..funds }) <= 0;
    is_used_up.then_some(if balance.kind.is_monthly() { end } else { FOR_EVER })
}

/// Notes whether a balance is used up; of a budget, in the service period that is `running` and its end, which others need not know.
/// The transaction must have locked the balance.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn note_used_up(
    transaction: &mut Transaction,
    balance: &Balance,
    running: Option<(Period, Timestamp)>,
) -> Result<(), StoreError> {
    if !balance.counts_shares || balance.ended_at.is_some() {
        return Ok(());
    }
    let running = running.filter(|_| balance.kind.is_monthly());
    let funds = Funds {
        paid_in: transaction.paid_in(&balance.id).await?,
        spent: transaction.spent(&balance.id, running.map(|(period, _)| period)).await?,
        reserved: 0,
    };
    let until = used_up_until(balance, funds, running.map_or(FOR_EVER, |(_, end)| end));
    if until != balance.used_up_until {
        transaction.keep_used_up(&balance.id, until).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::balance::{BalanceKind, Owner};

    #[test]
    fn a_balance_is_used_up_once_its_bound_is_reached_and_a_budget_until_its_month_ends() {
        let end = Timestamp::from_seconds(1_800_000_000);
        let until = |kind, counts_shares, paid_in, spent| {
            let balance = Balance {
                id: "bal_1".parse().unwrap(),
                owner: Owner::App("app_1".parse().unwrap()),
                kind,
                currency: "CNY".parse().unwrap(),
                created_at: Timestamp::default(),
                ended_at: None,
                counts_shares,
                used_up_until: None,
            };
            // What is reserved may come back.
            used_up_until(&balance, Funds { paid_in, spent, reserved: 1000 }, end)
        };
        for (kind, paid_in, spent, expected) in [
            (BalanceKind::Prepaid, 0, 0, Some(FOR_EVER)),
            (BalanceKind::Prepaid, 100, 99, None),
            (BalanceKind::Prepaid, 100, 350, Some(FOR_EVER)),
            (BalanceKind::Credit(50), 100, 149, None),
            (BalanceKind::Credit(50), 100, 150, Some(FOR_EVER)),
            (BalanceKind::Budget(50), 0, 49, None),
            (BalanceKind::Budget(50), 0, 50, Some(end)),
        ] {
            assert_eq!(until(kind, true, paid_in, spent), expected, "{kind:?} {paid_in} {spent}");
            assert_eq!(until(kind, false, paid_in, spent), None);
        }
    }
}
