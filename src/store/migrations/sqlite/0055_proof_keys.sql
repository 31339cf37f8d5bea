-- The keys that sign what is believed for years, such as the heads of closed periods. None is ever removed: what it signed is to be
-- verified for as long as someone has it.

create table proof_key (
    kid text not null primary key, -- thumbprint (RFC 7638)
    public blob not null check (length(public) = 32), -- Ed25519
    sealed blob not null, -- the private half
    created_at integer not null,
    signs_from integer not null, -- until another does
    endorsed_by text references proof_key (kid), -- null: there was none that could
    endorsement blob check (length(endorsement) = 64 and (endorsement is null) = (endorsed_by is null)),
    revoked_at integer -- since then it is not believed by itself
) strict, without rowid;
create trigger proof_key_stays before update on proof_key
    when new.kid <> old.kid or new.public <> old.public or new.sealed <> old.sealed or new.created_at <> old.created_at
        or new.signs_from <> old.signs_from or new.endorsed_by is not old.endorsed_by
        or new.endorsement is not old.endorsement or old.revoked_at is not null
    begin select raise(abort, 'proof_key is append-only'); end;
create trigger proof_key_is_kept before delete on proof_key
    begin select raise(abort, 'proof_key is append-only'); end;
create trigger proof_key_is_not_replaced before insert on proof_key
    when exists (select 1 from proof_key where kid = new.kid)
    begin select raise(abort, 'proof_key is append-only'); end;
