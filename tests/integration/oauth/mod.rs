//! The authorization server as browsers and clients see it, through the gateway.

mod apps;
mod authorize;
mod browser;
mod clients;
mod dpop;
mod federation;
mod secrets;
mod step_up;
mod token;
mod visitor;
