-- Proofs of possession that were used at the token endpoint, until they prove nothing more.

create table dpop_proof (
    id blob primary key check (length(id) = 32), -- a hash of its key and its jti
    expires_at integer not null
) strict, without rowid;
create index dpop_proof_by_expiry on dpop_proof (expires_at);
