//! Merchants' caps: balances that bound what an app may cost in a merchant's name, and pay nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::{StoreError, Transaction};
use crate::domain::id::{BalanceId, MerchantId};
use crate::store::arm::MAX_PARAMETERS;
use crate::store::row::parse;

impl Transaction {
    /// Those of some balances that are caps, with whose they are.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn caps_among(
        &mut self,
        balances: &BTreeSet<BalanceId>,
    ) -> Result<BTreeMap<BalanceId, MerchantId>, StoreError> {
        let balances: Vec<&str> = balances.iter().map(BalanceId::as_str).collect();
        let mut caps = BTreeMap::new();
        for some in balances.chunks(MAX_PARAMETERS) {
            let rows: Vec<(String, String)> = on!(self.connection(), db => {
                let mut statement =
                    sqlx::QueryBuilder::new("select id, owner from balance where owner_kind = 'merchant' and id in ");
                push_list!(statement, some.iter().copied());
                statement.build_query_as().persistent(false).fetch_all(db).await
            })?;
            for (id, owner) in rows {
                caps.insert(parse("balance.id", &id)?, parse("balance.owner", &owner)?);
            }
        }
        Ok(caps)
    }

    /// Whether there are caps at all, ended or not.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn has_caps(&mut self) -> Result<bool, StoreError> {
        let found: Option<(String,)> = on!(self.connection(), db => {
            sqlx::query_as("select id from balance where app <> '' limit 1").fetch_optional(db).await
        })?;
        Ok(found.is_some())
    }
}
