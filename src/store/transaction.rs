//! Several statements, of several files, that happen together or not at all.
//!
//! A file adds its statements as methods of [`Transaction`], run by `on!(self.connection(), db => …)`; callers outside
//! the store take one by [`Store::begin`], call these methods, and [`Transaction::commit`]. In SQLite there is
//! one writer at a time, so a transaction waits for the one before it: keep it short, and await nothing else in it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnection, PgPool, Postgres};
use sqlx::sqlite::{Sqlite, SqliteConnection};

use super::arm::{ANSWER_TIME, Arm, in_time};
use super::audit::Recording;
use super::error::StoreError;
use super::migrations;
use super::open::Store;

/// How long each statement of a check of all the books may take; those of large books take minutes. PostgreSQL's own bound,
/// [`CHECK_TIME_LIMIT`], is below it.
const CHECK_TIME: Duration = Duration::from_secs(11 * 60);
/// [`CHECK_TIME`] for PostgreSQL.
const CHECK_TIME_LIMIT: &str = "set local statement_timeout = '10min'";

/// Changes that take effect when committed; dropped, they never happened.
pub struct Transaction {
    inner: Arm<sqlx::Transaction<'static, Sqlite>, sqlx::Transaction<'static, Postgres>>,
    answer_time: Duration,
    recording: Option<Arc<Recording>>,
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Transaction")
    }
}

/// What only one transaction of the whole fleet may do at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exclusive {
    /// Change the schema.
    Migration,
    /// Rate, post and close periods.
    Billing,
    /// Make the statements of a period that is closed.
    Closing,
    /// Change which signing keys there are.
    SigningKeys,
    /// Change which proof keys there are.
    ProofKeys,
    /// Make admin tokens.
    AdminTokens,
    /// Switch things off and on.
    KillSwitches,
}

impl Exclusive {
    /// The first key of its advisory lock in PostgreSQL; the second is the schema, as one database may hold several.
    fn key(self) -> i32 {
        match self {
            Self::Migration => 0x7467_0001,
            Self::Billing => 0x7467_0002,
            Self::SigningKeys => 0x7467_0003,
            Self::AdminTokens => 0x7467_0004,
            Self::KillSwitches => 0x7467_0005,
            Self::Closing => 0x7467_0006,
            Self::ProofKeys => 0x7467_0007,
        }
    }
}

impl Store {
    /// Begins a transaction that may write. SQLite's takes the write lock at once (`BEGIN IMMEDIATE`), so that it
    /// never fails half-way for having read too early. PostgreSQL's sees what others have committed by each statement,
    /// whatever the server's default: the triggers that guard closed periods rely on it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn begin(&self) -> Result<Transaction, StoreError> {
        let inner = match self.pool() {
            Arm::Sqlite(pool) => Arm::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
            Arm::Postgres(pool) => Arm::Postgres(begin(pool, "BEGIN ISOLATION LEVEL READ COMMITTED").await?),
        };
        Ok(Transaction { inner, answer_time: ANSWER_TIME, recording: self.recording_of() })
    }

    /// Begins a transaction that only reads, and sees the store as it is at its first statement, whatever is committed
    /// meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn begin_reading(&self) -> Result<Transaction, StoreError> {
        let inner = match self.reader() {
            Arm::Sqlite(pool) => Arm::Sqlite(pool.begin().await?),
            Arm::Postgres(pool) => {
                Arm::Postgres(begin(pool, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
            }
        };
        Ok(Transaction { inner, answer_time: ANSWER_TIME, recording: None })
    }

    /// Begins one as [`Self::begin_reading`] does, whose statements may take as long as it takes to read all the books.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn begin_checking(&self) -> Result<Transaction, StoreError> {
        let mut transaction = self.begin_reading().await?;
        if let Arm::Postgres(connection) = transaction.connection() {
            in_time(sqlx::raw_sql(CHECK_TIME_LIMIT).execute(connection)).await?;
        }
        transaction.answer_time = CHECK_TIME;
        Ok(transaction)
    }
}

/// Begins by a task of its own. Were the caller dropped while PostgreSQL answers, sqlx would give the connection back within
/// a transaction that nobody ends, and the statements of others on it would never be committed.
async fn begin(
    pool: &PgPool,
    statement: &'static str,
) -> Result<sqlx::Transaction<'static, Postgres>, StoreError> {
    let pool = pool.clone();
    let beginning = tokio::spawn(async move { in_time(pool.begin_with(statement)).await });
    match beginning.await {
        Ok(begun) => Ok(begun?),
        Err(error) => Err(StoreError::Unavailable { reason: error.to_string() }),
    }
}

impl Transaction {
    /// Makes all of it happen.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; then it may have happened or not, and the caller must look.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        self.write_recording().await?;
        let recording = self.recording.take();
        let committed = on!(self.inner, transaction => transaction.commit().await);
        if let (Err(_), Some(recording)) = (&committed, &recording) {
            recording.is_still_to_be_written();
        }
        Ok(committed?)
    }

    /// Makes none of it happen. Dropping does the same, some time later.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; none of it happens then, too.
    pub async fn roll_back(self) -> Result<(), StoreError> {
        on!(self.inner, transaction => transaction.rollback().await)?;
        Ok(())
    }

    /// Waits until no other transaction holds `what`, and holds it to the end of this one. Books are kept by programs of their schema
    /// alone: an older one, which goes on beside those until it is replaced, does not know all that is counted by now.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`]; [`StoreError::Unavailable`], also when the wait takes too long.
    pub async fn hold(&mut self, what: Exclusive) -> Result<(), StoreError> {
        self.lock(what).await?;
        match what {
            // Only now is it seen what was done under the lock.
            Exclusive::Billing | Exclusive::Closing => migrations::check_within(self).await,
            Exclusive::Migration
            | Exclusive::SigningKeys
            | Exclusive::ProofKeys
            | Exclusive::AdminTokens
            | Exclusive::KillSwitches => Ok(()),
        }
    }

    /// Holds `what`, whatever the schema is.
    pub(super) async fn lock(&mut self, what: Exclusive) -> Result<(), StoreError> {
        match self.connection() {
            // It is the only writer already.
            Arm::Sqlite(_) => Ok(()),
            Arm::Postgres(connection) => {
                sqlx::query("select pg_advisory_xact_lock($1, hashtext(coalesce(current_schema(), '')))")
                    .bind(what.key())
                    .execute(connection)
                    .await?;
                Ok(())
            }
        }
    }

    /// What is to be recorded with it.
    pub(super) fn recording(&self) -> Option<Arc<Recording>> {
        self.recording.clone()
    }

    /// How long a statement of it may take that reads whole tables.
    pub(super) fn answer_time(&self) -> Duration {
        self.answer_time
    }

    /// What its statements run on.
    pub(super) fn connection(&mut self) -> Arm<&mut SqliteConnection, &mut PgConnection> {
        match &mut self.inner {
            Arm::Sqlite(transaction) => Arm::Sqlite(&mut *transaction),
            Arm::Postgres(transaction) => Arm::Postgres(&mut *transaction),
        }
    }
}
