-- Prices by items: a plan version keeps them as a document, a line is of an item, and units are counted by item and promotion.
-- What one call moves of several lines are several charges of a kind.

-- Versions that older programs kept have neither form nor document: their prices are in columns.
alter table plan_version add column form integer;
alter table plan_version add column tariff text; -- JSON of that form
alter table plan_version add column every_call integer; -- 1: every billable call has a fee, whichever its route

drop view charge;
drop view charge_sum;

create table charge_terms_before as select * from charge_terms;
drop table charge_terms;
create table charge_terms (
    number integer primary key,
    partner text not null,
    app text not null,
    period text not null, -- on whose statement it stands
    service_period text not null, -- in which it was used
    kind text not null,
    product text not null,
    plan text not null,
    plan_version integer not null,
    item text not null, -- empty: the one that needs no name
    currency text not null,
    rate text not null, -- price of a unit or percent, exact decimal
    price text not null, -- in words; empty: the rate says all
    position text not null, -- in the price; empty: it is one for all
    rule_file text not null,
    rule_line integer not null,
    rule_column integer not null
) strict;
insert into charge_terms
    select number, partner, app, period, service_period, kind, product, plan, plan_version, '', currency, rate, '', '',
        rule_file, rule_line, rule_column
    from charge_terms_before order by number;
drop table charge_terms_before;
create index charge_terms_of_app on charge_terms (app, period);
create trigger charge_terms_stays before update on charge_terms
    begin select raise(abort, 'charge_terms is append-only'); end;
create trigger charge_terms_is_kept before delete on charge_terms
    begin select raise(abort, 'charge_terms is append-only'); end;
create trigger charge_terms_is_not_replaced before insert on charge_terms
    when exists (select 1 from charge_terms where number = new.number)
    begin select raise(abort, 'charge_terms is append-only'); end;
create trigger charge_terms_insert_in_a_closed_period before insert on charge_terms
    when exists (select 1 from closed_period where period = new.period)
    begin select raise(abort, 'the period is closed'); end;

create table other_charge_before as select * from other_charge;
drop table other_charge;
create table other_charge (
    usage integer not null references usage (number),
    kind text not null,
    terms integer not null, -- in charge_terms
    quantity integer not null, -- units that cost something, or 1 transaction
    free integer not null,
    transaction_id text,
    base integer, -- of which it is a percentage
    minor integer not null, -- what it adds to its line
    posting integer, -- number of the ledger transaction that posts it; null: it comes to nothing
    primary key (usage, kind, terms)
) strict, without rowid;
insert into other_charge
    select usage, kind, terms, quantity, free, transaction_id, base, minor, posting from other_charge_before
    order by usage, kind;
drop table other_charge_before;
create index other_charge_of_terms on other_charge (terms, usage);
create unique index other_charge_is_one_of_its_kind on other_charge (usage, kind) where kind <> 'rewalk';
create trigger other_charge_stays before update on other_charge
    begin select raise(abort, 'other_charge is append-only'); end;
create trigger other_charge_is_kept before delete on other_charge
    begin select raise(abort, 'other_charge is append-only'); end;
create trigger other_charge_is_not_replaced before insert on other_charge
    when exists (select 1 from other_charge where usage = new.usage and kind = new.kind
        and (kind <> 'rewalk' or terms = new.terms))
    begin select raise(abort, 'other_charge is append-only'); end;
create trigger other_charge_is_no_second_fee before insert on other_charge
    when new.kind = 'service_fee' and exists (select 1 from usage where number = new.usage and fee_terms is not null)
    begin select raise(abort, 'the call has its fee'); end;
create trigger other_charge_insert_in_a_closed_period before insert on other_charge
    when exists (select 1 from charge_terms t join closed_period p on p.period = t.period where t.number = new.terms)
    begin select raise(abort, 'the period is closed'); end;

create table line_total_before as select * from line_total;
drop table line_total;
create table line_total (
    partner text not null,
    app text not null,
    period text not null,
    service_period text not null,
    kind text not null,
    product text not null,
    plan text not null,
    plan_version integer not null,
    item text not null, -- empty: the one that needs no name
    currency text not null,
    charges integer not null,
    quantity integer not null,
    free integer not null,
    rate text not null, -- 0 where the price has words
    price text not null, -- in words; empty: the rate says all
    base integer,
    minor integer not null,
    rule_file text not null,
    rule_line integer not null,
    rule_column integer not null,
    primary key (period, app, partner, currency, service_period, kind, product, plan, plan_version, item)
) strict, without rowid;
insert into line_total
    select partner, app, period, service_period, kind, product, plan, plan_version, '', currency, charges, quantity, free, rate,
        '', base, minor, rule_file, rule_line, rule_column
    from line_total_before;
drop table line_total_before;
create trigger line_total_is_kept before delete on line_total
    begin select raise(abort, 'line_total is never removed'); end;
create trigger line_total_insert_in_a_closed_period before insert on line_total
    when exists (select 1 from closed_period where period = new.period)
    begin select raise(abort, 'the period is closed'); end;
create trigger line_total_update_in_a_closed_period before update on line_total
    when exists (select 1 from closed_period where period in (old.period, new.period))
    begin select raise(abort, 'the period is closed'); end;

-- Units counted together, by version of the plan. A node of an older program misses the table before, and waits to be replaced.
create table fee_total (
    app text not null,
    product text not null,
    plan text not null,
    plan_version integer not null,
    service_period text not null,
    item text not null, -- empty: the one that needs no name
    promotion integer not null check (promotion >= 0), -- its place in the item; 0: none
    units integer not null,
    free integer not null check (free between 0 and units),
    primary key (app, service_period, product, plan, plan_version, item, promotion)
) strict, without rowid;
insert into fee_total
    select app, product, plan, plan_version, service_period, '', 0, units, free from unit_total;
drop table unit_total;
create trigger fee_total_grows before update on fee_total
    when new.units < old.units or new.app <> old.app or new.product <> old.product or new.plan <> old.plan
        or new.plan_version <> old.plan_version or new.service_period <> old.service_period or new.item <> old.item
        or new.promotion <> old.promotion
    begin select raise(abort, 'fee_total only grows'); end;
create trigger fee_total_is_not_replaced before insert on fee_total
    when exists (select 1 from fee_total t where t.app = new.app and t.service_period = new.service_period
        and t.product = new.product and t.plan = new.plan and t.plan_version = new.plan_version and t.item = new.item
        and t.promotion = new.promotion and new.units < t.units)
    begin select raise(abort, 'fee_total only grows'); end;
create trigger fee_total_is_kept before delete on fee_total
    begin select raise(abort, 'fee_total is never removed'); end;

-- All charges as they are read.
create view charge as
    select u.at / 86400000000 as day, u.number, u.id as usage, t.kind, t.partner, t.app, t.period, t.service_period, t.product,
        t.plan, t.plan_version, t.item, t.currency, u.units - u.fee_free as quantity, u.fee_free as free, t.rate, t.price,
        t.position, null as transaction_id, null as base, u.fee_minor as minor, l.cause, t.rule_file,
        t.rule_line, t.rule_column
    from usage u join charge_terms t on t.number = u.fee_terms left join ledger_transaction l on l.number = u.fee_posting
    union all
    select u.at / 86400000000, u.number, u.id, o.kind, t.partner, t.app, t.period, t.service_period, t.product,
        t.plan, t.plan_version, t.item, t.currency, o.quantity, o.free, t.rate, t.price, t.position, o.transaction_id, o.base,
        o.minor, l.cause, t.rule_file, t.rule_line, t.rule_column
    from other_charge o join usage u on u.number = o.usage join charge_terms t on t.number = o.terms
    left join ledger_transaction l on l.number = o.posting;

-- What charges come to, by their terms and the ledger transactions that post them.
create view charge_sum as
    select n.terms, n.posting, n.charges, n.quantity, n.free, n.base, n.minor, t.partner, t.app, t.period, t.service_period,
        t.kind, t.product, t.plan, t.plan_version, t.item, t.currency, t.rate, t.price, t.rule_file, t.rule_line, t.rule_column
    from (
        select fee_terms as terms, fee_posting as posting, count(*) as charges,
            cast(sum(units - fee_free) as bigint) as quantity, cast(sum(fee_free) as bigint) as free, null as base,
            cast(sum(fee_minor) as bigint) as minor
        from usage where fee_terms is not null group by fee_terms, fee_posting
        union all
        select terms, posting, count(*), cast(sum(quantity) as bigint), cast(sum(free) as bigint),
            cast(sum(base) as bigint), cast(sum(minor) as bigint)
        from other_charge group by terms, posting
    ) n join charge_terms t on t.number = n.terms;
