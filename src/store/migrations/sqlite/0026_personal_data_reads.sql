-- Calls by which personal data of a merchant's buyers left as it was: the usage record has all else of them.
create table personal_data_read (
    merchant text not null,
    usage integer not null references usage (number),
    scopes text not null, -- that let it through, with a blank between two
    primary key (merchant, usage)
) strict, without rowid;
create trigger personal_data_read_stays before update on personal_data_read
    begin select raise(abort, 'personal_data_read is append-only'); end;
create trigger personal_data_read_is_kept before delete on personal_data_read
    begin select raise(abort, 'personal_data_read is append-only'); end;
create trigger personal_data_read_is_not_replaced before insert on personal_data_read
    when exists (select 1 from personal_data_read where merchant = new.merchant and usage = new.usage)
    begin select raise(abort, 'personal_data_read is append-only'); end;
