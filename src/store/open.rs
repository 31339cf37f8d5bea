//! Opening a store by its address, and the bounds of its connections.
//!
//! SQLite: a write-ahead log, every commit on disk before it is acknowledged, one writer and a few readers.
//! A store belongs to the runtime that opened it: the control plane's.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection;
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::arm::Arm;
use super::audit::Recording;
use super::error::StoreError;
use super::migrations;

/// Readers of a SQLite file; each is a thread of its own.
const SQLITE_READERS: u32 = 4;
/// Pages that the writer of a SQLite file keeps: 32 MiB (a negative number is KiB). The books' indexes are wider than the 2 MiB
/// that SQLite keeps by itself, and were read again for each batch.
const WRITER_CACHE: &str = "-32768";
/// Pages in the write-ahead log, of 4 KiB, after which they go to the file itself: fewer and longer runs than by default.
const WRITER_CHECKPOINT: &str = "4000";
/// Statements that the writer of a SQLite file keeps prepared: those of the books have a text for each power of two of rows.
const WRITER_STATEMENTS: usize = 256;
/// Connections to PostgreSQL of each node.
const POSTGRES_CONNECTIONS: u32 = 16;
/// How long a call waits for a free connection; beyond: [`StoreError::Unavailable`].
const ACQUIRE_TIME: Duration = Duration::from_secs(5);
/// How long a statement waits for another process's lock on a SQLite file.
const BUSY_TIME: Duration = Duration::from_secs(5);
/// How long to wait before the next attempt, where SQLite does not wait by itself.
const BUSY_PAUSE: Duration = Duration::from_millis(10);
/// How long PostgreSQL works on a statement, waits for a lock, and keeps an idle transaction.
const POSTGRES_TIMES: [(&str, &str); 3] =
    [("statement_timeout", "30s"), ("lock_timeout", "10s"), ("idle_in_transaction_session_timeout", "60s")];

/// What must survive a restart. Cheap to clone; all clones share their connections.
#[derive(Clone)]
pub struct Store {
    inner: Inner,
    /// What is to be recorded with the next change.
    recording: Option<Arc<Recording>>,
}

#[derive(Clone)]
enum Inner {
    Sqlite { read: SqlitePool, write: SqlitePool },
    Postgres(PgPool),
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.inner {
            Inner::Sqlite { .. } => "Store(sqlite)",
            Inner::Postgres(_) => "Store(postgres)",
        })
    }
}

impl Store {
    /// Has the SQLite writer keep what a statement needs for a while where this pragma says. PostgreSQL has a bound of its own.
    pub(super) async fn sort_in(&self, pragma: &'static str) -> Result<(), StoreError> {
        if let Inner::Sqlite { write, .. } = &self.inner {
            sqlx::query(pragma).execute(write).await?;
        }
        Ok(())
    }

    /// Opens the store at `sqlite:/path/file.db` (made if it is not there, in a folder that is) or
    /// `postgres://user@host/database`, and brings its schema up to this program's.
    ///
    /// # Errors
    /// [`StoreError::Address`], [`StoreError::Unavailable`], or [`StoreError::NewerSchema`].
    pub async fn open(address: &str) -> Result<Self, StoreError> {
        let inner = match file_of(address) {
            Some(path) => open_sqlite(path).await?,
            None => open_postgres(address).await?,
        };
        let store = Self { inner, recording: None };
        match migrations::run(&store).await {
            Ok(()) => Ok(store),
            Err(error) => {
                store.close().await;
                Err(error)
            }
        }
    }

    /// Opens the store at `sqlite:/path/file.db` or `postgres://user@host/database` as it is, to read alone: a node may be
    /// using it.
    ///
    /// # Errors
    /// [`StoreError::Address`], [`StoreError::Unavailable`] if it is not there or was last used by an older program,
    /// [`StoreError::NewerSchema`].
    pub async fn open_to_read(address: &str) -> Result<Self, StoreError> {
        let inner = match file_of(address) {
            Some(path) => {
                let options = sqlite_file(path).read_only(true);
                let read = patiently(|| bounded(sqlite_pool(), 1).connect_with(options.clone())).await?;
                Inner::Sqlite { read: read.clone(), write: read }
            }
            None => open_postgres(address).await?,
        };
        let store = Self { inner, recording: None };
        match migrations::check(&store).await {
            Ok(()) => Ok(store),
            Err(error) => {
                store.close().await;
                Err(error)
            }
        }
    }

    /// Waits for what is running and closes all connections, of all clones.
    pub async fn close(&self) {
        match &self.inner {
            Inner::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Inner::Postgres(pool) => pool.close().await,
        }
    }

    /// Whether the store answers, and is this program's.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::NewerSchema`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        migrations::check(self).await
    }

    /// The same store, that records what it changes.
    pub(super) fn with_recording(&self, recording: Recording) -> Self {
        Self { inner: self.inner.clone(), recording: Some(Arc::new(recording)) }
    }

    /// What is to be recorded with the next change.
    pub(super) fn recording_of(&self) -> Option<Arc<Recording>> {
        self.recording.clone()
    }

    /// Where statements run that change nothing.
    pub(super) fn reader(&self) -> Arm<&SqlitePool, &PgPool> {
        match &self.inner {
            Inner::Sqlite { read, .. } => Arm::Sqlite(read),
            Inner::Postgres(pool) => Arm::Postgres(pool),
        }
    }

    /// Where single statements run that change something. None of them can be recorded: that takes a transaction.
    pub(super) fn writer(&self) -> Arm<&SqlitePool, &PgPool> {
        debug_assert!(self.recording.is_none(), "a change that is recorded takes a transaction");
        self.pool()
    }

    /// Where transactions begin that may write.
    pub(super) fn pool(&self) -> Arm<&SqlitePool, &PgPool> {
        match &self.inner {
            Inner::Sqlite { write, .. } => Arm::Sqlite(write),
            Inner::Postgres(pool) => Arm::Postgres(pool),
        }
    }
}

/// The SQLite file at an address, if it is one of those.
fn file_of(address: &str) -> Option<&Path> {
    let path = address.strip_prefix("sqlite:")?;
    Some(Path::new(path.strip_prefix("//").unwrap_or(path)))
}

/// How every connection uses a SQLite file.
fn sqlite_file(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIME)
}

async fn open_sqlite(path: &Path) -> Result<Inner, StoreError> {
    let options = sqlite_file(path);
    let writer = options
        .clone()
        .create_if_missing(true)
        .statement_cache_capacity(WRITER_STATEMENTS)
        .pragma("cache_size", WRITER_CACHE)
        .pragma("wal_autocheckpoint", WRITER_CHECKPOINT)
        // What a statement would undo is kept in memory: in a file, it was written a page for each row of the books.
        .pragma("temp_store", "memory");
    let write = patiently(|| bounded(sqlite_pool(), 1).connect_with(writer.clone())).await?;
    let read = bounded(sqlite_pool(), SQLITE_READERS).connect_lazy_with(options.read_only(true));
    Ok(Inner::Sqlite { read, write })
}

/// Opens a file that another process may be opening or closing: for the moment in which it switches to the write-ahead log,
/// or recovers it, SQLite says `SQLITE_BUSY` at once, whatever the time to wait.
async fn patiently<F>(mut connect: impl FnMut() -> F) -> Result<SqlitePool, sqlx::Error>
where
    F: Future<Output = Result<SqlitePool, sqlx::Error>>,
{
    let mut waited = Duration::ZERO;
    loop {
        match connect().await {
            Err(error) if is_busy(&error) && waited < BUSY_TIME => {
                tokio::time::sleep(BUSY_PAUSE).await;
                waited += BUSY_PAUSE;
            }
            outcome => return outcome,
        }
    }
}

/// Whether it is `SQLITE_BUSY`, which the low byte of the extended code says.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == 5)
}

/// A file's connections are threads: kept for as long as the store is. But for one on which SQLite itself has ended a transaction,
/// as it does on a full disk: sqlx takes that for one that goes on, and never begins another there.
fn sqlite_pool() -> SqlitePoolOptions {
    let pool = SqlitePoolOptions::new().idle_timeout(None).max_lifetime(None).test_before_acquire(false);
    pool.before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
}

async fn open_postgres(address: &str) -> Result<Inner, StoreError> {
    if !address.starts_with("postgres://") && !address.starts_with("postgresql://") {
        return Err(StoreError::Address { reason: "it begins with neither".to_owned() });
    }
    let options = PgConnectOptions::from_str(address)
        .map_err(|_| StoreError::Address { reason: "PostgreSQL's address does not parse".to_owned() })?
        .application_name("tollgate")
        .options(POSTGRES_TIMES);
    try_postgres(&options).await?;
    let pool = bounded(PgPoolOptions::new(), POSTGRES_CONNECTIONS).connect_with(options).await?;
    Ok(Inner::Postgres(pool))
}

/// Connects once: a pool tries again for a while, and does not say in the end why none of that worked.
async fn try_postgres(options: &PgConnectOptions) -> Result<(), StoreError> {
    let named = |reason: &dyn std::fmt::Display| {
        let (host, port) = (options.get_host(), options.get_port());
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        StoreError::Unavailable {
            reason: format!("PostgreSQL at {host}:{port}, database {database}: {reason}"),
        }
    };
    match tokio::time::timeout(ACQUIRE_TIME, PgConnection::connect_with(options)).await {
        Ok(Ok(connection)) => Ok(connection.close().await?),
        Ok(Err(error)) => match StoreError::from(error) {
            StoreError::Unavailable { reason } => Err(named(&reason)),
            other => Err(other),
        },
        Err(_) => Err(named(&format_args!("no answer within {} seconds", ACQUIRE_TIME.as_secs()))),
    }
}

fn bounded<DB: sqlx::Database>(options: PoolOptions<DB>, connections: u32) -> PoolOptions<DB> {
    options.max_connections(connections).acquire_timeout(ACQUIRE_TIME)
}
