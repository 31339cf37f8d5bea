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
        "select t.cause from ledger_transaction t left join ledger_posting p on p.number = t.number \
         group by t.cause having coalesce(sum(p.minor), 1) <> 0",
    ),
    (
        "ledger transaction, which has not two postings",
        "select coalesce(t.cause, cast(n.number as text)) as cause from \
         (select number from ledger_posting group by number having count(*) <> 2) n \
         left join ledger_transaction t on t.number = n.number",
    ),
    (
        "cause, whose charges come to another amount than was posted, in another currency, or for someone else",
        "select coalesce(t.cause, cast(c.posting as text)) as cause from (select posting, kind, partner, app, period, \
         currency, sum(minor) as minor \
         from charge_sum where posting is not null group by posting, kind, partner, app, period, currency) c \
         left join ledger_transaction t on t.number = c.posting \
         left join ledger_posting owed on owed.number = c.posting \
         and owed.account = 'partner:' || c.partner || ':receivable' \
         left join ledger_posting earned on earned.number = c.posting and earned.account = case c.kind \
         when 'service_fee' then 'platform:revenue:fees' when 'rewalk' then 'platform:revenue:fees' \
         else 'platform:revenue:share' end \
         where t.number is null or t.app <> c.app or t.period <> c.period or t.currency <> c.currency \
         or coalesce(owed.minor, 0) <> c.minor or coalesce(earned.minor, 0) <> -c.minor",
    ),
    (
        "ledger transaction, which no charge caused",
        "select t.cause as cause from ledger_transaction t join (select number from ledger_transaction \
         except select fee_posting from usage except select posting from other_charge) n on n.number = t.number",
    ),
    (
        "usage record, of which a charge comes to something and is not posted, or the reverse",
        "select id as cause from usage where (fee_posting is null) <> (coalesce(fee_minor, 0) = 0) union all \
         select u.id from other_charge o join usage u on u.number = o.usage \
         where (o.posting is null) <> (o.minor = 0)",
    ),
    ("usage record, whose charge is on another's line, or on one of another kind", MISPLACED),
    (
        "usage record, of which the context, or the terms of its fee, are missing",
        "select u.id as cause from usage u left join usage_context c on c.number = u.context \
         left join charge_terms t on t.number = u.fee_terms \
         where c.number is null or (u.fee_terms is not null and t.number is null)",
    ),
    (
        "usage record, whose charge has lost its terms",
        "select u.id as cause from other_charge o join usage u on u.number = o.usage \
         left join charge_terms t on t.number = o.terms where t.number is null",
    ),
    (
        "place of a journal, from which two usage records were recorded",
        "select c.node || ' ' || u.sequence as cause from usage u join usage_context c on c.number = u.context \
         group by c.node, u.sequence having count(*) > 1",
    ),
    ("app and day, whose usage records are not those of the index", UNINDEXED),
    (
        "app and period, whose statement comes to another amount than was posted",
        "select s.app || ' ' || s.period || ' ' || s.currency as cause from \
         (select app, period, currency, minor from line_total union all \
         select t.app, t.period, t.currency, -p.minor from ledger_transaction t \
         join ledger_posting p on p.number = t.number and p.account like '%:receivable') s \
         group by s.app, s.period, s.currency having sum(s.minor) <> 0",
    ),
    ("usage record, which is billable and has neither charge nor exception", UNCHARGED),
    ("usage record, whose transaction has neither share nor exception", UNSHARED),
    (
        "app and service period, whose units counted are not those charged",
        "select n.app || ' ' || n.service_period || ' ' || n.plan as cause from \
         (select app, service_period, product, plan, plan_version, item, units, free from fee_total union all \
         select app, service_period, product, plan, plan_version, item, -(quantity + free), -free from charge_sum \
         where kind = 'service_fee' union all \
         select app, service_period, product, plan, plan_version, item, 0, quantity from charge_sum where kind = 'rewalk') n \
         group by n.app, n.service_period, n.product, n.plan, n.plan_version, n.item \
         having sum(n.units) <> 0 or sum(n.free) <> 0",
    ),
    (
        "sale, of which another amount was given back than its refunds come to",
        "select s.id as cause from sale s join (select sale, app, currency, sum(counted) as counted from refund \
         group by sale, app, currency) r on r.sale = s.id and r.app = s.app and r.currency = s.currency \
         where r.counted > s.refunded",
    ),
    ("sale, of whose share another amount was given back than the charges of its refunds come to", RETURNED),
];

/// What a charge's terms say and its usage record says too. What is given back of a share stands on the line of its sale, and what
/// is walked again on that of another version.
const MISPLACED: &str = "select u.id as cause from usage_record u join charge_terms t on t.number = u.fee_terms \
     where t.kind <> 'service_fee' or t.app <> u.app or t.partner <> u.partner or t.product <> u.product \
     or t.plan <> u.plan or t.plan_version <> u.plan_version union all \
     select u.id from other_charge o join usage_record u on u.number = o.usage join charge_terms t on t.number = o.terms \
     where t.kind <> o.kind or t.app <> u.app or t.partner <> u.partner or (t.kind <> 'share_reversal' \
     and (t.product <> u.product or t.plan <> u.plan or (t.plan_version <> u.plan_version and t.kind <> 'rewalk')))";

/// Runs are made of whole days of an app: they hold as many records as there are, and each of theirs.
const UNINDEXED: &str = "select n.app || ' ' || n.day as cause from \
     (select c.app, u.at / 86400000000 as day, 1 as records from usage u join usage_context c on c.number = u.context \
     union all select '', u.at / 86400000000, 1 from usage u \
     union all select coalesce(a.app, ''), r.day, -(r.last - r.first + 1) from usage_run r \
     left join usage_app a on a.number = r.app) n group by n.app, n.day having sum(n.records) <> 0";

/// A refund knows its sale; of two that were counted under one id, before refunds were known by their ids, the usage record
/// of the other does.
const RETURNED: &str = "select s.id as cause from sale s left join \
     (select coalesce(f.sale, u.transaction_of, u.transaction_id) as sale, t.app, t.currency, sum(c.minor) as minor \
     from other_charge c join charge_terms t on t.number = c.terms join usage u on u.number = c.usage \
     left join refund f on f.usage = u.id and f.id = c.transaction_id \
     and f.app = t.app and f.currency = t.currency and (f.counted > 0 or f.amount = 0) \
     where c.kind = 'share_reversal' group by 1, t.app, t.currency) r \
     on r.sale = s.id and r.app = s.app and r.currency = s.currency where coalesce(r.minor, 0) <> -s.returned";

/// Only an open exception, or one that was waived, excuses a missing charge; one of the transaction excuses that alone.
const UNCHARGED: &str = "select u.id as cause from usage_record u \
     left join plan_version v on v.plan = u.plan and v.version = u.plan_version \
     where u.outcome <> 'free' and not exists (select 1 from usage_exception e \
     left join exception_resolution r on r.exception = e.id where e.usage = u.id and e.kind <> 'transaction' \
     and (r.exception is null or r.outcome = 'waived')) \
     and (v.plan is null or ((v.every_call = 1 or (v.form is null and v.fee is not null)) and u.fee_terms is null and not exists \
     (select 1 from other_charge c where c.usage = u.number and c.kind = 'service_fee')) \
     or (u.outcome = 'exception' and not exists (select 1 from usage_exception e where e.usage = u.id)))";

/// A sale is known by its id and amount; the record that made it has the charge. So it is with refunds. What was rated by
/// evidence that someone gave has that evidence beside it. A refund that came before its sale waits, or shares what is decided
/// about the first of its id.
const UNSHARED: &str = "select u.id as cause from usage_record u where u.outcome = 'billable' and u.transaction_id is not null \
     and not exists (select 1 from usage_exception e left join exception_resolution r on r.exception = e.id \
     where e.usage = u.id and (r.exception is null or r.outcome = 'waived' or r.evidence is not null)) \
     and not exists (select 1 from waiting_refund w where u.transaction_kind = 'refund' \
     and w.sale = coalesce(u.transaction_of, u.transaction_id) and w.id = u.transaction_id and w.app = u.app \
     and w.currency = u.currency and w.amount = u.amount \
     and (not exists (select 1 from sale s where s.id = w.sale and s.app = w.app and s.currency = w.currency) \
     or exists (select 1 from usage_exception e left join exception_resolution r on r.exception = e.id \
     where e.usage = w.usage and (r.exception is null or r.outcome = 'waived' or r.evidence is not null)))) \
     and ((u.transaction_kind = 'sale' and not exists (select 1 from sale s where s.id = u.transaction_id \
     and s.app = u.app and s.currency = u.currency and s.amount = u.amount \
     and (s.rule_file is null or s.usage is null or s.usage <> u.id or exists \
     (select 1 from other_charge c where c.usage = u.number and c.kind = 'revenue_share')))) \
     or (u.transaction_kind = 'refund' and not exists (select 1 from refund f \
     join sale s on s.id = f.sale and s.app = f.app and s.currency = f.currency \
     where f.sale = coalesce(u.transaction_of, u.transaction_id) and f.id = u.transaction_id and f.app = u.app \
     and f.currency = u.currency and f.amount = u.amount and (s.rule_file is null or f.usage <> u.id \
     or (f.counted = 0 and f.amount > 0) or exists \
     (select 1 from other_charge c where c.usage = u.number and c.kind = 'share_reversal')))))";

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
            let time = self.answer_time();
            let rows: Vec<CauseRow> = on!(self.connection(), within time, db => {
                sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(db).await
            })?;
            findings.extend(rows.into_iter().map(|row| format!("{}: {what}", row.cause)));
        }
        Ok(findings)
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Connection;

    use super::*;
    use crate::store::Store;

    /// A table that is read through for each row of another makes a check of large books endless.
    #[tokio::test]
    async fn no_table_is_read_through_for_each_row_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite:{}", folder.path().join("store.db").display());
        Store::open(&address).await.unwrap().close().await;
        let mut file = sqlx::SqliteConnection::connect(&address).await.unwrap();
        for (what, select) in DISAGREEMENTS {
            let sql = format!("explain query plan {select}");
            let steps: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(&mut file).await.unwrap();
            let within = |id: i64| steps.iter().find(|step| step.0 == id);
            for (_, parent, _, step) in steps.iter().filter(|step| step.3.starts_with("SCAN")) {
                let mut above = within(*parent);
                while let Some((_, next, _, name)) = above {
                    assert!(!name.starts_with("CORRELATED"), "{what}: {step} in {name}: {steps:#?}");
                    above = within(*next);
                }
            }
        }
    }
}
