-- With the prices and the date that were told of a plan version: what it lets its apps use. What has none is of what is seen next.
alter table plan_announcement add column allowed text collate "C";
