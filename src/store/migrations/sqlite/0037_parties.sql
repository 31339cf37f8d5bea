-- Accounts are rows, and what is posted names them by number: a quarter of what their texts took. What was posted before stays
-- where it is (ledger_posting); a view shows both.

create table ledger_account (
    number integer primary key,
    party text not null, -- platform, partner:ID or merchant:ID
    purpose text not null,
    currency text not null,
    unique (party, purpose, currency)
) strict;

-- A debit is above zero, a credit below. A transaction that stands on no statement has neither app nor period: both are ''.
create table ledger_entry (
    number integer not null references ledger_transaction (number),
    account integer not null references ledger_account (number),
    minor integer not null check (minor <> 0),
    primary key (number, account)
) strict, without rowid;
create index ledger_entry_of_account on ledger_entry (account, number, minor);

create view ledger_posted as
    select number, account, minor from ledger_posting
    union all
    select e.number, a.party || ':' || a.purpose, e.minor from ledger_entry e join ledger_account a on a.number = e.account;

-- What administrators posted by hand. The accounts are here as they were named, so that a row of ledger_account that is changed shows.
create table ledger_manual (
    number integer primary key references ledger_transaction (number),
    debit text not null,
    credit text not null,
    minor integer not null check (minor between 1 and 1000000000000000),
    poster text not null, -- who
    reason text not null
) strict;

-- Amounts that wait until it is known what becomes of them.
create table ledger_pending (
    number integer primary key references ledger_transaction (number),
    source integer not null references ledger_account (number), -- what it was taken from, and goes back to
    held integer not null references ledger_account (number), -- where it waits
    minor integer not null check (minor between 1 and 1000000000000000),
    expires_at integer not null
) strict;

-- What became of them, in parts.
create table ledger_resolution (
    pending integer not null references ledger_pending (number),
    part integer not null check (part > 0), -- from 1 on
    outcome text not null check (outcome in ('posted', 'voided', 'timed_out')),
    minor integer not null check (minor between 1 and 1000000000000000),
    target integer not null references ledger_account (number), -- where it went
    number integer not null unique references ledger_transaction (number),
    primary key (pending, part)
) strict, without rowid;

-- Those of which something is left. It is an index, and alone here in that its rows go.
create table ledger_waiting (
    pending integer primary key references ledger_pending (number),
    expires_at integer not null
) strict;
create index ledger_waiting_by_time on ledger_waiting (expires_at);

-- What is there stays, and is neither removed nor replaced.
create trigger ledger_account_stays before update on ledger_account
    begin select raise(abort, 'ledger_account is append-only'); end;
create trigger ledger_account_is_kept before delete on ledger_account
    begin select raise(abort, 'ledger_account is append-only'); end;
create trigger ledger_account_is_not_replaced before insert on ledger_account
    when exists (select 1 from ledger_account where number = new.number)
        or exists (select 1 from ledger_account where party = new.party and purpose = new.purpose
        and currency = new.currency)
    begin select raise(abort, 'ledger_account is append-only'); end;
create trigger ledger_entry_stays before update on ledger_entry
    begin select raise(abort, 'ledger_entry is append-only'); end;
create trigger ledger_entry_is_kept before delete on ledger_entry
    begin select raise(abort, 'ledger_entry is append-only'); end;
create trigger ledger_entry_is_not_replaced_nor_of_a_closed_period before insert on ledger_entry
    when exists (select 1 from ledger_entry where number = new.number and account = new.account)
        or exists (select 1 from ledger_transaction t join closed_period p on p.period = t.period
        where t.number = new.number)
    begin select raise(abort, 'ledger_entry is append-only, and a closed period takes nothing'); end;
create trigger ledger_manual_stays before update on ledger_manual
    begin select raise(abort, 'ledger_manual is append-only'); end;
create trigger ledger_manual_is_kept before delete on ledger_manual
    begin select raise(abort, 'ledger_manual is append-only'); end;
create trigger ledger_manual_is_not_replaced before insert on ledger_manual
    when exists (select 1 from ledger_manual where number = new.number)
    begin select raise(abort, 'ledger_manual is append-only'); end;
create trigger ledger_pending_stays before update on ledger_pending
    begin select raise(abort, 'ledger_pending is append-only'); end;
create trigger ledger_pending_is_kept before delete on ledger_pending
    begin select raise(abort, 'ledger_pending is append-only'); end;
create trigger ledger_pending_is_not_replaced before insert on ledger_pending
    when exists (select 1 from ledger_pending where number = new.number)
    begin select raise(abort, 'ledger_pending is append-only'); end;
create trigger ledger_resolution_stays before update on ledger_resolution
    begin select raise(abort, 'ledger_resolution is append-only'); end;
create trigger ledger_resolution_is_kept before delete on ledger_resolution
    begin select raise(abort, 'ledger_resolution is append-only'); end;

-- No more is posted or given back than there was, and what goes back is all that is left.
create trigger ledger_resolution_is_within_what_is_left before insert on ledger_resolution
    when exists (select 1 from ledger_resolution where pending = new.pending and part = new.part)
        or exists (select 1 from ledger_resolution where number = new.number)
        or exists (
            select 1 from ledger_pending p where p.number = new.pending and (
                new.minor > p.minor - (select coalesce(sum(minor), 0) from ledger_resolution where pending = new.pending)
                or (new.outcome <> 'posted' and new.minor
                    <> p.minor - (select coalesce(sum(minor), 0) from ledger_resolution where pending = new.pending))
            )
        )
    begin select raise(abort, 'ledger_resolution is append-only, and within what is left'); end;
