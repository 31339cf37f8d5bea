-- Calls by which personal data left as it was are kept by app, also those by a credential that has no merchant: the usage record
-- has all else of them.
create table disclosure (
    app bigint not null, -- in usage_app
    usage bigint not null references usage (number),
    merchant text collate "C", -- whose buyers it is of, if the credential has one
    scopes text not null, -- that let it through, with a blank between two
    primary key (app, usage)
);
create index disclosure_of_merchant on disclosure (merchant, usage) where merchant is not null;
insert into disclosure
    select a.number, r.usage, r.merchant, r.scopes
    from personal_data_read r join usage_record u on u.number = r.usage join usage_app a on a.app = u.app
    order by a.number, r.usage;
drop table personal_data_read;

create trigger disclosure_stays before update or delete or truncate on disclosure
    for each statement execute function refuse_change();

-- What a node of an older program knows, which goes on until it is replaced.
create view personal_data_read as select merchant, usage, scopes from disclosure where merchant is not null;
create function keep_disclosure() returns trigger language plpgsql as $$
begin
    insert into disclosure (app, usage, merchant, scopes)
        select a.number, new.usage, new.merchant, new.scopes
        from usage_record u join usage_app a on a.app = u.app where u.number = new.usage;
    return new;
end $$;
create trigger personal_data_read_is_a_disclosure instead of insert on personal_data_read
    for each row execute function keep_disclosure();
