//! A merchant's second factor: one-time passwords of an authenticator app, and recovery codes for the day without it.

mod check;
pub mod login_step;
pub mod page;
