-- What a plan version let its apps use when it came into force. One that an older program kept has none: that is what is seen next.
create table plan_version_allowed (
    plan text collate "C" not null,
    version bigint not null,
    allowed text collate "C" not null,
    primary key (plan, version)
);
create trigger plan_version_allowed_stays before update or delete or truncate on plan_version_allowed
    for each statement execute function refuse_change();

-- What was told to those who call before it changes for them, and from when on it may.
create table change_announcement (
    change text collate "C" not null,
    part bigint not null check (part > 0), -- from 1 on
    told_at bigint not null,
    applies_from bigint, -- null: it was told that it will not change
    primary key (change, part)
);
create trigger change_announcement_stays before update or delete or truncate on change_announcement
    for each statement execute function refuse_change();
