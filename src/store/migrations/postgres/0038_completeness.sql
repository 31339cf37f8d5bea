-- What became of the records of a node's journal up to its position: recorded, excepted and omissions add up to that. Null: not counted,
-- as where an older program moved the position; the next one that counts finds out by the exceptions.
alter table journal_position add column recorded bigint check (recorded >= 0); -- in the books
alter table journal_position add column excepted bigint check (excepted >= 0); -- lost, unreadable or refused
alter table journal_position add column omissions bigint not null default 0 check (omissions >= 0); -- that stand for calls without a record
alter table journal_position add column omitted bigint not null default 0 check (omitted >= 0); -- the calls that those stand for
create function forget_journal_counts() returns trigger language plpgsql as $$
begin
    new.recorded := null;
    new.excepted := null;
    return new;
end $$;
create trigger journal_position_is_counted before update on journal_position for each row
    when (new.sequence <> old.sequence and new.recorded is not distinct from old.recorded
        and new.excepted is not distinct from old.excepted and new.omissions = old.omissions)
    execute function forget_journal_counts();
create trigger journal_position_counts_on before update on journal_position for each row
    when (new.recorded < old.recorded or new.excepted < old.excepted or new.omissions < old.omissions
        or new.omitted < old.omitted)
    execute function refuse_step_back();

-- A kind that older programs do not know. In place of it, `kind` has one that they take it for.
alter table usage_exception add column newer_kind text collate "C" check (newer_kind in ('time', 'omitted'));
