//! Where ledger, charges, statements and usage do not agree. There can be no such place; a check of the books looks.

use super::error::StoreError;
use super::transaction::Transaction;

row! {
    CauseRow { cause: String }
}

/// What can be wrong between the ledger and what it is posted from: what it means, and SQL that finds it.
const DISAGREEMENTS: &[(&str, &str)] = &[
    (
        "ledger transaction, whose postings do not balance",
        "select t.cause from ledger_transaction t left join ledger_posting p on p.cause = t.cause \
         group by t.cause having coalesce(sum(p.minor), 1) <> 0",
    ),
    (
        "ledger transaction, which has not two postings",
        "select cause from ledger_posting group by cause having count(*) <> 2",
    ),
    (
        "cause, whose charges come to another amount than was posted, in another currency, or for someone else",
        "select c.cause as cause from (select cause, kind, partner, app, period, currency, sum(minor) as minor \
         from charge where cause is not null group by cause, kind, partner, app, period, currency) c \
         left join ledger_transaction t on t.cause = c.cause and t.app = c.app and t.period = c.period \
         and t.currency = c.currency \
         left join ledger_posting owed on owed.cause = c.cause \
         and owed.account = 'partner:' || c.partner || ':receivable' \
         left join ledger_posting earned on earned.cause = c.cause and earned.account = case c.kind \
         when 'service_fee' then 'platform:revenue:fees' else 'platform:revenue:share' end \
         where t.cause is null or coalesce(owed.minor, 0) <> c.minor or coalesce(earned.minor, 0) <> -c.minor",
    ),
    (
        "ledger transaction, which no charge caused",
        "select t.cause as cause from ledger_transaction t \
         where not exists (select 1 from charge c where c.cause = t.cause)",
    ),
    (
        "app and period, whose statement comes to another amount than was posted",
        "select s.app || ' ' || s.period || ' ' || s.currency as cause from \
         (select app, period, currency, minor from line_total union all \
         select t.app, t.period, t.currency, -p.minor from ledger_transaction t \
         join ledger_posting p on p.cause = t.cause and p.account like '%:receivable') s \
         group by s.app, s.period, s.currency having sum(s.minor) <> 0",
    ),
    ("usage record, which is billable and has neither charge nor exception", UNCHARGED),
    ("usage record, whose transaction has neither share nor exception", UNSHARED),
    (
        "app and service period, whose units counted are not those charged",
        "select n.app || ' ' || n.service_period || ' ' || n.plan as cause from \
         (select app, service_period, product, plan, plan_version, units, free from unit_total union all \
         select app, service_period, product, plan, plan_version, -(quantity + free), -free from charge \
         where kind = 'service_fee') n \
         group by n.app, n.service_period, n.product, n.plan, n.plan_version having sum(n.units) <> 0 or sum(n.free) <> 0",
    ),
    (
        "sale, of which another amount was given back than its refunds come to",
        "select s.id as cause from sale s join (select sale, app, currency, sum(counted) as counted from refund \
         group by sale, app, currency) r on r.sale = s.id and r.app = s.app and r.currency = s.currency \
         where r.counted > s.refunded",
    ),
];

/// Only an open exception, or one that was waived, excuses a missing charge; one of the transaction excuses that alone.
const UNCHARGED: &str = "select u.id as cause from usage u \
     left join plan_version v on v.plan = u.plan and v.version = u.plan_version \
     where u.outcome <> 'free' and not exists (select 1 from usage_exception e \
     left join exception_resolution r on r.exception = e.id where e.usage = u.id and e.kind <> 'transaction' \
     and (r.exception is null or r.outcome = 'waived')) \
     and (v.plan is null or (v.fee is not null and not exists \
     (select 1 from charge c where c.usage = u.id and c.kind = 'service_fee')) \
     or (u.outcome = 'exception' and not exists (select 1 from usage_exception e where e.usage = u.id)))";

/// A sale is known by its id and amount; the record that made it has the charge. So it is with refunds. What was rated by
/// evidence that someone gave has that evidence beside it.
const UNSHARED: &str = "select u.id as cause from usage u where u.outcome = 'billable' and u.transaction_id is not null \
     and not exists (select 1 from usage_exception e left join exception_resolution r on r.exception = e.id \
     where e.usage = u.id and (r.exception is null or r.outcome = 'waived' or r.evidence is not null)) \
     and ((u.transaction_kind = 'sale' and not exists (select 1 from sale s where s.id = u.transaction_id \
     and s.app = u.app and s.currency = u.currency and s.amount = u.amount \
     and (s.rule_file is null or s.usage is null or s.usage <> u.id or exists \
     (select 1 from charge c where c.usage = u.id and c.kind = 'revenue_share')))) \
     or (u.transaction_kind = 'refund' and not exists (select 1 from refund f \
     join sale s on s.id = f.sale and s.app = f.app and s.currency = f.currency \
     where f.sale = coalesce(u.transaction_of, u.transaction_id) and f.id = u.transaction_id and f.app = u.app \
     and f.currency = u.currency and f.amount = u.amount and (s.rule_file is null or f.usage <> u.id \
     or (f.counted = 0 and f.amount > 0) or exists \
     (select 1 from charge c where c.usage = u.id and c.kind = 'share_reversal')))))";

/// Most findings of one kind that a check names.
const MAX_FINDINGS: i64 = 100;

impl Transaction {
    /// Where ledger, charges, statements and usage do not agree.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn disagreements(&mut self) -> Result<Vec<String>, StoreError> {
        let mut findings = Vec::new();
        for (what, select) in DISAGREEMENTS {
            let sql = format!("{select} limit {MAX_FINDINGS}");
            let rows: Vec<CauseRow> = on!(self.connection(), db => {
                sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(db).await
            })?;
            findings.extend(rows.into_iter().map(|row| format!("{}: {what}", row.cause)));
        }
        Ok(findings)
    }
}
