-- A family keeps its spent tokens until they expire, so that a replay is told as one: who refreshes must not read them all.
create index refresh_token_unspent on refresh_token (family, parent) where spent_at is null;
