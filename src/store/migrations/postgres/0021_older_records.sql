-- What audit records of older programs are about: who did it, if a merchant, and what before and after name.

with told (number, action, subject, value) as (
    select number, action, subject, before::json from audit_record where before like '{%'
    union all
    select number, action, subject, after::json from audit_record where after like '{%'
)
insert into audit_about (number, id)
select number, id from (
    select number, subject, substr(actor, length('merchant:') + 1) as id from audit_record
    where actor like 'merchant:%'
    union all select number, subject, value ->> 'merchant' from told
    union all select number, subject, value ->> 'app' from told
    union all select number, subject, value ->> 'grant' from told
    union all select number, subject, value ->> 'partner' from told where action = 'app.create'
    union all select number, subject, value #>> '{secret,id}' from told where action = 'app.add_secret'
    union all select number, subject, value ->> 'id' from told where action = 'app.revoke_secret'
) as named
where id is not null and id <> subject
on conflict do nothing;

-- A token that only reads is kept by a hash of its own, by which a node of an older program, to which all tokens write, does
-- not look for it.
alter table admin_token add column read_hash bytea check (length(read_hash) = 32);
create unique index admin_token_by_read_hash on admin_token (read_hash);
update admin_token
set read_hash = hash, hash = decode(md5(random()::text) || md5(random()::text), 'hex')
where access = 'read';
