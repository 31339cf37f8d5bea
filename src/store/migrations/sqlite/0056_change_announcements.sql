-- What a plan version let its apps use when it came into force. One that an older program kept has none: that is what is seen next.
create table plan_version_allowed (
    plan text not null,
    version integer not null,
    allowed text not null,
    primary key (plan, version)
) strict, without rowid;
create trigger plan_version_allowed_stays before update on plan_version_allowed
    begin select raise(abort, 'plan_version_allowed is append-only'); end;
create trigger plan_version_allowed_is_kept before delete on plan_version_allowed
    begin select raise(abort, 'plan_version_allowed is append-only'); end;
create trigger plan_version_allowed_is_not_replaced before insert on plan_version_allowed
    when exists (select 1 from plan_version_allowed where plan = new.plan and version = new.version)
    begin select raise(ignore); end;

-- What was told to those who call before it changes for them, and from when on it may.
create table change_announcement (
    change text not null,
    part integer not null check (part > 0), -- from 1 on
    told_at integer not null,
    applies_from integer, -- null: it was told that it will not change
    primary key (change, part)
) strict, without rowid;
create trigger change_announcement_stays before update on change_announcement
    begin select raise(abort, 'change_announcement is append-only'); end;
create trigger change_announcement_is_kept before delete on change_announcement
    begin select raise(abort, 'change_announcement is append-only'); end;
create trigger change_announcement_is_not_replaced before insert on change_announcement
    when exists (select 1 from change_announcement where change = new.change and part = new.part)
    begin select raise(ignore); end;
