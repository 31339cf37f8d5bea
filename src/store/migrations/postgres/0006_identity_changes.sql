-- Which subjects of credentials were changed: noted with the change itself, whoever makes it, and forgotten after some days.

create table identity_change (
    number bigint generated always as identity primary key,
    subject text not null, -- the id of a partner, app, key, merchant, grant or family
    made_at bigint not null default (extract(epoch from clock_timestamp()) * 1000000)::bigint,
    made_in xid8 not null default pg_current_xact_id() -- transactions commit in another order than they begin
);
create index identity_change_by_time on identity_change (made_at);
create index identity_change_by_transaction on identity_change (made_in);

-- Its argument is the column that names the subject.
create function note_identity_change() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' then
        insert into identity_change (subject) values (to_jsonb(old) ->> tg_argv[0]);
    end if;
    if tg_op = 'INSERT' or (tg_op = 'UPDATE' and to_jsonb(new) ->> tg_argv[0] <> to_jsonb(old) ->> tg_argv[0]) then
        insert into identity_change (subject) values (to_jsonb(new) ->> tg_argv[0]);
    end if;
    return null;
end
$$;

create trigger partner_changed after update or delete on partner
    for each row execute function note_identity_change('id');
create trigger app_changed after update or delete on app
    for each row execute function note_identity_change('id');
create trigger subscription_changed after insert or update or delete on subscription
    for each row execute function note_identity_change('app');
create trigger api_key_changed after update or delete on api_key
    for each row execute function note_identity_change('id');
create trigger merchant_changed after update of standing on merchant
    for each row execute function note_identity_change('id');
create trigger merchant_removed after delete on merchant
    for each row execute function note_identity_change('id');
create trigger merchant_grant_changed after update or delete on merchant_grant
    for each row execute function note_identity_change('id');
create trigger refresh_family_revoked after update of revoked_at on refresh_family
    for each row execute function note_identity_change('id');
