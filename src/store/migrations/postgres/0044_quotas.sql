-- What nodes have leased of plans' quotas, used or not: of each window in all, and of that to runs of nodes of which it is not settled yet
-- what they have used. Times: microseconds since 1970 (UTC). Forgotten some time after the window's end.
create table quota_use (
    app text collate "C" not null,
    plan text collate "C" not null,
    quota text collate "C" not null,
    counts text collate "C" not null check (counts in ('calls', 'units')),
    window_from bigint not null,
    window_until bigint not null,
    leased bigint not null check (leased >= 0),
    primary key (app, plan, quota, counts, window_from, window_until)
);
create index quota_use_by_time on quota_use (window_until);

create table quota_lease (
    app text collate "C" not null,
    plan text collate "C" not null,
    quota text collate "C" not null,
    counts text collate "C" not null check (counts in ('calls', 'units')),
    window_from bigint not null,
    window_until bigint not null,
    node text collate "C" not null,
    since bigint not null, -- the last record of the node's journal when the run began
    behind bigint not null, -- the same when the run first leased of the window
    leased bigint not null check (leased >= 0),
    primary key (app, plan, quota, counts, window_from, window_until, node, since)
);
create index quota_lease_by_time on quota_lease (window_until);
create index quota_lease_of_node on quota_lease (node) where leased > 0;
