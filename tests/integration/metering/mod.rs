mod accounts;
mod again;
mod bodies;
mod drain;
mod omitted;
