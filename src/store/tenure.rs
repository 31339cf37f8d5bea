//! Subscriptions through time: in force when, and at which version of their plan.

use std::collections::HashMap;

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
    }
}

row! {
    MoveRow { subscription: String, at: i64, version_before: Option<i64> }
}

/// Those that were in force for some of a span; of an app, if it is named: found by its index then.
fn within(app: Option<&AppId>) -> String {
    let which = if app.is_some() { "s.app = $1" } else { "$1 = ''" };
    format!("{which} and s.starts_at < $3 and (s.ends_at is null or s.ends_at > $2)")
}

impl TenureRow {
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
        let moves = format!(
            "select m.subscription, m.at, m.version_before from subscription_move m join subscription s on s.id = m.subscription \
             where {within} order by m.subscription, m.part"
        );
        let tenures = format!(
            "select s.id, s.app, s.product, s.plan, s.plan_version, s.starts_at, s.ends_at, a.partner from subscription s \
             join app a on a.id = s.app where {within} order by s.app, s.product, s.plan, s.starts_at, s.id"
        );
        let app = app.map_or("", AppId::as_str);
        // Where statements see what others commit between them, a move that comes then is known with the version before it. The other way
        // round, what had moved would seem to have stood at its version for ever.
        let subscriptions: Vec<TenureRow> = on!(self.connection(), db => {
            sqlx::query_as(sqlx::AssertSqlSafe(tenures))
                .bind(app)
                .bind(from.as_micros())
                .bind(until.as_micros())
                .fetch_all(db)
                .await
        })?;
        let rows: Vec<MoveRow> = on!(self.connection(), db => {
            sqlx::query_as(sqlx::AssertSqlSafe(moves))
                .bind(app)
                .bind(from.as_micros())
                .bind(until.as_micros())
                .fetch_all(db)
                .await
        })?;
        let mut moves: HashMap<String, Vec<Moved>> = HashMap::new();
        for row in rows {
            let moved = Moved { at: Timestamp::from_micros(row.at), before: version(row.version_before)? };
            moves.entry(row.subscription).or_default().push(moved);
        }
        let tenure = |row: TenureRow| {
            let moves = moves.remove(&row.id).unwrap_or_default();
            row.tenure(moves)
        };
        subscriptions.into_iter().map(tenure).collect()
    }
}
