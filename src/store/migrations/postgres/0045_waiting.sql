-- What was told of plan versions to which subscriptions move, once more each time that their prices or date changed. It takes the
-- place of plan_notice, which had their numbers alone: what that has is of the prices and the date that are seen next.
create table plan_announcement (
    plan text collate "C" not null,
    version bigint not null,
    part bigint not null check (part > 0), -- from 1 on
    told_at bigint not null,
    effective_from bigint, -- from when it is to apply; null with all that follows in what was in plan_notice
    currency text collate "C",
    rounding text collate "C",
    form bigint,
    tariff text collate "C", -- as in plan_version
    primary key (plan, version, part)
);
insert into plan_announcement (plan, version, part, told_at) select plan, version, 1, told_at from plan_notice;
drop table plan_notice;
create trigger plan_announcement_stays before update or delete or truncate on plan_announcement
    for each statement execute function refuse_change();

-- Who stands at a version is asked when all of them move to another.
create index subscription_of_plan on subscription (plan, plan_version, id);

-- What administrators post that waits, and what they decide about it: who, and why.
create table ledger_by_hand (
    number bigint primary key references ledger_transaction (number), -- of ledger_pending, or of ledger_resolution
    target text collate "C", -- of what waits: the account to which it is to be posted
    poster text collate "C" not null, -- who
    reason text collate "C" not null
);
create trigger ledger_by_hand_stays before update or delete or truncate on ledger_by_hand
    for each statement execute function refuse_change();
