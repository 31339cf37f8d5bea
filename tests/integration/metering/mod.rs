mod accounts;
mod bodies;
mod drain;
