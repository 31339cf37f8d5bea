-- Prices by items: a plan version keeps them as a document, a line is of an item, and units are counted by item and promotion.
-- What one call moves of several lines are several charges of a kind.

-- Versions that older programs kept have neither form nor document: their prices are in columns.
alter table plan_version add column form bigint;
alter table plan_version add column tariff text collate "C"; -- JSON of that form
alter table plan_version add column every_call bigint; -- 1: every billable call has a fee, whichever its route

drop view charge;
drop view charge_sum;

alter table charge_terms drop constraint charge_terms_kind_check;
alter table charge_terms add column item text collate "C" not null default ''; -- empty: the one that needs no name
alter table charge_terms add column price text collate "C" not null default ''; -- in words; empty: the rate says all
alter table charge_terms add column position text collate "C" not null default ''; -- in the price; empty: it is one for all

alter table other_charge drop constraint other_charge_kind_check;
alter table other_charge drop constraint other_charge_pkey;
alter table other_charge add primary key (usage, kind, terms);
create unique index other_charge_is_one_of_its_kind on other_charge (usage, kind) where kind <> 'rewalk';

alter table line_total add column item text collate "C" not null default ''; -- empty: the one that needs no name
alter table line_total add column price text collate "C" not null default ''; -- in words; empty: the rate says all
alter table line_total drop constraint line_total_pkey;
alter table line_total
    add primary key (period, app, partner, currency, service_period, kind, product, plan, plan_version, item);

-- Units counted together, by version of the plan. A node of an older program misses the table before, and waits to be replaced.
create table fee_total (
    app text collate "C" not null,
    product text collate "C" not null,
    plan text collate "C" not null,
    plan_version bigint not null,
    service_period text collate "C" not null,
    item text collate "C" not null, -- empty: the one that needs no name
    promotion bigint not null check (promotion >= 0), -- its place in the item; 0: none
    units bigint not null,
    free bigint not null check (free between 0 and units),
    primary key (app, service_period, product, plan, plan_version, item, promotion)
);
insert into fee_total
    select app, product, plan, plan_version, service_period, '', 0, units, free from unit_total;
drop table unit_total;
create trigger fee_total_grows before update on fee_total for each row
    when (new.units < old.units or new.app <> old.app or new.product <> old.product or new.plan <> old.plan
        or new.plan_version <> old.plan_version or new.service_period <> old.service_period or new.item <> old.item
        or new.promotion <> old.promotion)
    execute function refuse_step_back();
create trigger fee_total_is_kept before delete or truncate on fee_total
    for each statement execute function refuse_change();

-- All charges as they are read.
create view charge as
    select u.at / 86400000000 as day, u.number, u.id as usage, t.kind, t.partner, t.app, t.period, t.service_period, t.product,
        t.plan, t.plan_version, t.item, t.currency, u.units - u.fee_free as quantity, u.fee_free as free, t.rate, t.price,
        t.position, cast(null as text) collate "C" as transaction_id, cast(null as bigint) as base, u.fee_minor as minor, l.cause, t.rule_file,
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
            cast(sum(units - fee_free) as bigint) as quantity, cast(sum(fee_free) as bigint) as free, cast(null as bigint) as base,
            cast(sum(fee_minor) as bigint) as minor
        from usage where fee_terms is not null group by fee_terms, fee_posting
        union all
        select terms, posting, count(*), cast(sum(quantity) as bigint), cast(sum(free) as bigint),
            cast(sum(base) as bigint), cast(sum(minor) as bigint)
        from other_charge group by terms, posting
    ) n join charge_terms t on t.number = n.terms;
