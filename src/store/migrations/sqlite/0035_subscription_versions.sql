-- A subscription stands at a version of its plan. Those that there are stand at the one that is in force; where none is kept yet,
-- they follow the plan, as they did.
alter table subscription add column plan_version integer;
update subscription set plan_version = (
    select max(version) from plan_version v
    where v.plan = subscription.plan and v.effective_from <= cast(strftime('%s', 'now') as integer) * 1000000
);

-- When a version became known to which subscriptions move.
create table plan_notice (
    plan text not null,
    version integer not null,
    told_at integer not null,
    primary key (plan, version)
) strict, without rowid;
create trigger plan_notice_stays before update on plan_notice
    begin select raise(abort, 'plan_notice is append-only'); end;
create trigger plan_notice_is_kept before delete on plan_notice
    begin select raise(abort, 'plan_notice is append-only'); end;
create trigger plan_notice_is_not_replaced before insert on plan_notice
    when exists (select 1 from plan_notice where plan = new.plan and version = new.version)
    begin select raise(ignore); end;
