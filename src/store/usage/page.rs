//! Pages of usage records, newest first, whatever the order in which they were recorded: a durable call is recorded at once, one
//! that takes long after others that came later. Only the runs that may hold a page's records are read.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::{LISTED, ListedRow, UsageRow};
use crate::domain::id::AppId;
use crate::domain::time::Timestamp;
use crate::store::error::StoreError;
use crate::store::open::Store;
use crate::store::row;
use crate::store::usage_run::{ALL_APPS, DAY};

/// Most rows that a page has.
pub const MAX_LISTED: u32 = 1000;
/// Runs that are read at a time.
const RUNS_AT_ONCE: usize = 8;
/// Runs of a page beyond one for each record: those that began before the page and end in it.
const MORE_RUNS: usize = 64;

/// The record with which a page ended: the next one has what is older.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsageCursor {
    /// Its time.
    pub at: Timestamp,
    /// Its id, among records of one time.
    pub id: Uuid,
}

impl fmt::Display for UsageCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.as_micros(), self.id)
    }
}

/// A text that is no cursor.
#[derive(Debug, thiserror::Error)]
#[error("must be what `next` was")]
pub struct InvalidCursor;

impl FromStr for UsageCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (at, id) = text.split_once('.').ok_or(InvalidCursor)?;
        let at = Timestamp::from_micros(at.parse().map_err(|_| InvalidCursor)?);
        Ok(Self { at, id: id.parse().map_err(|_| InvalidCursor)? })
    }
}

impl UsageRow {
    /// Where a page that ends with it goes on; `None` if its id is none of the gateway's.
    #[must_use]
    pub fn cursor(&self) -> Option<UsageCursor> {
        Some(UsageCursor { at: self.at, id: self.id.parse().ok()? })
    }
}

row! {
    RunRow { first: i64, newest: i64 }
}

/// Whose records, of which time: from `from` on, and older than `before`.
struct Span {
    app: i64,
    from: i64,
    before: (i64, String),
}

impl Store {
    /// At most `limit` usage records from `from` to `to`, of an app or of all, that are older than that of the cursor: newest
    /// first, and of one time by falling id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn usage(
        &self,
        app: Option<&AppId>,
        (from, to): (Timestamp, Timestamp),
        after: Option<&UsageCursor>,
        limit: u32,
    ) -> Result<Vec<UsageRow>, StoreError> {
        let Some(app) = self.number_of_app(app).await? else { return Ok(Vec::new()) };
        // No id is below the empty one.
        let end = (to.as_micros(), String::new());
        let before = after.map_or(end.clone(), |last| end.min((last.at.as_micros(), last.id.to_string())));
        let limit = limit.clamp(1, MAX_LISTED) as usize;
        let mut day = before.0.div_euclid(DAY);
        let span = Span { app, from: from.as_micros(), before };
        let mut listed = Vec::new();
        while listed.len() < limit {
            let Some(found) = self.last_day(&span, day).await? else { break };
            let left = limit - listed.len();
            listed.extend(self.usage_of_day(&span, found, left).await?);
            day = found - 1;
        }
        Ok(listed)
    }

    async fn number_of_app(&self, app: Option<&AppId>) -> Result<Option<i64>, StoreError> {
        let Some(app) = app else { return Ok(Some(ALL_APPS)) };
        let number: Option<(i64,)> = on!(self.reader(), db => {
            sqlx::query_as("select number from usage_app where app = $1").bind(app.as_str()).fetch_optional(db).await
        })?;
        Ok(number.map(|(number,)| number))
    }

    /// The last day up to `day` that has records.
    async fn last_day(&self, span: &Span, day: i64) -> Result<Option<i64>, StoreError> {
        let (found,): (Option<i64>,) = on!(self.reader(), db => {
            sqlx::query_as("select max(day) from usage_run where app = $1 and day >= $2 and day <= $3")
                .bind(span.app)
                .bind(span.from.div_euclid(DAY))
                .bind(day)
                .fetch_one(db)
                .await
        })?;
        Ok(found)
    }

    /// The first `limit` records of a day. What the runs that are left hold is older than what the list ends with.
    async fn usage_of_day(&self, span: &Span, day: i64, limit: usize) -> Result<Vec<UsageRow>, StoreError> {
        let mut listed: Vec<UsageRow> = Vec::new();
        let mut last: Option<RunRow> = None;
        loop {
            let most = limit + MORE_RUNS;
            let runs = self.runs_of_day(span, day, last.as_ref(), most).await?;
            for some in runs.chunks(RUNS_AT_ONCE) {
                let newest = some.first().map_or(i64::MIN, |run| run.newest);
                if listed.len() == limit && listed.last().is_some_and(|row| row.at.as_micros() > newest) {
                    return Ok(listed);
                }
                listed.extend(self.usage_of_runs(span, day, some, limit).await?);
                listed.sort_by(|one, other| (other.at, &other.id).cmp(&(one.at, &one.id)));
                listed.truncate(limit);
            }
            if runs.len() < most {
                return Ok(listed);
            }
            last = runs.into_iter().last();
        }
    }

    /// Runs of a day that may hold records of the span, by when their newest is, after the run `last`.
    async fn runs_of_day(
        &self,
        span: &Span,
        day: i64,
        last: Option<&RunRow>,
        most: usize,
    ) -> Result<Vec<RunRow>, StoreError> {
        // A node of an older program does not say from when to when the records of all apps are.
        const RUNS: &str = "select first, newest from (\
             select r.first, \
             coalesce(r.oldest, case when r.app = 0 then $3 else (select at from usage where number = r.first) end) as oldest, \
             coalesce(r.newest, case when r.app = 0 then $4 else (select at from usage where number = r.last) end) as newest \
             from usage_run r where r.app = $1 and r.day = $2) n \
             where oldest <= $5 and newest >= $6 and (newest < $7 or newest = $7 and first < $8) \
             order by newest desc, first desc limit $9";
        let (newest, first) = last.map_or((i64::MAX, i64::MAX), |run| (run.newest, run.first));
        let runs: Vec<RunRow> = on!(self.reader(), db => {
            sqlx::query_as(RUNS)
                .bind(span.app)
                .bind(day)
                .bind(day.saturating_mul(DAY))
                .bind(day.saturating_add(1).saturating_mul(DAY))
                .bind(span.before.0)
                .bind(span.from)
                .bind(newest)
                .bind(first)
                .bind(i64::try_from(most).unwrap_or(i64::MAX))
                .fetch_all(db)
                .await
        })?;
        Ok(runs)
    }

    async fn usage_of_runs(
        &self,
        span: &Span,
        day: i64,
        runs: &[RunRow],
        limit: usize,
    ) -> Result<Vec<UsageRow>, StoreError> {
        let (at, id) = &span.before;
        let rows: Vec<ListedRow> = on!(self.reader(), db => {
            let mut statement = sqlx::QueryBuilder::new(LISTED);
            // A cross join is read from left to right.
            statement.push("usage_run r cross join usage_record u where r.app = ").push_bind(span.app);
            statement.push(" and r.day = ").push_bind(day).push(" and r.first in ");
            push_list!(statement, runs.iter().map(|run| run.first));
            statement.push(" and u.number >= r.first and u.number <= r.last and u.at >= ").push_bind(span.from);
            statement.push(" and (u.at < ").push_bind(*at).push(" or u.at = ").push_bind(*at);
            statement.push(" and u.id < ").push_bind(id.as_str());
            statement.push(") order by u.at desc, u.id desc limit ").push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        row::all(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        let cursor =
            UsageCursor { at: Timestamp::from_micros(1_795_000_000_123_456), id: Uuid::from_u128(7) };
        assert_eq!(cursor.to_string().parse::<UsageCursor>().ok(), Some(cursor));
        for text in ["", ".", "1", "1.", "x.00000000-0000-0000-0000-000000000007", "1.2", "1.2.3"] {
            assert!(text.parse::<UsageCursor>().is_err(), "{text}");
        }
    }
}
