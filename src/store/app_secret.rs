//! Client secrets of apps, of which only hashes are kept. Several may be alive at once, so that a client can change its secret
//! without an outage.

use super::error::StoreError;
use super::open::Store;
use super::page::MAX_LIST;
use super::row::{all, parse, time};
use super::transaction::Transaction;
use crate::domain::client::SecretRecord;
use crate::domain::id::{AppId, SecretId};
use crate::domain::identity::SecretHash;
use crate::domain::time::Timestamp;

/// Most secrets of an app that work at the same time.
pub const MAX_ALIVE: i64 = 10;

/// What becomes of an app's other secrets when it gets a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// They stay as they are.
    Stay,
    /// They work until then, unless they end before.
    EndAt(Timestamp),
    /// They are revoked.
    Revoked,
}

/// What came of adding a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddedSecret {
    /// It works; so many others were changed.
    Added(u64),
    /// The app has [`MAX_ALIVE`] already; nothing was changed.
    TooMany,
}

row! {
    SecretRow {
        id: String,
        app: String,
        created_at: i64,
        expires_at: Option<i64>,
        revoked_at: Option<i64>,
        used_at: Option<i64>,
    }
}

macro_rules! select_secret {
    ($tail:literal) => {
        concat!(
            "select secret.id, secret.app, secret.created_at, secret.expires_at, secret.revoked_at, secret_use.used_at \
             from app_secret secret left join secret_use on secret_use.secret = secret.id ",
            $tail
        )
    };
}

impl TryFrom<SecretRow> for SecretRecord {
    type Error = StoreError;

    fn try_from(row: SecretRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: parse("app_secret.id", &row.id)?,
            app: parse("app_secret.app", &row.app)?,
            created_at: Timestamp::from_micros(row.created_at),
            expires_at: time(row.expires_at),
            revoked_at: time(row.revoked_at),
            last_used_at: time(row.used_at),
        })
    }
}

impl Store {
    /// The secret of that hash, if it proves the app at `now`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn proving_secret(
        &self,
        app: &AppId,
        hash: &SecretHash,
        now: Timestamp,
    ) -> Result<Option<SecretRecord>, StoreError> {
        let row: Option<SecretRow> = on!(self.reader(), db => {
            sqlx::query_as(select_secret!(
                "where secret.app = $1 and secret.hash = $2 and secret.revoked_at is null \
                 and (secret.expires_at is null or secret.expires_at > $3)"
            ))
            .bind(app.as_str())
            .bind(&hash.0[..])
            .bind(now.as_micros())
            .fetch_optional(db)
            .await
        })?;
        row.map(SecretRecord::try_from).transpose()
    }

    /// An app's secrets, those that no longer work too, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn secrets_of(&self, app: &AppId) -> Result<Vec<SecretRecord>, StoreError> {
        let rows: Vec<SecretRow> = on!(self.reader(), db => {
            sqlx::query_as(select_secret!("where secret.app = $1 order by secret.created_at desc, secret.id limit $2"))
            .bind(app.as_str())
            .bind(MAX_LIST)
            .fetch_all(db)
            .await
        })?;
        all(rows)
    }

    /// Adds a client secret, and says what becomes of those that the app has.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such an app, [`StoreError::Conflict`] if it has had that secret, or the id is taken;
    /// [`StoreError::Unavailable`].
    pub async fn add_app_secret(
        &self,
        secret: (&SecretRecord, &SecretHash),
        others: Others,
    ) -> Result<AddedSecret, StoreError> {
        let mut transaction = self.begin().await?;
        let added = transaction.add_app_secret(secret, others).await?;
        match added {
            AddedSecret::Added(_) => transaction.commit().await?,
            AddedSecret::TooMany => transaction.roll_back().await?,
        }
        Ok(added)
    }
}

impl Transaction {
    /// As [`Store::add_app_secret`]; who is told that there are too many must roll back.
    ///
    /// # Errors
    /// As there.
    pub async fn add_app_secret(
        &mut self,
        secret: (&SecretRecord, &SecretHash),
        others: Others,
    ) -> Result<AddedSecret, StoreError> {
        let (app, now) = (&secret.0.app, secret.0.created_at);
        // Locks the app, so that none is added beside this one.
        self.lock_app(app).await?;
        let changed = match others {
            Others::Stay => 0,
            Others::EndAt(end) => self.end_secrets(app, end, now).await?,
            Others::Revoked => self.revoke_secrets(app, now).await?,
        };
        if self.count_secrets(app, now).await? >= MAX_ALIVE {
            return Ok(AddedSecret::TooMany);
        }
        self.insert_secret(secret).await?;
        Ok(AddedSecret::Added(changed))
    }

    /// One of an app's secrets, whether it works or not.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn app_secret(
        &mut self,
        app: &AppId,
        id: &SecretId,
    ) -> Result<Option<SecretRecord>, StoreError> {
        let row: Option<SecretRow> = on!(self.connection(), db => {
            sqlx::query_as(select_secret!("where secret.app = $1 and secret.id = $2"))
            .bind(app.as_str())
            .bind(id.as_str())
            .fetch_optional(db)
            .await
        })?;
        row.map(SecretRecord::try_from).transpose()
    }

    /// Revokes one of an app's secrets; one that is revoked already keeps its time. Gives the secret as it is then.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if the app has no such secret; [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn revoke_app_secret(
        &mut self,
        app: &AppId,
        id: &SecretId,
        at: Timestamp,
    ) -> Result<SecretRecord, StoreError> {
        on!(self.connection(), db => {
            sqlx::query("update app_secret set revoked_at = coalesce(revoked_at, $3) where app = $1 and id = $2")
                .bind(app.as_str())
                .bind(id.as_str())
                .bind(at.as_micros())
                .execute(db)
                .await
                .map(|_| ())
        })?;
        self.app_secret(app, id).await?.ok_or(StoreError::Missing { what: "client secret" })
    }

    pub(super) async fn insert_secret(
        &mut self,
        (secret, hash): (&SecretRecord, &SecretHash),
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "insert into app_secret (app, hash, id, created_at, expires_at, revoked_at) \
                 values ($1, $2, $3, $4, $5, $6)",
            )
            .bind(secret.app.as_str())
            .bind(&hash.0[..])
            .bind(secret.id.as_str())
            .bind(secret.created_at.as_micros())
            .bind(secret.expires_at.map(Timestamp::as_micros))
            .bind(secret.revoked_at.map(Timestamp::as_micros))
            .execute(db)
            .await
            .map(|_| ())
        })
        .map_err(|error| StoreError::from(error).for_missing("app"))
    }

    async fn end_secrets(&mut self, app: &AppId, end: Timestamp, now: Timestamp) -> Result<u64, StoreError> {
        let changed = on!(self.connection(), db => {
            sqlx::query(
                "update app_secret set expires_at = $2 where app = $1 and revoked_at is null \
                 and (expires_at is null or (expires_at > $2 and expires_at > $3))",
            )
            .bind(app.as_str())
            .bind(end.as_micros())
            .bind(now.as_micros())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        Ok(changed)
    }

    async fn revoke_secrets(&mut self, app: &AppId, at: Timestamp) -> Result<u64, StoreError> {
        let changed = on!(self.connection(), db => {
            sqlx::query("update app_secret set revoked_at = $2 where app = $1 and revoked_at is null")
                .bind(app.as_str())
                .bind(at.as_micros())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        Ok(changed)
    }

    async fn count_secrets(&mut self, app: &AppId, now: Timestamp) -> Result<i64, StoreError> {
        let count: i64 = on!(self.connection(), db => {
            sqlx::query_scalar(
                "select count(*) from app_secret where app = $1 and revoked_at is null \
                 and (expires_at is null or expires_at > $2)",
            )
            .bind(app.as_str())
            .bind(now.as_micros())
            .fetch_one(db)
            .await
        })?;
        Ok(count)
    }
}
