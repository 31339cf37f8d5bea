-- Usage, charges, ledger, statements. What is in usage, charge, ledger_* and statement is never changed or removed.

-- How far each node's journal has been recorded.
create table journal_position (
    node text collate "C" primary key,
    sequence bigint not null
);

-- The prices of every plan version that was ever in force.
create table plan_version (
    plan text collate "C" not null,
    version bigint not null,
    currency text collate "C" not null,
    rounding text not null,
    fee text, -- exact decimal; null: none
    free_units bigint not null,
    fee_file text,
    fee_line bigint,
    fee_column bigint,
    share text, -- percent, exact decimal; null: none
    share_file text,
    share_line bigint,
    share_column bigint,
    primary key (plan, version)
);

create table usage (
    id text collate "C" primary key,
    node text collate "C" not null,
    sequence bigint not null,
    at bigint not null,
    snapshot text not null,
    app text collate "C" not null,
    partner text collate "C" not null,
    credential text not null,
    credential_id text not null,
    merchant text,
    route text,
    product text collate "C",
    plan text collate "C",
    plan_version bigint,
    method text not null,
    status bigint not null,
    latency bigint not null, -- microseconds
    bytes_in bigint not null,
    bytes_out bigint not null,
    refusal text,
    outcome text not null check (outcome in ('free', 'billable', 'exception')),
    units bigint not null,
    transaction_id text,
    transaction_kind text,
    amount bigint, -- minor units
    currency text collate "C",
    reason text, -- of an exception
    unique (node, sequence)
);
create index usage_of_app on usage (app, at);
create index usage_exceptions on usage (at) where outcome = 'exception';

-- What stood in a journal and could not be read.
create table journal_loss (
    node text collate "C" not null,
    first bigint not null,
    last bigint not null,
    reason text not null,
    primary key (node, first)
);

create table charge (
    usage text collate "C" not null references usage (id),
    kind text collate "C" not null check (kind in ('service_fee', 'revenue_share')),
    partner text collate "C" not null,
    app text collate "C" not null,
    period text collate "C" not null,
    service_period text collate "C" not null,
    plan text collate "C" not null,
    plan_version bigint not null,
    product text collate "C" not null,
    currency text collate "C" not null,
    charged bigint not null, -- units, or 1 transaction
    free bigint not null,
    rate text not null, -- price of a unit or percent, exact decimal
    transaction_id text,
    base bigint, -- minor units of the transaction
    exact text not null, -- exact decimal in major units
    rule_file text not null,
    rule_line bigint not null,
    rule_column bigint not null,
    primary key (usage, kind)
);
create index charge_of_line on charge (app, period, kind);

-- The sums of a statement line: always those of its charges.
create table line_total (
    partner text collate "C" not null,
    app text collate "C" not null,
    period text collate "C" not null,
    service_period text collate "C" not null,
    kind text collate "C" not null,
    plan text collate "C" not null,
    plan_version bigint not null,
    product text collate "C" not null,
    currency text collate "C" not null,
    units bigint not null,
    exact text not null,
    posted bigint not null,
    primary key (app, period, service_period, kind, plan, plan_version, product, currency)
);
create index line_total_of_period on line_total (period);

create table ledger_transaction (
    cause text collate "C" primary key,
    at bigint not null,
    period text collate "C" not null,
    currency text collate "C" not null
);

create table ledger_posting (
    cause text collate "C" not null references ledger_transaction (cause),
    position bigint not null,
    account text collate "C" not null,
    minor bigint not null,
    primary key (cause, position)
);
create index ledger_posting_of_account on ledger_posting (account);

create table closed_period (
    period text collate "C" primary key,
    closed_at bigint not null
);

create table statement (
    number bigint primary key,
    partner text collate "C" not null,
    app text collate "C" not null,
    period text collate "C" not null,
    currency text collate "C" not null,
    closed_at bigint not null,
    hash text not null,
    content text not null,
    unique (app, period, currency)
);

create function refuse_change() returns trigger language plpgsql as $$
begin raise exception '% is append-only', tg_table_name; end $$;
create trigger usage_stays before update or delete or truncate on usage for each statement execute function refuse_change();
create trigger charge_stays before update or delete or truncate on charge for each statement execute function refuse_change();
create trigger ledger_transaction_stays before update or delete or truncate on ledger_transaction for each statement execute function refuse_change();
create trigger ledger_posting_stays before update or delete or truncate on ledger_posting for each statement execute function refuse_change();
create trigger statement_stays before update or delete or truncate on statement for each statement execute function refuse_change();
