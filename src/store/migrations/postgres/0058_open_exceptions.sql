-- The exceptions that nobody has resolved, so that whoever asks for these reads no others. Triggers keep it, whichever program writes.

create table open_exception (
    exception text collate "C" primary key,
    at bigint not null, -- as usage_exception has it
    noted_at bigint not null -- since when someone is asked
);
insert into open_exception (exception, at, noted_at) select e.id, e.at, coalesce(e.noted_at, e.at) from usage_exception e
    where not exists (select 1 from exception_resolution r where r.exception = e.id);
create index open_exception_at on open_exception (at desc, exception);
create index open_exception_noted on open_exception (noted_at, exception);
drop index usage_exception_noted;
drop index usage_exception_short;

create function open_exceptions() returns trigger language plpgsql as $$
begin
    insert into open_exception (exception, at, noted_at) select a.id, a.at, coalesce(a.noted_at, a.at) from added a;
    return null;
end $$;
create trigger usage_exception_opens after insert on usage_exception
    referencing new table as added for each statement execute function open_exceptions();
create function close_exceptions() returns trigger language plpgsql as $$
begin
    delete from open_exception o using added a where o.exception = a.exception;
    return null;
end $$;
create trigger exception_resolution_closes after insert on exception_resolution
    referencing new table as added for each statement execute function close_exceptions();
