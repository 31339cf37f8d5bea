-- What audit records of older programs are about: who did it, if a merchant, and what before and after name.

with told (number, action, subject, value) as (
    select number, action, subject, before from audit_record where json_valid(before)
    union all
    select number, action, subject, after from audit_record where json_valid(after)
)
insert or ignore into audit_about (number, id)
select number, id from (
    select number, subject, substr(actor, length('merchant:') + 1) as id from audit_record
    where actor like 'merchant:%'
    union all select number, subject, json_extract(value, '$.merchant') from told
    union all select number, subject, json_extract(value, '$.app') from told
    union all select number, subject, json_extract(value, '$.grant') from told
    union all select number, subject, json_extract(value, '$.partner') from told where action = 'app.create'
    union all select number, subject, json_extract(value, '$.secret.id') from told where action = 'app.add_secret'
    union all select number, subject, json_extract(value, '$.id') from told where action = 'app.revoke_secret'
)
where id is not null and id <> subject;

-- A token that only reads is kept by a hash of its own, by which a node of an older program, to which all tokens write, does
-- not look for it.
alter table admin_token add column read_hash blob check (length(read_hash) = 32);
create unique index admin_token_by_read_hash on admin_token (read_hash);
update admin_token set read_hash = hash, hash = randomblob(32) where access = 'read';
