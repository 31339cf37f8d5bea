//! Calls that are under way when what they rest on is revoked or suspended, or what serves them is switched off.

mod beside;
mod certificates;
mod durable;
mod ended;
mod http2;
mod masked;
mod unclear;
mod world;
