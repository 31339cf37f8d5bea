-- What an audit record is about beside its subject: the merchant and the app of a grant, the app of a key.

create table audit_about (
    number integer not null references audit_record (number),
    id text not null,
    primary key (number, id)
) strict, without rowid;
create index audit_about_by_id on audit_about (id, number);
create trigger audit_about_stays_as_it_is before update on audit_about begin
    select raise(abort, 'an audit record never changes');
end;
create trigger audit_about_is_kept before delete on audit_about begin
    select raise(abort, 'an audit record never changes');
end;

-- What an admin token is good for: read, or write, which is to read too.
alter table admin_token add column access text not null default 'write';
