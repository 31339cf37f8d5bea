//! Statement lines and what is counted of charges: what they come to is what was charged and posted.

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
        "app and period, in which what is counted of charges of the same terms is not what they come to",
        concat!(
            "select min(coalesce(t.app || ' ' || t.period || ' ' || t.kind, cast(n.terms as text))) as cause from \
             (select terms, charges, quantity, free, coalesce(base, 0) as base, minor from charge_total union all \
             select terms, -charges, -quantity, -free, -coalesce(base, 0), -minor from charge_sum) n \
             left join charge_terms t on t.number = n.terms group by n.terms \
             having sum(n.charges) <> 0 or sum(n.quantity) <> 0 or sum(n.free) <> 0 or sum(n.base) <> 0 or ",
            not_zero!("n.minor / 1000000000", "n.minor % 1000000000")
        ),
    ),
    (
        "statement, before whose number one is missing",
        "select cast(s.number as text) as cause from statement s where s.number <> 1 \
         and not exists (select 1 from statement b where b.number = s.number - 1)",
    ),
    (
        "period, whose statements are not as many as it was closed with, or have other numbers",
        "select p.period as cause from period_closing p left join period_seal f on f.period = p.period \
         left join (select period, min(number) as first, max(number) as last, count(*) as made from statement group by period) s \
         on s.period = p.period where s.first <> p.first_number or s.last - s.first + 1 <> s.made or s.made > p.statements \
         or (f.period is not null and coalesce(s.made, 0) <> p.statements)",
    ),
];
