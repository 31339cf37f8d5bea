-- Shares that go by the net amount of many sales together, and shares that merchants owe.

alter table sale add column payer text; -- the merchant who owes the share in the partner's place; null: the partner does
alter table sale add column price text not null default ''; -- in words; empty: the percentage says all
-- With whose sales it is summed up: app:ID, or those of all apps of a partner, live ones (partner:ID) or of the sandbox (sandbox:ID);
-- and of which month, or of all time where that is empty. Null: by itself.
alter table sale add column tier_scope text;
alter table sale add column tier_month text not null default '';
alter table sale add column net integer not null default 0; -- of so much of its base a share is earned, if it is summed up
alter table sale add column walked integer not null default 0; -- by which it moved what these come to, beside its own share

-- Of the sale's own share. A node of an older program misses the column before, and waits to be replaced.
alter table sale_event rename column earned to own_earned;
alter table sale_event add column walked integer not null default 0; -- by which it moved what sales of tiers come to, beside that

-- What sales come to together, by the tiers of a plan version.
create table tier_total (
    scope text not null, -- as a sale's tier_scope
    product text not null,
    plan text not null,
    plan_version integer not null,
    item text not null,
    currency text not null,
    month text not null, -- empty: all time
    net integer not null check (net >= 0),
    minor integer not null check (minor between 0 and net),
    primary key (scope, month, product, plan, plan_version, item, currency)
) strict, without rowid;
create trigger tier_total_is_kept before delete on tier_total
    begin select raise(abort, 'tier_total is never removed'); end;

-- Of tiers, the share is what the sale gave where it stood, which is known once it is earned.
drop trigger sale_stays;
drop trigger sale_is_not_replaced;
create trigger sale_stays before update on sale
    when new.refunded < old.refunded or new.cancelled < old.cancelled or new.charged_back < old.charged_back
        or new.won_back < old.won_back or new.settled < old.settled or new.is_cancelled < old.is_cancelled
        or new.is_settled < old.is_settled or new.amount <> old.amount or new.base <> old.base
        or (new.share <> old.share and (old.tier_scope is null or new.settled + new.is_settled = old.settled + old.is_settled))
        or new.tier_scope is not old.tier_scope or new.tier_month <> old.tier_month or new.payer is not old.payer
        or new.id <> old.id or new.app <> old.app or new.currency <> old.currency
    begin select raise(abort, 'only what becomes of a sale changes it'); end;
create trigger sale_is_not_replaced before insert on sale
    when exists (select 1 from sale s where s.id = new.id and s.app = new.app and s.currency = new.currency
        and (new.refunded < s.refunded or new.cancelled < s.cancelled or new.charged_back < s.charged_back
        or new.won_back < s.won_back or new.settled < s.settled or new.is_cancelled < s.is_cancelled
        or new.is_settled < s.is_settled or new.amount <> s.amount or new.base <> s.base
        or (new.share <> s.share and (s.tier_scope is null or new.settled + new.is_settled = s.settled + s.is_settled))
        or new.tier_scope is not s.tier_scope or new.tier_month <> s.tier_month or new.payer is not s.payer))
    begin select raise(abort, 'only what becomes of a sale changes it'); end;
