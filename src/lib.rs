//! Tollgate: API gateway and open-platform proxy for e-commerce.
#![doc = ""]
#![doc = include_str!("ARCHITECTURE.md")]

pub mod admin;
pub mod billing;
pub mod cli;
pub mod config;
pub mod credential;
pub mod domain;
pub mod gateway;
pub mod journal;
pub mod json;
pub mod limit;
pub mod masking;
pub mod metering;
pub mod oauth;
pub mod outbound;
pub mod policy;
pub mod sandbox;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod upstream;
