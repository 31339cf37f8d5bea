//! Statement lines and counted units: what they come to is what was charged and posted.

use super::Disagreement;

pub(super) const DISAGREEMENTS: &[Disagreement] = &[
    (
        "app and period, whose statement comes to another amount than was posted",
        concat!(
            "select s.app || ' ' || s.period || ' ' || s.currency as cause from \
             (select app, period, currency, minor / 1000000000 as high, minor % 1000000000 as low from line_total union all \
             select t.app, t.period, t.currency, -(p.minor / 1000000000), -(p.minor % 1000000000) from ledger_posted p \
             join ledger_transaction t on t.number = p.number where p.account like 'partner:%:receivable' and t.period <> '') s \
             group by s.app, s.period, s.currency having ",
            not_zero!("s.high", "s.low")
        ),
    ),
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
        "statement, before whose number one is missing",
        "select cast(s.number as text) as cause from statement s where s.number <> 1 \
         and not exists (select 1 from statement b where b.number = s.number - 1)",
    ),
];
