//! Usage records: each stands in its batch and in the index, and what is billable is charged, once, or asked about.

use super::Disagreement;

pub(super) const DISAGREEMENTS: &[Disagreement] = &[
    ("usage record, of which a charge comes to something and is not posted, or the reverse", UNPOSTED),
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
    ("usage record, which is not within the batch that ends behind it", UNBATCHED),
    (
        "node, of which more was recorded than its journal's position says",
        "select b.node as cause from (select node, max(last) as last from usage_batch group by node) b \
         left join journal_position p on p.node = b.node where coalesce(p.sequence, 0) < b.last",
    ),
    (
        "node, of which other usage records are counted than are in the books",
        "select n.node as cause from (select node, recorded from journal_position where recorded is not null union all \
         select c.node, -1 from usage u join usage_context c on c.number = u.context \
         join journal_position p on p.node = c.node where p.recorded is not null) n group by n.node having sum(n.recorded) <> 0",
    ),
    (
        "node, whose journal's position is not what became of its records",
        "select node as cause from journal_position where cast(recorded as numeric) + excepted + omissions <> sequence",
    ),
    ("app and day, whose usage records are not those of the index", UNINDEXED),
    (
        "usage record, which is of many calls although it was not refused, or costs something",
        "select u.id as cause from usage_count n join usage u on u.number = n.usage \
         join usage_context c on c.number = u.context \
         where c.refusal is null or c.outcome <> 'free' or u.units <> 0 or u.fee_terms is not null or n.until < u.at",
    ),
    ("usage record, which is billable and has neither charge nor exception", UNCHARGED),
    ("usage record, which has a fee although it is asked, or was decided, that it has none", EXCUSED),
    ("exception, which is not told as open although nobody has resolved it, or the reverse", UNTOLD),
    (
        "usage record, which is free and charged",
        "select u.id as cause from usage u join usage_context c on c.number = u.context where c.outcome = 'free' \
         and (u.fee_terms is not null or exists (select 1 from other_charge o where o.usage = u.number))",
    ),
    (
        "usage record, which came again and is charged",
        "select r.usage as cause from usage_repeat r join usage u on u.id = r.usage \
         where u.fee_terms is not null or exists (select 1 from other_charge o where o.usage = u.number)",
    ),
];

/// Where a price falls with its quantity, fees of a line may take back what others have added, and tiers what a sale gives by itself:
/// together they come to nothing, and are not posted.
const UNPOSTED: &str = concat!(
    "select id as cause from usage where fee_posting is not null and coalesce(fee_minor, 0) = 0 union all \
     select u.id from other_charge o join usage u on u.number = o.usage where o.posting is not null and o.minor = 0 union all \
     select min(u.id) from (select number, fee_terms as terms, fee_minor as minor from usage \
     where fee_posting is null and fee_minor <> 0 union all \
     select usage, terms, minor from other_charge where posting is null and minor <> 0) c \
     join usage u on u.number = c.number left join charge_terms t on t.number = c.terms \
     group by t.partner, t.app, t.period, t.currency, t.service_period, \
     case when t.kind in ('service_fee', 'rewalk') then t.kind else 'share' end, t.product, t.plan, t.plan_version, t.item, \
     case when t.kind in ('service_fee', 'rewalk') then 0 else c.number end having ",
    not_zero!("c.minor / 1000000000", "c.minor % 1000000000")
);

/// What a charge's terms say and its usage record says too, or of a share its sale: whoever calls. What an older program gave back is
/// its caller's, and what is walked again stands on the line of another version.
const MISPLACED: &str = "select u.id as cause from usage_record u join charge_terms t on t.number = u.fee_terms \
     where t.kind <> 'service_fee' or t.app <> u.app or t.partner <> u.partner or t.product <> u.product \
     or t.plan <> u.plan or t.plan_version <> u.plan_version union all \
     select u.id from other_charge o join usage_record u on u.number = o.usage join charge_terms t on t.number = o.terms \
     left join sale_event e on e.usage = u.id and e.id = o.transaction_id and e.currency = t.currency \
     and (e.amount is null or e.amount = 0 or e.beyond < e.amount) \
     left join sale s on s.id = e.sale and s.app = e.app and s.currency = e.currency \
     where t.kind <> o.kind or t.app <> coalesce(s.app, u.app) \
     or (t.partner <> u.partner and t.partner <> coalesce(s.partner, u.partner)) \
     or (t.kind <> 'share_reversal' or s.id is not null) and (t.product <> coalesce(s.product, u.product) \
     or t.plan <> coalesce(s.plan, u.plan) \
     or (t.plan_version <> coalesce(s.plan_version, u.plan_version) and t.kind <> 'rewalk'))";

/// Batches of a node follow each other, each with the places of its journal and the numbers of its records.
const UNBATCHED: &str = "select u.id as cause from usage u join usage_context c on c.number = u.context where coalesce( \
     (select case when b.first <= u.sequence and u.number between b.first_usage and b.last_usage then 1 else 0 end \
     from usage_batch b where b.node = c.node and b.last >= u.sequence order by b.last limit 1), 0) = 0";

/// Runs are made of whole days of an app: they hold as many records as there are, and each of theirs.
const UNINDEXED: &str = "select n.app || ' ' || n.day as cause from \
     (select c.app, u.at / 86400000000 as day, 1 as records from usage u join usage_context c on c.number = u.context \
     union all select '', u.at / 86400000000, 1 from usage u \
     union all select coalesce(a.app, ''), r.day, -(r.last - r.first + 1) from usage_run r \
     left join usage_app a on a.number = r.app) n group by n.app, n.day having sum(n.records) <> 0";

/// Only an open exception, or one that was waived, excuses a missing charge; one of the transaction excuses that alone.
const UNCHARGED: &str = "select u.id as cause from usage_record u \
     left join plan_version v on v.plan = u.plan and v.version = u.plan_version \
     where u.outcome <> 'free' and not exists (select 1 from usage_exception e \
     left join exception_resolution r on r.exception = e.id where e.usage = u.id and e.kind <> 'transaction' \
     and (r.exception is null or r.outcome = 'waived')) \
     and (v.plan is null or ((v.every_call = 1 or (v.form is null and v.fee is not null)) and u.fee_terms is null and not exists \
     (select 1 from other_charge c where c.usage = u.number and c.kind = 'service_fee')) \
     or (u.outcome = 'exception' and not exists (select 1 from usage_exception e where e.usage = u.id)))";

/// Triggers keep which exceptions are open, with their times.
const UNTOLD: &str = "select e.id as cause from usage_exception e \
     left join exception_resolution r on r.exception = e.id left join open_exception o on o.exception = e.id \
     where (r.exception is null) <> (o.exception is not null) or o.at <> e.at or o.noted_at <> coalesce(e.noted_at, e.at)";

/// An exception of the transaction alone leaves the fee as it is.
const EXCUSED: &str = "select u.id as cause from usage_exception e join usage u on u.id = e.usage \
     left join exception_resolution r on r.exception = e.id \
     where e.kind in ('evidence', 'plan') and (r.exception is null or r.outcome = 'waived') and (u.fee_terms is not null \
     or exists (select 1 from other_charge o where o.usage = u.number and o.kind in ('service_fee', 'rewalk')))";
