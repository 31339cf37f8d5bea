-- The time of the latest call of a node that is in the books and was believed, in microseconds; null: none yet. What comes long before or
-- after those of all nodes is of a wrong clock, whatever that of the node says which records it.
alter table journal_position add column latest bigint;

-- What an older program recorded is believed, up to now by the clock of the store.
update journal_position set latest = r.newest
    from (select least(max(newest), cast(extract(epoch from now()) * 1000000 as bigint)) as newest
        from usage_run where app = 0 having max(newest) is not null) r;
