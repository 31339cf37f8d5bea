-- The files of every policy set that came into force: the line of a rule is shown as it was when it was followed. A file that many sets
-- have stands here once.
create table policy_file (
    hash text collate "C" primary key, -- SHA-256 of the text, in hexadecimal
    text text not null
);
create table policy_set (
    hash text collate "C" primary key, -- as usage records name it
    first_at bigint not null -- when it came into force first
);
create table policy_set_file (
    policy_set text collate "C" not null references policy_set (hash),
    path text collate "C" not null,
    file text collate "C" not null references policy_file (hash),
    primary key (policy_set, path)
);

create trigger policy_file_stays before update or delete or truncate on policy_file
    for each statement execute function refuse_change();
create trigger policy_set_stays before update or delete or truncate on policy_set
    for each statement execute function refuse_change();
create trigger policy_set_file_stays before update or delete or truncate on policy_set_file
    for each statement execute function refuse_change();
