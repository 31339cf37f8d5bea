-- Routes and upstreams that are switched off, whatever the policies say.

create table kill_switch (
    kind text not null check (kind in ('route', 'upstream')),
    name text not null, -- in the policy files, which need not have it any more
    reason text not null, -- for administrators
    message text, -- what callers are told
    off_since integer not null,
    primary key (kind, name)
) strict, without rowid;

-- Every node hears of a change.
create trigger kill_switch_made after insert on kill_switch begin
    insert into identity_change (subject) values ('kill_switch');
end;
create trigger kill_switch_changed after update on kill_switch begin
    insert into identity_change (subject) values ('kill_switch');
end;
create trigger kill_switch_removed after delete on kill_switch begin
    insert into identity_change (subject) values ('kill_switch');
end;
