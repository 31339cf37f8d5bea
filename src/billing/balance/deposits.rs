//! Money that is paid into balances: each cause once, and in the ledger with it.

use super::payment::pay;
use crate::billing::error::BillingError;
use crate::billing::ledger::posting::PostingError;
use crate::domain::account::{Account, Party, Purpose};
use crate::domain::balance::{Balance, BalanceKind};
use crate::domain::id::PartnerId;
use crate::domain::ledger::LedgerTransaction;
use crate::domain::money::Amount;
use crate::store::balance::Deposit;
use crate::store::transaction::Exclusive;
use crate::store::{StoreError, Transaction};

/// What came of a deposit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deposited {
    /// It is new.
    Now,
    /// The same came in before under the same cause: nothing changed.
    Before,
}

/// Why money cannot be paid in.
#[derive(Debug, thiserror::Error)]
pub enum DepositError {
    /// A budget bounds what may be spent, whatever is paid.
    #[error("a budget takes no deposits: its limit is there anew each month")]
    Budget,
    /// There is no such balance.
    #[error("there is no such balance")]
    Missing,
    /// It came in before with another amount.
    #[error("{cause} came in before, with {before} {}: a deposit of its own needs a cause of its own", .before.currency)]
    Differs {
        /// The cause.
        cause: String,
        /// How much came in.
        before: Amount,
    },
    /// The books cannot be used.
    #[error(transparent)]
    Books(#[from] BillingError),
}

impl From<StoreError> for DepositError {
    fn from(error: StoreError) -> Self {
        Self::Books(error.into())
    }
}

/// Pays a deposit in; the partner behind the balance is owed it from then on, until it is spent.
///
/// # Errors
/// [`DepositError`]; nothing has changed then.
pub async fn deposit(
    transaction: &mut Transaction,
    deposit: &Deposit,
    partner: &PartnerId,
) -> Result<(Balance, Deposited), DepositError> {
    // Before the balance, as whoever records usage does.
    transaction.hold(Exclusive::Billing).await?;
    let balance = transaction.lock_balance(&deposit.balance).await?.ok_or(DepositError::Missing)?;
    if matches!(balance.kind, BalanceKind::Budget(_)) {
        return Err(DepositError::Budget);
    }
    match transaction.deposited(&balance.id, &deposit.cause).await? {
        Some(minor) if minor == deposit.minor => return Ok((balance, Deposited::Before)),
        Some(minor) => {
            let before = Amount { minor, currency: balance.currency };
            return Err(DepositError::Differs { cause: deposit.cause.clone(), before });
        }
        None => {}
    }
    let posting = posting(&balance, deposit, partner)?;
    let mut numbers = transaction.insert_deposit(deposit, &posting).await?;
    // What was spent on credit is paid by it.
    pay(transaction, (&balance, partner), (&posting.cause(), deposit.at), &mut numbers).await?;
    Ok((balance, Deposited::Now))
}

fn posting(
    balance: &Balance,
    deposit: &Deposit,
    partner: &PartnerId,
) -> Result<LedgerTransaction, BillingError> {
    let amount = Amount { minor: deposit.minor, currency: balance.currency };
    let cash = Account::new(Party::Platform, Purpose::Cash);
    let paid_ahead = Account::new(Party::Partner(partner.clone()), Purpose::Deposit);
    let cause = format!("deposit:{}:{}", deposit.balance, deposit.cause);
    Ok(LedgerTransaction::moving(cause, deposit.at, (cash, paid_ahead), amount)
        .map_err(PostingError::from)?)
}
