-- Calls that were billed, and that their upstreams answer as before if they come again. Forgotten once no upstream knows them any more.
create table billed_call (
    digest bytea not null primary key check (length(digest) = 16), -- of what is the same of both
    usage text collate "C" not null, -- id of its usage record
    at bigint not null -- when it came
);
create index billed_call_by_time on billed_call (at);

-- Calls that came again, and cost nothing.
create table usage_repeat (
    usage text collate "C" not null primary key references usage (id),
    first text collate "C" not null references usage (id) -- the one that was billed
);
create trigger usage_repeat_stays before update or delete or truncate on usage_repeat
    for each statement execute function refuse_change();
