//! Charges by the month: each is of its subscription, named by what it is for, and of no more days than there are. Whether it is what
//! its plan version says is looked at by the rules of rounding (`billing/ledger/check.rs`).

use super::Disagreement;

pub(super) const DISAGREEMENTS: &[Disagreement] = &[
    (
        "ledger transaction, by which a subscription is charged that there is not, or for something else",
        "select coalesce(l.cause, cast(p.posting as text)) as cause from period_charge p \
         left join ledger_transaction l on l.number = p.posting left join charge_terms t on t.number = p.terms \
         left join subscription s on s.id = p.subscription \
         where l.number is null or t.number is null or s.id is null or t.app <> s.app or t.product <> s.product or t.plan <> s.plan \
         or t.kind not in ('monthly_fee', 'minimum') or (t.kind = 'minimum') <> (p.base is not null) or p.minor > coalesce(p.base, p.minor) \
         or l.cause <> case t.kind when 'minimum' then 'minimum:' else 'monthly:' end || p.subscription || ':' || t.service_period \
         || ':' || t.plan_version",
    ),
    (
        "subscription and month, of which more days are charged than there are",
        "select p.subscription || ' ' || t.service_period as cause from period_charge p join charge_terms t on t.number = p.terms \
         group by p.subscription, t.service_period, t.kind having sum(p.days) > min(p.of_days) or min(p.of_days) <> max(p.of_days)",
    ),
];
