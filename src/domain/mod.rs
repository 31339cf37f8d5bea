//! The words of the product as types: ids, scopes, apps, plans, usage, money, ledger, statements.
//!
//! Values and rules only: no I/O, no async, no clock read, no serialization.

pub mod action;
pub mod admin_access;
pub mod api_key;
pub mod app_certificate;
pub mod audit;
pub mod authentication;
pub mod charge;
pub mod client;
pub mod client_certificate;
pub mod confirmation;
pub mod distinguished_name;
pub mod door;
pub mod ended;
pub mod fault;
pub mod hexadecimal;
pub mod id;
pub mod identity;
pub mod introspection;
pub mod kill_switch;
pub mod last_use;
pub mod ledger;
pub mod location;
pub mod media_type;
pub mod merchant_field;
pub mod money;
pub mod narrowing;
pub mod plan;
pub mod principal;
pub mod provider_account;
pub mod random;
pub mod refusal;
pub mod running_total;
pub mod scope;
pub mod secret_hash;
pub mod shown_certificate;
pub mod signature_key;
pub mod signature_mistake;
pub mod signature_style;
pub mod signing_algorithm;
pub mod spiffe_id;
pub mod statement;
pub mod time;
pub mod usage;
pub mod user_code;
