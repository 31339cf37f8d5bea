//! Forgets what has expired, a bounded number of rows at a time.

use super::error::StoreError;
use super::open::Store;
use crate::domain::time::Timestamp;

/// Most rows of a table that one call forgets.
pub(super) const MAX_FORGOTTEN: i64 = 1_000;

/// Children before what they refer to.
const STATEMENTS: [&str; 10] = [
    "delete from federated_login where state_hash in \
     (select state_hash from federated_login where expires_at < $1 limit $2)",
    "delete from authorization_code where hash in \
     (select hash from authorization_code where expires_at < $1 limit $2)",
    "delete from login_session where hash in (select hash from login_session where expires_at < $1 limit $2)",
    "delete from refresh_token where hash in (select hash from refresh_token where expires_at < $1 limit $2)",
    "delete from refresh_family where id in (select id from refresh_family where expires_at < $1 \
     and not exists (select 1 from refresh_token where family = refresh_family.id) limit $2)",
    "delete from revoked_token where id in (select id from revoked_token where expires_at < $1 limit $2)",
    // What a key signed lives on after another followed it, for less time than what has expired is kept.
    "delete from signing_key where kid in (select kid from signing_key where revoked_at < $1 or exists \
     (select 1 from signing_key later where later.revoked_at is null \
     and later.active_from > signing_key.active_from and later.active_from < $1) limit $2)",
    // No upstream knows a call for longer than seven days.
    "delete from repeatable_call where (digest, usage) in \
     (select digest, usage from repeatable_call where at < $1 - 604800000000 limit $2)",
    "delete from quota_lease where (app, plan, quota, counts, window_from, window_until, node, since) in \
     (select app, plan, quota, counts, window_from, window_until, node, since from quota_lease \
     where window_until < $1 limit $2)",
    "delete from quota_use where (app, plan, quota, counts, window_from, window_until) in \
     (select app, plan, quota, counts, window_from, window_until from quota_use where window_until < $1 limit $2)",
];

/// What is of no use from the moment on at which it expires. A device is told for ten minutes more that it is too late.
const STATEMENTS_AT_ONCE: [&str; 5] = [
    "delete from dpop_proof where id in (select id from dpop_proof where expires_at < $1 limit $2)",
    "delete from device_code where hash in \
     (select hash from device_code where expires_at < $1 - 600000000 limit $2)",
    "delete from pending_login where hash in (select hash from pending_login where expires_at < $1 limit $2)",
    "delete from used_assertion where (app, hash) in \
     (select app, hash from used_assertion where expires_at < $1 limit $2)",
    "delete from pushed_request where hash in (select hash from pushed_request where expires_at < $1 limit $2)",
];

impl Store {
    /// Forgets proofs, used assertions and pushed requests that expired before `before`; gives how many rows went. Call again
    /// until it gives 0. They are of no more use, but the clocks of the nodes may differ: leave them for as long.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn forget_ended(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.forget(&STATEMENTS_AT_ONCE, before).await
    }

    /// Forgets codes, sessions, tokens, signing keys and which calls may come again that were of no more use before `before`; gives how many rows went. Call
    /// again until it gives 0. A code or token that is forgotten can no longer be told as a replay, so leave them for a while.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn forget_expired(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.forget(&STATEMENTS, before).await
    }

    async fn forget(&self, statements: &[&'static str], before: Timestamp) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        for statement in statements {
            forgotten += on!(self.writer(), db => {
                sqlx::query(*statement)
                    .bind(before.as_micros())
                    .bind(MAX_FORGOTTEN)
                    .execute(db)
                    .await
                    .map(|done| done.rows_affected())
            })?;
        }
        Ok(forgotten)
    }
}
