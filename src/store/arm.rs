//! The two stores side by side, and the macros that expand a body once for each.
//!
//! sqlx's types differ for each store, so the body is compiled twice; its text is written once.

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
            $crate::store::arm::Arm::Sqlite($executor) => $body,
            $crate::store::arm::Arm::Postgres($executor) => $body,
        }
    };
}

/// Most parameters that one statement may bind: SQLite's bound (`SQLITE_MAX_VARIABLE_NUMBER`), the lower of the two.
#[allow(dead_code, reason = "for the tables of billing")]
pub(super) const MAX_PARAMETERS: usize = 32_766;

/// Inserts many rows in as few statements as there may be, within a transaction, and gives the number of rows that went in.
/// `$head` ends before `values`; `$tail` follows the rows, such as `on conflict (id) do nothing`; the closure
/// binds one row's columns, `$columns` of them.
///
/// ```ignore
/// insert_rows!(transaction, "insert into posting (entry, account) ", 2, postings, "",
///     |tuple, posting| { tuple.push_bind(posting.entry).push_bind(posting.account); })?
/// ```
#[allow(unused_macros, reason = "for the tables of billing")]
macro_rules! insert_rows {
    ($transaction:expr, $head:literal, $columns:literal, $rows:expr, $tail:literal,
     |$tuple:ident, $row:ident| $bind:block) => {
        async {
            let mut inserted: u64 = 0;
            for chunk in $rows.chunks($crate::store::arm::MAX_PARAMETERS / $columns) {
                inserted += on!($transaction.connection(), db => {
                    let mut statement = sqlx::QueryBuilder::new($head);
                    statement.push_values(chunk, |mut $tuple, $row| $bind);
                    statement.push(concat!(" ", $tail));
                    // Its text depends on the number of rows: not worth a place among the prepared ones.
                    statement.build().persistent(false).execute(db).await.map(|done| done.rows_affected())
                })?;
            }
            Ok::<u64, $crate::store::StoreError>(inserted)
        }
        .await
    };
}
