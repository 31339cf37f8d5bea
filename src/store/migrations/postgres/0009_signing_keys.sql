-- Signing keys follow each other: a key signs from its time on, until another does. What was made before signs at once.

alter table signing_key add column active_from bigint not null default 0;
update signing_key set active_from = created_at;
alter table signing_key add column revoked_at bigint; -- from then on what it signed holds no more
alter table signing_key drop column retired_at;

-- Every node hears that there are others.
create function note_signing_key_change() returns trigger language plpgsql as $$
begin
    insert into identity_change (subject) values ('signing_key');
    return null;
end
$$;
create trigger signing_key_changed after insert or update or delete on signing_key
    for each statement execute function note_signing_key_change();

-- Access tokens that were revoked one by one, by their ids (jti), until they would have expired.
create table revoked_token (
    id text collate "C" constraint revoked_token_id_key primary key,
    app text not null references app (id),
    family text not null, -- of refresh tokens that it came with; empty: none
    revoked_at bigint not null,
    expires_at bigint not null
);
create index revoked_token_of_family on revoked_token (app, family, expires_at);
create index revoked_token_by_expiry on revoked_token (expires_at);
create trigger revoked_token_made after insert on revoked_token
    for each row execute function note_identity_change('id');

-- Whose tokens an app may ask about: its own, or, of a resource server, those of all apps.
alter table app add column introspects text not null default 'own' check (introspects in ('own', 'all'));
