-- What nodes have leased of plans' quotas, used or not: of each window in all, and of that to runs of nodes of which it is not settled yet
-- what they have used. Times: microseconds since 1970 (UTC). Forgotten some time after the window's end.
create table quota_use (
    app text not null,
    plan text not null,
    quota text not null,
    counts text not null check (counts in ('calls', 'units')),
    window_from integer not null,
    window_until integer not null,
    leased integer not null check (leased >= 0),
    primary key (app, plan, quota, counts, window_from, window_until)
) strict, without rowid;
create index quota_use_by_time on quota_use (window_until);

create table quota_lease (
    app text not null,
    plan text not null,
    quota text not null,
    counts text not null check (counts in ('calls', 'units')),
    window_from integer not null,
    window_until integer not null,
    node text not null,
    since integer not null, -- the last record of the node's journal when the run began
    behind integer not null, -- the same when the run first leased of the window
    leased integer not null check (leased >= 0),
    primary key (app, plan, quota, counts, window_from, window_until, node, since)
) strict, without rowid;
create index quota_lease_by_time on quota_lease (window_until);
create index quota_lease_of_node on quota_lease (node) where leased > 0;
