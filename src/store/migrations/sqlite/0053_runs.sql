-- What the records of a run are proven by, and which policies a batch was recorded under.

-- Of an app's runs: on whose statement they count, and the root of the tree over them (RFC 6962, SHA-256) in the order of their
-- numbers. Null: of all apps, or recorded by an older program.
alter table usage_run add column period text;
alter table usage_run add column root blob check (length(root) = 32);
-- 1: their time is not in that period, as it was closed, or is not believed. A period finds all others by its days.
alter table usage_run add column is_moved integer not null default 0 check (is_moved in (0, 1));
create index usage_run_moved on usage_run (period, app) where is_moved = 1;

alter table usage_batch add column snapshot text; -- by its hash; null: an older program, or none
