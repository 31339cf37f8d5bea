//! What was told of plan versions before they come into force, and when: whether subscriptions move to them. Append-only, by triggers
//! of both stores.

use super::allowed_form;
use super::error::StoreError;
use super::plan_version::KeptVersion;
use super::row::{known, parse};
use super::tariff_form;
use super::transaction::Transaction;
use crate::domain::allowed::Allowed;
use crate::domain::id::AppId;
use crate::domain::money::Rounding;
use crate::domain::plan::{PlanRef, PlanVersion};
use crate::domain::tariff::Tariff;
use crate::domain::time::Timestamp;

/// What was told of a plan version.
#[derive(Debug, Clone, PartialEq)]
pub struct Announcement {
    /// When.
    pub told_at: Timestamp,
    /// Its prices, and from when on subscriptions were to move to it: never, if they were to stay. None, if an older program noted
    /// alone that they move.
    pub terms: Option<(Tariff, Option<Timestamp>)>,
    /// What it lets its apps use; none, if an older program noted it.
    pub allowed: Option<Allowed>,
}

row! {
    AnnouncementRow {
        told_at: i64,
        effective_from: Option<i64>,
        currency: Option<String>,
        rounding: Option<String>,
        form: Option<i64>,
        tariff: Option<String>,
        allowed: Option<String>,
    }
}

impl TryFrom<AnnouncementRow> for Announcement {
    type Error = StoreError;

    fn try_from(row: AnnouncementRow) -> Result<Self, StoreError> {
        let terms = match (row.currency, row.rounding, row.form, row.tariff) {
            (Some(currency), Some(rounding), Some(form), Some(tariff)) => {
                let tariff = read_tariff((&currency, &rounding), (form, &tariff))?;
                Some((tariff, super::row::time(row.effective_from)))
            }
            _ => None,
        };
        let allowed = row.allowed.as_deref().map(allowed_form::read).transpose()?;
        Ok(Self { told_at: Timestamp::from_micros(row.told_at), terms, allowed })
    }
}

row! {
    MoveRow {
        plan: String,
        version: i64,
        effective_from: i64,
        currency: String,
        rounding: String,
        form: i64,
        tariff: String,
    }
}

impl TryFrom<MoveRow> for KeptVersion {
    type Error = StoreError;

    fn try_from(row: MoveRow) -> Result<Self, StoreError> {
        let reference = super::usage::plan_ref("plan_announcement.version", &row.plan, row.version)?;
        let tariff = read_tariff((&row.currency, &row.rounding), (row.form, &row.tariff))?;
        Ok(Self::told(reference, (tariff, Timestamp::from_micros(row.effective_from))))
    }
}

fn read_tariff((currency, rounding): (&str, &str), written: (i64, &str)) -> Result<Tariff, StoreError> {
    let currency = parse("plan_announcement.currency", currency)?;
    let rounding = known("plan_announcement.rounding", Rounding::named(rounding))?;
    tariff_form::read(written, currency, rounding)
}

impl Transaction {
    /// The versions to which subscriptions move after `now`, as each was told last, in the order of their dates: of each plan under which
    /// there are subscriptions, of one app if it is named.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn announced_moves(
        &mut self,
        now: Timestamp,
        app: Option<&AppId>,
    ) -> Result<Vec<KeptVersion>, StoreError> {
        // An app's are found by their index.
        let plans = match app {
            Some(_) => "select plan from subscription where app = $1",
            None => "select plan from subscription where $1 = ''",
        };
        let sql = format!(
            "select n.plan, n.version, n.effective_from, n.currency, n.rounding, n.form, n.tariff from plan_announcement n \
             where n.effective_from > $2 and n.tariff is not null and n.plan in ({plans}) \
             and not exists (select 1 from plan_announcement l where l.plan = n.plan and l.version = n.version and l.part > n.part) \
             and not exists (select 1 from plan_version v where v.plan = n.plan and v.version = n.version) \
             order by n.plan, n.effective_from, n.version"
        );
        let rows: Vec<MoveRow> = on!(self.connection(), db => {
            sqlx::query_as(sqlx::AssertSqlSafe(sql))
                .bind(app.map_or("", AppId::as_str))
                .bind(now.as_micros())
                .fetch_all(db)
                .await
        })?;
        super::row::all(rows)
    }

    /// What was told of a plan version, in order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn announcements(&mut self, plan: &PlanRef) -> Result<Vec<Announcement>, StoreError> {
        let rows: Vec<AnnouncementRow> = on!(self.connection(), db => {
            sqlx::query_as(
                "select told_at, effective_from, currency, rounding, form, tariff, allowed from plan_announcement \
                 where plan = $1 and version = $2 order by part",
            )
            .bind(plan.name.as_str())
            .bind(i64::from(plan.version))
            .fetch_all(db)
            .await
        })?;
        super::row::all(rows)
    }

    /// The versions of which something was told and that are not kept, in order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn announced_versions(&mut self) -> Result<Vec<PlanRef>, StoreError> {
        let rows: Vec<(String, i64)> = on!(self.connection(), db => {
            sqlx::query_as(
                "select distinct n.plan, n.version from plan_announcement n where not exists \
                 (select 1 from plan_version v where v.plan = n.plan and v.version = n.version) order by n.plan, n.version",
            )
            .fetch_all(db)
            .await
        })?;
        let reference = |(plan, version): &(String, i64)| {
            super::usage::plan_ref("plan_announcement.version", plan, *version)
        };
        rows.iter().map(reference).collect()
    }

    /// Notes that nobody moves to a version from `told_at` on, as no file has it any more, after so many announcements of it. Where another
    /// node noted one more of it in the meantime, that stands.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn take_back(
        &mut self,
        plan: &PlanRef,
        after: usize,
        told_at: Timestamp,
    ) -> Result<(), StoreError> {
        let last = i64::try_from(after).unwrap_or(i64::MAX);
        on!(self.connection(), db => {
            sqlx::query(
                "insert into plan_announcement (plan, version, part, told_at, currency, rounding, form, tariff) \
                 select plan, version, part + 1, $4, currency, rounding, form, tariff from plan_announcement \
                 where plan = $1 and version = $2 and part = $3 on conflict do nothing",
            )
            .bind(plan.name.as_str())
            .bind(i64::from(plan.version))
            .bind(last)
            .bind(told_at.as_micros())
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }

    /// Notes that `version` is told as it is since `told_at`, after so many announcements of it, and gives whether it did: not if another
    /// node noted one more of it in the meantime.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if its prices cannot be written; [`StoreError::Unavailable`].
    pub async fn announce(
        &mut self,
        version: &PlanVersion,
        after: usize,
        told_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let PlanVersion { reference, tariff, effective_from, existing, .. } = version;
        let from = existing.moves().then_some(*effective_from);
        let (form, text) = tariff_form::write(tariff)?;
        let allowed = allowed_form::write(&Allowed::by(version))?;
        let part = i64::try_from(after).unwrap_or(i64::MAX).saturating_add(1);
        let noted = on!(self.connection(), db => {
            sqlx::query(
                "insert into plan_announcement \
                 (plan, version, part, told_at, effective_from, currency, rounding, form, tariff, allowed) \
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing",
            )
            .bind(reference.name.as_str())
            .bind(i64::from(reference.version))
            .bind(part)
            .bind(told_at.as_micros())
            .bind(from.map(Timestamp::as_micros))
            .bind(tariff.currency.to_string())
            .bind(tariff.rounding.name())
            .bind(form)
            .bind(text.as_str())
            .bind(allowed.as_str())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        Ok(noted > 0)
    }
}
