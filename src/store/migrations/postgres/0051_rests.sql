-- When all that was left of a sale was cancelled, and why a call is asked about as it is known by now.

alter table sale add column cancelled_by text collate "C"; -- usage: the first that did; null: none, or an older program may have counted something since
-- Of refunded and cancelled, what came by later calls than that; ids of usage records are ordered by time.
alter table sale add column given_since bigint not null default 0 check (given_since >= 0);

drop trigger sale_stays on sale;
-- Of a sale of which nothing went back since, it is known.
update sale set cancelled_by = (select min(e.usage) from sale_event e where e.sale = sale.id and e.app = sale.app
        and e.currency = sale.currency and e.kind = 'cancellation' and e.amount is null)
    where is_cancelled = 1 and charged_back <= won_back and not exists (select 1 from sale_event e
        join sale_event c on c.sale = e.sale and c.app = e.app and c.currency = e.currency and c.kind = 'cancellation'
        and c.amount is null and c.usage < e.usage
        where e.sale = sale.id and e.app = sale.app and e.currency = sale.currency and e.kind in ('refund', 'cancellation')
        and e.amount > 0);
create trigger sale_stays before update on sale for each row
    when (new.refunded < old.refunded or new.cancelled < old.cancelled or new.charged_back < old.charged_back
        or new.won_back < old.won_back or new.settled < old.settled or new.is_cancelled < old.is_cancelled
        or new.is_settled < old.is_settled or new.given_since < old.given_since or new.amount <> old.amount or new.base <> old.base
        or (old.cancelled_by is not null and (new.cancelled_by is null or new.cancelled_by > old.cancelled_by))
        or (new.share <> old.share and (old.tier_scope is null or new.settled + new.is_settled = old.settled + old.is_settled))
        or new.tier_scope is distinct from old.tier_scope or new.tier_month <> old.tier_month
        or new.payer is distinct from old.payer
        or new.id <> old.id or new.app <> old.app or new.currency <> old.currency)
    execute function refuse_step_back();

-- Of an exception that is open, the reason changes, and whether it waits for a sale.
drop trigger usage_exception_stays on usage_exception;
create function refuse_resolved() returns trigger language plpgsql as $$
begin
    if exists (select 1 from exception_resolution r where r.exception = old.id) then
        raise exception '% is append-only', tg_table_name;
    end if;
    return new;
end $$;
create trigger usage_exception_stays before update on usage_exception for each row
    when (new.id <> old.id or new.kind <> old.kind or new.newer_kind is distinct from old.newer_kind or new.at <> old.at
        or new.usage is distinct from old.usage or new.app is distinct from old.app
        or new.payload is distinct from old.payload)
    execute function refuse_change();
create trigger usage_exception_stays_resolved before update on usage_exception for each row
    execute function refuse_resolved();
create trigger usage_exception_is_kept before delete or truncate on usage_exception
    for each statement execute function refuse_change();
