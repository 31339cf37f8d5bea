//! Named admin tokens, of which only hashes are kept.

use super::error::{StoreError, require};
use super::open::Store;
use super::page::MAX_LIST;
use super::row::{all, known, time};
use super::transaction::{Exclusive, Transaction};
use crate::domain::admin_access::AdminAccess;
use crate::domain::secret_hash::AdminTokenHash;
use crate::domain::time::Timestamp;

/// A named admin token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminTokenRecord {
    /// Its public id.
    pub id: String,
    /// Whose it is, as audit records say.
    pub name: String,
    /// What it is good for.
    pub access: AdminAccess,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it is good; `None`: until it is revoked.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl AdminTokenRecord {
    /// Whether it proves something at `now`.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

row! {
    AdminTokenRow {
        id: String,
        name: String,
        access: String,
        created_at: i64,
        expires_at: Option<i64>,
        revoked_at: Option<i64>,
    }
}

macro_rules! select_admin_token {
    ($tail:literal) => {
        concat!("select id, name, access, created_at, expires_at, revoked_at from admin_token ", $tail)
    };
}

impl TryFrom<AdminTokenRow> for AdminTokenRecord {
    type Error = StoreError;

    fn try_from(row: AdminTokenRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            name: row.name,
            access: known("admin_token.access", AdminAccess::named(&row.access))?,
            created_at: Timestamp::from_micros(row.created_at),
            expires_at: time(row.expires_at),
            revoked_at: time(row.revoked_at),
        })
    }
}

impl Store {
    /// Keeps a new token: of two that are good at once with one name, nobody could tell who did what.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if its id is taken, or its name by a token that is good; [`StoreError::Unavailable`].
    pub async fn create_admin_token(
        &self,
        token: &AdminTokenRecord,
        hash: &AdminTokenHash,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        // Whether a token is good is for the clock to say, so that no index could keep names apart.
        transaction.hold(Exclusive::AdminTokens).await?;
        let others: i64 = on!(transaction.connection(), db => {
            sqlx::query_scalar(
                "select count(*) from admin_token
                where name = $1 and revoked_at is null and (expires_at is null or expires_at > $2)",
            )
            .bind(&token.name)
            .bind(token.created_at.as_micros())
            .fetch_one(db)
            .await
        })?;
        if others > 0 {
            return Err(StoreError::Conflict { what: "admin_token.name".to_owned() });
        }
        // An older program, to which every token writes, looks for `hash` alone.
        let (of_writing, of_reading) = match token.access {
            AdminAccess::Write => (*hash, None),
            AdminAccess::Read => (hash.of_no_token(), Some(*hash)),
        };
        on!(transaction.connection(), db => {
            sqlx::query(
                "insert into admin_token (id, name, hash, read_hash, access, created_at, expires_at) \
                 values ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(&token.id)
            .bind(&token.name)
            .bind(&of_writing.0[..])
            .bind(of_reading.as_ref().map(|hash| &hash.0[..]))
            .bind(token.access.name())
            .bind(token.created_at.as_micros())
            .bind(token.expires_at.map(Timestamp::as_micros))
            .execute(db)
            .await
            .map(|_| ())
        })?;
        transaction.commit().await
    }

    /// The token of that hash, also one that is no longer good.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn admin_token_by_hash(
        &self,
        hash: &AdminTokenHash,
    ) -> Result<Option<AdminTokenRecord>, StoreError> {
        let row: Option<AdminTokenRow> = on!(self.reader(), db => {
            sqlx::query_as(select_admin_token!("where hash = $1 or read_hash = $1"))
                .bind(&hash.0[..])
                .fetch_optional(db)
                .await
        })?;
        row.map(AdminTokenRecord::try_from).transpose()
    }

    /// The token of that id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn admin_token(&self, id: &str) -> Result<Option<AdminTokenRecord>, StoreError> {
        let row: Option<AdminTokenRow> = on!(self.reader(), db => {
            sqlx::query_as(select_admin_token!("where id = $1")).bind(id).fetch_optional(db).await
        })?;
        row.map(AdminTokenRecord::try_from).transpose()
    }

    /// All tokens, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn admin_tokens(&self) -> Result<Vec<AdminTokenRecord>, StoreError> {
        let rows: Vec<AdminTokenRow> = on!(self.reader(), db => {
            sqlx::query_as(select_admin_token!("order by created_at desc, id limit $1"))
                .bind(MAX_LIST)
                .fetch_all(db)
                .await
        })?;
        all(rows)
    }
}

impl Transaction {
    /// The token of that id, which nobody else changes until the end of the transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn lock_admin_token(&mut self, id: &str) -> Result<Option<AdminTokenRecord>, StoreError> {
        let row: Option<AdminTokenRow> =
            lock_row!(self, select_admin_token!("where id = $1"), |query| query.bind(id))?;
        row.map(AdminTokenRecord::try_from).transpose()
    }

    /// Ends a token; one that has ended stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a token; [`StoreError::Unavailable`].
    pub async fn revoke_admin_token(&mut self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        let changed = on!(self.connection(), db => {
            sqlx::query("update admin_token set revoked_at = coalesce(revoked_at, $2) where id = $1")
                .bind(id)
                .bind(at.as_micros())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        require("admin token", changed)
    }
}
