//! The ledger by itself, and by the rules of posting: what each transaction moves is what its cause says.

use super::Disagreement;

/// What was posted by hand, waits, or was resolved: an amount, and the accounts that it moves to and from.
macro_rules! moved {
    () => {
        "(select number, debit, credit, minor from ledger_manual union all \
         select p.number, s.party || ':' || s.purpose, h.party || ':' || h.purpose, p.minor from ledger_pending p \
         join ledger_account s on s.number = p.source join ledger_account h on h.number = p.held union all \
         select r.number, h.party || ':' || h.purpose, a.party || ':' || a.purpose, r.minor from ledger_resolution r \
         join ledger_pending p on p.number = r.pending join ledger_account h on h.number = p.held \
         join ledger_account a on a.number = r.target union all \
         select d.posting, 'platform:cash', 'partner:' || coalesce(a.partner, b.owner) || ':deposit', d.minor \
         from balance_deposit d join balance b on b.id = d.balance \
         left join app a on b.owner_kind = 'app' and a.id = b.owner union all \
         select w.posting, 'partner:' || coalesce(a.partner, b.owner) || ':deposit', 'platform:cash', w.minor \
         from balance_withdrawal w join balance b on b.id = w.balance \
         left join app a on b.owner_kind = 'app' and a.id = b.owner union all \
         select posting, 'partner:' || partner || ':deposit', 'partner:' || partner || ':receivable', minor \
         from balance_payment)"
    };
}

/// The two sides of what moves an amount: the account that is debited, and the one that is credited.
macro_rules! sides {
    () => {
        "(select 1 as side union all select -1 as side)"
    };
}

pub(super) const DISAGREEMENTS: &[Disagreement] = &[
    (
        "ledger transaction, whose postings do not balance",
        concat!(
            "select t.cause from ledger_transaction t left join ledger_posted p on p.number = t.number \
             group by t.cause having count(p.number) = 0 or ",
            not_zero!("p.minor / 1000000000", "p.minor % 1000000000")
        ),
    ),
    (
        "number, to which something is posted, and which is no ledger transaction",
        "select distinct cast(p.number as text) as cause from ledger_posted p \
         left join ledger_transaction t on t.number = p.number where t.number is null",
    ),
    (
        "ledger transaction, which posts to an account that there is not, or that is in another currency",
        "select coalesce(t.cause, cast(e.number as text)) as cause from ledger_entry e \
         left join ledger_transaction t on t.number = e.number left join ledger_account a on a.number = e.account \
         where a.number is null or a.currency <> t.currency",
    ),
    (
        "ledger transaction, which posted other amounts, or to other accounts, than what caused it comes to",
        UNRULED,
    ),
    (
        "ledger transaction, whose charges are in another currency, or for someone else",
        "select distinct coalesce(t.cause, cast(c.posting as text)) as cause from charge_sum c \
         left join ledger_transaction t on t.number = c.posting where c.posting is not null \
         and (t.number is null or t.app <> c.app or t.period <> c.period or t.currency <> c.currency)",
    ),
    // A call whose own time was not believed is charged for as of when someone said so, unless that is that its time is right.
    (
        "ledger transaction, which is of another time than the last call that it charges",
        concat!(
            "select t.cause from (select c.posting, max(c.at) as at from \
         (select fee_posting as posting, max(at) as at from usage where fee_posting is not null group by fee_posting union all \
         select posting, at from period_charge union all \
         select o.posting, max(coalesce(r.at, u.at)) from other_charge o join usage u on u.number = o.usage \
         left join usage_exception x on x.usage = u.id and x.newer_kind = 'time' \
         left join exception_resolution r on r.exception = x.id and r.outcome = 'rated' and coalesce(r.evidence, '') <> ",
            its_own_time!(),
            " where o.posting is not null group by o.posting) c group by c.posting) n \
             join ledger_transaction t on t.number = n.posting where t.at <> n.at"
        ),
    ),
    (
        "ledger transaction, which nothing caused",
        concat!(
            "select t.cause from ledger_transaction t join (select number from ledger_transaction \
             except select fee_posting from usage except select posting from other_charge \
             except select posting from period_charge \
             except select posting from sale_event except select m.number from ",
            moved!(),
            " m) n on n.number = t.number"
        ),
    ),
    (
        "ledger transaction, which has two causes, or stands on a statement although it charges nothing",
        concat!(
            "select coalesce(t.cause, cast(n.number as text)) as cause from (select m.number, count(*) as causes from ",
            moved!(),
            " m group by m.number) n left join ledger_transaction t on t.number = n.number \
             where n.causes > 1 or t.app <> '' or t.period <> '' \
             or t.number in (select fee_posting from usage where fee_posting is not null) \
             or t.number in (select posting from other_charge where posting is not null) \
             or t.number in (select posting from period_charge) \
             or t.number in (select posting from sale_event where posting is not null)"
        ),
    ),
];

/// What changed sales' shares: by how much more is earned of it, and who owes that.
macro_rules! shared {
    () => {
        "(select e.posting as number, max(coalesce('merchant:' || s.payer, 'partner:' || s.partner)) as payer, \
         sum(e.own_earned / 1000000000 + e.walked / 1000000000) as high, \
         sum(e.own_earned % 1000000000 + e.walked % 1000000000) as low from sale_event e \
         join sale s on s.id = e.sale and s.app = e.app and s.currency = e.currency where e.posting is not null \
         group by e.posting)"
    };
}

/// The rules of posting. Who owes a fee is its partner, and it is the platform's revenue from fees; so is what older programs
/// charged of shares, of its revenue from shares. What changed a share says how much more of it is earned: its payer owes that,
/// and those who get a part of it have as much more together; what is pending of it, with all of them, comes to nothing. What was
/// posted by hand, waits, or was resolved says itself from where and to where. Of each transaction and account, what they come to
/// less what was posted is nothing.
const UNRULED: &str = concat!(
    "select distinct coalesce(t.cause, cast(n.number as text)) as cause from (select s.number, s.account from \
     (select c.posting as number, case d.side when 1 then 'partner:' || k.partner || ':receivable' \
     else case when k.kind in ('revenue_share', 'share_reversal') then 'platform:revenue:share' else 'platform:revenue:fees' end \
     end as account, \
     c.high * d.side as high, c.low * d.side as low from \
     (select fee_posting as posting, fee_terms as terms, sum(fee_minor / 1000000000) as high, \
     sum(fee_minor % 1000000000) as low from usage where fee_posting is not null group by fee_posting, fee_terms union all \
     select posting, terms, minor / 1000000000, minor % 1000000000 from period_charge union all \
     select posting, terms, sum(minor / 1000000000), sum(minor % 1000000000) from other_charge where posting is not null \
     and posting not in (select posting from sale_event where posting is not null) group by posting, terms) c \
     join charge_terms k on k.number = c.terms cross join ",
    sides!(),
    " d union all select h.number, case d.side when 1 then coalesce(h.payer || ':receivable', 'owed') \
     else 'earned' end, h.high * d.side, h.low * d.side from ",
    shared!(),
    " h cross join ",
    sides!(),
    " d union all select m.number, case d.side when 1 then m.debit else m.credit end, (m.minor / 1000000000) * d.side, \
     (m.minor % 1000000000) * d.side from ",
    moved!(),
    " m cross join ",
    sides!(),
    " d union all select p.number, case when h.number is null then p.account \
     when p.account like '%:pending' then 'pending' \
     when p.account like '%:payable' or p.account = 'platform:revenue:share' then 'earned' \
     when h.payer is null and p.account like 'partner:%:receivable' then 'owed' else p.account end, \
     -(p.minor / 1000000000), -(p.minor % 1000000000) from ledger_posted p left join ",
    shared!(),
    " h on h.number = p.number) s group by s.number, s.account having ",
    not_zero!("s.high", "s.low"),
    ") n left join ledger_transaction t on t.number = n.number"
);
