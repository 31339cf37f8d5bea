//! Sales and what became of them: each transaction that passed through is counted, and what a sale's share came to is what was
//! charged and posted.

use super::Disagreement;

pub(super) const DISAGREEMENTS: &[Disagreement] = &[
    ("usage record, whose transaction has neither share nor exception", UNSHARED),
    (
        "sale, which is of another amount than the transaction that it is",
        "select s.id as cause from sale s join sale_event e on e.sale = s.id and e.app = s.app \
         and e.currency = s.currency and e.kind = 'sale' where e.amount <> s.amount",
    ),
    ("sale, of which more became something than its transactions come to, or less", BECOME),
    ("sale, whose rest another call cancelled first, or of which another amount went back since", SINCE),
    ("sale, of whose share another amount is earned than its charges come to", EARNED),
    ("transaction, by which a sale's share was changed and not posted", UNPOSTED),
];

/// Of an older program's refunds a sale counted only what was left of it, and some of these are not known by themselves.
const BECOME: &str = "select s.id as cause from sale s join (select sale, app, currency, sum(pending) as pending, \
     sum(case when kind = 'refund' then amount - beyond else 0 end) as counted, \
     sum(case when kind = 'refund' then amount else 0 end) as refunded, \
     sum(case when kind = 'cancellation' then amount else 0 end) as cancelled, \
     sum(case when kind = 'chargeback' then amount else 0 end) as charged_back, \
     sum(case when kind = 'chargeback-won' then amount else 0 end) as won_back, \
     sum(case when kind = 'settlement' then amount else 0 end) as settled, \
     max(case when kind = 'cancellation' and amount is null then 1 else 0 end) as is_cancelled, \
     max(case when kind = 'settlement' and amount is null then 1 else 0 end) as is_settled \
     from sale_event group by sale, app, currency) e on e.sale = s.id and e.app = s.app and e.currency = s.currency \
     where e.pending <> s.pending or (e.refunded <> s.refunded and (s.is_older = 0 or e.counted > s.refunded)) \
     or e.cancelled <> s.cancelled or e.charged_back <> s.charged_back or e.won_back <> s.won_back \
     or e.settled <> s.settled or e.is_cancelled <> s.is_cancelled or e.is_settled <> s.is_settled";

/// The ids of usage records are ordered by time.
const SINCE: &str = "select s.id as cause from sale s left join sale_event e on e.sale = s.id and e.app = s.app \
     and e.currency = s.currency and e.kind in ('refund', 'cancellation') \
     where s.cancelled_by is not null group by s.id, s.app, s.currency, s.cancelled_by, s.given_since \
     having coalesce(sum(case when e.usage > s.cancelled_by then e.amount else 0 end), 0) <> s.given_since \
     or coalesce(min(case when e.kind = 'cancellation' and e.amount is null then e.usage end), '') <> s.cancelled_by";

/// A transaction knows its sale; of two refunds that were counted under one id, before they were known by their ids, the usage
/// record of the other does.
const EARNED: &str = "select s.id as cause from sale s left join \
     (select coalesce(e.sale, u.transaction_of, u.transaction_id) as sale, t.app, t.currency, sum(c.minor) as minor \
     from other_charge c join charge_terms t on t.number = c.terms join usage u on u.number = c.usage \
     left join sale_event e on e.usage = u.id and e.id = c.transaction_id and e.app = t.app and e.currency = t.currency \
     and (e.amount is null or e.amount = 0 or e.beyond < e.amount) \
     where c.kind in ('revenue_share', 'share_reversal') group by 1, t.app, t.currency) r \
     on r.sale = s.id and r.app = s.app and r.currency = s.currency \
     where s.payer is null and coalesce(r.minor, 0) <> s.share - s.returned - s.pending";

/// What was posted is compared with what the transaction changed by the rules of posting.
const UNPOSTED: &str = "select e.id as cause from sale_event e \
     join sale s on s.id = e.sale and s.app = e.app and s.currency = e.currency \
     where e.posting is null and ((e.pending <> 0 and s.split is null) \
     or (s.payer is not null and e.own_earned + e.walked <> 0))";

/// A transaction is known by its kind, id and amount. What was rated by evidence that someone gave has that evidence beside it. What
/// came before its sale waits, or shares what is decided about the first of its id.
const UNSHARED: &str = concat!(
    "select u.id as cause from usage_record u left join usage_transaction x on x.usage = u.number \
     where u.outcome = 'billable' and u.transaction_id is not null \
     and not exists (select 1 from usage_exception e left join exception_resolution r on r.exception = e.id \
     where e.usage = u.id and (r.exception is null or r.outcome = 'waived' or r.evidence <> ",
    its_own_time!(),
    ")) \
     and not exists (select 1 from waiting_transaction w where w.sale = coalesce(u.transaction_of, u.transaction_id) \
     and w.id = u.transaction_id and w.kind = coalesce(u.transaction_kind, x.kind) and w.app = u.app \
     and w.currency = u.currency and coalesce(w.amount, -1) = coalesce(u.amount, -1) \
     and (not exists (select 1 from sale s where s.id = w.sale and s.currency = w.currency \
     and (s.app = w.app or (x.details like '%\"reach\":\"any-app\"%' \
     and coalesce((select a.environment from app a where a.id = s.app), '') \
     = coalesce((select a.environment from app a where a.id = w.app), '')))) \
     or exists (select 1 from usage_exception e left join exception_resolution r on r.exception = e.id \
     where e.usage = w.usage and (r.exception is null or r.outcome = 'waived' or r.evidence <> ",
    its_own_time!(),
    ")))) \
     and not exists (select 1 from sale_event f where f.sale = coalesce(u.transaction_of, u.transaction_id) \
     and f.id = u.transaction_id and f.kind = coalesce(u.transaction_kind, x.kind) and f.currency = u.currency \
     and coalesce(f.amount, -1) = coalesce(u.amount, -1) \
     and (f.app = u.app or x.details like '%\"reach\":\"any-app\"%'))"
);
