-- API keys that are narrower than their app, that took another's place, and when each was last used.

alter table api_key add column products text; -- with blanks between them; null: those of the app
alter table api_key add column addresses text; -- networks with blanks between them; null: from anywhere
alter table api_key add column rotated_from text collate "C" references api_key (id); -- whose place it took

-- A key that is narrowed by these is kept by a hash of its own, by which a node of an older program, to which it would permit
-- all that its app may, does not look for it.
alter table api_key add column narrow_hash bytea check (length(narrow_hash) = 32);
create unique index api_key_by_narrow_hash on api_key (narrow_hash);

-- The hour in which a key last proved its app. Apart from api_key: that it was used changes nothing that is remembered of it.
create table key_use (
    api_key text collate "C" constraint key_use_api_key_key primary key references api_key (id) on delete cascade,
    used_at bigint not null
);
