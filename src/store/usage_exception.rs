//! What could not be rated or read. Nothing is removed; while one is open, its reason may change.

use super::error::StoreError;
pub use super::exception_kind::ExceptionKind;
use super::open_exceptions::OPEN;
use super::row::known;
use super::transaction::Transaction;
use crate::domain::time::Timestamp;

/// What could not be rated or read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageException {
    /// Its id: `usage:ID`, `short:ID` of the record that made a sale, `journal:NODE:FIRST-LAST` or `omitted:NODE:PLACE`.
    pub id: String,
    /// What is wrong.
    pub kind: ExceptionKind,
    /// When the call was; of what could not be read or believed, when that was noticed.
    pub at: Timestamp,
    /// Since when someone is asked.
    pub noted_at: Timestamp,
    /// The usage record, if it could be read.
    pub usage: Option<String>,
    /// The app, if it is known.
    pub app: Option<String>,
    /// The id of the sale for which a refund waits.
    pub sale: Option<String>,
    /// What is wrong, in words.
    pub reason: String,
    /// What could not be read, for whoever looks at it.
    pub payload: Option<Vec<u8>>,
}

row! {
    pub(super) ExceptionRow {
        id: String,
        kind: String,
        at: i64,
        noted_at: i64,
        usage: Option<String>,
        app: Option<String>,
        sale: Option<String>,
        reason: String,
        payload: Option<Vec<u8>>,
    }
}

impl TryFrom<ExceptionRow> for UsageException {
    type Error = StoreError;

    fn try_from(row: ExceptionRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id,
            kind: known("usage_exception.kind", ExceptionKind::named(&row.kind))?,
            at: Timestamp::from_micros(row.at),
            noted_at: Timestamp::from_micros(row.noted_at),
            usage: row.usage,
            app: row.app,
            sale: row.sale,
            reason: row.reason,
            payload: row.payload,
        })
    }
}

impl Transaction {
    /// How many records of a node's journal became exceptions of the journal, whatever was decided about them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn excepted_records(&mut self, node: &str) -> Result<u64, StoreError> {
        let places = self.excepted_places(&format!("journal:{node}:")).await?;
        let mut spans = places.iter().map(|places| span(places)).collect::<Result<Vec<_>, _>>()?;
        Ok(covered(&mut spans))
    }

    /// How many records of a node's journal stand for calls without one, by their exceptions.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn omission_records(&mut self, node: &str) -> Result<u64, StoreError> {
        let places = self.excepted_places(&format!("omitted:{node}:")).await?;
        Ok(u64::try_from(places.len()).unwrap_or(u64::MAX))
    }

    /// What follows `begin` in the ids of exceptions of one node's journal. Names of nodes may have a colon, places have none: what has
    /// one here is of a node whose name begins like this one's.
    async fn excepted_places(&mut self, begin: &str) -> Result<Vec<String>, StoreError> {
        // All that begins with it comes before what has the next character in place of its last one.
        let end = format!("{};", begin.trim_end_matches(':'));
        let rows: Vec<(String,)> = on!(self.connection(), db => {
            sqlx::query_as("select id from usage_exception where id > $1 and id < $2")
                .bind(begin)
                .bind(&end)
                .fetch_all(db)
                .await
        })?;
        let places = rows.iter().filter_map(|(id,)| id.strip_prefix(begin));
        Ok(places.filter(|places| !places.contains(':')).map(str::to_owned).collect())
    }

    /// An exception that nobody has resolved.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn open_exception(&mut self, id: &str) -> Result<Option<UsageException>, StoreError> {
        let sql = format!("{OPEN} e.id = $1");
        let row: Option<ExceptionRow> = on!(self.connection(), db => {
            sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(db).await
        })?;
        row.map(UsageException::try_from).transpose()
    }

    /// Open exceptions that wait for one of these sales.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn waiting_for(&mut self, sales: &[String]) -> Result<Vec<UsageException>, StoreError> {
        if sales.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<ExceptionRow> = on!(self.connection(), db => {
            let mut statement = sqlx::QueryBuilder::new(OPEN);
            statement.push(" e.sale in ");
            push_list!(statement, sales);
            statement.push(" order by e.at, e.id");
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        super::row::all(rows)
    }

    /// Notes exceptions; one that is noted already stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn insert_exceptions(&mut self, exceptions: &[UsageException]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into usage_exception (id, kind, at, usage, app, sale, reason, payload, newer_kind, class, noted_at) ",
            11,
            exceptions,
            "on conflict do nothing",
            |row, exception| {
                row.push_bind(&exception.id)
                    .push_bind(exception.kind.to_older_programs().name())
                    .push_bind(exception.at.as_micros())
                    .push_bind(exception.usage.as_deref())
                    .push_bind(exception.app.as_deref())
                    .push_bind(exception.sale.as_deref())
                    .push_bind(&exception.reason)
                    .push_bind(exception.payload.as_deref())
                    .push_bind(exception.kind.newer())
                    .push_bind(exception.kind.class())
                    .push_bind(exception.noted_at.as_micros());
            }
        )?;
        Ok(())
    }

    /// Has exceptions of transactions that nobody has resolved say these reasons, be of these kinds, and wait for these sales.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn explain_exceptions(&mut self, exceptions: &[UsageException]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "with known (id, reason, sale, class) as (",
            4,
            exceptions,
            ") update usage_exception set reason = known.reason, sale = known.sale, class = known.class from known \
             where usage_exception.id = known.id",
            |row, exception| {
                row.push_bind(&exception.id)
                    .push_bind(&exception.reason)
                    .push_bind(exception.sale.as_deref())
                    .push_bind(exception.kind.class());
            }
        )?;
        Ok(())
    }
}

/// The first and the last record that an exception of a journal is about.
fn span(places: &str) -> Result<(u64, u64), StoreError> {
    let span =
        places.split_once('-').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    span.ok_or_else(|| StoreError::corrupt("usage_exception.id"))
}

/// How many places lie in any of these spans.
fn covered(spans: &mut [(u64, u64)]) -> u64 {
    spans.sort_unstable();
    let (mut count, mut reached) = (0_u64, 0);
    for (first, last) in spans {
        let first = (*first).max(reached + 1);
        if first <= *last {
            count += *last - first + 1;
            reached = *last;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_lies_in_two_spans_counts_once() {
        assert_eq!(covered(&mut []), 0);
        assert_eq!(covered(&mut [(7, 9), (1, 1), (8, 12), (2, 3), (9, 9)]), 9);
    }
}
