-- Every node hears of an API key that is made, so that it knows which there are.

create trigger api_key_made after insert on api_key
    for each row execute function note_identity_change('id');
