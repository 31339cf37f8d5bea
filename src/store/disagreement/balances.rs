//! Balances: what was spent of them is what their owners' fees, and shares, came to since they were made, or the fees of calls for the
//! merchant whose cap it is; and what could be paid is.

use super::Disagreement;

/// Fees and shares by what they are counted on: of calls from before it was made or after it ended, on none. A call whose time was not
/// believed is of when that was decided, unless it was decided that its time is right.
macro_rules! counted {
    () => {
        concat!(
            "(select b.id as balance, k.service_period, k.period, k.app, k.partner, c.minor from \
         (select number, id, at, context, fee_terms as terms, fee_minor as minor, 0 as is_share from usage \
         where fee_minor is not null union all \
         select u.number, u.id, u.at, u.context, o.terms, o.minor, case when o.kind in ('service_fee', 'rewalk') then 0 else 1 end \
         from other_charge o join usage u on u.number = o.usage) c join charge_terms k on k.number = c.terms \
         join usage_context x on x.number = c.context \
         join balance b on b.owner in (k.app, k.partner, x.merchant) and b.currency = k.currency \
         and b.owner = case b.owner_kind when 'app' then k.app when 'partner' then k.partner else x.merchant end \
         and b.app = case b.owner_kind when 'merchant' then k.app else '' end and b.counts_shares >= c.is_share \
         left join usage_exception e on e.id = 'usage:' || c.id and e.newer_kind = 'time' \
         left join exception_resolution r on r.exception = e.id and coalesce(r.evidence, '') <> ",
            its_own_time!(),
            " where coalesce(r.at, c.at) >= b.created_at and (b.ended_at is null or coalesce(r.at, c.at) < b.ended_at))"
        )
    };
}

pub(super) const DISAGREEMENTS: &[Disagreement] = &[
    (
        "balance and period, of which another sum is spent than what is counted on it comes to",
        concat!(
            "select s.balance || ' ' || s.service_period as cause from (select balance, service_period, \
             minor / 1000000000 as high, minor % 1000000000 as low from ",
            counted!(),
            " f union all select balance, service_period, -(minor / 1000000000), -(minor % 1000000000) from balance_spent) s \
             group by s.balance, s.service_period having ",
            not_zero!("s.high", "s.low")
        ),
    ),
    (
        "balance, statement's period, app and partner, of which other sums are counted than stand there",
        concat!(
            "select s.balance || ' ' || s.period || ' ' || s.app || ' ' || s.partner as cause from (select balance, period, app, partner, \
             minor / 1000000000 as high, minor % 1000000000 as low from ",
            counted!(),
            " f union all select balance, period, app, partner, -(minor / 1000000000), -(minor % 1000000000) from balance_billed) s \
             group by s.balance, s.period, s.app, s.partner having ",
            not_zero!("s.high", "s.low")
        ),
    ),
    (
        "balance, whose fees are not paid by what was paid in, as far as it goes",
        "select b.id as cause from balance b \
         left join (select balance, sum(minor) as minor from (select balance, minor from balance_deposit union all \
         select balance, -minor from balance_withdrawal) m group by balance) d on d.balance = b.id \
         left join (select balance, sum(minor) as minor from balance_spent group by balance) s on s.balance = b.id \
         left join (select balance, sum(minor) as minor from balance_payment group by balance) p on p.balance = b.id \
         where coalesce(p.minor, 0) <> case when coalesce(s.minor, 0) <= 0 or coalesce(d.minor, 0) <= 0 then 0 \
         when s.minor < d.minor then s.minor else d.minor end",
    ),
    (
        "balance and period, of which it is kept what was settled although it is not closed, or has no fees of it",
        "select s.balance || ' ' || s.period as cause from balance_settled s \
         left join closed_period c on c.period = s.period \
         left join (select distinct balance, period from balance_billed) b on b.balance = s.balance and b.period = s.period \
         where c.period is null or b.balance is null",
    ),
    (
        "balance, of which another end is kept than what changed it says",
        "select b.id as cause from balance b left join balance_change c on c.balance = b.id and c.what = 'end' \
         where coalesce(b.ended_at, -1) <> coalesce(c.at, -1)",
    ),
    (
        "exception, whose units of a balance are reserved although it is resolved, or are not although it is open",
        "select d.exception as cause from balance_dispute d left join exception_resolution r on r.exception = d.exception \
         where (d.is_open = 1) <> (r.exception is null)",
    ),
];
