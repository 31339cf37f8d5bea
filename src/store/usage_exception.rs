//! What could not be rated or read. Nothing is removed; while one is open, its reason may change.

use super::error::StoreError;
use super::open::Store;
use super::page::Page;
use super::row::known;
use super::transaction::Transaction;
use crate::domain::id::{AppId, NodeId};
use crate::domain::time::Timestamp;

/// What could not be rated or read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageException {
    /// Its id: `usage:ID`, `journal:NODE:FIRST-LAST` or `omitted:NODE:PLACE`.
    pub id: String,
    /// What is wrong.
    pub kind: ExceptionKind,
    /// When the call was; of what could not be read or believed, when that was noticed.
    pub at: Timestamp,
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

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExceptionKind {
    /// The evidence could not be read, or is too large to be believed: nothing was charged.
    Evidence,
    /// The plan version is not known: nothing was charged.
    Plan,
    /// The transaction could not be rated: the call's fee was charged.
    Transaction,
    /// Records of a journal could not be read at all.
    Journal,
    /// The call's time is not to be believed: nothing was charged.
    Time,
    /// The journal could take no record of calls that were served.
    Omitted,
}

impl ExceptionKind {
    /// The name used in the store and in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Plan => "plan",
            Self::Transaction => "transaction",
            Self::Journal => "journal",
            Self::Time => "time",
            Self::Omitted => "omitted",
        }
    }

    /// The kind that older programs take it for, if they do not know it.
    fn to_older_programs(self) -> Self {
        match self {
            Self::Time => Self::Evidence,
            Self::Omitted => Self::Journal,
            Self::Evidence | Self::Plan | Self::Transaction | Self::Journal => self,
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Evidence, Self::Plan, Self::Transaction, Self::Journal, Self::Time, Self::Omitted]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// Calls by which exceptions are chosen; all of what is not said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chosen {
    /// Whose.
    pub app: Option<AppId>,
    /// On which node.
    pub node: Option<NodeId>,
    /// From when on, by their own time.
    pub from: Option<Timestamp>,
    /// Until when, by their own time.
    pub until: Option<Timestamp>,
}

row! {
    ExceptionRow {
        id: String,
        kind: String,
        at: i64,
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
            usage: row.usage,
            app: row.app,
            sale: row.sale,
            reason: row.reason,
            payload: row.payload,
        })
    }
}

macro_rules! open {
    ($of:literal) => {
        concat!(
            "select e.id, coalesce(e.newer_kind, e.kind) as kind, e.at, e.usage, e.app, e.sale, e.reason, e.payload \
             from usage_exception e ",
            $of,
            " where not exists (select 1 from exception_resolution r where r.exception = e.id) "
        )
    };
}

const OPEN: &str = open!("");

/// Those that come behind $1 in a list, newest first.
const FOLLOWS: &str = "($1 = '' or e.at < (select c.at from usage_exception c where c.id = $1) \
                       or (e.at = (select c.at from usage_exception c where c.id = $1) and e.id > $1))";

/// Those of calls whose time is not believed.
const DOUBTED: &str = concat!(
    open!("join usage u on u.id = e.usage join usage_context c on c.number = u.context"),
    "and e.newer_kind = 'time' and ($3 = '' or e.app = $3) and ($4 = '' or c.node = $4) and u.at >= $5 and u.at < $6"
);

impl Store {
    /// Exceptions that nobody has resolved, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn open_exceptions(&self, page: &Page) -> Result<Vec<UsageException>, StoreError> {
        let sql = format!("{OPEN} and {FOLLOWS} order by e.at desc, e.id limit $2");
        let rows: Vec<ExceptionRow> = on!(self.reader(), db => {
            sqlx::query_as(sqlx::AssertSqlSafe(sql))
                .bind(page.cursor())
                .bind(page.limit())
                .fetch_all(db)
                .await
        })?;
        super::row::all(rows)
    }

    /// Exceptions of calls whose time is not believed that nobody has resolved, newest first: of chosen calls.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn doubted_calls(
        &self,
        chosen: &Chosen,
        page: &Page,
    ) -> Result<Vec<UsageException>, StoreError> {
        let sql = format!("{DOUBTED} and {FOLLOWS} order by e.at desc, e.id limit $2");
        let rows: Vec<ExceptionRow> = on!(self.reader(), db => {
            sqlx::query_as(sqlx::AssertSqlSafe(sql))
                .bind(page.cursor())
                .bind(page.limit())
                .bind(chosen.app.as_ref().map_or("", AppId::as_str))
                .bind(chosen.node.as_ref().map_or("", NodeId::as_str))
                .bind(chosen.from.map_or(i64::MIN, Timestamp::as_micros))
                .bind(chosen.until.map_or(i64::MAX, Timestamp::as_micros))
                .fetch_all(db)
                .await
        })?;
        super::row::all(rows)
    }

    /// How many exceptions of calls from `from` to `to` nobody has resolved.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn open_exceptions_between(
        &self,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<u64, StoreError> {
        let row: (i64,) = on!(self.reader(), db => {
            sqlx::query_as(
                "select count(*) from usage_exception e where e.at >= $1 and e.at < $2 \
                 and not exists (select 1 from exception_resolution r where r.exception = e.id)",
            )
            .bind(from.as_micros())
            .bind(to.as_micros())
            .fetch_one(db)
            .await
        })?;
        Ok(u64::try_from(row.0).unwrap_or(0))
    }

    /// How many exceptions nobody has resolved.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn open_exception_count(&self) -> Result<u64, StoreError> {
        let row: (i64,) = on!(self.reader(), db => {
            sqlx::query_as(
                "select (select count(*) from usage_exception) - (select count(*) from exception_resolution)",
            )
            .fetch_one(db)
            .await
        })?;
        Ok(u64::try_from(row.0).unwrap_or(0))
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
        let sql = format!("{OPEN} and e.id = $1");
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
            statement.push(" and e.sale in ");
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
            "insert into usage_exception (id, kind, at, usage, app, sale, reason, payload, newer_kind) ",
            9,
            exceptions,
            "on conflict do nothing",
            |row, exception| {
                let older = exception.kind.to_older_programs();
                row.push_bind(&exception.id)
                    .push_bind(older.name())
                    .push_bind(exception.at.as_micros())
                    .push_bind(exception.usage.as_deref())
                    .push_bind(exception.app.as_deref())
                    .push_bind(exception.sale.as_deref())
                    .push_bind(&exception.reason)
                    .push_bind(exception.payload.as_deref())
                    .push_bind((older != exception.kind).then(|| exception.kind.name()));
            }
        )?;
        Ok(())
    }

    /// Has exceptions that nobody has resolved say these reasons, and wait for these sales.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn explain_exceptions(&mut self, exceptions: &[UsageException]) -> Result<(), StoreError> {
        for UsageException { id, sale, reason, .. } in exceptions {
            on!(self.connection(), db => {
                sqlx::query("update usage_exception set reason = $2, sale = $3 where id = $1")
                    .bind(id)
                    .bind(reason)
                    .bind(sale.as_deref())
                    .execute(db)
                    .await
                    .map(|_| ())
            })?;
        }
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
