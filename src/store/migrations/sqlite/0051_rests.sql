-- When all that was left of a sale was cancelled, and why a call is asked about as it is known by now.

alter table sale add column cancelled_by text; -- usage: the first that did; null: none, or an older program may have counted something since
-- Of refunded and cancelled, what came by later calls than that; ids of usage records are ordered by time.
alter table sale add column given_since integer not null default 0 check (given_since >= 0);

drop trigger sale_stays;
drop trigger sale_is_not_replaced;
-- Of a sale of which nothing went back since, it is known.
update sale set cancelled_by = (select min(e.usage) from sale_event e where e.sale = sale.id and e.app = sale.app
        and e.currency = sale.currency and e.kind = 'cancellation' and e.amount is null)
    where is_cancelled = 1 and charged_back <= won_back and not exists (select 1 from sale_event e
        join sale_event c on c.sale = e.sale and c.app = e.app and c.currency = e.currency and c.kind = 'cancellation'
        and c.amount is null and c.usage < e.usage
        where e.sale = sale.id and e.app = sale.app and e.currency = sale.currency and e.kind in ('refund', 'cancellation')
        and e.amount > 0);
create trigger sale_stays before update on sale
    when new.refunded < old.refunded or new.cancelled < old.cancelled or new.charged_back < old.charged_back
        or new.won_back < old.won_back or new.settled < old.settled or new.is_cancelled < old.is_cancelled
        or new.is_settled < old.is_settled or new.given_since < old.given_since or new.amount <> old.amount or new.base <> old.base
        or (old.cancelled_by is not null and (new.cancelled_by is null or new.cancelled_by > old.cancelled_by))
        or (new.share <> old.share and (old.tier_scope is null or new.settled + new.is_settled = old.settled + old.is_settled))
        or new.tier_scope is not old.tier_scope or new.tier_month <> old.tier_month or new.payer is not old.payer
        or new.id <> old.id or new.app <> old.app or new.currency <> old.currency
    begin select raise(abort, 'only what becomes of a sale changes it'); end;
create trigger sale_is_not_replaced before insert on sale
    when exists (select 1 from sale s where s.id = new.id and s.app = new.app and s.currency = new.currency
        and (new.refunded < s.refunded or new.cancelled < s.cancelled or new.charged_back < s.charged_back
        or new.won_back < s.won_back or new.settled < s.settled or new.is_cancelled < s.is_cancelled
        or new.is_settled < s.is_settled or new.given_since < s.given_since or new.amount <> s.amount or new.base <> s.base
        or (s.cancelled_by is not null and (new.cancelled_by is null or new.cancelled_by > s.cancelled_by))
        or (new.share <> s.share and (s.tier_scope is null or new.settled + new.is_settled = s.settled + s.is_settled))
        or new.tier_scope is not s.tier_scope or new.tier_month <> s.tier_month or new.payer is not s.payer))
    begin select raise(abort, 'only what becomes of a sale changes it'); end;

-- Of an exception that is open, the reason changes, and whether it waits for a sale.
drop trigger usage_exception_stays;
create trigger usage_exception_stays before update on usage_exception
    when new.id <> old.id or new.kind <> old.kind or new.newer_kind is not old.newer_kind or new.at <> old.at
        or new.usage is not old.usage or new.app is not old.app or new.payload is not old.payload
        or exists (select 1 from exception_resolution r where r.exception = old.id)
    begin select raise(abort, 'only why an open usage_exception is one changes'); end;
