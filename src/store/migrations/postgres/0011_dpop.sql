-- Proofs of possession that were used at the token endpoint, until they prove nothing more.

create table dpop_proof (
    id bytea constraint dpop_proof_id_key primary key check (length(id) = 32), -- a hash of its key and its jti
    expires_at bigint not null
);
create index dpop_proof_by_expiry on dpop_proof (expires_at);
