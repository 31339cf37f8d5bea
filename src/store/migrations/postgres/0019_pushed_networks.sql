-- Of an app that anybody can be, each network has a fair share of the requests that wait.

alter table pushed_request add column network text; -- null: of an app that has proved itself
drop index pushed_request_of_app;
create index pushed_request_of_app on pushed_request (app, expires_at, network);
