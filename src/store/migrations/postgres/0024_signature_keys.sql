-- Keys by which apps sign their requests: a secret that is sealed, or a public key.

create table signature_key (
    id text collate "C" constraint signature_key_id_key primary key,
    app text not null references app (id),
    algorithm text not null,
    style text not null default 'message', -- what it signs: messages (RFC 9421), or parameters as a platform does
    weak_methods text not null default '', -- older methods that this key may be used with, a blank between two
    sealed bytea, -- the secret, as the program sealed it
    public_key text, -- a JWK
    scopes text,
    created_at bigint not null,
    expires_at bigint,
    revoked_at bigint,
    check ((sealed is null) <> (public_key is null))
);
create index signature_key_of_app on signature_key (app, created_at);

-- Every node hears of a change.
create trigger signature_key_changed after update or delete on signature_key
    for each row execute function note_identity_change('id');
