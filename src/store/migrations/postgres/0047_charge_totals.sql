-- What charges of the same terms come to stands under the number of these terms: lines of statements and units of service periods are
-- sums of that, read as before. A node of an older program misses the tables, and waits to be replaced.
create table charge_total (
    terms bigint primary key, -- in charge_terms
    charges bigint not null,
    quantity bigint not null,
    free bigint not null,
    base bigint,
    minor bigint not null
);
insert into charge_total
    select terms, sum(charges), sum(quantity), sum(free), sum(base), sum(minor) from charge_sum group by terms order by terms;
create trigger charge_total_grows before update on charge_total for each row
    when (new.terms <> old.terms or new.charges < old.charges or new.quantity < old.quantity or new.free < old.free)
    execute function refuse_step_back();
create trigger charge_total_insert_in_a_closed_period after insert on charge_total
    referencing new table as added for each statement execute function refuse_closed_charge();
create trigger charge_total_update_in_a_closed_period after update on charge_total
    referencing new table as added for each statement execute function refuse_closed_charge();
create trigger charge_total_is_kept before delete or truncate on charge_total
    for each statement execute function refuse_change();
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
