//! The authorization server as browsers and clients see it, through the gateway.

mod apps;
mod assertions;
mod authorize;
mod browser;
mod certificates;
mod checks_authorize;
mod checks_token;
mod clients;
mod consent;
mod device;
mod dpop;
mod federation;
mod hostile;
mod interrupted;
mod introspection;
mod keys;
mod par;
mod refresh;
mod revocation;
mod second_factor;
mod secrets;
mod step_up;
mod stock;
mod token;
mod visitor;
