-- The records of a batch are sorted by app before time. So that those of all apps are listed by time, their runs say from when
-- to when they are; an app's own stand by time as they are.
alter table usage_run add column oldest bigint; -- of all apps alone
alter table usage_run add column newest bigint;
drop trigger usage_run_stays on usage_run;
update usage_run set
    oldest = (select min(u.at) from usage u where u.number >= usage_run.first and u.number <= usage_run.last),
    newest = (select max(u.at) from usage u where u.number >= usage_run.first and u.number <= usage_run.last)
    where app = 0;
create trigger usage_run_stays before update or delete or truncate on usage_run
    for each statement execute function refuse_change();
