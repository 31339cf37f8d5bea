-- A subscription stands at a version of its plan. Those that there are stand at the one that is in force; where none is kept yet,
-- they follow the plan, as they did.
alter table subscription add column plan_version bigint;
update subscription set plan_version = (
    select max(version) from plan_version v
    where v.plan = subscription.plan and v.effective_from <= cast(extract(epoch from now()) * 1000000 as bigint)
);

-- When a version became known to which subscriptions move.
create table plan_notice (
    plan text collate "C" not null,
    version bigint not null,
    told_at bigint not null,
    primary key (plan, version)
);
create trigger plan_notice_stays before update or delete or truncate on plan_notice
    for each statement execute function refuse_change();
