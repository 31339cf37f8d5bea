//! The authorization server as browsers and clients see it, through the gateway.

mod apps;
mod authorize;
mod browser;
mod clients;
mod federation;
mod interrupted;
mod introspection;
mod keys;
mod refresh;
mod revocation;
mod secrets;
mod token;
mod visitor;
