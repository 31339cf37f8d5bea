//! Logins at an identity provider that are under way. Each is finished at most once, in the browser in which it began.

use super::error::StoreError;
use super::open::Store;
use super::row::time;
use crate::domain::secret_hash::{BrowserHash, StateHash};
use crate::domain::time::Timestamp;

/// Most logins of before that a new one forgets.
const MAX_FORGOTTEN: i64 = 10;

/// A login at an identity provider that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FederatedLogin {
    /// The browser in which it began.
    pub browser: BrowserHash,
    /// The provider.
    pub issuer: String,
    /// What it goes on with, as a form carries it.
    pub interaction: String,
    /// Since when the user has to have proved himself there, if he is asked to anew.
    pub proven_since: Option<Timestamp>,
    /// Until when it may be finished.
    pub expires_at: Timestamp,
}

row! {
    LoginRow {
        issuer: String,
        interaction: String,
        proven_since: Option<i64>,
        expires_at: i64,
    }
}

impl Store {
    /// Keeps a login under the hash of its state. It takes some that have expired with it, so that what is never finished
    /// does not heap up.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn begin_federated_login(
        &self,
        state: &StateHash,
        login: &FederatedLogin,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        on!(transaction.connection(), db => {
            sqlx::query(
                "delete from federated_login where state_hash in \
                 (select state_hash from federated_login where expires_at <= $1 limit $2)",
            )
            .bind(now.as_micros())
            .bind(MAX_FORGOTTEN)
            .execute(db)
            .await
            .map(|_| ())
        })?;
        on!(transaction.connection(), db => {
            sqlx::query(
                "insert into federated_login (state_hash, browser_hash, issuer, interaction, expires_at, \
                 proven_since) values ($1, $2, $3, $4, $5, $6)",
            )
            .bind(&state.0[..])
            .bind(&login.browser.0[..])
            .bind(&login.issuer)
            .bind(&login.interaction)
            .bind(login.expires_at.as_micros())
            .bind(login.proven_since.map(Timestamp::as_micros))
            .execute(db)
            .await
            .map(|_| ())
        })?;
        transaction.commit().await
    }

    /// Takes the login of that state, if it began in that browser and has not expired: it is gone then. One of another
    /// browser stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn take_federated_login(
        &self,
        state: &StateHash,
        browser: &BrowserHash,
        now: Timestamp,
    ) -> Result<Option<FederatedLogin>, StoreError> {
        let row: Option<LoginRow> = on!(self.writer(), db => {
            sqlx::query_as(
                "delete from federated_login where state_hash = $1 and browser_hash = $2 \
                 returning issuer, interaction, proven_since, expires_at",
            )
            .bind(&state.0[..])
            .bind(&browser.0[..])
            .fetch_optional(db)
            .await
        })?;
        let taken = row.map(|row| FederatedLogin {
            browser: *browser,
            issuer: row.issuer,
            interaction: row.interaction,
            proven_since: time(row.proven_since),
            expires_at: Timestamp::from_micros(row.expires_at),
        });
        Ok(taken.filter(|login| now < login.expires_at))
    }
}
