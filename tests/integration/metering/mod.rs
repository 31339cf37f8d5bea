mod accounts;
mod again;
mod bodies;
mod disk;
mod drain;
mod left;
mod omitted;
