//! Audit records: each is written in the transaction of the change that it tells of.
//!
//! Invariant: with [`Store::recording`] a change and its record are both there or neither is.

use std::sync::atomic::{AtomicBool, Ordering};

use super::error::StoreError;
use super::open::Store;
use super::page::Page;
use super::row::all;
use super::transaction::Transaction;
use crate::domain::action::{Action, SubjectKind};
use crate::domain::audit::{AuditRecord, Change};
use crate::domain::time::Timestamp;

/// A change that is to be recorded by the first transaction that is committed.
#[derive(Debug)]
pub(super) struct Recording {
    change: Change,
    is_recorded: AtomicBool,
}

impl Recording {
    /// Its transaction was not committed.
    pub(super) fn is_still_to_be_written(&self) {
        self.is_recorded.store(false, Ordering::Relaxed);
    }
}

/// Which audit records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of what has this id, and of what is about it.
    pub subject: Option<String>,
    /// Of actions on this kind of thing alone.
    pub kind: Option<SubjectKind>,
    /// By this actor alone, as [`crate::domain::audit::Actor`] is written.
    pub actor: Option<String>,
    /// Of this action alone.
    pub action: Option<Action>,
}

row! {
    AuditRow {
        number: i64,
        at: i64,
        actor: String,
        credential: Option<String>,
        address: Option<String>,
        request_id: Option<String>,
        action: String,
        subject: String,
        about: Option<String>,
        before: Option<String>,
        after: Option<String>,
    }
}

impl TryFrom<AuditRow> for AuditRecord {
    type Error = StoreError;

    fn try_from(row: AuditRow) -> Result<Self, StoreError> {
        Ok(Self {
            number: row.number,
            at: Timestamp::from_micros(row.at),
            actor: row.actor,
            credential: row.credential,
            address: row.address,
            request_id: row.request_id,
            action: row.action,
            subject: row.subject,
            about: row.about.iter().flat_map(|ids| ids.split(' ')).map(str::to_owned).collect(),
            before: row.before,
            after: row.after,
        })
    }
}

macro_rules! select {
    ($($tail:literal),+) => {
        concat!(
            "select number, at, actor, credential, address, request_id, action, subject, before, after, \
             (select string_agg(id, ' ' order by id) from audit_about where audit_about.number = audit_record.number) as about \
             from audit_record ",
            $($tail),+
        )
    };
}

macro_rules! select_records {
    ($of_whom:literal) => {
        select!(
            "where number < $1 and ",
            $of_whom,
            " and ($4 = '' or action = $4) and ($6 = '' or action like $6) order by number desc limit $5"
        )
    };
}

impl Store {
    /// The same store, of which the first transaction that is committed has `change` recorded with it.
    #[must_use]
    pub fn recording(&self, change: Change) -> Self {
        self.with_recording(Recording { change, is_recorded: AtomicBool::new(false) })
    }

    /// Records changes that are none of the store's, such as that of files: all of them, or none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn record_changes(&self, changes: &[Change]) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        for change in changes {
            transaction.record(change).await?;
        }
        transaction.commit().await
    }

    /// A page of the audit records that `filter` lets through, the last first by its number. Of records that are made at
    /// once in PostgreSQL, the one of the lower number may come to be seen later.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn audit_records(
        &self,
        filter: &AuditFilter,
        page: &Page,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let below = page.cursor().parse::<i64>().unwrap_or(i64::MAX);
        let any = String::new();
        let wanted = |value: &Option<String>| value.as_ref().unwrap_or(&any).clone();
        // Each has the index that it needs: the table only grows.
        let sql = match filter {
            AuditFilter { subject: Some(_), .. } => select_records!(
                "number in (select number from audit_record where subject = $2 \
                 union all select number from audit_about where id = $2) and ($3 = '' or actor = $3)"
            ),
            AuditFilter { actor: Some(_), .. } => select_records!("($2 = '' or subject = $2) and actor = $3"),
            AuditFilter { .. } => select_records!("($2 = '' or subject = $2) and ($3 = '' or actor = $3)"),
        };
        let rows: Vec<AuditRow> = on!(self.reader(), db => {
            sqlx::query_as(sql)
            .bind(below)
            .bind(wanted(&filter.subject))
            .bind(wanted(&filter.actor))
            .bind(filter.action.map_or("", Action::name))
            .bind(page.limit())
            .bind(filter.kind.map(|kind| format!("{}.%", kind.of_actions())).unwrap_or_default())
            .fetch_all(db)
            .await
        })?;
        all(rows)
    }

    /// The audit record of that number.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn audit_record(&self, number: i64) -> Result<Option<AuditRecord>, StoreError> {
        let row: Option<AuditRow> = on!(self.reader(), db => {
            sqlx::query_as(select!("where number = $1")).bind(number).fetch_optional(db).await
        })?;
        row.map(AuditRecord::try_from).transpose()
    }
}

impl Transaction {
    /// Writes what is to be recorded with this transaction, unless one before it did.
    pub(super) async fn write_recording(&mut self) -> Result<(), StoreError> {
        let Some(recording) = self.recording() else { return Ok(()) };
        if recording.is_recorded.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let written = self.record(&recording.change).await;
        if written.is_err() {
            recording.is_still_to_be_written();
        }
        written
    }

    /// Records `change` with what else this transaction does.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn record(&mut self, change: &Change) -> Result<(), StoreError> {
        let number: i64 = on!(self.connection(), db => {
            sqlx::query_scalar(
                "insert into audit_record (at, actor, credential, address, request_id, action, subject, before, after) \
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning number",
            )
            .bind(change.at.as_micros())
            .bind(change.actor.to_string())
            .bind(change.credential.as_deref())
            .bind(change.address.map(|address| address.to_string()))
            .bind(change.request_id.as_deref())
            .bind(change.action.name())
            .bind(&change.subject.id)
            .bind(change.before.as_deref())
            .bind(change.after.as_deref())
            .fetch_one(db)
            .await
        })?;
        for id in &change.subject.about {
            self.note_about(number, id).await?;
        }
        Ok(())
    }

    async fn note_about(&mut self, number: i64, id: &str) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query("insert into audit_about (number, id) values ($1, $2) on conflict do nothing")
                .bind(number)
                .bind(id)
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(())
    }
}
