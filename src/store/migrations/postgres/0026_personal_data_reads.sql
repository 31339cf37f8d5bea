-- Calls by which personal data of a merchant's buyers left as it was: the usage record has all else of them.
create table personal_data_read (
    merchant text collate "C" not null,
    usage bigint not null references usage (number),
    scopes text not null, -- that let it through, with a blank between two
    primary key (merchant, usage)
);
create trigger personal_data_read_stays before update or delete or truncate on personal_data_read
    for each statement execute function refuse_change();
