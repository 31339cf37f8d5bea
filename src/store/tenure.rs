//! Subscriptions through time: in force when, and at which version of their plan.

use super::error::StoreError;
use super::row::parse;
use super::subscription::version;
use super::transaction::Transaction;
use crate::domain::id::AppId;
use crate::domain::identity::Subscription;
use crate::domain::recurring::{Moved, Tenure};
use crate::domain::time::Timestamp;

row! {
    TenureRow {
        id: String,
        app: String,
        product: String,
        plan: String,
        plan_version: Option<i64>,
        starts_at: i64,
        ends_at: Option<i64>,
        partner: String,
        moved_at: Option<i64>,
        version_before: Option<i64>,
    }
}

/// Those that were in force for some of a span; of an app, if it is named: found by its index then.
fn within(app: Option<&AppId>) -> String {
    let which = if app.is_some() { "s.app = $1" } else { "$1 = ''" };
    format!("{which} and s.starts_at < $3 and (s.ends_at is null or s.ends_at > $2)")
}

impl TenureRow {
    fn moved(&self) -> Result<Option<Moved>, StoreError> {
        let before = version(self.version_before)?;
        Ok(super::row::time(self.moved_at).map(|at| Moved { at, before }))
    }

    fn tenure(self, moves: Vec<Moved>) -> Result<Tenure, StoreError> {
        let subscription = Subscription {
            id: parse("subscription.id", &self.id)?,
            app: parse("subscription.app", &self.app)?,
            product: parse("subscription.product", &self.product)?,
            plan: parse("subscription.plan", &self.plan)?,
            version: version(self.plan_version)?,
            from: Timestamp::from_micros(self.starts_at),
            until: super::row::time(self.ends_at),
        };
        Ok(Tenure { subscription, partner: parse("app.partner", &self.partner)?, moves })
    }
}

impl Transaction {
    /// The subscriptions that were in force for some of the span from `from` until `until`, by app, API product, plan and as they
    /// began; of one app, if it is named.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn tenures(
        &mut self,
        (from, until): (Timestamp, Timestamp),
        app: Option<&AppId>,
    ) -> Result<Vec<Tenure>, StoreError> {
        let within = within(app);
        // In one statement: so no move comes between that is seen of a subscription alone, or of its moves.
        let sql = format!(
            "select s.id, s.app, s.product, s.plan, s.plan_version, s.starts_at, s.ends_at, a.partner, m.at as moved_at, \
             m.version_before from subscription s join app a on a.id = s.app \
             left join subscription_move m on m.subscription = s.id where {within} \
             order by s.app, s.product, s.plan, s.starts_at, s.id, m.part"
        );
        let rows: Vec<TenureRow> = on!(self.connection(), db => {
            sqlx::query_as(sqlx::AssertSqlSafe(sql))
                .bind(app.map_or("", AppId::as_str))
                .bind(from.as_micros())
                .bind(until.as_micros())
                .fetch_all(db)
                .await
        })?;
        let mut tenures: Vec<Tenure> = Vec::new();
        for row in rows {
            let moved = row.moved()?;
            match tenures.last_mut().filter(|last| last.subscription.id.as_str() == row.id) {
                Some(last) => last.moves.extend(moved),
                None => tenures.push(row.tenure(moved.into_iter().collect())?),
            }
        }
        Ok(tenures)
    }
}
