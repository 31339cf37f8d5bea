//! What stands in each kind of policy file. The doc comments here become the descriptions that editors show.

pub mod access;
pub mod announcements;
pub mod approvals;
pub mod billing;
pub mod fees;
pub mod issuers;
pub mod login;
pub mod plans;
pub mod platform;
pub mod products;
pub mod routes;
pub mod scopes;
pub mod shares;
pub mod text;
pub mod upstreams;
