-- Balances that are a merchant's cap on what one app may cost in its name, and balances on which shares are counted; and units that
-- someone has to decide about on each of the balances on which a call is counted.

drop trigger balance_stays on balance;
alter table balance drop constraint balance_owner_kind_check;
alter table balance
    add column app text collate "C" not null default '', -- which a merchant's cap bounds
    -- Whether shares are counted on it, too; not on those of older programs.
    add column counts_shares bigint not null default 0 check (counts_shares in (0, 1)),
    add column used_up_until bigint, -- until then no call passes that may bring a share
    add constraint balance_owner_kind_check check (owner_kind in ('app', 'partner', 'merchant')),
    add constraint balance_app_check check ((app <> '') = (owner_kind = 'merchant')),
    add constraint balance_cap_check check (owner_kind <> 'merchant' or (kind = 'budget' and counts_shares = 0));
drop index balance_of_owner;
create unique index balance_of_owner on balance (owner, owner_kind, app, currency) where ended_at is null;
create index balance_by_capped on balance (app) where app <> '';
create trigger balance_stays before update on balance for each row
    when (new.id <> old.id or new.owner_kind <> old.owner_kind or new.owner <> old.owner or new.app <> old.app
        or new.kind <> old.kind or new.currency <> old.currency or new.created_at <> old.created_at
        or new.counts_shares <> old.counts_shares or old.ended_at is not null)
    execute function refuse_change();

alter table balance_dispute drop constraint balance_dispute_pkey;
alter table balance_dispute add primary key (exception, balance);
