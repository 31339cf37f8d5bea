-- Leaner books: what many rows have in common is kept once, under a number, and a call's fee stands in its usage record.
-- Records go in by batches, sorted by day, app and time: so an index of runs leads from an app and day to its records, at a
-- row for each batch and not for each record. Numbers are given in the order of recording.
pragma defer_foreign_keys = on; -- what refers to usage is right again at the end

-- Without these, each usage record that goes or comes would have every refund looked at.
create index refund_of_usage on refund (usage);
create index waiting_refund_of_usage on waiting_refund (usage);
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
drop table charge;
drop table ledger_posting;
drop table ledger_transaction;
drop table usage;

-- What many calls have in common. The same may stand here more than once.
create table usage_context (
    number integer primary key,
    node text not null,
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
    refusal text,
    outcome text not null check (outcome in ('free', 'billable', 'exception'))
) strict;
insert into usage_context
    select distinct context, node, snapshot, app, partner, credential, credential_id, merchant, consent, route, product, plan,
        plan_version, method, status, refusal, outcome
    from usage_before;

-- What the charges of a line have in common. The same may stand here more than once.
create table charge_terms (
    number integer primary key,
    partner text not null,
    app text not null,
    period text not null, -- on whose statement it stands
    service_period text not null, -- in which it was used
    kind text not null check (kind in ('service_fee', 'revenue_share', 'share_reversal')),
    product text not null,
    plan text not null,
    plan_version integer not null,
    currency text not null,
    rate text not null, -- price of a unit or percent, exact decimal
    rule_file text not null,
    rule_line integer not null,
    rule_column integer not null
) strict;
create index charge_terms_of_app on charge_terms (app, period);
insert into charge_terms
    select distinct terms, partner, app, period, service_period, kind, product, plan, plan_version, currency, rate, rule_file,
        rule_line, rule_column
    from charge_before;

create table ledger_transaction (
    number integer primary key,
    cause text not null unique,
    at integer not null,
    app text not null,
    period text not null,
    currency text not null
) strict;
insert into ledger_transaction
    select number, cause, at, app, period, currency from ledger_transaction_before order by number;

-- A debit is above zero, a credit below.
create table ledger_posting (
    number integer not null references ledger_transaction (number),
    account text not null,
    minor integer not null check (minor <> 0),
    primary key (number, account)
) strict, without rowid;
create index ledger_posting_of_account on ledger_posting (account, number);
insert into ledger_posting
    select t.number, p.account, p.minor from ledger_posting_before p
    join ledger_transaction_before t on t.cause = p.cause order by t.number, p.account;

create table usage (
    number integer primary key,
    id text not null unique,
    context integer not null, -- in usage_context
    sequence integer not null, -- in the node's journal
    at integer not null,
    latency integer not null, -- microseconds
    bytes_in integer not null,
    bytes_out integer not null,
    units integer not null,
    transaction_id text,
    transaction_of text, -- of a refund: its sale, if that is not its own id
    transaction_kind text check (transaction_kind in ('sale', 'refund')),
    amount integer,
    currency text,
    reason text, -- of an exception
    fee_terms integer, -- in charge_terms: the fee that it was charged when it was recorded
    fee_free integer, -- units of it that cost nothing
    fee_minor integer, -- what it adds to its line
    fee_posting integer, -- number of the ledger transaction that posts it; null: it comes to nothing
    check ((fee_terms is null) = (fee_minor is null) and (fee_terms is null) = (fee_free is null))
) strict;
insert into usage
    select b.number, b.id, b.context, b.sequence, b.at, b.latency, b.bytes_in, b.bytes_out, b.units, b.transaction_id,
        b.transaction_of, b.transaction_kind, b.amount, b.currency, b.reason, c.terms, c.free, c.minor, t.number
    from usage_before b
    left join charge_before c on c.usage = b.id and c.kind = 'service_fee' and c.quantity + c.free = b.units
    left join ledger_transaction_before t on t.cause = c.cause
    order by b.number;

-- Charges that do not stand in their usage record: shares, what is given back of them, and fees of what was resolved later.
create table other_charge (
    usage integer not null references usage (number),
    kind text not null check (kind in ('service_fee', 'revenue_share', 'share_reversal')),
    terms integer not null, -- in charge_terms
    quantity integer not null, -- units that cost something, or 1 transaction
    free integer not null,
    transaction_id text,
    base integer, -- of which it is a percentage
    minor integer not null, -- what it adds to its line
    posting integer, -- number of the ledger transaction that posts it; null: it comes to nothing
    primary key (usage, kind)
) strict, without rowid;
create index other_charge_of_terms on other_charge (terms, usage);
insert into other_charge
    select b.number, c.kind, c.terms, c.quantity, c.free, c.transaction_id, c.base, c.minor, t.number
    from charge_before c join usage_before b on b.id = c.usage
    left join ledger_transaction_before t on t.cause = c.cause
    where c.kind <> 'service_fee' or c.quantity + c.free <> b.units;

-- A stretch of a node's journal, and the numbers of the records that came of it.
create table usage_batch (
    node text not null,
    last integer not null,
    first integer not null,
    first_usage integer not null,
    last_usage integer not null,
    primary key (node, last)
) strict, without rowid;
insert into usage_batch
    select node, max(sequence), min(sequence), min(number), max(number) from usage_before group by node;

create table usage_app (
    number integer primary key,
    app text not null unique
) strict;
insert into usage_app
    select row_number() over (order by app), app from (select distinct app from usage_before) a;

-- Records of an app and day (of 86,400 s since 1970, UTC), one after another; app 0: of all apps.
create table usage_run (
    app integer not null, -- in usage_app
    day integer not null,
    first integer not null,
    last integer not null,
    primary key (app, day, first)
) strict, without rowid;
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
        t.plan, t.plan_version, t.currency, u.units - u.fee_free as quantity, u.fee_free as free, t.rate, null as transaction_id,
        null as base, u.fee_minor as minor, l.cause, t.rule_file, t.rule_line, t.rule_column
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
            cast(sum(units - fee_free) as bigint) as quantity, cast(sum(fee_free) as bigint) as free, null as base,
            cast(sum(fee_minor) as bigint) as minor
        from usage where fee_terms is not null group by fee_terms, fee_posting
        union all
        select terms, posting, count(*), cast(sum(quantity) as bigint), cast(sum(free) as bigint),
            cast(sum(base) as bigint), cast(sum(minor) as bigint)
        from other_charge group by terms, posting
    ) n join charge_terms t on t.number = n.terms;

-- What is there stays, and is neither removed nor replaced.
create trigger usage_context_stays before update on usage_context
    begin select raise(abort, 'usage_context is append-only'); end;
create trigger usage_context_is_kept before delete on usage_context
    begin select raise(abort, 'usage_context is append-only'); end;
create trigger usage_context_is_not_replaced before insert on usage_context
    when exists (select 1 from usage_context where number = new.number)
    begin select raise(abort, 'usage_context is append-only'); end;
create trigger charge_terms_stays before update on charge_terms
    begin select raise(abort, 'charge_terms is append-only'); end;
create trigger charge_terms_is_kept before delete on charge_terms
    begin select raise(abort, 'charge_terms is append-only'); end;
create trigger charge_terms_is_not_replaced before insert on charge_terms
    when exists (select 1 from charge_terms where number = new.number)
    begin select raise(abort, 'charge_terms is append-only'); end;
create trigger usage_stays before update on usage
    begin select raise(abort, 'usage is append-only'); end;
create trigger usage_is_kept before delete on usage
    begin select raise(abort, 'usage is append-only'); end;
-- One trigger for all of it, as each costs every record something.
create trigger usage_is_not_replaced_nor_charged_in_a_closed_period before insert on usage
    when exists (select 1 from usage where number = new.number)
        or exists (select 1 from usage where id = new.id)
        or exists (select 1 from charge_terms t join closed_period p on p.period = t.period where t.number = new.fee_terms)
    begin select raise(abort, 'usage is append-only, and a closed period takes no fee'); end;
create trigger other_charge_stays before update on other_charge
    begin select raise(abort, 'other_charge is append-only'); end;
create trigger other_charge_is_kept before delete on other_charge
    begin select raise(abort, 'other_charge is append-only'); end;
create trigger other_charge_is_not_replaced before insert on other_charge
    when exists (select 1 from other_charge where usage = new.usage and kind = new.kind)
    begin select raise(abort, 'other_charge is append-only'); end;
create trigger ledger_transaction_stays before update on ledger_transaction
    begin select raise(abort, 'ledger_transaction is append-only'); end;
create trigger ledger_transaction_is_kept before delete on ledger_transaction
    begin select raise(abort, 'ledger_transaction is append-only'); end;
create trigger ledger_transaction_is_not_replaced_nor_of_a_closed_period before insert on ledger_transaction
    when exists (select 1 from ledger_transaction where number = new.number)
        or exists (select 1 from ledger_transaction where cause = new.cause)
        or exists (select 1 from closed_period where period = new.period)
    begin select raise(abort, 'ledger_transaction is append-only, and a closed period takes nothing'); end;
create trigger ledger_posting_stays before update on ledger_posting
    begin select raise(abort, 'ledger_posting is append-only'); end;
create trigger ledger_posting_is_kept before delete on ledger_posting
    begin select raise(abort, 'ledger_posting is append-only'); end;
create trigger ledger_posting_is_not_replaced_nor_of_a_closed_period before insert on ledger_posting
    when exists (select 1 from ledger_posting where number = new.number and account = new.account)
        or exists (select 1 from ledger_transaction t join closed_period p on p.period = t.period
        where t.number = new.number)
    begin select raise(abort, 'ledger_posting is append-only, and a closed period takes nothing'); end;
create trigger usage_batch_stays before update on usage_batch
    begin select raise(abort, 'usage_batch is append-only'); end;
create trigger usage_batch_is_kept before delete on usage_batch
    begin select raise(abort, 'usage_batch is append-only'); end;
create trigger usage_batch_is_not_replaced before insert on usage_batch
    when exists (select 1 from usage_batch where node = new.node and last = new.last)
    begin select raise(abort, 'usage_batch is append-only'); end;
create trigger usage_app_stays before update on usage_app
    begin select raise(abort, 'usage_app is append-only'); end;
create trigger usage_app_is_kept before delete on usage_app
    begin select raise(abort, 'usage_app is append-only'); end;
create trigger usage_app_is_not_replaced before insert on usage_app
    when exists (select 1 from usage_app where number = new.number)
        or exists (select 1 from usage_app where app = new.app)
    begin select raise(abort, 'usage_app is append-only'); end;
create trigger usage_run_stays before update on usage_run
    begin select raise(abort, 'usage_run is append-only'); end;
create trigger usage_run_is_kept before delete on usage_run
    begin select raise(abort, 'usage_run is append-only'); end;
create trigger usage_run_is_not_replaced before insert on usage_run
    when exists (select 1 from usage_run where app = new.app and day = new.day and first = new.first)
    begin select raise(abort, 'usage_run is append-only'); end;

-- A call has one fee.
create trigger other_charge_is_no_second_fee before insert on other_charge
    when new.kind = 'service_fee' and exists (select 1 from usage where number = new.usage and fee_terms is not null)
    begin select raise(abort, 'the call has its fee'); end;

-- A closed period takes nothing more.
create trigger charge_terms_insert_in_a_closed_period before insert on charge_terms
    when exists (select 1 from closed_period where period = new.period)
    begin select raise(abort, 'the period is closed'); end;
create trigger other_charge_insert_in_a_closed_period before insert on other_charge
    when exists (select 1 from charge_terms t join closed_period p on p.period = t.period where t.number = new.terms)
    begin select raise(abort, 'the period is closed'); end;
