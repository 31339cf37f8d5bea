//! Sales and refunds: each transaction that passed through has its share, and what was given back of one is what its refunds come to.

use super::Disagreement;

pub(super) const DISAGREEMENTS: &[Disagreement] = &[
    ("usage record, whose transaction has neither share nor exception", UNSHARED),
    (
        "sale, whose share is not what its usage record was charged",
        "select s.id as cause from sale s join usage u on u.id = s.usage left join other_charge o on o.usage = u.number \
         and o.kind = 'revenue_share' where s.rule_file is not null and s.share <> coalesce(o.minor, 0)",
    ),
    (
        "sale, of which another amount was given back than its refunds come to",
        "select s.id as cause from sale s join (select sale, app, currency, sum(counted) as counted from refund \
         group by sale, app, currency) r on r.sale = s.id and r.app = s.app and r.currency = s.currency \
         where r.counted > s.refunded",
    ),
    ("sale, of whose share another amount was given back than the charges of its refunds come to", RETURNED),
];

/// A refund knows its sale; of two that were counted under one id, before refunds were known by their ids, the usage record
/// of the other does.
const RETURNED: &str = "select s.id as cause from sale s left join \
     (select coalesce(f.sale, u.transaction_of, u.transaction_id) as sale, t.app, t.currency, sum(c.minor) as minor \
     from other_charge c join charge_terms t on t.number = c.terms join usage u on u.number = c.usage \
     left join refund f on f.usage = u.id and f.id = c.transaction_id \
     and f.app = t.app and f.currency = t.currency and (f.counted > 0 or f.amount = 0) \
     where c.kind = 'share_reversal' group by 1, t.app, t.currency) r \
     on r.sale = s.id and r.app = s.app and r.currency = s.currency where coalesce(r.minor, 0) <> -s.returned";

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
