-- Calls that were billed, and that their upstreams answer as before if they come again. Forgotten once no upstream knows them any more.
create table billed_call (
    digest blob not null primary key check (length(digest) = 16), -- of what is the same of both
    usage text not null, -- id of its usage record
    at integer not null -- when it came
) strict, without rowid;
create index billed_call_by_time on billed_call (at);

-- Calls that came again, and cost nothing.
create table usage_repeat (
    usage text not null primary key references usage (id),
    first text not null references usage (id) -- the one that was billed
) strict, without rowid;
create trigger usage_repeat_stays before update on usage_repeat
    begin select raise(abort, 'usage_repeat is append-only'); end;
create trigger usage_repeat_is_kept before delete on usage_repeat
    begin select raise(abort, 'usage_repeat is append-only'); end;
create trigger usage_repeat_is_not_replaced before insert on usage_repeat
    when exists (select 1 from usage_repeat where usage = new.usage)
    begin select raise(abort, 'usage_repeat is append-only'); end;
