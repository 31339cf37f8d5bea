//! The authorization server as browsers and clients see it, through the gateway.

mod apps;
mod authorize;
mod browser;
mod clients;
mod secrets;
mod token;
mod visitor;
