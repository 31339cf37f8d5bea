-- Signature keys that are narrower than their app, that took another's place, and when each was last used; client certificates that
-- took another's place.

alter table signature_key add column products text; -- with blanks between them; null: those of the app
alter table signature_key add column addresses text; -- networks with blanks between them; null: from anywhere
alter table signature_key add column rotated_from text collate "C" references signature_key (id); -- whose place it took
alter table client_certificate
    add column rotated_from text collate "C" references client_certificate (id); -- whose place it took

-- When a key ends that is narrowed by these. Its expires_at is the moment at which it was made, so that it has ended to a node of an
-- older program, to which it would permit all that its app may.
alter table signature_key add column ends_at bigint;

-- The hour in which a key last proved its app. Apart from it: that it was used changes nothing that is remembered of it.
create table signature_key_use (
    signature_key text collate "C" constraint signature_key_use_signature_key_key primary key
        references signature_key (id) on delete cascade,
    used_at bigint not null
);
