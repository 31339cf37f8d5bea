//! The balances from which calls are paid, and the caps on them, as the data plane needs to know them: beside what they are of.

use super::{BalanceKind, StoreError, known, parse};
use crate::domain::balance::PaidFrom;
use crate::domain::id::MerchantId;
use crate::store::row::time;

row! {
    pub(in crate::store) PaidFromColumns {
        balance: Option<String>,
        balance_kind: Option<String>,
        amount_limit: Option<i64>,
        currency: Option<String>,
        used_up_until: Option<i64>,
    }
}

impl PaidFromColumns {
    /// The balance, if there is one, and whose cap it is.
    pub(in crate::store) fn paid_from(
        &self,
        merchant: Option<&MerchantId>,
    ) -> Result<Option<PaidFrom>, StoreError> {
        let (Some(id), Some(kind), Some(limit), Some(currency)) =
            (&self.balance, &self.balance_kind, self.amount_limit, &self.currency)
        else {
            return Ok(None);
        };
        Ok(Some(PaidFrom {
            balance: parse("balance.id", id)?,
            kind: known("balance.kind", BalanceKind::named(kind, limit))?,
            currency: parse("balance.currency", currency)?,
            merchant: merchant.cloned(),
            used_up_until: time(self.used_up_until),
        }))
    }
}
