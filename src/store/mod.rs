//! What must survive a restart, in SQLite or PostgreSQL. The only module that names sqlx.
//!
//! Invariant: every statement is one text that means the same in both stores (`$1` placeholders, times as `i64`
//! microseconds, money as `i64` minor units, decimals and lists as text). One file an aggregate, each with its
//! statements and its rows; domain types are converted by hand. The data plane never calls this module.
//!
//! A statement is run by `on!(arm, executor => …)`, which expands its body once for each store. The arm is
//! `store.reader()`, `store.writer()`, or, for several statements of several files that must happen together,
//! `transaction.connection()` of a [`transaction::Transaction`]. Many rows go in by `insert_rows!`; one that nobody else may change
//! meanwhile is read by `lock_row!`.

#[macro_use]
mod arm;
#[macro_use]
mod row;
#[macro_use]
pub mod credential;
#[macro_use]
mod calling_app;

pub mod account_history;
pub mod admin_token;
mod allowed_form;
pub mod app;
pub mod app_access;
pub mod app_secret;
pub mod audit;
pub mod authorization_code;
pub mod balance;
pub mod balance_alert;
pub mod balance_deposit;
pub mod balance_dispute;
mod balance_lease;
pub mod balance_payment;
pub mod balance_spent;
pub mod billed_fee;
mod calling_grant;
pub mod change_announcement;
pub mod charge;
mod charge_batch;
mod charge_total;
pub mod charged_rate;
pub mod client;
pub mod client_assertion;
mod client_certificate;
pub mod closing;
pub mod counted_call;
pub mod device_code;
mod disagreement;
mod dpop_proof;
pub mod error;
mod exception_kind;
pub mod exception_resolution;
mod expiry;
pub mod federated_login;
pub mod fee_sum;
pub mod first_factor;
pub mod grant;
pub mod identity_change;
mod introspection;
pub mod journal_head;
pub mod journal_position;
pub mod key;
pub mod key_page;
pub mod kill_switch;
mod last_use;
pub mod ledger;
pub mod line_sum;
mod line_total;
pub mod linked_account;
pub mod login_session;
pub mod manual_posting;
pub mod merchant;
mod migrations;
pub mod numbers;
pub mod open;
pub mod open_exceptions;
pub mod overdue;
pub mod page;
pub mod partner;
pub mod pending;
pub mod pending_login;
pub mod pending_sale;
mod period_charge;
pub mod personal_data_read;
pub mod plan_announcement;
pub mod plan_version;
pub mod policy_set;
pub mod proof_key;
pub mod pushed_request;
pub mod quota_lease;
pub mod recorded;
mod refresh_family;
pub mod refresh_token;
pub mod repeatable_call;
pub mod revoked_token;
mod running_total;
pub mod sale;
pub mod sale_event;
pub mod second_factor;
mod signature_key;
pub mod signing_key;
mod standing;
pub mod statement;
pub mod subscription;
mod tariff_form;
mod tenure;
pub mod tier_total;
pub mod transaction;
pub mod trial_balance;
pub mod usage;
pub mod usage_batch;
mod usage_count;
pub mod usage_exception;
pub mod usage_posting;
pub mod usage_run;
mod usage_transaction;
pub mod waiting_posting;
pub mod waiting_transaction;

pub use error::StoreError;
pub use open::Store;
pub use page::Page;
pub use transaction::Transaction;
