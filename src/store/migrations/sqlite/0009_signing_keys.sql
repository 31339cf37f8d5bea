-- Signing keys follow each other: a key signs from its time on, until another does. What was made before signs at once.

alter table signing_key add column active_from integer not null default 0;
update signing_key set active_from = created_at;
alter table signing_key add column revoked_at integer; -- from then on what it signed holds no more
alter table signing_key drop column retired_at;

-- Every node hears that there are others.
create trigger signing_key_made after insert on signing_key begin
    insert into identity_change (subject) values ('signing_key');
end;
create trigger signing_key_changed after update on signing_key begin
    insert into identity_change (subject) values ('signing_key');
end;
create trigger signing_key_removed after delete on signing_key begin
    insert into identity_change (subject) values ('signing_key');
end;

-- Access tokens that were revoked one by one, by their ids (jti), until they would have expired.
create table revoked_token (
    id text primary key,
    app text not null references app (id),
    family text not null, -- of refresh tokens that it came with; empty: none
    revoked_at integer not null,
    expires_at integer not null
) strict, without rowid;
create index revoked_token_of_family on revoked_token (app, family, expires_at);
create index revoked_token_by_expiry on revoked_token (expires_at);
create trigger revoked_token_made after insert on revoked_token begin
    insert into identity_change (subject) values (new.id);
end;

-- Whose tokens an app may ask about: its own, or, of a resource server, those of all apps.
alter table app add column introspects text not null default 'own' check (introspects in ('own', 'all'));
