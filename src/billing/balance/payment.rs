//! Fees, and shares, that are paid by what was paid in: the platform owes so much less of it, and is owed so much less.

use std::fmt::Display;

use crate::billing::error::BillingError;
use crate::billing::ledger::posting::PostingError;
use crate::domain::account::{Account, Party, Purpose};
use crate::domain::balance::Balance;
use crate::domain::id::PartnerId;
use crate::domain::ledger::LedgerTransaction;
use crate::domain::money::{Amount, MoneyError};
use crate::domain::time::Timestamp;
use crate::store::Transaction;
use crate::store::balance_payment::Payment;
use crate::store::numbers::Numbers;

/// Pays by what was paid into a balance what is counted on it, as far as it goes and is not paid yet. It follows from sums alone:
/// to pay again changes nothing. The transaction must hold [`crate::store::transaction::Exclusive::Billing`] and have locked the
/// balance; `numbers` are learned.
///
/// # Errors
/// [`BillingError::Store`], [`BillingError::Money`], [`BillingError::Posting`].
pub(super) async fn pay(
    transaction: &mut Transaction,
    (balance, partner): (&Balance, &PartnerId),
    (cause, at): (&impl Display, Timestamp),
    numbers: &mut Numbers,
) -> Result<(), BillingError> {
    if balance.kind.is_monthly() {
        // Nothing is paid into it.
        return Ok(());
    }
    let paid_in = transaction.paid_in(&balance.id).await?;
    let spent = transaction.spent(&balance.id, None).await?;
    let paid = transaction.paid_by(&balance.id).await?;
    let due = paid_in.min(spent).max(0);
    let minor = due.checked_sub(paid).ok_or(MoneyError::Overflow)?;
    if minor == 0 {
        return Ok(());
    }
    let party = Party::Partner(partner.clone());
    let accounts = (Account::new(party.clone(), Purpose::Deposit), Account::new(party, Purpose::Receivable));
    let amount = Amount { minor, currency: balance.currency };
    let cause = format!("paid:{} {cause}", balance.id);
    let posting = LedgerTransaction::moving(cause, at, accounts, amount).map_err(PostingError::from)?;
    let payment = Payment { balance: balance.id.clone(), partner: partner.clone(), minor };
    Ok(transaction.insert_payment(&payment, &posting, numbers).await?)
}
