-- What kind of mismatch is asked about, since when, and what was given up as lost.

alter table usage_exception add column class text collate "C"; -- its kind, of those that older programs take for `kind`; null: it is that
alter table usage_exception add column noted_at bigint; -- null: not known, and as if it had been noted when the call was
update usage_exception set class = 'unknown' where kind = 'transaction' and sale is not null
    and not exists (select 1 from exception_resolution r where r.exception = usage_exception.id);
create index usage_exception_noted on usage_exception ((coalesce(noted_at, at)), id);

drop trigger usage_exception_stays on usage_exception;
create trigger usage_exception_stays before update on usage_exception for each row
    when (new.id <> old.id or new.kind <> old.kind or new.newer_kind is distinct from old.newer_kind or new.at <> old.at
        or new.noted_at is distinct from old.noted_at or new.usage is distinct from old.usage
        or new.app is distinct from old.app or new.payload is distinct from old.payload)
    execute function refuse_change();

-- To older programs it is waived.
alter table exception_resolution add column written_off bigint not null default 0 check (written_off in (0, 1));

-- What was settled in part and waits for the rest, and what is asked of that.
create index sale_settled_in_part on sale (at) where pending > 0 and settled > 0;
create index usage_exception_short on usage_exception (usage) where class = 'short';
