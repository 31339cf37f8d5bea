//! Runs: usage records of an app and a day that were recorded one after another. They lead from an app and day to its records, and each
//! has the root of the tree that proves its own. Append-only, by triggers of both stores.

use super::error::StoreError;
use super::numbers::Numbers;
use super::row::{self, SameText, all, optional, parse};
use super::transaction::Transaction;
use super::usage_batch::Recorded;
use crate::domain::id::AppId;
use crate::domain::time::{Period, Timestamp};

/// A day of the index of usage, in microseconds.
pub(super) const DAY: i64 = 86_400_000_000;
/// The number that stands for all apps in the index of usage.
pub(super) const ALL_APPS: i64 = 0;
/// Most runs that are read at once.
const RUNS_AT_ONCE: i64 = 1_000;

/// The day of the index that a time is in: of 86,400 s since 1970, UTC.
#[must_use]
pub fn day(at: Timestamp) -> i64 {
    at.as_micros() / DAY
}

/// Records of an app, a day and a period, by time, as they are to be kept.
#[derive(Debug, Clone, Copy)]
pub struct NewRun<'r> {
    /// The records; at least one.
    pub records: &'r [Recorded],
    /// On whose statement they count.
    pub period: Period,
    /// Whether their time is in another one.
    pub is_moved: bool,
    /// The root of the tree over them.
    pub root: [u8; 32],
}

/// A run with its day and the number of its app.
pub(super) type Placed<'r> = (i64, i64, &'r NewRun<'r>);

/// Runs as their records are numbered: by day, app and time.
pub(super) fn in_order<'r>(runs: &'r [NewRun<'r>], numbers: &Numbers) -> Vec<Placed<'r>> {
    let placed = |run: &'r NewRun<'r>| {
        let first = &run.records.first()?.usage;
        // Every app of the batch has its number by now.
        Some((day(first.at), numbers.app(&first.app).unwrap_or(ALL_APPS), run))
    };
    let mut order: Vec<Placed<'r>> = runs.iter().filter_map(placed).collect();
    // Those of one app and day stay as they are.
    order.sort_by_key(|(day, app, _)| (*day, *app));
    order
}

/// A run under its numbers.
struct Numbered<'r> {
    app: i64,
    day: i64,
    first: i64,
    last: i64,
    /// The first and the last time of records of all apps; an app's stand by time.
    span: Option<(i64, i64)>,
    /// None of all apps.
    run: Option<&'r NewRun<'r>>,
}

/// Runs of which the first record has that number, and behind them those of all apps.
fn numbered<'r>(order: &[Placed<'r>], first: i64) -> Vec<Numbered<'r>> {
    let mut of_apps = Vec::with_capacity(order.len());
    let mut of_all: Vec<Numbered<'r>> = Vec::new();
    let mut next = first;
    for (day, app, run) in order {
        let [oldest, newest] = [run.records.first(), run.records.last()]
            .map(|one| one.map_or(0, |recorded| recorded.usage.at.as_micros()));
        let first = next;
        next = next.saturating_add(i64::try_from(run.records.len()).unwrap_or(i64::MAX));
        let last = next - 1;
        of_apps.push(Numbered { app: *app, day: *day, first, last, span: None, run: Some(run) });
        match of_all.last_mut() {
            Some(all) if all.day == *day => {
                all.last = last;
                all.span = all.span.map(|span| (span.0.min(oldest), span.1.max(newest)));
            }
            Some(_) | None => {
                let span = Some((oldest, newest));
                of_all.push(Numbered { app: ALL_APPS, day: *day, first, last, span, run: None });
            }
        }
    }
    of_apps.append(&mut of_all);
    of_apps
}

/// Where a run stands among all: the number of its app, its day, and the number of its first record.
pub type RunPlace = (i64, i64, i64);

/// A run of an app as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRun {
    /// Whose records they are.
    pub app: AppId,
    /// Where it stands.
    pub place: RunPlace,
    /// The number of the last record.
    pub last: i64,
    /// On whose statement they count; `None` if an older program recorded them.
    pub period: Option<Period>,
    /// The root of the tree over them; `None` if an older program recorded them.
    pub root: Option<[u8; 32]>,
}

impl UsageRun {
    /// The number of the first record.
    #[must_use]
    pub fn first(&self) -> i64 {
        self.place.2
    }

    /// How many records it has.
    #[must_use]
    pub fn records(&self) -> u64 {
        u64::try_from(self.last.saturating_sub(self.first()).saturating_add(1)).unwrap_or(0)
    }
}

row! {
    RunRow {
        app: String,
        app_number: i64,
        day: i64,
        first: i64,
        last: i64,
        period: Option<String>,
        root: Option<Vec<u8>>,
    }
}

impl TryFrom<RunRow> for UsageRun {
    type Error = StoreError;

    fn try_from(row: RunRow) -> Result<Self, StoreError> {
        Ok(Self {
            app: parse("usage_app.app", &row.app)?,
            place: (row.app_number, row.day, row.first),
            last: row.last,
            period: optional("usage_run.period", row.period.as_deref())?,
            root: row.root.map(|root| row::hash("usage_run.root", &root)).transpose()?,
        })
    }
}

macro_rules! select_run {
    ($tail:literal) => {
        concat!("select a.app, r.app as app_number, r.day, r.first, r.last, r.period, r.root from ", $tail)
    };
}

impl Transaction {
    /// Keeps runs, the first record of all under that number.
    pub(super) async fn insert_runs(&mut self, order: &[Placed<'_>], first: i64) -> Result<(), StoreError> {
        let mut periods = SameText::new();
        let runs = numbered(order, first);
        insert_rows!(
            self,
            "insert into usage_run (app, day, first, last, oldest, newest, period, root, is_moved) ",
            9,
            runs,
            "",
            |row, kept| {
                row.push_bind(kept.app).push_bind(kept.day).push_bind(kept.first).push_bind(kept.last);
                row.push_bind(kept.span.map(|(oldest, _)| oldest))
                    .push_bind(kept.span.map(|(_, newest)| newest))
                    .push_bind(kept.run.map(|run| periods.of(run.period)))
                    .push_bind(kept.run.map(|run| run.root.as_slice()))
                    .push_bind(i64::from(kept.run.is_some_and(|run| run.is_moved)));
            }
        )?;
        Ok(())
    }

    /// The next runs that have a root, by their places, behind one of them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn proven_runs(&mut self, after: RunPlace) -> Result<Vec<UsageRun>, StoreError> {
        let rows: Vec<RunRow> = on!(self.connection(), db => {
            sqlx::query_as(select_run!(
                "usage_run r join usage_app a on a.number = r.app \
                 where (r.app, r.day, r.first) > ($1, $2, $3) and r.root is not null order by r.app, r.day, r.first limit $4"
            ))
            .bind(after.0)
            .bind(after.1)
            .bind(after.2)
            .bind(RUNS_AT_ONCE)
            .fetch_all(db)
            .await
        })?;
        all(rows)
    }

    /// The runs of some apps that count on their statements of a period, which begins and ends in these days: of each app by day and
    /// number. Those of older programs are all that are of these days.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn runs_of(
        &mut self,
        apps: &[AppId],
        period: Period,
        (begins, ends): (i64, i64),
    ) -> Result<Vec<UsageRun>, StoreError> {
        if apps.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<RunRow> = on!(self.connection(), db => {
            // A cross join is read from left to right.
            let mut statement = sqlx::QueryBuilder::new(select_run!(
                "usage_app a cross join usage_run r where r.app = a.number and r.is_moved = 0 and r.day >= "
            ));
            statement.push_bind(begins).push(" and r.day <= ").push_bind(ends);
            statement.push(" and (r.period is null or r.period = ").push_bind(period.to_string()).push(") and a.app in ");
            push_list!(statement, apps.iter().map(AppId::as_str));
            statement.push(" union all ").push(select_run!(
                "usage_app a cross join usage_run r where r.app = a.number and r.is_moved = 1 and r.period = "
            ));
            statement.push_bind(period.to_string()).push(" and a.app in ");
            push_list!(statement, apps.iter().map(AppId::as_str));
            statement.push(" order by 1, 3, 4");
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        all(rows)
    }
}
