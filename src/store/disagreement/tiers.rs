//! Sales with tiers: what they come to together is what they say, each by itself, and that is what was charged. Whether it is what the
//! tiers say, prices have to tell.

use super::Disagreement;

pub(super) const DISAGREEMENTS: &[Disagreement] = &[
    ("sales with tiers, which come to another net amount or share together than each by itself", SUMMED),
    (
        "sale, by which tiers were walked by another sum than by its transactions",
        "select s.id as cause from sale s join (select sale, app, currency, sum(walked / 1000000000) as high, \
         sum(walked % 1000000000) as low from sale_event group by sale, app, currency) e \
         on e.sale = s.id and e.app = s.app and e.currency = s.currency \
         where s.walked <> e.high * 1000000000 + e.low or (s.walked <> 0 and s.tier_scope is null)",
    ),
    ("sale with tiers, of which another base or adjustment is charged than is counted", CHARGED),
];

const SUMMED: &str = concat!(
    "select n.scope || ' ' || n.product || ' ' || n.plan || '@' || cast(n.plan_version as text) || ' ' || n.item || ' ' \
     || n.currency || ' ' || n.month as cause from (select scope, product, plan, plan_version, item, currency, month, net, minor \
     from tier_total union all select tier_scope, product, plan, plan_version, item, currency, tier_month, -net, \
     -(share - returned - pending + walked) from sale where tier_scope is not null) n \
     group by n.scope, n.product, n.plan, n.plan_version, n.item, n.currency, n.month having ",
    not_zero!("n.net / 1000000000", "n.net % 1000000000"),
    " or ",
    not_zero!("n.minor / 1000000000", "n.minor % 1000000000")
);

/// What a merchant owes stands on no line.
const CHARGED: &str = "select s.id as cause from sale s left join \
     (select e.sale, e.app, e.currency, sum(case c.kind when 'share_rewalk' then c.minor else 0 end) as walked, \
     sum(case c.kind when 'share_rewalk' then 0 else coalesce(c.base, 0) end) as base \
     from other_charge c join charge_terms t on t.number = c.terms join usage u on u.number = c.usage \
     join sale_event e on e.usage = u.id and e.id = c.transaction_id and e.app = t.app and e.currency = t.currency \
     where c.kind in ('revenue_share', 'share_reversal', 'share_rewalk') group by e.sale, e.app, e.currency) r \
     on r.sale = s.id and r.app = s.app and r.currency = s.currency \
     where s.tier_scope is not null and s.payer is null \
     and (coalesce(r.walked, 0) <> s.walked or coalesce(r.base, 0) <> s.net)";
