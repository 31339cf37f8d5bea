-- Usage, charges, ledger, statements. What is in usage, charge, ledger_* and statement is never changed or removed.

-- How far each node's journal has been recorded.
create table journal_position (
    node text primary key,
    sequence integer not null
) strict, without rowid;

-- The prices of every plan version that was ever in force.
create table plan_version (
    plan text not null,
    version integer not null,
    currency text not null,
    rounding text not null,
    fee text, -- exact decimal; null: none
    free_units integer not null,
    fee_file text,
    fee_line integer,
    fee_column integer,
    share text, -- percent, exact decimal; null: none
    share_file text,
    share_line integer,
    share_column integer,
    primary key (plan, version)
) strict, without rowid;

create table usage (
    id text primary key,
    node text not null,
    sequence integer not null,
    at integer not null,
    snapshot text not null,
    app text not null,
    partner text not null,
    credential text not null,
    credential_id text not null,
    merchant text,
    route text,
    product text,
    plan text,
    plan_version integer,
    method text not null,
    status integer not null,
    latency integer not null, -- microseconds
    bytes_in integer not null,
    bytes_out integer not null,
    refusal text,
    outcome text not null check (outcome in ('free', 'billable', 'exception')),
    units integer not null,
    transaction_id text,
    transaction_kind text,
    amount integer, -- minor units
    currency text,
    reason text, -- of an exception
    unique (node, sequence)
) strict, without rowid;
create index usage_of_app on usage (app, at);
create index usage_exceptions on usage (at) where outcome = 'exception';

-- What stood in a journal and could not be read.
create table journal_loss (
    node text not null,
    first integer not null,
    last integer not null,
    reason text not null,
    primary key (node, first)
) strict, without rowid;

create table charge (
    usage text not null references usage (id),
    kind text not null check (kind in ('service_fee', 'revenue_share')),
    partner text not null,
    app text not null,
    period text not null,
    service_period text not null,
    plan text not null,
    plan_version integer not null,
    product text not null,
    currency text not null,
    charged integer not null, -- units, or 1 transaction
    free integer not null,
    rate text not null, -- price of a unit or percent, exact decimal
    transaction_id text,
    base integer, -- minor units of the transaction
    exact text not null, -- exact decimal in major units
    rule_file text not null,
    rule_line integer not null,
    rule_column integer not null,
    primary key (usage, kind)
) strict, without rowid;
create index charge_of_line on charge (app, period, kind);

-- The sums of a statement line: always those of its charges.
create table line_total (
    partner text not null,
    app text not null,
    period text not null,
    service_period text not null,
    kind text not null,
    plan text not null,
    plan_version integer not null,
    product text not null,
    currency text not null,
    units integer not null,
    exact text not null,
    posted integer not null,
    primary key (app, period, service_period, kind, plan, plan_version, product, currency)
) strict, without rowid;
create index line_total_of_period on line_total (period);

create table ledger_transaction (
    cause text primary key,
    at integer not null,
    period text not null,
    currency text not null
) strict, without rowid;

create table ledger_posting (
    cause text not null references ledger_transaction (cause),
    position integer not null,
    account text not null,
    minor integer not null,
    primary key (cause, position)
) strict, without rowid;
create index ledger_posting_of_account on ledger_posting (account);

create table closed_period (
    period text primary key,
    closed_at integer not null
) strict, without rowid;

create table statement (
    number integer primary key,
    partner text not null,
    app text not null,
    period text not null,
    currency text not null,
    closed_at integer not null,
    hash text not null,
    content text not null,
    unique (app, period, currency)
) strict;

create trigger usage_stays before update on usage begin select raise(abort, 'usage is append-only'); end;
create trigger usage_is_kept before delete on usage begin select raise(abort, 'usage is append-only'); end;
create trigger charge_stays before update on charge begin select raise(abort, 'charges are append-only'); end;
create trigger charge_is_kept before delete on charge begin select raise(abort, 'charges are append-only'); end;
create trigger ledger_transaction_stays before update on ledger_transaction
    begin select raise(abort, 'the ledger is append-only'); end;
create trigger ledger_transaction_is_kept before delete on ledger_transaction
    begin select raise(abort, 'the ledger is append-only'); end;
create trigger ledger_posting_stays before update on ledger_posting
    begin select raise(abort, 'the ledger is append-only'); end;
create trigger ledger_posting_is_kept before delete on ledger_posting
    begin select raise(abort, 'the ledger is append-only'); end;
create trigger statement_stays before update on statement
    begin select raise(abort, 'statements are final'); end;
create trigger statement_is_kept before delete on statement
    begin select raise(abort, 'statements are final'); end;
