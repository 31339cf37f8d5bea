//! Logins by the platform's own identity provider, by OpenID Connect: this server is the client there. [`callback`] is where
//! to start; nothing of what the provider says is believed before `id_token.rs` has checked it.

pub mod begin;
pub mod callback;
mod derived;
mod exchange;
mod id_token;
mod linking;
mod metadata;
pub mod provider;
