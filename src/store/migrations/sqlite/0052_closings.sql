-- A period is closed by a cut, one transaction behind which it takes nothing more. Its statements are made a few apps at a time from what
-- the cut froze, and once all of them are there, it is final.

create table period_closing (
    period text primary key,
    first_number integer not null check (first_number > 0), -- of its statements, which go on from there
    statements integer not null check (statements >= 0), -- how many there will be
    zone text not null -- in which the period begins and ends
) strict, without rowid;

-- What balances had paid of its statements by the cut, where that is something.
create table closing_paid (
    period text not null,
    app text not null,
    partner text not null,
    currency text not null,
    minor integer not null check (minor <> 0),
    primary key (period, app, partner, currency)
) strict, without rowid;

-- Up to where the journal of each node was in the books at the cut.
create table closing_position (
    period text not null,
    node text not null,
    journal text, -- null: recorded by an older program alone
    sequence integer not null,
    primary key (period, node)
) strict, without rowid;

-- Periods that are final. Older programs made all statements in the transaction that closed a period.
create table period_seal (
    period text primary key,
    sealed_at integer not null
) strict, without rowid;
insert into period_seal (period, sealed_at) select period, closed_at from closed_period;

-- What is there stays, and is neither removed nor replaced.
create trigger period_closing_stays before update on period_closing
    begin select raise(abort, 'period_closing is append-only'); end;
create trigger period_closing_is_kept before delete on period_closing
    begin select raise(abort, 'period_closing is append-only'); end;
create trigger period_closing_is_not_replaced before insert on period_closing
    when exists (select 1 from period_closing where period = new.period)
    begin select raise(fail, 'period_closing is append-only'); end;
create trigger closing_paid_stays before update on closing_paid
    begin select raise(abort, 'closing_paid is append-only'); end;
create trigger closing_paid_is_kept before delete on closing_paid
    begin select raise(abort, 'closing_paid is append-only'); end;
create trigger closing_paid_is_not_replaced before insert on closing_paid
    when exists (select 1 from closing_paid where period = new.period and app = new.app and partner = new.partner and currency = new.currency)
    begin select raise(fail, 'closing_paid is append-only'); end;
create trigger closing_position_stays before update on closing_position
    begin select raise(abort, 'closing_position is append-only'); end;
create trigger closing_position_is_kept before delete on closing_position
    begin select raise(abort, 'closing_position is append-only'); end;
create trigger closing_position_is_not_replaced before insert on closing_position
    when exists (select 1 from closing_position where period = new.period and node = new.node)
    begin select raise(fail, 'closing_position is append-only'); end;
create trigger period_seal_stays before update on period_seal
    begin select raise(abort, 'period_seal is append-only'); end;
create trigger period_seal_is_kept before delete on period_seal
    begin select raise(abort, 'period_seal is append-only'); end;
create trigger period_seal_is_not_replaced before insert on period_seal
    when exists (select 1 from period_seal where period = new.period)
    begin select raise(fail, 'period_seal is append-only'); end;

-- What a cut keeps is kept before the period is closed; its statements are made between that and its seal, which all of them precede.
create trigger period_closing_insert_in_a_closed_period before insert on period_closing
    when exists (select 1 from closed_period where period = new.period)
    begin select raise(fail, 'the period is closed'); end;
create trigger closing_paid_insert_in_a_closed_period before insert on closing_paid
    when exists (select 1 from closed_period where period = new.period)
    begin select raise(fail, 'the period is closed'); end;
create trigger closing_position_insert_in_a_closed_period before insert on closing_position
    when exists (select 1 from closed_period where period = new.period)
    begin select raise(fail, 'the period is closed'); end;
drop trigger statement_insert_in_a_closed_period;
create trigger statement_insert_beside_a_closing before insert on statement
    when exists (select 1 from period_seal where period = new.period)
        or not exists (select 1 from period_closing join closed_period using (period) where period = new.period)
    begin select raise(fail, 'the period is final, or is not closed'); end;
create trigger period_seal_insert_before_its_statements before insert on period_seal
    when (select count(*) from statement where period = new.period)
        is not (select statements from period_closing join closed_period using (period) where period = new.period)
    begin select raise(fail, 'the period has not all its statements, or more'); end;
