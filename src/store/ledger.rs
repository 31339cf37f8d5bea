//! The ledger: transactions and their postings. Append-only, and none goes to a closed period, by triggers of both stores.

use super::error::StoreError;
use super::open::Store;
use super::transaction::Transaction;
use super::usage::MAX_LISTED;
use crate::domain::ledger::{Account, LedgerTransaction, Posting};
use crate::domain::time::Timestamp;

/// The balance of an account in a currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// The account, as kept: [`Account`]'s text.
    pub account: String,
    /// The currency.
    pub currency: String,
    /// Minor units: debits less credits.
    pub minor: i64,
}

/// A posting to an account, as its history shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// What caused its transaction.
    pub cause: String,
    /// When that happened.
    pub at: Timestamp,
    /// The app that it is about.
    pub app: String,
    /// On whose statement it stands.
    pub period: String,
    /// The currency.
    pub currency: String,
    /// Minor units: a debit above zero, a credit below.
    pub minor: i64,
}

row! {
    BalanceRow { account: String, currency: String, minor: i64 }
}

row! {
    HistoryRow { cause: String, at: i64, app: String, period: String, currency: String, minor: i64 }
}

row! {
    CauseRow { cause: String }
}

/// What can be wrong between the ledger and what it is posted from: SQL that finds the causes, and what it means.
const DISAGREEMENTS: [(&str, &str); 6] = [
    (
        "ledger transaction, whose postings do not balance",
        "select t.cause from ledger_transaction t left join ledger_posting p on p.cause = t.cause \
         group by t.cause having coalesce(sum(p.minor), 1) <> 0",
    ),
    (
        "cause, whose charges come to another amount than was posted",
        "select c.cause as cause from (select cause, sum(minor) as minor from charge where cause is not null \
         group by cause) c left join ledger_posting p on p.cause = c.cause and p.account like '%:receivable' \
         where p.minor is null or p.minor <> c.minor",
    ),
    (
        "ledger transaction, which no charge caused",
        "select t.cause as cause from ledger_transaction t \
         where not exists (select 1 from charge c where c.cause = t.cause)",
    ),
    (
        "app and period, whose statement comes to another amount than was posted",
        "select l.app || ' ' || l.period || ' ' || l.currency as cause from \
         (select app, period, currency, sum(minor) as minor from line_total group by app, period, currency) l \
         left join (select t.app, t.period, t.currency, sum(p.minor) as minor from ledger_transaction t \
         join ledger_posting p on p.cause = t.cause and p.account like '%:receivable' \
         group by t.app, t.period, t.currency) p \
         on p.app = l.app and p.period = l.period and p.currency = l.currency \
         where coalesce(p.minor, 0) <> l.minor",
    ),
    (
        "usage record, which is billable and has neither charge nor exception",
        "select u.id as cause from usage u left join plan_version v on v.plan = u.plan and v.version = u.plan_version \
         where u.outcome <> 'free' and not exists (select 1 from usage_exception e where e.usage = u.id) \
         and (u.outcome = 'exception' or v.plan is null \
         or (v.fee is not null and not exists \
         (select 1 from charge c where c.usage = u.id and c.kind = 'service_fee')) \
         or (v.share is not null and u.transaction_kind = 'sale' and not exists \
         (select 1 from charge c where c.usage = u.id and c.kind = 'revenue_share') \
         and not exists (select 1 from sale s where s.id = u.transaction_id and s.app = u.app)) \
         or (v.share is not null and u.transaction_kind = 'refund' and not exists \
         (select 1 from charge c where c.usage = u.id and c.kind = 'share_reversal')))",
    ),
    (
        "app and service period, whose units counted are not those charged",
        "select n.app || ' ' || n.service_period || ' ' || n.plan as cause from unit_total n left join \
         (select app, service_period, product, plan, plan_version, sum(quantity + free) as units from charge \
         where kind = 'service_fee' group by app, service_period, product, plan, plan_version) c \
         on c.app = n.app and c.service_period = n.service_period and c.product = n.product \
         and c.plan = n.plan and c.plan_version = n.plan_version where coalesce(c.units, 0) <> n.units",
    ),
];

/// Most findings of one kind that a check names.
const MAX_FINDINGS: i64 = 100;

impl Store {
    /// All balances, by account and currency.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn balances(&self) -> Result<Vec<Balance>, StoreError> {
        let rows: Vec<BalanceRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select p.account, t.currency, cast(sum(p.minor) as bigint) as minor from ledger_posting p \
                 join ledger_transaction t on t.cause = p.cause group by p.account, t.currency \
                 order by p.account, t.currency",
            )
            .fetch_all(db)
            .await
        })?;
        let balance =
            |row: BalanceRow| Balance { account: row.account, currency: row.currency, minor: row.minor };
        Ok(rows.into_iter().map(balance).collect())
    }

    /// The postings to an account, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn account_history(
        &self,
        account: &Account,
        limit: i64,
    ) -> Result<Vec<HistoryEntry>, StoreError> {
        let rows: Vec<HistoryRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select t.cause, t.at, t.app, t.period, t.currency, p.minor from ledger_posting p \
                 join ledger_transaction t on t.cause = p.cause where p.account = $1 \
                 order by t.at desc, t.cause limit $2",
            )
            .bind(account.to_string())
            .bind(limit.clamp(1, MAX_LISTED))
            .fetch_all(db)
            .await
        })?;
        let entry = |row: HistoryRow| HistoryEntry {
            cause: row.cause,
            at: Timestamp::from_micros(row.at),
            app: row.app,
            period: row.period,
            currency: row.currency,
            minor: row.minor,
        };
        Ok(rows.into_iter().map(entry).collect())
    }

    /// Where ledger, charges, statements and usage do not agree: there can be no such place.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn disagreements(&self) -> Result<Vec<String>, StoreError> {
        let mut findings = Vec::new();
        for (what, select) in DISAGREEMENTS {
            let sql = format!("{select} limit {MAX_FINDINGS}");
            let rows: Vec<CauseRow> = on!(self.reader(), db => {
                sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(db).await
            })?;
            findings.extend(rows.into_iter().map(|row| format!("{}: {what}", row.cause)));
        }
        Ok(findings)
    }
}

impl Transaction {
    /// Posts transactions.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if a cause was posted before; [`StoreError::Corrupt`] if a period is closed;
    /// [`StoreError::Unavailable`].
    pub async fn post(&mut self, transactions: &[LedgerTransaction]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into ledger_transaction (cause, at, app, period, currency) ",
            5,
            transactions,
            "",
            |row, transaction| {
                let about = transaction.about();
                row.push_bind(transaction.cause())
                    .push_bind(about.at.as_micros())
                    .push_bind(about.app.as_str())
                    .push_bind(about.period.to_string())
                    .push_bind(transaction.currency().to_string());
            }
        )?;
        let postings: Vec<(&str, &Posting)> = transactions
            .iter()
            .flat_map(|transaction| {
                transaction.postings().iter().map(|posting| (transaction.cause(), posting))
            })
            .collect();
        insert_rows!(
            self,
            "insert into ledger_posting (cause, account, minor) ",
            3,
            postings,
            "",
            |row, kept| {
                let (cause, posting) = kept;
                row.push_bind(*cause).push_bind(posting.account.to_string()).push_bind(posting.amount.minor);
            }
        )?;
        Ok(())
    }
}
