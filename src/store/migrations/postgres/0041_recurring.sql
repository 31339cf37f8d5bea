-- What subscriptions cost by the month is charged as a month is closed: by no usage record, but by days at versions of their plan.

-- Whether subscriptions to earlier versions moved to this one as it came into force. Of what older programs kept, its notice says it until
-- a node has written down, once, what its file says.
alter table plan_version add column moves bigint; -- null: kept by an older program
drop trigger plan_version_stays on plan_version;
create trigger plan_version_stays before update on plan_version for each row
    when (new.plan <> old.plan or new.version <> old.version
        or old.effective_from is not null and (old.moves is not null or new.moves is null
            or new.effective_from is distinct from old.effective_from or new.currency <> old.currency or new.rounding <> old.rounding
            or new.fee is distinct from old.fee or new.free_units <> old.free_units or new.fee_file is distinct from old.fee_file
            or new.fee_line is distinct from old.fee_line or new.fee_column is distinct from old.fee_column
            or new.share is distinct from old.share or new.share_file is distinct from old.share_file
            or new.share_line is distinct from old.share_line or new.share_column is distinct from old.share_column
            or new.form is distinct from old.form or new.tariff is distinct from old.tariff
            or new.every_call is distinct from old.every_call))
    execute function refuse_change();

-- At which version a subscription stood before it was moved, and when that was.
create table subscription_move (
    subscription text collate "C" not null references subscription (id),
    part bigint not null check (part > 0), -- from 1 on
    at bigint not null,
    version_before bigint, -- null: it followed the plan
    version bigint not null,
    primary key (subscription, part)
);

-- A charge of a subscription for days of a month. Its cause, which its ledger transaction has, names it: it is charged once.
create table period_charge (
    posting bigint primary key references ledger_transaction (number),
    subscription text collate "C" not null references subscription (id),
    terms bigint not null unique, -- in charge_terms
    days bigint not null check (days between 1 and of_days),
    of_days bigint not null check (of_days between 28 and 31),
    base bigint, -- of a minimum: what it comes to by days
    minor bigint not null check (minor > 0), -- what it adds to its line
    at bigint not null
);

-- What is there stays, and is not removed.
create trigger subscription_move_stays before update or delete or truncate on subscription_move
    for each statement execute function refuse_change();
create trigger period_charge_stays before update or delete or truncate on period_charge
    for each statement execute function refuse_change();
create trigger period_charge_insert_in_a_closed_period after insert on period_charge
    referencing new table as added for each statement execute function refuse_closed_charge();

drop view charge;
drop view charge_sum;

-- All charges as they are read.
create view charge as
    select u.at / 86400000000 as day, u.number, u.id as usage, t.kind, t.partner, t.app, t.period, t.service_period, t.product,
        t.plan, t.plan_version, t.item, t.currency, u.units - u.fee_free as quantity, u.fee_free as free, t.rate, t.price,
        t.position, cast(null as text) collate "C" as transaction_id, cast(null as bigint) as base, u.fee_minor as minor, l.cause, t.rule_file,
        t.rule_line, t.rule_column
    from usage u join charge_terms t on t.number = u.fee_terms left join ledger_transaction l on l.number = u.fee_posting
    union all
    select u.at / 86400000000, u.number, u.id, o.kind, t.partner, t.app, t.period, t.service_period, t.product,
        t.plan, t.plan_version, t.item, t.currency, o.quantity, o.free, t.rate, t.price, t.position, o.transaction_id, o.base,
        o.minor, l.cause, t.rule_file, t.rule_line, t.rule_column
    from other_charge o join usage u on u.number = o.usage join charge_terms t on t.number = o.terms
    left join ledger_transaction l on l.number = o.posting
    union all
    select p.at / 86400000000, null, null, t.kind, t.partner, t.app, t.period, t.service_period, t.product,
        t.plan, t.plan_version, t.item, t.currency, p.days, 0, t.rate, t.price, t.position, null, p.base, p.minor, l.cause,
        t.rule_file, t.rule_line, t.rule_column
    from period_charge p join charge_terms t on t.number = p.terms
    left join ledger_transaction l on l.number = p.posting;

-- What charges come to, by their terms and the ledger transactions that post them.
create view charge_sum as
    select n.terms, n.posting, n.charges, n.quantity, n.free, n.base, n.minor, t.partner, t.app, t.period, t.service_period,
        t.kind, t.product, t.plan, t.plan_version, t.item, t.currency, t.rate, t.price, t.rule_file, t.rule_line, t.rule_column
    from (
        select fee_terms as terms, fee_posting as posting, count(*) as charges,
            cast(sum(units - fee_free) as bigint) as quantity, cast(sum(fee_free) as bigint) as free, cast(null as bigint) as base,
            cast(sum(fee_minor) as bigint) as minor
        from usage where fee_terms is not null group by fee_terms, fee_posting
        union all
        select terms, posting, count(*), cast(sum(quantity) as bigint), cast(sum(free) as bigint),
            cast(sum(base) as bigint), cast(sum(minor) as bigint)
        from other_charge group by terms, posting
        union all
        select terms, posting, 1, days, 0, base, minor from period_charge
    ) n join charge_terms t on t.number = n.terms;
