-- What was told of plan versions to which subscriptions move, once more each time that their prices or date changed. It takes the
-- place of plan_notice, which had their numbers alone: what that has is of the prices and the date that are seen next.
create table plan_announcement (
    plan text not null,
    version integer not null,
    part integer not null check (part > 0), -- from 1 on
    told_at integer not null,
    effective_from integer, -- from when it is to apply; null with all that follows in what was in plan_notice
    currency text,
    rounding text,
    form integer,
    tariff text, -- as in plan_version
    primary key (plan, version, part)
) strict, without rowid;
insert into plan_announcement (plan, version, part, told_at) select plan, version, 1, told_at from plan_notice;
drop table plan_notice;
create trigger plan_announcement_stays before update on plan_announcement
    begin select raise(abort, 'plan_announcement is append-only'); end;
create trigger plan_announcement_is_kept before delete on plan_announcement
    begin select raise(abort, 'plan_announcement is append-only'); end;
create trigger plan_announcement_is_not_replaced before insert on plan_announcement
    when exists (select 1 from plan_announcement where plan = new.plan and version = new.version and part = new.part)
    begin select raise(ignore); end;

-- Who stands at a version is asked when all of them move to another.
create index subscription_of_plan on subscription (plan, plan_version, id);

-- What administrators post that waits, and what they decide about it: who, and why.
create table ledger_by_hand (
    number integer primary key references ledger_transaction (number), -- of ledger_pending, or of ledger_resolution
    target text, -- of what waits: the account to which it is to be posted
    poster text not null, -- who
    reason text not null
) strict;
create trigger ledger_by_hand_stays before update on ledger_by_hand
    begin select raise(abort, 'ledger_by_hand is append-only'); end;
create trigger ledger_by_hand_is_kept before delete on ledger_by_hand
    begin select raise(abort, 'ledger_by_hand is append-only'); end;
create trigger ledger_by_hand_is_not_replaced before insert on ledger_by_hand
    when exists (select 1 from ledger_by_hand where number = new.number)
    begin select raise(abort, 'ledger_by_hand is append-only'); end;
