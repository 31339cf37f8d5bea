mod accounts;
mod again;
mod bodies;
mod disk;
mod drain;
mod faults;
mod left;
mod omitted;
