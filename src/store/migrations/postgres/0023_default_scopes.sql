-- Whether default scopes were named for an app. While they were not, and are all that it may ask for, they follow its scopes.

alter table app add column default_scopes_named boolean not null default false;
