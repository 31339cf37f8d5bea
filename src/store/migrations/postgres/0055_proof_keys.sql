-- The keys that sign what is believed for years, such as the heads of closed periods. None is ever removed: what it signed is to be
-- verified for as long as someone has it.

create table proof_key (
    kid text collate "C" not null primary key, -- thumbprint (RFC 7638)
    public bytea not null check (length(public) = 32), -- Ed25519
    sealed bytea not null, -- the private half
    created_at bigint not null,
    signs_from bigint not null, -- until another does
    endorsed_by text collate "C" references proof_key (kid), -- null: there was none that could
    endorsement bytea check (length(endorsement) = 64 and (endorsement is null) = (endorsed_by is null)),
    revoked_at bigint -- since then it is not believed by itself
);
create trigger proof_key_stays before update on proof_key for each row
    when (new.kid <> old.kid or new.public <> old.public or new.sealed <> old.sealed or new.created_at <> old.created_at
        or new.signs_from <> old.signs_from or new.endorsed_by is distinct from old.endorsed_by
        or new.endorsement is distinct from old.endorsement or old.revoked_at is not null)
    execute function refuse_change();
create trigger proof_key_is_kept before delete or truncate on proof_key
    for each statement execute function refuse_change();
