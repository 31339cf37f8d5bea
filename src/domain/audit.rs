//! Who changed what, when, from where, and what it was before.

use std::fmt;
use std::net::IpAddr;

use super::id::{MerchantId, NodeId};
use super::time::Timestamp;

/// Who made a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Who has an admin token, by the token's name.
    Administrator(String),
    /// A merchant, in a browser.
    Merchant(MerchantId),
    /// A node by itself, as it was told by files or by time.
    Node(NodeId),
}

impl fmt::Display for Actor {
    /// `administrator:alice`, `merchant:mer_1` or `node:one`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Administrator(name) => write!(f, "administrator:{name}"),
            Self::Merchant(id) => write!(f, "merchant:{id}"),
            Self::Node(name) => write!(f, "node:{name}"),
        }
    }
}

/// A change as it is kept with what it changed, in one transaction. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// By which admin token, if not by the one that the node was started with.
    pub credential: Option<String>,
    /// From where.
    pub address: Option<IpAddr>,
    /// In which request.
    pub request_id: Option<String>,
    /// What was done, such as `app.suspend`.
    pub action: String,
    /// To what: its id.
    pub subject: String,
    /// What it was, as JSON; `None` if it was not there, or nothing is told of it.
    pub before: Option<String>,
    /// What it became, as JSON.
    pub after: Option<String>,
}

/// A change that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number: a later one is higher.
    pub number: i64,
    /// When.
    pub at: Timestamp,
    /// Who, as [`Actor`] is written.
    pub actor: String,
    /// By which admin token.
    pub credential: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// In which request.
    pub request_id: Option<String>,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// What it was, as JSON.
    pub before: Option<String>,
    /// What it became, as JSON.
    pub after: Option<String>,
}
