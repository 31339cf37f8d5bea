//! What balances have paid of statements. Fees are paid in the order of the periods on whose statements they stand, and within one in that
//! of apps: so what is paid is told once, on one statement, and what comes in later pays the oldest that is left.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;

use super::close::StatementError;
use crate::domain::id::{AppId, BalanceId};
use crate::domain::money::{Amount, Currency, MoneyError};
use crate::domain::statement::{Paid, Statement};
use crate::domain::time::Period;
use crate::store::Transaction;
use crate::store::balance_spent::Billed;

/// Has draft statements of a period, of one app if it is named, tell what balances have paid of them by now.
///
/// # Errors
/// [`StatementError`].
pub(super) async fn tell_paid(
    transaction: &mut Transaction,
    statements: &mut [Statement],
    (period, app): (Period, Option<&AppId>),
) -> Result<(), StatementError> {
    let paid = paid(&transaction.billed(period, app).await?)?;
    for statement in statements {
        let minor = paid.get(&(statement.app.clone(), statement.currency)).copied().unwrap_or(0);
        let from_balance = Amount { minor, currency: statement.currency };
        let back = Amount { minor: minor.checked_neg().ok_or(MoneyError::Overflow)?, ..from_balance };
        statement.paid = Some(Paid { from_balance, left: statement.totals.total.checked_add(back)? });
    }
    Ok(())
}

/// What balances have paid of each app's fees, of which `billed` says, in the order of balances and apps, what stands on which.
fn paid(billed: &[Billed]) -> Result<BTreeMap<(AppId, Currency), i64>, MoneyError> {
    let mut paid: BTreeMap<(AppId, Currency), i64> = BTreeMap::new();
    let mut before: Option<(&BalanceId, i64)> = None;
    for Billed { balance, app, currency, minor, earlier, paid: in_all } in billed {
        let first = match before {
            Some((last, sum)) if last == balance => sum,
            Some(_) | None => *earlier,
        };
        let sum = first.checked_add(*minor).ok_or(MoneyError::Overflow)?;
        before = Some((balance, sum));
        let more = sum.min(*in_all).checked_sub(first.min(*in_all)).ok_or(MoneyError::Overflow)?;
        let of_app = paid.entry((app.clone(), *currency)).or_default();
        *of_app = of_app.checked_add(more).ok_or(MoneyError::Overflow)?;
    }
    Ok(paid)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "a test may fail loudly")]

    use proptest::prelude::*;

    use super::*;

    fn billed(balance: &str, app: &str, minor: i64, (earlier, paid): (i64, i64)) -> Billed {
        let balance = BalanceId::new(balance).unwrap();
        Billed { balance, app: app.parse().unwrap(), currency: "CNY".parse().unwrap(), minor, earlier, paid }
    }

    fn of(paid: &BTreeMap<(AppId, Currency), i64>) -> Vec<(&str, i64)> {
        paid.iter().map(|((app, _), minor)| (app.as_str(), *minor)).collect()
    }

    #[test]
    fn what_was_paid_goes_to_the_oldest_fees_first() {
        let rows =
            |paid| [billed("bal_1", "app_1", 50, (100, paid)), billed("bal_1", "app_2", 30, (100, paid))];
        for (in_all, expected) in
            [(0, [0, 0]), (100, [0, 0]), (120, [20, 0]), (160, [50, 10]), (180, [50, 30])]
        {
            let paid = paid(&rows(in_all)).unwrap();
            assert_eq!(of(&paid), [("app_1", expected[0]), ("app_2", expected[1])], "{in_all}");
        }
        // What an adjustment took off is not paid; and an app whose first balance has ended has two.
        let rows = [billed("bal_1", "app_1", -10, (50, 100)), billed("bal_2", "app_1", 30, (0, 100))];
        assert_eq!(of(&paid(&rows).unwrap()), [("app_1", 20)]);
    }

    proptest! {
        #[test]
        fn statements_tell_all_that_was_paid_and_nothing_twice(
            months in prop::collection::vec(prop::collection::vec(0..500_i64, 3), 1..8), share in 0..=100_i64,
        ) {
            let all: i64 = months.iter().flatten().sum();
            let in_all = all * share / 100;
            let (mut earlier, mut told) = (0, 0);
            for month in &months {
                let rows: Vec<Billed> = month.iter().zip(["app_1", "app_2", "app_3"])
                    .map(|(minor, app)| billed("bal_1", app, *minor, (earlier, in_all)))
                    .collect();
                told += paid(&rows).unwrap().values().sum::<i64>();
                earlier += month.iter().sum::<i64>();
            }
            prop_assert_eq!(told, in_all);
        }
    }
}
