//! What a store call may fail with. Messages hold names of tables and columns, never a row's values.

use sqlx::error::ErrorKind;

/// Why a store call failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store is out of reach, busy or full; the same call may succeed later.
    #[error("the store is out of reach: {reason}")]
    Unavailable {
        /// What happened.
        reason: String,
    },
    /// The store's own file is damaged. Nothing that it was given is wrong.
    #[error(
        "the store itself is damaged: {reason}; stop what uses it, and put a sound copy in its place: what is in the journal \
         since then is recorded again"
    )]
    Damaged {
        /// What was found.
        reason: String,
    },
    /// A name is taken.
    #[error("{what} is taken")]
    Conflict {
        /// `table.column` of the name, the same in both stores.
        what: String,
    },
    /// What the call names is not there.
    #[error("there is no such {what}")]
    Missing {
        /// The kind of thing.
        what: &'static str,
    },
    /// A row, or the schema, is not what this program writes.
    #[error("the store holds something that this program did not write: {what}")]
    Corrupt {
        /// The column, or what was found.
        what: String,
    },
    /// A newer version of this program has upgraded the data.
    #[error(
        "the data is of a newer version (migration {found}); this program knows migrations up to {known}: \
         start the newer program"
    )]
    NewerSchema {
        /// The newest migration of the data.
        found: i64,
        /// The newest migration of this program.
        known: i64,
    },
    /// The address names no store.
    #[error("a store's address is sqlite:/path/file.db or postgres://user@host/database: {reason}")]
    Address {
        /// What is wrong with it, without the password.
        reason: String,
    },
}

impl StoreError {
    pub(super) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }

    /// Says what is missing, where the store can't: `what` is the only thing that the statement refers to.
    pub(super) fn for_missing(self, what: &'static str) -> Self {
        match self {
            Self::Missing { .. } => Self::Missing { what },
            other => other,
        }
    }
}

/// `Missing` unless a row was changed.
pub(super) fn require(what: &'static str, rows_affected: u64) -> Result<(), StoreError> {
    if rows_affected == 0 { Err(StoreError::Missing { what }) } else { Ok(()) }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(refusal) => from_refusal(refusal.as_ref()),
            sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::TypeNotFound { .. }
            | sqlx::Error::RowNotFound
            | sqlx::Error::Decode(_) => Self::corrupt(error.to_string()),
            other => Self::Unavailable { reason: other.to_string() },
        }
    }
}

fn from_refusal(refusal: &dyn sqlx::error::DatabaseError) -> StoreError {
    match refusal.kind() {
        ErrorKind::UniqueViolation => StoreError::Conflict { what: taken(refusal) },
        ErrorKind::ForeignKeyViolation => StoreError::Missing { what: "thing that it refers to" },
        _ if is_damage(&refusal.code().unwrap_or_default()) => {
            StoreError::Damaged { reason: refusal.message().to_owned() }
        }
        _ if is_out_of_reach(&refusal.code().unwrap_or_default()) => {
            StoreError::Unavailable { reason: refusal.message().to_owned() }
        }
        _ => StoreError::corrupt(refusal.message()),
    }
}

/// `table.column` of a unique violation. PostgreSQL names the constraint (`merchant_username_key`), SQLite the columns
/// (`UNIQUE constraint failed: merchant.username`).
fn taken(refusal: &dyn sqlx::error::DatabaseError) -> String {
    if let (Some(table), Some(constraint)) = (refusal.table(), refusal.constraint()) {
        let rest = constraint.strip_prefix(table).unwrap_or(constraint).trim_start_matches('_');
        let column = if rest == "pkey" { "id" } else { rest.strip_suffix("_key").unwrap_or(rest) };
        return format!("{table}.{column}");
    }
    let columns = refusal.message().rsplit("failed: ").next().unwrap_or_default();
    columns.split(", ").next().unwrap_or_default().to_owned()
}

/// SQLite's result codes BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL, CANTOPEN and PROTOCOL, which the low
/// byte holds; PostgreSQL's classes for connections (08), logins (28), databases that are not there (3D), rollbacks (40), resources (53), interventions such as a
/// statement's time limit (57) and its system (58), a lock that was not had in time, and a table, column or function that is
/// not there: a newer program has changed the schema, and this one waits to be replaced.
fn is_out_of_reach(code: &str) -> bool {
    if code.len() == 5 && !code.starts_with("0000") {
        let is_of_newer_schema = matches!(code, "42P01" | "42703" | "42883");
        return is_of_newer_schema
            || matches!(code.get(..2), Some("08" | "28" | "3D" | "40" | "53" | "57" | "58"))
            || code == "55P03";
    }
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 7 | 8 | 9 | 10 | 13 | 14 | 15))
}

/// SQLite's result codes CORRUPT and NOTADB, which the low byte holds; PostgreSQL's for data (XX001) and an index (XX002) that are corrupted.
fn is_damage(code: &str) -> bool {
    let of_sqlite = (code.len() < 5).then(|| code.parse::<u32>().ok()).flatten();
    matches!(code, "XX001" | "XX002") || of_sqlite.is_some_and(|code| matches!(code & 0xff, 11 | 26))
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::Execute(error)
            | sqlx::migrate::MigrateError::ExecuteMigration(error, _) => error.into(),
            other => Self::corrupt(other.to_string()),
        }
    }
}
