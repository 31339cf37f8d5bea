-- Journals have identities, refunds are known by their own ids, every sale is remembered, and what may only grow is kept
-- from going back.

alter table journal_position add column journal text collate "C"; -- the journal's identity; null until a node has given it
alter table usage_exception add column payload bytea; -- what could not be read
create index usage_exception_of_usage on usage_exception (usage) where usage is not null;
alter table exception_resolution add column evidence text collate "C"; -- JSON: by what it was rated, if someone gave that

-- A version that has a date is in force, and stays as it is.
alter table plan_version add column effective_from bigint; -- null: kept when versions had no date here
drop trigger plan_version_stays on plan_version;
create trigger plan_version_stays before update on plan_version for each row
    when (old.effective_from is not null or new.plan <> old.plan or new.version <> old.version)
    execute function refuse_change();
create trigger plan_version_is_kept before delete or truncate on plan_version
    for each statement execute function refuse_change();

-- Units that were free: the allowance of a plan is one for all its versions.
alter table unit_total add column free bigint not null default 0;
update unit_total set free = coalesce((
    select sum(c.free) from charge c where c.kind = 'service_fee' and c.app = unit_total.app
        and c.service_period = unit_total.service_period and c.product = unit_total.product
        and c.plan = unit_total.plan and c.plan_version = unit_total.plan_version
), 0);

-- All sales, and what was given back of them. Of one under a plan without a share there is no rule.
alter table sale alter column rule_file drop not null;
alter table sale alter column rule_line drop not null;
alter table sale alter column rule_column drop not null;
alter table sale add column usage text collate "C"; -- that made it; null: not known
update sale set usage = c.usage from (
    select app, transaction_id, currency, min(usage) as usage from charge where kind = 'revenue_share'
    group by app, transaction_id, currency
) c where c.app = sale.app and c.transaction_id = sale.id and c.currency = sale.currency;
insert into sale (app, id, currency, usage, product, plan, plan_version, percent, rounding, amount, share, refunded,
        returned)
    select u.app, u.transaction_id, u.currency, u.id, u.product, u.plan, u.plan_version, '0', v.rounding, u.amount, 0,
        0, 0
    from usage u join plan_version v on v.plan = u.plan and v.version = u.plan_version
    where u.transaction_kind = 'sale' and v.share is null and u.amount between 0 and 1000000000000000
    order by u.id
    on conflict do nothing;

-- Refunds by their own ids: one that comes again is counted once.
create table refund (
    app text collate "C" not null,
    sale text collate "C" not null,
    currency text collate "C" not null,
    id text collate "C" not null, -- the sale's, if it has none of its own
    usage text collate "C" not null references usage (id),
    amount bigint not null check (amount >= 0),
    counted bigint not null check (counted between 0 and amount), -- what was left of the sale
    primary key (sale, id, app, currency)
);
insert into refund
    select u.app, coalesce(u.transaction_of, u.transaction_id), u.currency, u.transaction_id, u.id, u.amount, -c.base
    from charge c join usage u on u.id = c.usage
    where c.kind = 'share_reversal' and u.transaction_kind = 'refund' and u.transaction_id = c.transaction_id
    order by u.id
    on conflict do nothing;
create trigger refund_stays before update or delete or truncate on refund
    for each statement execute function refuse_change();

-- Refunds that came before their sales, by their own ids: until the sale comes they wait, each once.
create table waiting_refund (
    app text collate "C" not null,
    sale text collate "C" not null,
    currency text collate "C" not null,
    id text collate "C" not null,
    usage text collate "C" not null references usage (id),
    amount bigint not null check (amount >= 0),
    primary key (sale, id, app, currency)
);
insert into waiting_refund
    select u.app, coalesce(u.transaction_of, u.transaction_id), u.currency, u.transaction_id, u.id, u.amount
    from usage_exception e join usage u on u.id = e.usage
    where e.sale is not null and e.kind = 'transaction' and u.transaction_kind = 'refund' and u.amount >= 0
    order by u.id
    on conflict do nothing;
create trigger waiting_refund_stays before update or delete or truncate on waiting_refund
    for each statement execute function refuse_change();

-- A closed period takes nothing more, and gives nothing away.
create function refuse_closed_posting() returns trigger language plpgsql as $$
begin
    if exists (select 1 from added join ledger_transaction using (cause) join closed_period using (period)) then
        raise exception 'the period is closed';
    end if;
    return null;
end $$;
create function refuse_closed_change() returns trigger language plpgsql as $$
begin
    if exists (select 1 from closed_period where period in (select period from added union all select period from removed))
    then
        raise exception 'the period is closed';
    end if;
    return null;
end $$;
create trigger statement_insert_in_a_closed_period after insert on statement
    referencing new table as added for each statement execute function refuse_closed();
create trigger ledger_posting_insert_in_a_closed_period after insert on ledger_posting
    referencing new table as added for each statement execute function refuse_closed_posting();
drop trigger line_total_update_in_a_closed_period on line_total;
create trigger line_total_update_in_a_closed_period after update on line_total
    referencing old table as removed new table as added for each statement execute function refuse_closed_change();

-- What only grows.
create function refuse_step_back() returns trigger language plpgsql as $$
begin raise exception '% does not go back', tg_table_name; end $$;
create trigger journal_position_goes_on before update on journal_position for each row
    when (new.node <> old.node or new.sequence < old.sequence
        or (old.journal is not null and new.journal is distinct from old.journal))
    execute function refuse_step_back();
create trigger journal_position_is_kept before delete or truncate on journal_position
    for each statement execute function refuse_change();
create trigger unit_total_grows before update on unit_total for each row
    when (new.units < old.units or new.free < old.free or new.app <> old.app or new.product <> old.product
        or new.plan <> old.plan or new.plan_version <> old.plan_version or new.service_period <> old.service_period)
    execute function refuse_step_back();
create trigger unit_total_is_kept before delete or truncate on unit_total
    for each statement execute function refuse_change();
create trigger sale_stays before update on sale for each row
    when (new.refunded < old.refunded or new.returned < old.returned or new.amount <> old.amount
        or new.share <> old.share or new.id <> old.id or new.app <> old.app or new.currency <> old.currency)
    execute function refuse_step_back();
create trigger sale_is_kept before delete or truncate on sale
    for each statement execute function refuse_change();
