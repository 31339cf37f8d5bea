-- Of floods of refused calls one usage record stands for many: how many is kept beside it, so that all others cost nothing more.
create table usage_count (
    usage integer primary key references usage (number),
    calls integer not null check (calls > 0),
    until integer not null -- when the last of them came, in microseconds
) strict;
create trigger usage_count_stays before update on usage_count
    begin select raise(abort, 'usage_count is append-only'); end;
create trigger usage_count_is_kept before delete on usage_count
    begin select raise(abort, 'usage_count is append-only'); end;
create trigger usage_count_is_not_replaced before insert on usage_count
    when exists (select 1 from usage_count where usage = new.usage)
    begin select raise(abort, 'usage_count is append-only'); end;

-- Usage records as they are read, with how many calls each is of. An outer join would keep SQLite from looking records up through this.
drop view usage_record;
create view usage_record as
    select u.number, u.id, c.node, u.sequence, u.at, c.snapshot, c.app, c.partner, c.credential, c.credential_id, c.merchant,
        c.consent, c.route, c.product, c.plan, c.plan_version, c.method, c.status, u.latency, u.bytes_in, u.bytes_out,
        c.refusal, c.outcome, u.units, u.transaction_id, u.transaction_of, u.transaction_kind, u.amount, u.currency, u.reason,
        u.fee_terms,
        case when c.refusal is null then 1
            else coalesce((select n.calls from usage_count n where n.usage = u.number), 1) end as calls,
        case when c.refusal is not null
            then (select n.until from usage_count n where n.usage = u.number) end as until
    from usage u join usage_context c on c.number = u.context;
