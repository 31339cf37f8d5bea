//! The two stores side by side, and the macros that expand a body once for each.
//!
//! sqlx's types differ for each store, so the body is compiled twice; its text is written once.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sqlx::error::BoxDynError;
use sqlx::{Arguments, Encode, Type};

/// Something of SQLite's or the same of PostgreSQL's.
pub(super) enum Arm<S, P> {
    Sqlite(S),
    Postgres(P),
}

/// Runs `body` with `executor` bound to a pool or connection of whichever store it is.
///
/// ```ignore
/// on!(self.reader(), db => sqlx::query_as(TEXT).bind(id).fetch_optional(db).await)?
/// ```
macro_rules! on {
    ($arm:expr, $executor:ident => $body:expr) => {
        match $arm {
            $crate::store::arm::Arm::Sqlite($executor) => $crate::store::arm::in_time(async { $body }).await,
            $crate::store::arm::Arm::Postgres($executor) => {
                $crate::store::arm::in_time(async { $body }).await
            }
        }
    };
    // With another bound than that of every day.
    ($arm:expr, within $time:expr, $executor:ident => $body:expr) => {{
        let time = $time;
        match $arm {
            $crate::store::arm::Arm::Sqlite($executor) => {
                $crate::store::arm::within(time, async { $body }).await
            }
            $crate::store::arm::Arm::Postgres($executor) => {
                $crate::store::arm::within(time, async { $body }).await
            }
        }
    }};
}

/// How long a statement may take in all, with the wait for a connection. It is above the store's own bounds, which give
/// better answers, and there for a server that has fallen silent.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(45);

pub(super) async fn in_time<T>(
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    within(ANSWER_TIME, answer).await
}

pub(super) async fn within<T>(
    time: Duration,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let late = || sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"));
    tokio::time::timeout(time, answer).await.unwrap_or_else(|_| Err(late()))
}

/// Most parameters that one statement may bind: SQLite's bound (`SQLITE_MAX_VARIABLE_NUMBER`), the lower of the two.
pub(super) const MAX_PARAMETERS: usize = 32_766;

/// Most rows that one statement inserts. More would spare little, and a statement is kept for each power of two up to it.
const MAX_ROWS: usize = 256;

/// How many of so many rows the next statement inserts: none of none, else a power of two, so that few statements are prepared, each once.
pub(super) fn rows_at_once(left: usize, columns: usize) -> usize {
    let most = left.min(MAX_PARAMETERS / columns).min(MAX_ROWS);
    most.checked_ilog2().map_or(0, |power| 1 << power)
}

/// The text of the statements that insert rows: written once for each number of rows.
pub(super) struct InsertText {
    /// What stands before `values` and behind the rows.
    around: (&'static str, &'static str),
    columns: usize,
    /// What stands for a value: PostgreSQL has a number behind it.
    value: &'static str,
    last: (usize, Arc<str>),
}

impl InsertText {
    pub(super) fn new(around: (&'static str, &'static str), columns: usize, value: &'static str) -> Self {
        Self { around, columns, value, last: (0, Arc::from("")) }
    }

    /// The text for so many rows.
    pub(super) fn of(&mut self, rows: usize) -> Arc<str> {
        if self.last.0 != rows {
            self.last = (rows, self.write(rows).into());
        }
        self.last.1.clone()
    }

    fn write(&self, rows: usize) -> String {
        let (head, tail) = self.around;
        let mut text = match head.strip_prefix("insert ") {
            // After an error the whole transaction is rolled back, as PostgreSQL does: so SQLite need not be able to undo a statement
            // by itself, for which it would copy each page before the statement touches it.
            Some(into) if self.value == SQLITE_VALUE => format!("insert or fail {into}values "),
            Some(_) | None => format!("{head}values "),
        };
        for place in 0..rows * self.columns {
            text.push_str(match (place, place % self.columns) {
                (0, _) => "(",
                (_, 0) => "), (",
                (_, _) => ", ",
            });
            text.push_str(self.value);
            if self.value == POSTGRES_VALUE {
                text.push_str(&(place + 1).to_string());
            }
        }
        text.push_str(") ");
        text.push_str(tail);
        text
    }
}

/// What stands for a value in a text.
pub(super) const SQLITE_VALUE: &str = "?";
/// The same with PostgreSQL, with its number behind it.
pub(super) const POSTGRES_VALUE: &str = "$";

/// The values of a statement; or why one of them could not be bound.
pub(super) struct Values<A>(Result<A, BoxDynError>);

impl<A: Arguments> Values<A> {
    /// None yet, with room for so many.
    pub(super) fn with_room(values: usize) -> Self {
        let mut arguments = A::default();
        arguments.reserve(values, 0);
        Self(Ok(arguments))
    }

    pub(super) fn push_bind<'v, T: Encode<'v, A::Database> + Type<A::Database>>(
        &mut self,
        value: T,
    ) -> &mut Self {
        if let Ok(arguments) = &mut self.0
            && let Err(error) = arguments.add(value)
        {
            self.0 = Err(error);
        }
        self
    }

    pub(super) fn bound(self) -> Result<A, sqlx::Error> {
        self.0.map_err(sqlx::Error::Encode)
    }
}

/// Inserts many rows in few statements, within a transaction, and gives the number of rows that went in.
/// `$head` ends before `values`; `$tail` follows the rows, such as `on conflict (id) do nothing`; the closure
/// binds one row's columns, `$columns` of them. The rows of the next statement are bound while the store has the one before it.
///
/// ```ignore
/// insert_rows!(transaction, "insert into posting (entry, account) ", 2, postings, "",
///     |row, posting| { row.push_bind(posting.entry).push_bind(posting.account); })?
/// ```
macro_rules! insert_rows {
    (@on $db:ident, ($arguments:ty, $value:ident), $head:expr, $columns:literal, $rows:expr, $tail:expr,
     |$values:ident, $row:ident| $bind:block) => {{
        let mut rows = &$rows[..];
        let mut text = $crate::store::arm::InsertText::new(($head, $tail), $columns, $crate::store::arm::$value);
        let mut bind_next = || {
            let (chunk, rest) = rows.split_at($crate::store::arm::rows_at_once(rows.len(), $columns));
            rows = rest;
            (!chunk.is_empty()).then(|| {
                let mut $values = $crate::store::arm::Values::<$arguments>::with_room(chunk.len() * $columns);
                for $row in chunk {
                    $bind
                }
                let text = sqlx::AssertSqlSafe(text.of(chunk.len()));
                $values.bound().map(|values| sqlx::query_with(text, values))
            })
        };
        let mut inserted: u64 = 0;
        let mut next = bind_next();
        while let Some(statement) = next {
            let going_in = $crate::store::arm::in_time(statement?.execute(&mut *$db));
            let (done, following) = futures_util::future::join(going_in, async { bind_next() }).await;
            inserted += done?.rows_affected();
            next = following;
        }
        Ok::<u64, $crate::store::StoreError>(inserted)
    }};
    ($transaction:expr, $head:expr, $columns:literal, $rows:expr, $tail:expr,
     |$values:ident, $row:ident| $bind:block) => {
        async {
            match $transaction.connection() {
                $crate::store::arm::Arm::Sqlite(db) => {
                    insert_rows!(@on db, (sqlx::sqlite::SqliteArguments, SQLITE_VALUE), $head, $columns, $rows, $tail,
                        |$values, $row| $bind)
                }
                $crate::store::arm::Arm::Postgres(db) => {
                    insert_rows!(@on db, (sqlx::postgres::PgArguments, POSTGRES_VALUE), $head, $columns, $rows, $tail,
                        |$values, $row| $bind)
                }
            }
        }
        .await
    };
}

/// Reads the row that a text selects, which nobody else changes until the end of the transaction: PostgreSQL is told to lock it,
/// and of SQLite's transactions that may write there is one at a time. An update that changes nothing would do so too, and
/// would be noted as a change, for which all nodes read anew.
///
/// ```ignore
/// let row: Option<PartnerRow> =
///     lock_row!(self, "select id, name from partner where id = $1", |query| query.bind(id.as_str()))?;
/// ```
macro_rules! lock_row {
    ($transaction:expr, $text:expr, |$query:ident| $bound:expr) => {
        match $transaction.connection() {
            $crate::store::arm::Arm::Sqlite(db) => {
                let $query = sqlx::query_as($text);
                $crate::store::arm::in_time($bound.fetch_optional(db)).await
            }
            $crate::store::arm::Arm::Postgres(db) => {
                let $query = sqlx::query_as(concat!($text, " for no key update"));
                $crate::store::arm::in_time($bound.fetch_optional(db)).await
            }
        }
    };
}

/// Appends `(value, value, …)` to a statement that is being built, of at least one value.
macro_rules! push_list {
    ($statement:expr, $values:expr) => {{
        $statement.push("(");
        let mut list = $statement.separated(", ");
        for value in $values {
            list.push_bind(value);
        }
        $statement.push(")");
    }};
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

    use crate::store::{Page, Store};

    #[tokio::test]
    async fn many_rows_go_in_by_few_statements_and_none_twice() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite:{}", folder.path().join("store.db").display());
        let store = Store::open(&address).await.unwrap();
        let ids: Vec<String> = (0..20_000).map(|number| format!("partner_{number}")).collect();
        for expected in [20_000, 0] {
            let mut transaction = store.begin().await.unwrap();
            let inserted = insert_rows!(
                transaction,
                "insert into partner (id, name, standing, created_at) ",
                4,
                ids,
                "on conflict (id) do nothing",
                |row, id| {
                    row.push_bind(id).push_bind("x").push_bind("active").push_bind(0_i64);
                }
            )
            .unwrap();
            transaction.commit().await.unwrap();
            assert_eq!(inserted, expected);
        }
        assert_eq!(store.partners(&Page::first()).await.unwrap().len(), 100);
        store.close().await;
    }
}
