-- Routes and upstreams that are switched off, whatever the policies say.

create table kill_switch (
    kind text collate "C" not null check (kind in ('route', 'upstream')),
    name text collate "C" not null, -- in the policy files, which need not have it any more
    reason text not null, -- for administrators
    message text, -- what callers are told
    off_since bigint not null,
    primary key (kind, name)
);

-- Every node hears of a change.
create function note_kill_switch_change() returns trigger language plpgsql as $$
begin
    insert into identity_change (subject) values ('kill_switch');
    return null;
end
$$;
create trigger kill_switch_changed after insert or update or delete on kill_switch
    for each statement execute function note_kill_switch_change();
