//! The sandbox upstreams over sockets, called as the gateway calls them.

mod catalog;
mod orders;
mod payments;
mod refusals;
mod world;
