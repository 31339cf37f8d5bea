-- Accounts are rows, and what is posted names them by number: a quarter of what their texts took. What was posted before stays
-- where it is (ledger_posting); a view shows both.

create table ledger_account (
    number bigint primary key,
    party text collate "C" not null, -- platform, partner:ID or merchant:ID
    purpose text collate "C" not null,
    currency text collate "C" not null,
    unique (party, purpose, currency)
);

-- A debit is above zero, a credit below. A transaction that stands on no statement has neither app nor period: both are ''.
create table ledger_entry (
    number bigint not null references ledger_transaction (number),
    account bigint not null references ledger_account (number),
    minor bigint not null check (minor <> 0),
    primary key (number, account)
);
create index ledger_entry_of_account on ledger_entry (account, number, minor);

create view ledger_posted as
    select number, account, minor from ledger_posting
    union all
    select e.number, a.party || ':' || a.purpose, e.minor from ledger_entry e join ledger_account a on a.number = e.account;

-- What administrators posted by hand. The accounts are here as they were named, so that a row of ledger_account that is changed shows.
create table ledger_manual (
    number bigint primary key references ledger_transaction (number),
    debit text collate "C" not null,
    credit text collate "C" not null,
    minor bigint not null check (minor between 1 and 1000000000000000),
    poster text collate "C" not null, -- who
    reason text collate "C" not null
);

-- Amounts that wait until it is known what becomes of them.
create table ledger_pending (
    number bigint primary key references ledger_transaction (number),
    source bigint not null references ledger_account (number), -- what it was taken from, and goes back to
    held bigint not null references ledger_account (number), -- where it waits
    minor bigint not null check (minor between 1 and 1000000000000000),
    expires_at bigint not null
);

-- What became of them, in parts.
create table ledger_resolution (
    pending bigint not null references ledger_pending (number),
    part bigint not null check (part > 0), -- from 1 on
    outcome text collate "C" not null check (outcome in ('posted', 'voided', 'timed_out')),
    minor bigint not null check (minor between 1 and 1000000000000000),
    target bigint not null references ledger_account (number), -- where it went
    number bigint not null unique references ledger_transaction (number),
    primary key (pending, part)
);

-- Those of which something is left. It is an index, and alone here in that its rows go.
create table ledger_waiting (
    pending bigint primary key references ledger_pending (number),
    expires_at bigint not null
);
create index ledger_waiting_by_time on ledger_waiting (expires_at);

-- What is there stays, and is not removed.
create trigger ledger_account_stays before update or delete or truncate on ledger_account
    for each statement execute function refuse_change();
create trigger ledger_entry_stays before update or delete or truncate on ledger_entry
    for each statement execute function refuse_change();
create trigger ledger_manual_stays before update or delete or truncate on ledger_manual
    for each statement execute function refuse_change();
create trigger ledger_pending_stays before update or delete or truncate on ledger_pending
    for each statement execute function refuse_change();
create trigger ledger_resolution_stays before update or delete or truncate on ledger_resolution
    for each statement execute function refuse_change();
create trigger ledger_entry_insert_in_a_closed_period after insert on ledger_entry
    referencing new table as added for each statement execute function refuse_closed_posting();

-- No more is posted or given back than there was, and what goes back is all that is left.
create function refuse_resolution() returns trigger language plpgsql as $$
begin
    if exists (
        select 1 from (
            select pending, sum(minor) as minor, max(part) as last, min(part) filter (where outcome <> 'posted') as ended
            from ledger_resolution where pending in (select pending from added) group by pending
        ) r join ledger_pending p on p.number = r.pending
        where r.minor > p.minor or (r.ended is not null and (r.ended <> r.last or r.minor <> p.minor))
    ) then
        raise exception 'what waits is resolved within what is left';
    end if;
    return null;
end $$;
create trigger ledger_resolution_is_within_what_is_left after insert on ledger_resolution
    referencing new table as added for each statement execute function refuse_resolution();
