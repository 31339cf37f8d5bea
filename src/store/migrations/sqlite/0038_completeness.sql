-- What became of the records of a node's journal up to its position: recorded, excepted and omissions add up to that. Null: not counted,
-- as where an older program moved the position; the next one that counts finds out by the exceptions.
alter table journal_position add column recorded integer check (recorded >= 0); -- in the books
alter table journal_position add column excepted integer check (excepted >= 0); -- lost, unreadable or refused
alter table journal_position add column omissions integer not null default 0 check (omissions >= 0); -- that stand for calls without a record
alter table journal_position add column omitted integer not null default 0 check (omitted >= 0); -- the calls that those stand for
create trigger journal_position_is_counted after update of sequence on journal_position
    when new.sequence <> old.sequence and new.recorded is old.recorded and new.excepted is old.excepted
        and new.omissions = old.omissions
    begin
        update journal_position set recorded = null, excepted = null where node = new.node;
    end;
create trigger journal_position_counts_on before update on journal_position
    when new.recorded < old.recorded or new.excepted < old.excepted or new.omissions < old.omissions or new.omitted < old.omitted
    begin select raise(abort, 'journal_position does not go back'); end;

-- A kind that older programs do not know. In place of it, `kind` has one that they take it for.
alter table usage_exception add column newer_kind text check (newer_kind in ('time', 'omitted'));
