-- Which subjects of credentials were changed: noted with the change itself, whoever makes it, and forgotten after some days.

create table identity_change (
    number integer primary key autoincrement, -- in the order of the commits: SQLite has one writer at a time
    subject text not null, -- the id of a partner, app, key, merchant, grant or family
    made_at integer not null default (cast((julianday('now') - 2440587.5) * 86400000000 as integer))
) strict;
create index identity_change_by_time on identity_change (made_at);

create trigger partner_changed after update on partner begin
    insert into identity_change (subject) values (new.id);
end;
create trigger partner_removed after delete on partner begin
    insert into identity_change (subject) values (old.id);
end;
create trigger app_changed after update on app begin
    insert into identity_change (subject) values (new.id);
end;
create trigger app_removed after delete on app begin
    insert into identity_change (subject) values (old.id);
end;
create trigger subscription_made after insert on subscription begin
    insert into identity_change (subject) values (new.app);
end;
create trigger subscription_changed after update on subscription begin
    insert into identity_change (subject) values (new.app);
end;
create trigger subscription_removed after delete on subscription begin
    insert into identity_change (subject) values (old.app);
end;
create trigger api_key_changed after update on api_key begin
    insert into identity_change (subject) values (new.id);
end;
create trigger api_key_removed after delete on api_key begin
    insert into identity_change (subject) values (old.id);
end;
create trigger merchant_changed after update of standing on merchant begin
    insert into identity_change (subject) values (new.id);
end;
create trigger merchant_removed after delete on merchant begin
    insert into identity_change (subject) values (old.id);
end;
create trigger merchant_grant_removed after delete on merchant_grant begin
    insert into identity_change (subject) values (old.id);
end;
create trigger subscription_moved after update of app on subscription begin
    insert into identity_change (subject) values (old.app);
end;
create trigger merchant_grant_changed after update on merchant_grant begin
    insert into identity_change (subject) values (new.id);
end;
create trigger refresh_family_revoked after update of revoked_at on refresh_family begin
    insert into identity_change (subject) values (new.id);
end;
