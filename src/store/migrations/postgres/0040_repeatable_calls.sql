-- Calls that may come again: those that were billed, and those of which nobody saw what they are worth. Forgotten once no upstream knows
-- them any more. It takes the place of billed_call, which had one call for each digest: what comes again may be another transaction.
create table repeatable_call (
    digest bytea not null check (length(digest) = 16), -- of what is the same of both
    usage text collate "C" not null, -- id of its usage record
    at bigint not null, -- when it came
    known_until bigint not null, -- until when the upstream knows it
    worth text collate "C", -- the units and the transaction that were billed, as JSON; null while the call is an exception
    primary key (digest, usage)
);
create index repeatable_call_by_time on repeatable_call (at);
create index repeatable_call_of_unknown_worth on repeatable_call (usage) where worth is null;

-- Which transactions those were nobody wrote down: they are what comes again, whatever it is, as before. Until
-- when each is known, what comes again says.
insert into repeatable_call (digest, usage, at, known_until, worth) select digest, usage, at, at, '*' from billed_call;
drop table billed_call;
