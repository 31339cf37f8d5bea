-- Every node hears of an API key that is made, so that it knows which there are.

create trigger api_key_made after insert on api_key begin
    insert into identity_change (subject) values (new.id);
end;
