-- Access tokens that an app got for itself before this time no longer hold; null: none was ended before its time.
alter table app add column tokens_valid_from integer;
