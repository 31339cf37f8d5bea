-- What charges of the same terms come to stands under the number of these terms: lines of statements and units of service periods are
-- sums of that, read as before. A node of an older program misses the tables, and waits to be replaced.
create table charge_total (
    terms integer primary key, -- in charge_terms
    charges integer not null,
    quantity integer not null,
    free integer not null,
    base integer,
    minor integer not null
) strict;
insert into charge_total
    select terms, sum(charges), sum(quantity), sum(free), sum(base), sum(minor) from charge_sum group by terms order by terms;
create trigger charge_total_insert_in_a_closed_period before insert on charge_total
    when exists (select 1 from charge_terms t join closed_period p on p.period = t.period where t.number = new.terms)
    begin select raise(fail, 'the period is closed'); end;
create trigger charge_total_grows before update on charge_total
    when new.terms <> old.terms or new.charges < old.charges or new.quantity < old.quantity or new.free < old.free
        or exists (select 1 from charge_terms t join closed_period p on p.period = t.period where t.number = old.terms)
    begin select raise(fail, 'charge_total only grows, and not in a closed period'); end;
create trigger charge_total_is_kept before delete on charge_total
    begin select raise(abort, 'charge_total is never removed'); end;
create index charge_terms_of_period on charge_terms (period, app);

drop table line_total;
-- Lines of statements. Rate, price and rule are those of the first charge of a line: the rule may stand elsewhere in its file by the next.
-- Where the price has words, charges have rates of their own, and the line has none.
create view line_total as
    select s.partner, s.app, s.period, s.service_period, s.kind, s.product, s.plan, s.plan_version, s.item, s.currency, s.charges,
        s.quantity, s.free, case f.price when '' then f.rate else '0' end as rate, f.price, s.base, s.minor, f.rule_file,
        f.rule_line, f.rule_column
    from (
        select min(t.number) as first, t.partner, t.app, t.period, t.service_period, t.kind, t.product, t.plan, t.plan_version,
            t.item, t.currency, cast(sum(n.charges) as bigint) as charges, cast(sum(n.quantity) as bigint) as quantity,
            cast(sum(n.free) as bigint) as free, cast(sum(n.base) as bigint) as base, cast(sum(n.minor) as bigint) as minor
        from charge_terms t join charge_total n on n.terms = t.number
        group by t.partner, t.app, t.period, t.service_period, t.kind, t.product, t.plan, t.plan_version, t.item, t.currency
    ) s join charge_terms f on f.number = s.first;

drop table fee_total;
-- Units of service periods, by version of the plan, item, and place of the promotion; 0: none.
create view fee_total as
    select s.app, s.product, s.plan, s.plan_version, s.service_period, s.item, s.promotion,
        cast(sum(s.units) as bigint) as units, cast(sum(s.free) as bigint) as free
    from (
        select t.app, t.product, t.plan, t.plan_version, t.service_period, t.item,
            case when t.position like 'promotion %' then cast(substr(t.position, 11) as bigint) else 0 end as promotion,
            case t.kind when 'service_fee' then n.quantity + n.free else 0 end as units,
            case t.kind when 'service_fee' then n.free else -n.quantity end as free
        from charge_terms t join charge_total n on n.terms = t.number where t.kind in ('service_fee', 'rewalk')
    ) s group by s.app, s.product, s.plan, s.plan_version, s.service_period, s.item, s.promotion;

-- What is inserted in great number goes in by statements of many rows. One that may be undone by itself, as after `abort`, has all that
-- it touches copied first; after `fail`, what is undone is its transaction.
drop trigger usage_is_not_replaced_nor_charged_in_a_closed_period;
create trigger usage_is_not_replaced_nor_charged_in_a_closed_period before insert on usage
    when exists (select 1 from usage where number = new.number)
        or exists (select 1 from usage where id = new.id)
        or exists (select 1 from charge_terms t join closed_period p on p.period = t.period where t.number = new.fee_terms)
    begin select raise(fail, 'usage is append-only, and a closed period takes no fee'); end;
drop trigger usage_run_is_not_replaced;
create trigger usage_run_is_not_replaced before insert on usage_run
    when exists (select 1 from usage_run where app = new.app and day = new.day and first = new.first)
    begin select raise(fail, 'usage_run is append-only'); end;
drop trigger usage_context_is_not_replaced;
create trigger usage_context_is_not_replaced before insert on usage_context
    when exists (select 1 from usage_context where number = new.number)
    begin select raise(fail, 'usage_context is append-only'); end;
drop trigger ledger_transaction_is_not_replaced_nor_of_a_closed_period;
create trigger ledger_transaction_is_not_replaced_nor_of_a_closed_period before insert on ledger_transaction
    when exists (select 1 from ledger_transaction where number = new.number)
        or exists (select 1 from ledger_transaction where cause = new.cause)
        or exists (select 1 from closed_period where period = new.period)
    begin select raise(fail, 'ledger_transaction is append-only, and a closed period takes nothing'); end;
drop trigger ledger_entry_is_not_replaced_nor_of_a_closed_period;
create trigger ledger_entry_is_not_replaced_nor_of_a_closed_period before insert on ledger_entry
    when exists (select 1 from ledger_entry where number = new.number and account = new.account)
        or exists (select 1 from ledger_transaction t join closed_period p on p.period = t.period
        where t.number = new.number)
    begin select raise(fail, 'ledger_entry is append-only, and a closed period takes nothing'); end;
drop trigger charge_terms_is_not_replaced;
create trigger charge_terms_is_not_replaced before insert on charge_terms
    when exists (select 1 from charge_terms where number = new.number)
    begin select raise(fail, 'charge_terms is append-only'); end;
drop trigger charge_terms_insert_in_a_closed_period;
create trigger charge_terms_insert_in_a_closed_period before insert on charge_terms
    when exists (select 1 from closed_period where period = new.period)
    begin select raise(fail, 'the period is closed'); end;
