-- The exceptions that nobody has resolved, so that whoever asks for these reads no others. Triggers keep it, whichever program writes.

create table open_exception (
    exception text primary key,
    at integer not null, -- as usage_exception has it
    noted_at integer not null -- since when someone is asked
) strict, without rowid;
insert into open_exception (exception, at, noted_at) select e.id, e.at, coalesce(e.noted_at, e.at) from usage_exception e
    where not exists (select 1 from exception_resolution r where r.exception = e.id);
create index open_exception_at on open_exception (at desc, exception);
create index open_exception_noted on open_exception (noted_at, exception);
drop index usage_exception_noted;
drop index usage_exception_short;

create trigger usage_exception_opens after insert on usage_exception begin
    insert into open_exception (exception, at, noted_at) values (new.id, new.at, coalesce(new.noted_at, new.at));
end;
create trigger exception_resolution_closes after insert on exception_resolution begin
    delete from open_exception where exception = new.exception;
end;
