-- A period is closed by a cut, one transaction behind which it takes nothing more. Its statements are made a few apps at a time from what
-- the cut froze, and once all of them are there, it is final.

create table period_closing (
    period text collate "C" primary key,
    first_number bigint not null check (first_number > 0), -- of its statements, which go on from there
    statements bigint not null check (statements >= 0), -- how many there will be
    zone text collate "C" not null -- in which the period begins and ends
);

-- What balances had paid of its statements by the cut, where that is something.
create table closing_paid (
    period text collate "C" not null,
    app text collate "C" not null,
    partner text collate "C" not null,
    currency text collate "C" not null,
    minor bigint not null check (minor <> 0),
    primary key (period, app, partner, currency)
);

-- Up to where the journal of each node was in the books at the cut.
create table closing_position (
    period text collate "C" not null,
    node text collate "C" not null,
    journal text collate "C", -- null: recorded by an older program alone
    sequence bigint not null,
    primary key (period, node)
);

-- Periods that are final. Older programs made all statements in the transaction that closed a period.
create table period_seal (
    period text collate "C" primary key,
    sealed_at bigint not null
);
insert into period_seal (period, sealed_at) select period, closed_at from closed_period;

-- What is there stays, and is not removed.
create trigger period_closing_stays before update or delete or truncate on period_closing
    for each statement execute function refuse_change();
create trigger closing_paid_stays before update or delete or truncate on closing_paid
    for each statement execute function refuse_change();
create trigger closing_position_stays before update or delete or truncate on closing_position
    for each statement execute function refuse_change();
create trigger period_seal_stays before update or delete or truncate on period_seal
    for each statement execute function refuse_change();

-- What a cut keeps is kept before the period is closed; its statements are made between that and its seal, which all of them precede.
create trigger period_closing_insert_in_a_closed_period after insert on period_closing
    referencing new table as added for each statement execute function refuse_closed();
create trigger closing_paid_insert_in_a_closed_period after insert on closing_paid
    referencing new table as added for each statement execute function refuse_closed();
create trigger closing_position_insert_in_a_closed_period after insert on closing_position
    referencing new table as added for each statement execute function refuse_closed();
create function refuse_beside_closing() returns trigger language plpgsql as $$
begin
    if exists (select 1 from added a where exists (select 1 from period_seal s where s.period = a.period)
        or not exists (select 1 from period_closing p join closed_period c using (period) where p.period = a.period)) then
        raise exception 'the period is final, or is not closed';
    end if;
    return null;
end $$;
drop trigger statement_insert_in_a_closed_period on statement;
create trigger statement_insert_beside_a_closing after insert on statement
    referencing new table as added for each statement execute function refuse_beside_closing();
create function refuse_early_seal() returns trigger language plpgsql as $$
begin
    if exists (select 1 from added a where (select count(*) from statement s where s.period = a.period) is distinct from
        (select p.statements from period_closing p join closed_period c using (period) where p.period = a.period)) then
        raise exception 'the period has not all its statements, or more';
    end if;
    return null;
end $$;
create trigger period_seal_insert_before_its_statements after insert on period_seal
    referencing new table as added for each statement execute function refuse_early_seal();
