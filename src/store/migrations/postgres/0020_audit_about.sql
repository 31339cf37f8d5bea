-- What an audit record is about beside its subject: the merchant and the app of a grant, the app of a key.

create table audit_about (
    number bigint not null references audit_record (number),
    id text not null,
    primary key (number, id)
);
create index audit_about_by_id on audit_about (id, number);
create trigger audit_about_stays before update or delete on audit_about
    for each row execute function keep_audit_record();
create trigger audit_about_is_kept before truncate on audit_about
    for each statement execute function keep_audit_record();

-- What an admin token is good for: read, or write, which is to read too.
alter table admin_token add column access text not null default 'write';
