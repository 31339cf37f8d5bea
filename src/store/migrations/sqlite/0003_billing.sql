-- Usage, exceptions, charges, ledger, statements. Times: microseconds since 1970 (UTC); money: minor units.
-- What is used, charged, posted or stated is never changed or removed, and a closed period takes nothing more: see the
-- triggers at the end. Text is compared byte by byte.

-- How far each node's journal has been recorded.
create table journal_position (
    node text primary key,
    sequence integer not null
) strict, without rowid;

-- The prices of every plan version that was ever in force, and where they stood in the policy files.
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
    consent text, -- id of the merchant's grant
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
    transaction_of text, -- of a refund: its sale, if that is not its own id
    transaction_kind text check (transaction_kind in ('sale', 'refund')),
    amount integer,
    currency text,
    reason text, -- of an exception
    unique (node, sequence)
) strict, without rowid;
create index usage_of_app on usage (app, at);
create index usage_at on usage (at);

-- What could not be rated, or not even read: someone, or a sale that comes later, must resolve it.
create table usage_exception (
    id text primary key, -- usage:ID, or journal:NODE:FIRST-LAST
    kind text not null check (kind in ('evidence', 'plan', 'transaction', 'journal')),
    at integer not null,
    usage text references usage (id), -- null: nothing could be read
    app text,
    sale text, -- the sale that it waits for
    reason text not null
) strict, without rowid;
create index usage_exception_at on usage_exception (at);
create index usage_exception_of_sale on usage_exception (sale) where sale is not null;

create table exception_resolution (
    exception text primary key references usage_exception (id),
    outcome text not null check (outcome in ('rated', 'waived')),
    at integer not null,
    resolver text not null, -- who
    reason text not null
) strict, without rowid;

create table charge (
    usage text not null references usage (id),
    kind text not null check (kind in ('service_fee', 'revenue_share', 'share_reversal')),
    partner text not null,
    app text not null,
    period text not null, -- on whose statement it stands
    service_period text not null, -- in which it was used
    product text not null,
    plan text not null,
    plan_version integer not null,
    currency text not null,
    quantity integer not null, -- units that cost something, or 1 transaction
    free integer not null,
    rate text not null, -- price of a unit or percent, exact decimal
    transaction_id text,
    base integer, -- of which it is a percentage
    minor integer not null, -- what it adds to its line
    cause text, -- the ledger transaction that posts it; null: it comes to nothing
    rule_file text not null,
    rule_line integer not null,
    rule_column integer not null,
    primary key (usage, kind),
    check ((cause is null) = (minor = 0))
) strict, without rowid;
create index charge_of_app on charge (app, period, usage);
create index charge_of_cause on charge (cause) where cause is not null;

-- The sums of a statement's lines: always those of their charges.
create table line_total (
    partner text not null,
    app text not null,
    period text not null,
    service_period text not null,
    kind text not null,
    product text not null,
    plan text not null,
    plan_version integer not null,
    currency text not null,
    charges integer not null,
    quantity integer not null,
    free integer not null,
    rate text not null,
    base integer,
    minor integer not null,
    rule_file text not null,
    rule_line integer not null,
    rule_column integer not null,
    primary key (period, app, partner, currency, service_period, kind, product, plan, plan_version)
) strict, without rowid;

-- Units counted together for the free allowance and the rounding of fees.
create table unit_total (
    app text not null,
    product text not null,
    plan text not null,
    plan_version integer not null,
    service_period text not null,
    units integer not null,
    primary key (app, service_period, product, plan, plan_version)
) strict, without rowid;

-- Sales of which a share was taken, and what was given back of them.
create table sale (
    app text not null,
    id text not null,
    currency text not null,
    product text not null,
    plan text not null,
    plan_version integer not null,
    percent text not null,
    rounding text not null,
    rule_file text not null,
    rule_line integer not null,
    rule_column integer not null,
    amount integer not null check (amount >= 0),
    share integer not null check (share between 0 and amount),
    refunded integer not null check (refunded between 0 and amount),
    returned integer not null check (returned between 0 and share),
    primary key (id, app, currency)
) strict, without rowid;

create table ledger_transaction (
    cause text primary key,
    at integer not null,
    app text not null,
    period text not null,
    currency text not null
) strict, without rowid;
create index ledger_transaction_of_period on ledger_transaction (period, app);

-- A debit is above zero, a credit below.
create table ledger_posting (
    cause text not null references ledger_transaction (cause),
    account text not null,
    minor integer not null check (minor <> 0),
    primary key (cause, account)
) strict, without rowid;
create index ledger_posting_of_account on ledger_posting (account, cause);

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
    hash text not null, -- SHA-256 of the content, in hexadecimal
    content text not null, -- JSON
    unique (period, app, partner, currency)
) strict, without rowid;

create trigger plan_version_stays before update on plan_version
    begin select raise(abort, 'plan_version is append-only'); end;
create trigger plan_version_is_kept before delete on plan_version
    begin select raise(abort, 'plan_version is append-only'); end;
create trigger usage_stays before update on usage
    begin select raise(abort, 'usage is append-only'); end;
create trigger usage_is_kept before delete on usage
    begin select raise(abort, 'usage is append-only'); end;
create trigger usage_exception_stays before update on usage_exception
    begin select raise(abort, 'usage_exception is append-only'); end;
create trigger usage_exception_is_kept before delete on usage_exception
    begin select raise(abort, 'usage_exception is append-only'); end;
create trigger exception_resolution_stays before update on exception_resolution
    begin select raise(abort, 'exception_resolution is append-only'); end;
create trigger exception_resolution_is_kept before delete on exception_resolution
    begin select raise(abort, 'exception_resolution is append-only'); end;
create trigger charge_stays before update on charge
    begin select raise(abort, 'charge is append-only'); end;
create trigger charge_is_kept before delete on charge
    begin select raise(abort, 'charge is append-only'); end;
create trigger ledger_transaction_stays before update on ledger_transaction
    begin select raise(abort, 'ledger_transaction is append-only'); end;
create trigger ledger_transaction_is_kept before delete on ledger_transaction
    begin select raise(abort, 'ledger_transaction is append-only'); end;
create trigger ledger_posting_stays before update on ledger_posting
    begin select raise(abort, 'ledger_posting is append-only'); end;
create trigger ledger_posting_is_kept before delete on ledger_posting
    begin select raise(abort, 'ledger_posting is append-only'); end;
create trigger closed_period_stays before update on closed_period
    begin select raise(abort, 'closed_period is append-only'); end;
create trigger closed_period_is_kept before delete on closed_period
    begin select raise(abort, 'closed_period is append-only'); end;
create trigger statement_stays before update on statement
    begin select raise(abort, 'statement is append-only'); end;
create trigger statement_is_kept before delete on statement
    begin select raise(abort, 'statement is append-only'); end;
create trigger line_total_is_kept before delete on line_total
    begin select raise(abort, 'line_total is never removed'); end;
create trigger charge_insert_in_a_closed_period before insert on charge
    when exists (select 1 from closed_period where period = new.period)
    begin select raise(abort, 'the period is closed'); end;
create trigger line_total_insert_in_a_closed_period before insert on line_total
    when exists (select 1 from closed_period where period = new.period)
    begin select raise(abort, 'the period is closed'); end;
create trigger line_total_update_in_a_closed_period before update on line_total
    when exists (select 1 from closed_period where period = new.period)
    begin select raise(abort, 'the period is closed'); end;
create trigger ledger_transaction_insert_in_a_closed_period before insert on ledger_transaction
    when exists (select 1 from closed_period where period = new.period)
    begin select raise(abort, 'the period is closed'); end;
