//! When plan versions became known to which subscriptions move.

use super::error::StoreError;
use super::transaction::Transaction;
use crate::domain::plan::PlanRef;
use crate::domain::time::Timestamp;

impl Transaction {
    /// Notes that a plan version is known `now`, unless it was before, and gives since when it is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn note_plan_version(
        &mut self,
        plan: &PlanRef,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        let (name, version) = (plan.name.as_str(), i64::from(plan.version));
        let known: Option<i64> = on!(self.connection(), db => {
            sqlx::query_scalar("select told_at from plan_notice where plan = $1 and version = $2")
                .bind(name)
                .bind(version)
                .fetch_optional(db)
                .await
        })?;
        if let Some(known) = known {
            return Ok(Timestamp::from_micros(known));
        }
        // Another node may note it at the same time: what it says is as right.
        on!(self.connection(), db => {
            sqlx::query("insert into plan_notice (plan, version, told_at) values ($1, $2, $3) on conflict do nothing")
                .bind(name)
                .bind(version)
                .bind(now.as_micros())
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(now)
    }
}
