//! Money that is paid into balances and out of them again: each cause once, and in the ledger with it.

use std::fmt::Display;

use super::payment::pay;
use super::reserved::Reserved;
use super::used_up::note_used_up;
use crate::billing::error::BillingError;
use crate::billing::ledger::posting::PostingError;
use crate::domain::account::{Account, Party, Purpose};
use crate::domain::balance::{Balance, BalanceKind};
use crate::domain::id::{BalanceId, PartnerId};
use crate::domain::ledger::LedgerTransaction;
use crate::domain::money::{Amount, MoneyError};
use crate::domain::time::{Period, Timestamp, Zone};
use crate::store::balance_deposit::{Deposit, Withdrawal};
use crate::store::transaction::Exclusive;
use crate::store::{StoreError, Transaction};

/// What came of a deposit, or of anything that has a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deposited {
    /// It is new.
    Now,
    /// The same was done before by the same cause: nothing changed.
    Before,
}

/// Why money cannot be paid in or out.
#[derive(Debug, thiserror::Error)]
pub enum DepositError {
    /// A budget bounds what may be spent, whatever is paid.
    #[error("a budget takes no deposits: its limit is there anew each month")]
    Budget,
    /// There is no such balance.
    #[error("there is no such balance")]
    Missing,
    /// It was done before with another amount, or of another deposit.
    #[error("{cause} was taken before, with {before} {}: what is something else needs a cause of its own", .before.currency)]
    Differs {
        /// The cause.
        cause: String,
        /// The amount then.
        before: Amount,
    },
    /// No deposit has that cause.
    #[error("nothing came in under the cause {0}")]
    NoDeposit(String),
    /// A correction that corrects nothing.
    #[error("{} {} is what came in by what is known already", .0, .0.currency)]
    NoCorrection(Amount),
    /// More would go out than is there.
    #[error("only {} {} are there that nothing was spent of and nothing is reserved of", .0, .0.currency)]
    TooMuch(Amount),
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
    let balance = lock(transaction, &deposit.balance).await?;
    match transaction.deposited(&balance.id, &deposit.cause).await? {
        Some(minor) if minor == deposit.minor => return Ok((balance, Deposited::Before)),
        Some(minor) => return Err(differs(&deposit.cause, (minor, &balance))),
        None => {}
    }
    let cause = format!("deposit:{}:{}", deposit.balance, deposit.cause);
    let posting = posting(cause, deposit.at, partner, (deposit.minor, &balance))?;
    let mut numbers = transaction.insert_deposit(deposit, &posting).await?;
    // What was spent on credit is paid by it.
    pay(transaction, (&balance, partner), (&posting.cause(), deposit.at), &mut numbers).await?;
    note_used_up(transaction, &balance, None).await?;
    Ok((balance, Deposited::Now))
}

/// Money that is to go out again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayOut {
    /// Of which balance.
    pub balance: BalanceId,
    /// What names it: it goes out once.
    pub cause: String,
    /// Minor units; above zero.
    pub minor: i64,
    /// When.
    pub at: Timestamp,
}

/// Pays out again what nothing was spent of; a credit's limit is no money.
///
/// # Errors
/// [`DepositError`]; nothing has changed then.
pub async fn withdraw(
    transaction: &mut Transaction,
    PayOut { balance, cause, minor, at }: PayOut,
    (partner, zone): (&PartnerId, &Zone),
) -> Result<(Balance, Deposited), DepositError> {
    let balance = lock(transaction, &balance).await?;
    match transaction.withdrawn(&balance.id, &cause).await? {
        Some(known) if (known.minor, &known.deposit) == (minor, &None) => {
            return Ok((balance, Deposited::Before));
        }
        Some(known) => return Err(differs(&cause, (known.minor, &balance))),
        None => {}
    }
    let reserved = Reserved::read(transaction, &balance, Period::of(at, zone), None).await?;
    let most = balance.withdrawable(reserved.funds);
    if minor > most {
        return Err(DepositError::TooMuch(Amount { minor: most, currency: balance.currency }));
    }
    let withdrawal = Withdrawal { balance: balance.id.clone(), cause, deposit: None, minor, at };
    take_out(transaction, (&balance, partner), &withdrawal).await?;
    Ok((balance, Deposited::Now))
}

/// What a deposit had been in truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// Of which balance.
    pub balance: BalanceId,
    /// The cause of the deposit.
    pub deposit: String,
    /// What names the correction: it is made once.
    pub cause: String,
    /// The minor units that came in; at least zero.
    pub minor: i64,
    /// When it is corrected.
    pub at: Timestamp,
}

/// Corrects a deposit. What was spent of money that had never come in is owed again, and the balance bears nothing until it has as much.
///
/// # Errors
/// [`DepositError`]; nothing has changed then.
pub async fn correct(
    transaction: &mut Transaction,
    Correction { balance, deposit, cause, minor, at }: Correction,
    partner: &PartnerId,
) -> Result<(Balance, Deposited), DepositError> {
    let balance = lock(transaction, &balance).await?;
    let Some(deposited) = transaction.deposited(&balance.id, &deposit).await? else {
        return Err(DepositError::NoDeposit(deposit));
    };
    let known = transaction.withdrawn(&balance.id, &cause).await?;
    let up_to = known.as_ref().map_or(i64::MAX, |known| known.posting);
    let corrected = transaction.corrected(&balance.id, &deposit, up_to).await?;
    let before = deposited.checked_sub(corrected).ok_or_else(too_large)?;
    match known {
        Some(known) if known.deposit.as_ref() != Some(&deposit) => {
            return Err(differs(&cause, (known.minor, &balance)));
        }
        Some(_) if before == minor => return Ok((balance, Deposited::Before)),
        Some(_) => return Err(differs(&cause, (before, &balance))),
        None => {}
    }
    let out = before.checked_sub(minor).ok_or_else(too_large)?;
    if out == 0 {
        return Err(DepositError::NoCorrection(Amount { minor, currency: balance.currency }));
    }
    let balance_id = balance.id.clone();
    let withdrawal = Withdrawal { balance: balance_id, cause, deposit: Some(deposit), minor: out, at };
    take_out(transaction, (&balance, partner), &withdrawal).await?;
    Ok((balance, Deposited::Now))
}

fn too_large() -> BillingError {
    MoneyError::Overflow.into()
}

async fn take_out(
    transaction: &mut Transaction,
    (balance, partner): (&Balance, &PartnerId),
    withdrawal: &Withdrawal,
) -> Result<(), DepositError> {
    let Withdrawal { cause, minor, at, .. } = withdrawal;
    let cause = format!("withdrawal:{}:{cause}", balance.id);
    let back = minor.checked_neg().ok_or_else(too_large)?;
    let posting = posting(cause, *at, partner, (back, balance))?;
    let mut numbers = transaction.insert_withdrawal(withdrawal, &posting).await?;
    pay(transaction, (balance, partner), (&posting.cause(), *at), &mut numbers).await?;
    Ok(note_used_up(transaction, balance, None).await?)
}

/// Locks a balance that takes money, before which whoever records usage has locked the books.
async fn lock(transaction: &mut Transaction, balance: &BalanceId) -> Result<Balance, DepositError> {
    transaction.hold(Exclusive::Billing).await?;
    let balance = transaction.lock_balance(balance).await?.ok_or(DepositError::Missing)?;
    match balance.kind {
        BalanceKind::Budget(_) => Err(DepositError::Budget),
        BalanceKind::Prepaid | BalanceKind::Credit(_) => Ok(balance),
    }
}

fn differs(cause: &impl Display, (minor, balance): (i64, &Balance)) -> DepositError {
    let before = Amount { minor, currency: balance.currency };
    DepositError::Differs { cause: cause.to_string(), before }
}

/// So much comes in, or goes out if it is below zero.
fn posting(
    cause: String,
    at: Timestamp,
    partner: &PartnerId,
    (minor, balance): (i64, &Balance),
) -> Result<LedgerTransaction, BillingError> {
    let amount = Amount { minor, currency: balance.currency };
    let cash = Account::new(Party::Platform, Purpose::Cash);
    let paid_ahead = Account::new(Party::Partner(partner.clone()), Purpose::Deposit);
    Ok(LedgerTransaction::moving(cause, at, (cash, paid_ahead), amount).map_err(PostingError::from)?)
}
