-- The files of every policy set that came into force: the line of a rule is shown as it was when it was followed. A file that many sets
-- have stands here once.
create table policy_file (
    hash text primary key, -- SHA-256 of the text, in hexadecimal
    text text not null
) strict, without rowid;
create table policy_set (
    hash text primary key, -- as usage records name it
    first_at integer not null -- when it came into force first
) strict, without rowid;
create table policy_set_file (
    policy_set text not null references policy_set (hash),
    path text not null,
    file text not null references policy_file (hash),
    primary key (policy_set, path)
) strict, without rowid;

-- What is there stays, and is neither removed nor replaced.
create trigger policy_file_stays before update on policy_file
    begin select raise(abort, 'policy_file is append-only'); end;
create trigger policy_file_is_kept before delete on policy_file
    begin select raise(abort, 'policy_file is append-only'); end;
create trigger policy_file_is_not_replaced before insert on policy_file
    when exists (select 1 from policy_file f where f.hash = new.hash and f.text <> new.text)
    begin select raise(abort, 'policy_file is append-only'); end;
create trigger policy_set_stays before update on policy_set
    begin select raise(abort, 'policy_set is append-only'); end;
create trigger policy_set_is_kept before delete on policy_set
    begin select raise(abort, 'policy_set is append-only'); end;
create trigger policy_set_is_not_replaced before insert on policy_set
    when exists (select 1 from policy_set s where s.hash = new.hash)
    begin select raise(abort, 'policy_set is append-only'); end;
create trigger policy_set_file_stays before update on policy_set_file
    begin select raise(abort, 'policy_set_file is append-only'); end;
create trigger policy_set_file_is_kept before delete on policy_set_file
    begin select raise(abort, 'policy_set_file is append-only'); end;
create trigger policy_set_file_is_not_replaced before insert on policy_set_file
    when exists (select 1 from policy_set_file f where f.policy_set = new.policy_set and f.path = new.path)
    begin select raise(abort, 'policy_set_file is append-only'); end;
