//! Units of balances that nodes may let through. What is granted, consumed and given back only rises, and no more is consumed
//! and given back than was granted: both stores see to it themselves.

use std::ops::Range;

use super::error::StoreError;
use super::row::{all, parse};
use super::transaction::Transaction;
use super::usage::{count, integer, plan_ref};
use crate::domain::balance::{Lease, Part, Run, Stretch};
use crate::domain::id::{AppId, BalanceId, NodeId};

row! {
    LeaseRow {
        balance: String,
        node: String,
        since: i64,
        app: String,
        product: String,
        plan: String,
        plan_version: i64,
        item: String,
        promotion: i64,
        service_period: String,
        units: i64,
    }
}

impl TryFrom<LeaseRow> for Lease {
    type Error = StoreError;

    fn try_from(row: LeaseRow) -> Result<Self, StoreError> {
        let stretch = Stretch {
            balance: parse("balance_lease.balance", &row.balance)?,
            app: parse("balance_lease.app", &row.app)?,
            product: parse("balance_lease.product", &row.product)?,
            plan: plan_ref("balance_lease.plan", &row.plan, row.plan_version)?,
            part: part(&row.item, row.promotion)?,
            service_period: parse("balance_lease.service_period", &row.service_period)?,
        };
        let node = parse("balance_lease.node", &row.node)?;
        let run = Run { node, since: count("balance_lease.since", row.since)? };
        Ok(Self { stretch, run, units: count("balance_lease.granted", row.units)? })
    }
}

/// The part of a plan version from its columns.
pub(super) fn part(item: &str, promotion: i64) -> Result<Option<Part>, StoreError> {
    if item.is_empty() {
        return Ok(None);
    }
    let place = usize::try_from(promotion).map_err(|_| StoreError::corrupt("balance_lease.promotion"))?;
    Ok(Some(Part { item: parse("balance_lease.item", item)?, promotion: place.checked_sub(1) }))
}

/// The columns of a part: the item's name, and the number of the promotion, from 1.
pub(super) fn part_columns(part: Option<&Part>) -> (&str, i64) {
    let promotion = part.and_then(|part| part.promotion).map_or(0, |place| place.saturating_add(1));
    (part.map_or("", |part| part.item.as_str()), i64::try_from(promotion).unwrap_or(i64::MAX))
}

macro_rules! select_open {
    ($tail:literal) => {
        concat!(
            "select balance, node, since, app, product, plan, plan_version, item, promotion, service_period, \
             granted - consumed - returned as units from balance_lease where granted > consumed + returned and ",
            $tail
        )
    };
}

/// Adds units to a column of leases, which are there: what would be granted to one that is not, it would have used up.
macro_rules! add_units {
    ($transaction:expr, $column:literal, $leases:expr) => {{
        insert_rows!(
            $transaction,
            concat!(
                "insert into balance_lease (balance, node, since, app, product, plan, plan_version, item, promotion, \
                 service_period, granted, ",
                $column,
                ") "
            ),
            12,
            $leases,
            concat!(
                "on conflict (balance, node, since, app, product, plan, plan_version, item, promotion, service_period) \
                 do update set ",
                $column, " = balance_lease.", $column, " + excluded.", $column
            ),
            |row, lease| {
                let Lease { stretch, run, units } = lease;
                let (item, promotion) = part_columns(stretch.part.as_ref());
                row.push_bind(stretch.balance.as_str())
                    .push_bind(run.node.as_str())
                    .push_bind(integer(run.since))
                    .push_bind(stretch.app.as_str())
                    .push_bind(stretch.product.as_str())
                    .push_bind(stretch.plan.name.as_str())
                    .push_bind(i64::from(stretch.plan.version))
                    .push_bind(item)
                    .push_bind(promotion)
                    .push_bind(stretch.service_period.to_string())
                    .push_bind(integer(*units))
                    .push_bind(integer(*units));
            }
        )?;
        Ok(())
    }};
}

impl Transaction {
    /// The units of a balance that nodes have leased and that are neither consumed nor given back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn open_leases(&mut self, balance: &BalanceId) -> Result<Vec<Lease>, StoreError> {
        let rows: Vec<LeaseRow> = on!(self.connection(), db => {
            sqlx::query_as(select_open!("balance = $1")).bind(balance.as_str()).fetch_all(db).await
        })?;
        all(rows)
    }

    /// The same of a node and of these apps, by balance.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn open_leases_of(&mut self, node: &NodeId, apps: &[AppId]) -> Result<Vec<Lease>, StoreError> {
        let mut leases: Vec<Lease> = Vec::new();
        // One value is the node.
        for some in apps.chunks(super::arm::MAX_PARAMETERS - 1) {
            let rows: Vec<LeaseRow> = on!(self.connection(), db => {
                let mut statement = sqlx::QueryBuilder::new(select_open!("node = "));
                statement.push_bind(node.as_str()).push(" and app in ");
                push_list!(statement, some.iter().map(|app| app.as_str()));
                statement.build_query_as().persistent(false).fetch_all(db).await
            })?;
            leases.extend(all::<LeaseRow, Lease>(rows)?);
        }
        leases.sort_unstable_by(|one, other| one.stretch.cmp(&other.stretch));
        Ok(leases)
    }

    /// The same of a run of a node.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn open_leases_of_run(&mut self, Run { node, since }: &Run) -> Result<Vec<Lease>, StoreError> {
        let rows: Vec<LeaseRow> = on!(self.connection(), db => {
            sqlx::query_as(select_open!("node = $1 and since = $2"))
                .bind(node.as_str())
                .bind(integer(*since))
                .fetch_all(db)
                .await
        })?;
        all(rows)
    }

    /// Whether runs of a node which began at such places of its journal have leased units that are neither consumed nor given back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn has_open_leases(&mut self, node: &NodeId, since: Range<u64>) -> Result<bool, StoreError> {
        let found: Option<(String,)> = on!(self.connection(), db => {
            sqlx::query_as(
                "select balance from balance_lease where granted > consumed + returned and node = $1 \
                 and since >= $2 and since < $3 limit 1",
            )
            .bind(node.as_str())
            .bind(integer(since.start))
            .bind(integer(since.end))
            .fetch_optional(db)
            .await
        })?;
        Ok(found.is_some())
    }

    /// How many units were ever leased to a run of what the lease is for.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn granted(&mut self, Lease { stretch, run, .. }: &Lease) -> Result<u64, StoreError> {
        let (item, promotion) = part_columns(stretch.part.as_ref());
        let found: Option<(i64,)> = on!(self.connection(), db => {
            sqlx::query_as(
                "select granted from balance_lease where balance = $1 and node = $2 and since = $3 and app = $4 and product = $5 \
                 and plan = $6 and plan_version = $7 and item = $8 and promotion = $9 and service_period = $10",
            )
            .bind(stretch.balance.as_str())
            .bind(run.node.as_str())
            .bind(integer(run.since))
            .bind(stretch.app.as_str())
            .bind(stretch.product.as_str())
            .bind(stretch.plan.name.as_str())
            .bind(i64::from(stretch.plan.version))
            .bind(item)
            .bind(promotion)
            .bind(stretch.service_period.to_string())
            .fetch_optional(db)
            .await
        })?;
        found.map_or(Ok(0), |(granted,)| count("balance_lease.granted", granted))
    }

    /// Leases units to a node, on top of those before. The transaction must have locked the balance.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn grant_units(&mut self, Lease { stretch, run, units }: &Lease) -> Result<(), StoreError> {
        let (item, promotion) = part_columns(stretch.part.as_ref());
        on!(self.connection(), db => {
            sqlx::query(
                "insert into balance_lease (balance, node, since, app, product, plan, plan_version, item, promotion, \
                 service_period, granted) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
                 on conflict (balance, node, since, app, product, plan, plan_version, item, promotion, service_period) \
                 do update set granted = balance_lease.granted + excluded.granted",
            )
            .bind(stretch.balance.as_str())
            .bind(run.node.as_str())
            .bind(integer(run.since))
            .bind(stretch.app.as_str())
            .bind(stretch.product.as_str())
            .bind(stretch.plan.name.as_str())
            .bind(i64::from(stretch.plan.version))
            .bind(item)
            .bind(promotion)
            .bind(stretch.service_period.to_string())
            .bind(integer(*units))
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }

    /// Takes leased units back from a node that has let nothing through by them and will not, each stretch once. The transaction must
    /// have locked the balances.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or [`StoreError::Conflict`] if it has not so many; [`StoreError::Unavailable`].
    pub async fn give_back_units(&mut self, leases: &[Lease]) -> Result<(), StoreError> {
        add_units!(self, "returned", leases)
    }

    /// Notes that calls were recorded that a node let through by leased units, each stretch once. The transaction must have locked
    /// the balances.
    ///
    /// # Errors
    /// As [`Self::give_back_units`].
    pub async fn consume_units(&mut self, leases: &[Lease]) -> Result<(), StoreError> {
        add_units!(self, "consumed", leases)
    }

    /// Takes all back that runs of a node have leased which began at such places of its journal, and that no recorded call consumed;
    /// gives of how many leases that was.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn give_back_all(&mut self, node: &NodeId, since: Range<u64>) -> Result<u64, StoreError> {
        let changed = on!(self.connection(), db => {
            sqlx::query(
                "update balance_lease set returned = granted - consumed \
                 where granted > consumed + returned and node = $1 and since >= $2 and since < $3",
            )
            .bind(node.as_str())
            .bind(integer(since.start))
            .bind(integer(since.end))
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        Ok(changed)
    }
}
