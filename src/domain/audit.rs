//! Who changed what, when, from where, and what it was before.

use std::fmt;
use std::net::IpAddr;

use super::action::Action;
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
    /// Whoever presented a credential that he had found; nothing more is known of him than where he was.
    Presenter(IpAddr),
}

impl Actor {
    /// What each of them is written with in front.
    pub const KINDS: [&str; 4] = ["administrator", "merchant", "node", "presenter"];
}

impl fmt::Display for Actor {
    /// `administrator:alice`, `merchant:mer_1`, `node:one` or `presenter:192.0.2.1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [administrator, merchant, node, presenter] = Self::KINDS;
        match self {
            Self::Administrator(name) => write!(f, "{administrator}:{name}"),
            Self::Merchant(id) => write!(f, "{merchant}:{id}"),
            Self::Node(name) => write!(f, "{node}:{name}"),
            Self::Presenter(address) => write!(f, "{presenter}:{address}"),
        }
    }
}

/// What is changed: its id, and the ids of what it belongs to or brings along, by which its records are found too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its id.
    pub id: String,
    /// The other ids, such as those of the merchant and the app of a grant.
    pub about: Vec<String>,
}

impl Subject {
    /// The thing of that id.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), about: Vec::new() }
    }

    /// The same, about what has that id as well.
    #[must_use]
    pub fn about(mut self, id: &str) -> Self {
        self.about.push(id.to_owned());
        self
    }
}

impl From<&str> for Subject {
    fn from(id: &str) -> Self {
        Self::new(id)
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
    /// What was done.
    pub action: Action,
    /// To what.
    pub subject: Subject,
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
    /// What was done: the name of an [`Action`], which an older program may have named otherwise.
    pub action: String,
    /// To what: its id.
    pub subject: String,
    /// The ids of what else it is about.
    pub about: Vec<String>,
    /// What it was, as JSON.
    pub before: Option<String>,
    /// What it became, as JSON.
    pub after: Option<String>,
}
