//! Amounts that wait: what is left of each is what waits, and what went back went where it came from.

use super::Disagreement;

pub(super) const DISAGREEMENTS: &[Disagreement] = &[
    (
        "amount, of which more went than there was, or which waits although nothing is left, or the reverse",
        "select coalesce(t.cause, cast(n.pending as text)) as cause from (select s.pending from \
         (select number as pending, minor as rest, 0 as waits from ledger_pending union all \
         select pending, -minor, 0 from ledger_resolution union all select pending, 0, 1 from ledger_waiting) s \
         group by s.pending having sum(s.rest) < 0 or (sum(s.rest) > 0) <> (sum(s.waits) = 1)) n \
         left join ledger_transaction t on t.number = n.pending",
    ),
    (
        "amount, which waits until another time than was said",
        "select coalesce(t.cause, cast(w.pending as text)) as cause from ledger_waiting w \
         join ledger_pending p on p.number = w.pending left join ledger_transaction t on t.number = w.pending \
         where w.expires_at <> p.expires_at",
    ),
    (
        "amount, of which something was posted once its time had run out, or which timed out before",
        "select t.cause from ledger_resolution r join ledger_pending p on p.number = r.pending \
         join ledger_transaction t on t.number = r.number \
         where r.outcome <> 'voided' and (t.at < p.expires_at) <> (r.outcome = 'posted')",
    ),
    (
        "amount, of which what was given back went elsewhere",
        "select coalesce(t.cause, cast(r.number as text)) as cause from ledger_resolution r \
         join ledger_pending p on p.number = r.pending left join ledger_transaction t on t.number = r.number \
         where r.outcome <> 'posted' and r.target <> p.source",
    ),
    (
        "amount, of which what was posted went elsewhere than was said",
        "select coalesce(t.cause, cast(r.number as text)) as cause from ledger_resolution r \
         join ledger_by_hand b on b.number = r.pending join ledger_account a on a.number = r.target \
         left join ledger_transaction t on t.number = r.number \
         where r.outcome = 'posted' and coalesce(b.target, '') <> a.party || ':' || a.purpose",
    ),
];
