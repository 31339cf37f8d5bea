//! Exceptions that nobody has resolved: lists of them, by what is asked for, and how many there are and since when. Triggers of both stores
//! keep which they are, so that none of it grows with those that were resolved.

use std::time::Duration;

use super::error::StoreError;
use super::exception_kind::ExceptionKind;
use super::open::Store;
use super::page::Page;
use super::row::known;
use super::usage::count;
use super::usage_exception::{ExceptionRow, UsageException};
use crate::domain::id::{AppId, NodeId};
use crate::domain::time::Timestamp;

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

/// Which exceptions are listed, and in which order; all of what is not said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Of which kind.
    pub kind: Option<ExceptionKind>,
    /// Of which app.
    pub app: Option<AppId>,
    /// Noted by then at the latest.
    pub noted_by: Option<Timestamp>,
    /// In which order.
    pub order: Order,
}

/// In which order exceptions are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// By the time of their calls, the newest first.
    #[default]
    At,
    /// By how long someone has been asked, the longest first.
    Age,
}

impl Order {
    /// The order of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "at" => Some(Self::At),
            "age" => Some(Self::Age),
            _ => None,
        }
    }
}

/// Ends of the spans of age by which open exceptions are told; what is older than the last is told, too.
pub const AGES: [Duration; 3] = [days(1), days(7), days(30)];

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 3600)
}

/// The open exceptions of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOfKind {
    /// The kind.
    pub kind: ExceptionKind,
    /// Since when the oldest has been open.
    pub oldest: Timestamp,
    /// How many are younger than the first of [`AGES`], then of those that are not, than the next, and at last how many are older.
    pub by_age: [u64; 4],
}

impl OpenOfKind {
    /// How many there are.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.by_age.iter().fold(0, |sum, some| sum.saturating_add(*some))
    }
}

row! {
    KindRow { kind: String, oldest: i64, first: i64, second: i64, third: i64, older: i64 }
}

impl TryFrom<KindRow> for OpenOfKind {
    type Error = StoreError;

    fn try_from(row: KindRow) -> Result<Self, StoreError> {
        let count = |some| count("usage_exception.kind", some);
        Ok(Self {
            kind: known("usage_exception.kind", ExceptionKind::named(&row.kind))?,
            oldest: Timestamp::from_micros(row.oldest),
            by_age: [count(row.first)?, count(row.second)?, count(row.third)?, count(row.older)?],
        })
    }
}

/// The kind, of those that older programs do not know too.
macro_rules! kind {
    () => {
        "coalesce(e.class, e.newer_kind, e.kind)"
    };
}

macro_rules! open {
    ($of:literal) => {
        concat!(
            "select e.id, ",
            kind!(),
            " as kind, e.at, o.noted_at, e.usage, e.app, e.sale, e.reason, e.payload \
             from usage_exception e join open_exception o on o.exception = e.id ",
            $of,
            " where "
        )
    };
}

pub(super) const OPEN: &str = open!("");

/// Those that come behind $1 in a list, newest first.
const FOLLOWS: &str = "($1 = '' or o.at < (select c.at from usage_exception c where c.id = $1) \
                       or (o.at = (select c.at from usage_exception c where c.id = $1) and o.exception > $1))";

/// Those that come behind $1 in a list, the longest open first.
const IS_YOUNGER: &str = "($1 = '' or o.noted_at > (select coalesce(c.noted_at, c.at) from usage_exception c \
                          where c.id = $1) or (o.noted_at = (select coalesce(c.noted_at, c.at) \
                          from usage_exception c where c.id = $1) and o.exception > $1))";

/// Those that are wanted.
const WANTED: &str =
    concat!(open!(""), "($3 = '' or ", kind!(), " = $3) and ($4 = '' or e.app = $4) and o.noted_at <= $5");

/// Those of calls whose time is not believed.
const DOUBTED: &str = concat!(
    open!("join usage u on u.id = e.usage join usage_context c on c.number = u.context"),
    "e.newer_kind = 'time' and ($3 = '' or e.app = $3) and ($4 = '' or c.node = $4) and u.at >= $5 and u.at < $6"
);

/// How many there are of each kind, younger than $1, $2 and $3, and older. SQLite reads a cross join from left to right.
const BY_KIND: &str = concat!(
    "select k.kind, min(k.noted_at) as oldest, sum(case when k.noted_at > $1 then 1 else 0 end) as first, \
     sum(case when k.noted_at <= $1 and k.noted_at > $2 then 1 else 0 end) as second, \
     sum(case when k.noted_at <= $2 and k.noted_at > $3 then 1 else 0 end) as third, \
     sum(case when k.noted_at <= $3 then 1 else 0 end) as older from (select ",
    kind!(),
    " as kind, o.noted_at from open_exception o cross join usage_exception e where e.id = o.exception) k \
     group by k.kind order by k.kind"
);

impl Store {
    /// Exceptions that nobody has resolved, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn open_exceptions(&self, page: &Page) -> Result<Vec<UsageException>, StoreError> {
        self.wanted_exceptions(&Wanted::default(), page).await
    }

    /// Those that nobody has resolved, and that are wanted.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn wanted_exceptions(
        &self,
        wanted: &Wanted,
        page: &Page,
    ) -> Result<Vec<UsageException>, StoreError> {
        let (follows, order) = match wanted.order {
            Order::At => (FOLLOWS, "o.at desc, o.exception"),
            Order::Age => (IS_YOUNGER, "o.noted_at, o.exception"),
        };
        let sql = format!("{WANTED} and {follows} order by {order} limit $2");
        let rows: Vec<ExceptionRow> = on!(self.reader(), db => {
            sqlx::query_as(sqlx::AssertSqlSafe(sql))
                .bind(page.cursor())
                .bind(page.limit())
                .bind(wanted.kind.map_or("", ExceptionKind::name))
                .bind(wanted.app.as_ref().map_or("", AppId::as_str))
                .bind(wanted.noted_by.map_or(i64::MAX, Timestamp::as_micros))
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
        let sql = format!("{DOUBTED} and {FOLLOWS} order by o.at desc, o.exception limit $2");
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
            sqlx::query_as("select count(*) from open_exception where at >= $1 and at < $2")
            .bind(from.as_micros())
            .bind(to.as_micros())
            .fetch_one(db)
            .await
        })?;
        Ok(u64::try_from(row.0).unwrap_or(0))
    }

    /// The exceptions that nobody has resolved, by kind, and by age at `now`; kinds of which there are none are left out.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn open_exceptions_by_kind(&self, now: Timestamp) -> Result<Vec<OpenOfKind>, StoreError> {
        let [first, second, third] = AGES.map(|age| now.minus(age).as_micros());
        let rows: Vec<KindRow> = on!(self.reader(), db => {
            sqlx::query_as(BY_KIND).bind(first).bind(second).bind(third).fetch_all(db).await
        })?;
        super::row::all(rows)
    }
}
