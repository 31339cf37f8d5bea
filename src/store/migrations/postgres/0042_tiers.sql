-- Shares that go by the net amount of many sales together, and shares that merchants owe.

alter table sale add column payer text collate "C"; -- the merchant who owes the share in the partner's place; null: the partner does
alter table sale add column price text collate "C" not null default ''; -- in words; empty: the percentage says all
-- With whose sales it is summed up: app:ID, or those of all apps of a partner, live ones (partner:ID) or of the sandbox (sandbox:ID);
-- and of which month, or of all time where that is empty. Null: by itself.
alter table sale add column tier_scope text collate "C";
alter table sale add column tier_month text collate "C" not null default '';
alter table sale add column net bigint not null default 0; -- of so much of its base a share is earned, if it is summed up
alter table sale add column walked bigint not null default 0; -- by which it moved what these come to, beside its own share

-- Of the sale's own share. A node of an older program misses the column before, and waits to be replaced.
alter table sale_event rename column earned to own_earned;
alter table sale_event add column walked bigint not null default 0; -- by which it moved what sales of tiers come to, beside that

-- What sales come to together, by the tiers of a plan version.
create table tier_total (
    scope text collate "C" not null, -- as a sale's tier_scope
    product text collate "C" not null,
    plan text collate "C" not null,
    plan_version bigint not null,
    item text collate "C" not null,
    currency text collate "C" not null,
    month text collate "C" not null, -- empty: all time
    net bigint not null check (net >= 0),
    minor bigint not null check (minor between 0 and net),
    primary key (scope, month, product, plan, plan_version, item, currency)
);
create trigger tier_total_is_kept before delete or truncate on tier_total
    for each statement execute function refuse_change();

-- Of tiers, the share is what the sale gave where it stood, which is known once it is earned.
drop trigger sale_stays on sale;
create trigger sale_stays before update on sale for each row
    when (new.refunded < old.refunded or new.cancelled < old.cancelled or new.charged_back < old.charged_back
        or new.won_back < old.won_back or new.settled < old.settled or new.is_cancelled < old.is_cancelled
        or new.is_settled < old.is_settled or new.amount <> old.amount or new.base <> old.base
        or (new.share <> old.share and (old.tier_scope is null or new.settled + new.is_settled = old.settled + old.is_settled))
        or new.tier_scope is distinct from old.tier_scope or new.tier_month <> old.tier_month
        or new.payer is distinct from old.payer
        or new.id <> old.id or new.app <> old.app or new.currency <> old.currency)
    execute function refuse_step_back();
