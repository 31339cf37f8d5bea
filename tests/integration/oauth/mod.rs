//! The authorization server as browsers and clients see it, through the gateway.

mod apps;
mod authorize;
mod browser;
mod clients;
mod federation;
mod secrets;
mod stock;
mod token;
mod visitor;
