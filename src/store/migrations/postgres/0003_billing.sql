-- Usage, exceptions, charges, ledger, statements. Times: microseconds since 1970 (UTC); money: minor units.
-- What is used, charged, posted or stated is never changed or removed, and a closed period takes nothing more: see the
-- triggers at the end. Text is compared byte by byte (collate "C").

-- How far each node's journal has been recorded.
create table journal_position (
    node text collate "C" primary key,
    sequence bigint not null
);

-- The prices of every plan version that was ever in force, and where they stood in the policy files.
create table plan_version (
    plan text collate "C" not null,
    version bigint not null,
    currency text collate "C" not null,
    rounding text collate "C" not null,
    fee text collate "C", -- exact decimal; null: none
    free_units bigint not null,
    fee_file text collate "C",
    fee_line bigint,
    fee_column bigint,
    share text collate "C", -- percent, exact decimal; null: none
    share_file text collate "C",
    share_line bigint,
    share_column bigint,
    primary key (plan, version)
);

create table usage (
    id text collate "C" primary key,
    node text collate "C" not null,
    sequence bigint not null,
    at bigint not null,
    snapshot text collate "C" not null,
    app text collate "C" not null,
    partner text collate "C" not null,
    credential text collate "C" not null,
    credential_id text collate "C" not null,
    merchant text collate "C",
    consent text collate "C", -- id of the merchant's grant
    route text collate "C",
    product text collate "C",
    plan text collate "C",
    plan_version bigint,
    method text collate "C" not null,
    status bigint not null,
    latency bigint not null, -- microseconds
    bytes_in bigint not null,
    bytes_out bigint not null,
    refusal text collate "C",
    outcome text collate "C" not null check (outcome in ('free', 'billable', 'exception')),
    units bigint not null,
    transaction_id text collate "C",
    transaction_of text collate "C", -- of a refund: its sale, if that is not its own id
    transaction_kind text collate "C" check (transaction_kind in ('sale', 'refund')),
    amount bigint,
    currency text collate "C",
    reason text collate "C", -- of an exception
    unique (node, sequence)
);
create index usage_of_app on usage (app, at);
create index usage_at on usage (at);

-- What could not be rated, or not even read: someone, or a sale that comes later, must resolve it.
create table usage_exception (
    id text collate "C" primary key, -- usage:ID, or journal:NODE:FIRST-LAST
    kind text collate "C" not null check (kind in ('evidence', 'plan', 'transaction', 'journal')),
    at bigint not null,
    usage text collate "C" references usage (id), -- null: nothing could be read
    app text collate "C",
    sale text collate "C", -- the sale that it waits for
    reason text collate "C" not null
);
create index usage_exception_at on usage_exception (at);
create index usage_exception_of_sale on usage_exception (sale) where sale is not null;

create table exception_resolution (
    exception text collate "C" primary key references usage_exception (id),
    outcome text collate "C" not null check (outcome in ('rated', 'waived')),
    at bigint not null,
    resolver text collate "C" not null, -- who
    reason text collate "C" not null
);

create table charge (
    usage text collate "C" not null references usage (id),
    kind text collate "C" not null check (kind in ('service_fee', 'revenue_share', 'share_reversal')),
    partner text collate "C" not null,
    app text collate "C" not null,
    period text collate "C" not null, -- on whose statement it stands
    service_period text collate "C" not null, -- in which it was used
    product text collate "C" not null,
    plan text collate "C" not null,
    plan_version bigint not null,
    currency text collate "C" not null,
    quantity bigint not null, -- units that cost something, or 1 transaction
    free bigint not null,
    rate text collate "C" not null, -- price of a unit or percent, exact decimal
    transaction_id text collate "C",
    base bigint, -- of which it is a percentage
    minor bigint not null, -- what it adds to its line
    cause text collate "C", -- the ledger transaction that posts it; null: it comes to nothing
    rule_file text collate "C" not null,
    rule_line bigint not null,
    rule_column bigint not null,
    primary key (usage, kind),
    check ((cause is null) = (minor = 0))
);
create index charge_of_app on charge (app, period, usage);
create index charge_of_cause on charge (cause) where cause is not null;

-- The sums of a statement's lines: always those of their charges.
create table line_total (
    partner text collate "C" not null,
    app text collate "C" not null,
    period text collate "C" not null,
    service_period text collate "C" not null,
    kind text collate "C" not null,
    product text collate "C" not null,
    plan text collate "C" not null,
    plan_version bigint not null,
    currency text collate "C" not null,
    charges bigint not null,
    quantity bigint not null,
    free bigint not null,
    rate text collate "C" not null,
    base bigint,
    minor bigint not null,
    rule_file text collate "C" not null,
    rule_line bigint not null,
    rule_column bigint not null,
    primary key (period, app, partner, currency, service_period, kind, product, plan, plan_version)
);

-- Units counted together for the free allowance and the rounding of fees.
create table unit_total (
    app text collate "C" not null,
    product text collate "C" not null,
    plan text collate "C" not null,
    plan_version bigint not null,
    service_period text collate "C" not null,
    units bigint not null,
    primary key (app, service_period, product, plan, plan_version)
);

-- Sales of which a share was taken, and what was given back of them.
create table sale (
    app text collate "C" not null,
    id text collate "C" not null,
    currency text collate "C" not null,
    product text collate "C" not null,
    plan text collate "C" not null,
    plan_version bigint not null,
    percent text collate "C" not null,
    rounding text collate "C" not null,
    rule_file text collate "C" not null,
    rule_line bigint not null,
    rule_column bigint not null,
    amount bigint not null check (amount >= 0),
    share bigint not null check (share between 0 and amount),
    refunded bigint not null check (refunded between 0 and amount),
    returned bigint not null check (returned between 0 and share),
    primary key (id, app, currency)
);

create table ledger_transaction (
    cause text collate "C" primary key,
    at bigint not null,
    app text collate "C" not null,
    period text collate "C" not null,
    currency text collate "C" not null
);
create index ledger_transaction_of_period on ledger_transaction (period, app);

-- A debit is above zero, a credit below.
create table ledger_posting (
    cause text collate "C" not null references ledger_transaction (cause),
    account text collate "C" not null,
    minor bigint not null check (minor <> 0),
    primary key (cause, account)
);
create index ledger_posting_of_account on ledger_posting (account, cause);

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
    hash text collate "C" not null, -- SHA-256 of the content, in hexadecimal
    content text collate "C" not null, -- JSON
    unique (period, app, partner, currency)
);

create function refuse_change() returns trigger language plpgsql as $$
begin raise exception '% is append-only', tg_table_name; end $$;
create trigger plan_version_stays before update or delete or truncate on plan_version
    for each statement execute function refuse_change();
create trigger usage_stays before update or delete or truncate on usage
    for each statement execute function refuse_change();
create trigger usage_exception_stays before update or delete or truncate on usage_exception
    for each statement execute function refuse_change();
create trigger exception_resolution_stays before update or delete or truncate on exception_resolution
    for each statement execute function refuse_change();
create trigger charge_stays before update or delete or truncate on charge
    for each statement execute function refuse_change();
create trigger ledger_transaction_stays before update or delete or truncate on ledger_transaction
    for each statement execute function refuse_change();
create trigger ledger_posting_stays before update or delete or truncate on ledger_posting
    for each statement execute function refuse_change();
create trigger closed_period_stays before update or delete or truncate on closed_period
    for each statement execute function refuse_change();
create trigger statement_stays before update or delete or truncate on statement
    for each statement execute function refuse_change();
create trigger line_total_is_kept before delete or truncate on line_total
    for each statement execute function refuse_change();

create function refuse_closed() returns trigger language plpgsql as $$
begin
    if exists (select 1 from added join closed_period using (period)) then
        raise exception 'the period is closed';
    end if;
    return null;
end $$;
create trigger charge_insert_in_a_closed_period after insert on charge
    referencing new table as added for each statement execute function refuse_closed();
create trigger line_total_insert_in_a_closed_period after insert on line_total
    referencing new table as added for each statement execute function refuse_closed();
create trigger line_total_update_in_a_closed_period after update on line_total
    referencing new table as added for each statement execute function refuse_closed();
create trigger ledger_transaction_insert_in_a_closed_period after insert on ledger_transaction
    referencing new table as added for each statement execute function refuse_closed();
