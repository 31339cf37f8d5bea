-- Leaner books: what many rows have in common is kept once, under a number, and a call's fee stands in its usage record.
-- Records go in by batches, sorted by day, app and time: so an index of runs leads from an app and day to its records, at a
-- row for each batch and not for each record. Numbers are given in the order of recording.

-- What another node is writing is there first, or waits; it holds these tables for the whole of its transaction.
lock table usage, charge, ledger_transaction, ledger_posting in access exclusive mode;
create table usage_before as
    select u.*, dense_rank() over (order by node, snapshot, app, partner, credential, credential_id, merchant, consent, route,
            product, plan, plan_version, method, status, refusal, outcome) as context,
        row_number() over (order by at / 86400000000, app, at, id) as number
    from usage u;
create table charge_before as
    select c.*, dense_rank() over (order by partner, app, period, service_period, kind, product, plan, plan_version, currency,
            rate, rule_file, rule_line, rule_column) as terms
    from charge c;
create table ledger_transaction_before as
    select t.*, row_number() over (order by at, cause) as number from ledger_transaction t;
create table ledger_posting_before as select * from ledger_posting;
create index charge_before_of_usage on charge_before (usage);
create index ledger_transaction_before_of_cause on ledger_transaction_before (cause);
drop table charge cascade;
drop table ledger_posting cascade;
drop table ledger_transaction cascade;
drop table usage cascade;

-- What many calls have in common. The same may stand here more than once.
create table usage_context (
    number bigint primary key,
    node text collate "C" not null,
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
    refusal text collate "C",
    outcome text collate "C" not null check (outcome in ('free', 'billable', 'exception'))
);
insert into usage_context
    select distinct context, node, snapshot, app, partner, credential, credential_id, merchant, consent, route, product, plan,
        plan_version, method, status, refusal, outcome
    from usage_before;

-- What the charges of a line have in common. The same may stand here more than once.
create table charge_terms (
    number bigint primary key,
    partner text collate "C" not null,
    app text collate "C" not null,
    period text collate "C" not null, -- on whose statement it stands
    service_period text collate "C" not null, -- in which it was used
    kind text collate "C" not null check (kind in ('service_fee', 'revenue_share', 'share_reversal')),
    product text collate "C" not null,
    plan text collate "C" not null,
    plan_version bigint not null,
    currency text collate "C" not null,
    rate text collate "C" not null, -- price of a unit or percent, exact decimal
    rule_file text collate "C" not null,
    rule_line bigint not null,
    rule_column bigint not null
);
create index charge_terms_of_app on charge_terms (app, period);
insert into charge_terms
    select distinct terms, partner, app, period, service_period, kind, product, plan, plan_version, currency, rate, rule_file,
        rule_line, rule_column
    from charge_before;

create table ledger_transaction (
    number bigint primary key,
    cause text collate "C" not null unique,
    at bigint not null,
    app text collate "C" not null,
    period text collate "C" not null,
    currency text collate "C" not null
);
insert into ledger_transaction
    select number, cause, at, app, period, currency from ledger_transaction_before order by number;

-- A debit is above zero, a credit below.
create table ledger_posting (
    number bigint not null references ledger_transaction (number),
    account text collate "C" not null,
    minor bigint not null check (minor <> 0),
    primary key (number, account)
);
create index ledger_posting_of_account on ledger_posting (account, number);
insert into ledger_posting
    select t.number, p.account, p.minor from ledger_posting_before p
    join ledger_transaction_before t on t.cause = p.cause order by t.number, p.account;

create table usage (
    number bigint primary key,
    id text collate "C" not null unique,
    context bigint not null, -- in usage_context
    sequence bigint not null, -- in the node's journal
    at bigint not null,
    latency bigint not null, -- microseconds
    bytes_in bigint not null,
    bytes_out bigint not null,
    units bigint not null,
    transaction_id text collate "C",
    transaction_of text collate "C", -- of a refund: its sale, if that is not its own id
    transaction_kind text collate "C" check (transaction_kind in ('sale', 'refund')),
    amount bigint,
    currency text collate "C",
    reason text collate "C", -- of an exception
    fee_terms bigint, -- in charge_terms: the fee that it was charged when it was recorded
    fee_free bigint, -- units of it that cost nothing
    fee_minor bigint, -- what it adds to its line
    fee_posting bigint, -- number of the ledger transaction that posts it; null: it comes to nothing
    check ((fee_terms is null) = (fee_minor is null) and (fee_terms is null) = (fee_free is null))
);
insert into usage
    select b.number, b.id, b.context, b.sequence, b.at, b.latency, b.bytes_in, b.bytes_out, b.units, b.transaction_id,
        b.transaction_of, b.transaction_kind, b.amount, b.currency, b.reason, c.terms, c.free, c.minor, t.number
    from usage_before b
    left join charge_before c on c.usage = b.id and c.kind = 'service_fee' and c.quantity + c.free = b.units
    left join ledger_transaction_before t on t.cause = c.cause
    order by b.number;
alter table usage_exception add foreign key (usage) references usage (id);
alter table refund add foreign key (usage) references usage (id);
alter table waiting_refund add foreign key (usage) references usage (id);

-- Charges that do not stand in their usage record: shares, what is given back of them, and fees of what was resolved later.
create table other_charge (
    usage bigint not null references usage (number),
    kind text collate "C" not null check (kind in ('service_fee', 'revenue_share', 'share_reversal')),
    terms bigint not null, -- in charge_terms
    quantity bigint not null, -- units that cost something, or 1 transaction
    free bigint not null,
    transaction_id text collate "C",
    base bigint, -- of which it is a percentage
    minor bigint not null, -- what it adds to its line
    posting bigint, -- number of the ledger transaction that posts it; null: it comes to nothing
    primary key (usage, kind)
);
create index other_charge_of_terms on other_charge (terms, usage);
insert into other_charge
    select b.number, c.kind, c.terms, c.quantity, c.free, c.transaction_id, c.base, c.minor, t.number
    from charge_before c join usage_before b on b.id = c.usage
    left join ledger_transaction_before t on t.cause = c.cause
    where c.kind <> 'service_fee' or c.quantity + c.free <> b.units;

-- A stretch of a node's journal, and the numbers of the records that came of it.
create table usage_batch (
    node text collate "C" not null,
    last bigint not null,
    first bigint not null,
    first_usage bigint not null,
    last_usage bigint not null,
    primary key (node, last)
);
insert into usage_batch
    select node, max(sequence), min(sequence), min(number), max(number) from usage_before group by node;

create table usage_app (
    number bigint primary key,
    app text collate "C" not null unique
);
insert into usage_app
    select row_number() over (order by app), app from (select distinct app from usage_before) a;

-- Records of an app and day (of 86,400 s since 1970, UTC), one after another; app 0: of all apps.
create table usage_run (
    app bigint not null, -- in usage_app
    day bigint not null,
    first bigint not null,
    last bigint not null,
    primary key (app, day, first)
);
insert into usage_run
    select a.number, b.at / 86400000000, min(b.number), max(b.number)
    from usage_before b join usage_app a on a.app = b.app group by a.number, b.at / 86400000000;
insert into usage_run
    select 0, at / 86400000000, min(number), max(number) from usage_before group by at / 86400000000;

drop table charge_before;
drop table ledger_posting_before;
drop table ledger_transaction_before;
drop table usage_before;

-- Usage records as they are read.
create view usage_record as
    select u.number, u.id, c.node, u.sequence, u.at, c.snapshot, c.app, c.partner, c.credential, c.credential_id, c.merchant,
        c.consent, c.route, c.product, c.plan, c.plan_version, c.method, c.status, u.latency, u.bytes_in, u.bytes_out,
        c.refusal, c.outcome, u.units, u.transaction_id, u.transaction_of, u.transaction_kind, u.amount, u.currency, u.reason,
        u.fee_terms
    from usage u join usage_context c on c.number = u.context;

-- All charges as they are read.
create view charge as
    select u.at / 86400000000 as day, u.number, u.id as usage, t.kind, t.partner, t.app, t.period, t.service_period, t.product,
        t.plan, t.plan_version, t.currency, u.units - u.fee_free as quantity, u.fee_free as free, t.rate, cast(null as text) collate "C" as transaction_id,
        cast(null as bigint) as base, u.fee_minor as minor, l.cause, t.rule_file, t.rule_line, t.rule_column
    from usage u join charge_terms t on t.number = u.fee_terms left join ledger_transaction l on l.number = u.fee_posting
    union all
    select u.at / 86400000000, u.number, u.id, o.kind, t.partner, t.app, t.period, t.service_period, t.product,
        t.plan, t.plan_version, t.currency, o.quantity, o.free, t.rate, o.transaction_id, o.base, o.minor, l.cause, t.rule_file, t.rule_line,
        t.rule_column
    from other_charge o join usage u on u.number = o.usage join charge_terms t on t.number = o.terms
    left join ledger_transaction l on l.number = o.posting;

-- What charges come to, by their terms and the ledger transactions that post them.
create view charge_sum as
    select n.terms, n.posting, n.charges, n.quantity, n.free, n.base, n.minor, t.partner, t.app, t.period, t.service_period,
        t.kind, t.product, t.plan, t.plan_version, t.currency, t.rate, t.rule_file, t.rule_line, t.rule_column
    from (
        select fee_terms as terms, fee_posting as posting, count(*) as charges,
            cast(sum(units - fee_free) as bigint) as quantity, cast(sum(fee_free) as bigint) as free, cast(null as bigint) as base,
            cast(sum(fee_minor) as bigint) as minor
        from usage where fee_terms is not null group by fee_terms, fee_posting
        union all
        select terms, posting, count(*), cast(sum(quantity) as bigint), cast(sum(free) as bigint),
            cast(sum(base) as bigint), cast(sum(minor) as bigint)
        from other_charge group by terms, posting
    ) n join charge_terms t on t.number = n.terms;

-- What is there stays.
create trigger usage_context_stays before update or delete or truncate on usage_context
    for each statement execute function refuse_change();
create trigger charge_terms_stays before update or delete or truncate on charge_terms
    for each statement execute function refuse_change();
create trigger usage_stays before update or delete or truncate on usage
    for each statement execute function refuse_change();
create trigger other_charge_stays before update or delete or truncate on other_charge
    for each statement execute function refuse_change();
create trigger ledger_transaction_stays before update or delete or truncate on ledger_transaction
    for each statement execute function refuse_change();
create trigger ledger_posting_stays before update or delete or truncate on ledger_posting
    for each statement execute function refuse_change();
create trigger usage_batch_stays before update or delete or truncate on usage_batch
    for each statement execute function refuse_change();
create trigger usage_app_stays before update or delete or truncate on usage_app
    for each statement execute function refuse_change();
create trigger usage_run_stays before update or delete or truncate on usage_run
    for each statement execute function refuse_change();

-- A call has one fee.
create function refuse_second_fee() returns trigger language plpgsql as $$
begin
    if exists (select 1 from added a join usage u on u.number = a.usage
        where a.kind = 'service_fee' and u.fee_terms is not null) then
        raise exception 'the call has its fee';
    end if;
    return null;
end $$;
create trigger other_charge_is_no_second_fee after insert on other_charge
    referencing new table as added for each statement execute function refuse_second_fee();

-- A closed period takes nothing more.
create function refuse_closed_fee() returns trigger language plpgsql as $$
begin
    if exists (select 1 from charge_terms join closed_period using (period)
        where number in (select fee_terms from added)) then
        raise exception 'the period is closed';
    end if;
    return null;
end $$;
create function refuse_closed_charge() returns trigger language plpgsql as $$
begin
    if exists (select 1 from charge_terms join closed_period using (period) where number in (select terms from added)) then
        raise exception 'the period is closed';
    end if;
    return null;
end $$;
create or replace function refuse_closed_posting() returns trigger language plpgsql as $$
begin
    if exists (select 1 from added join ledger_transaction using (number) join closed_period using (period)) then
        raise exception 'the period is closed';
    end if;
    return null;
end $$;
create trigger usage_insert_in_a_closed_period after insert on usage
    referencing new table as added for each statement execute function refuse_closed_fee();
create trigger charge_terms_insert_in_a_closed_period after insert on charge_terms
    referencing new table as added for each statement execute function refuse_closed();
create trigger other_charge_insert_in_a_closed_period after insert on other_charge
    referencing new table as added for each statement execute function refuse_closed_charge();
create trigger ledger_transaction_insert_in_a_closed_period after insert on ledger_transaction
    referencing new table as added for each statement execute function refuse_closed();
create trigger ledger_posting_insert_in_a_closed_period after insert on ledger_posting
    referencing new table as added for each statement execute function refuse_closed_posting();
