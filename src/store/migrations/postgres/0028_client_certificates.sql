-- Client certificates by which apps prove themselves.

create table client_certificate (
    id text collate "C" constraint client_certificate_id_key primary key,
    app text not null references app (id),
    kind text not null, -- by what it is known: fingerprint, spiffe_id or subject
    name text not null, -- which one
    known_by text collate "C" not null, -- what stands for both
    label text,
    scopes text,
    products text, -- with blanks between them; null: those of the app
    addresses text, -- networks with blanks between them; null: from anywhere
    created_at bigint not null,
    expires_at bigint,
    revoked_at bigint
);
create index client_certificate_of_app on client_certificate (app, created_at);
create index client_certificate_by_known_by on client_certificate (known_by);
-- A certificate proves one app.
create unique index client_certificate_known_by_key on client_certificate (known_by) where revoked_at is null;

-- The hour in which a certificate last proved its app. Apart from it: that it was used changes nothing that is remembered of it.
create table client_certificate_use (
    certificate text collate "C" constraint client_certificate_use_certificate_key primary key
        references client_certificate (id) on delete cascade,
    used_at bigint not null
);

-- Every node hears of a change, also of a new one: it knows of many certificates that they are no app's.
create trigger client_certificate_changed after insert or update or delete on client_certificate
    for each row execute function note_identity_change('known_by');
