//! `tollgate app secret`: client secrets of apps.

use clap::Subcommand;
use serde_json::json;

use super::app::{SHOWN_ONCE, path};
use super::failure::Outcome;
use super::node::Node;
use super::query::segment;
use super::screen::{Column, Screen};

#[derive(Debug, Subcommand)]
pub(super) enum SecretAction {
    /// Make another client secret, shown this once; the old ones keep working
    Create {
        /// The app's id
        id: String,
        /// Let all older secrets work for this long only, such as 24h or 7d: time to put the new one in place
        #[arg(long, value_name = "SPAN", conflicts_with = "revoke_others")]
        expire_others_in: Option<String>,
        /// Revoke all older secrets at once, and the tokens that the app got for itself by them
        #[arg(long)]
        revoke_others: bool,
        /// From when the new one no longer works, such as 2027-01-01T00:00:00Z [default: it works until revoked]
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
    },
    /// An app's client secrets, those that no longer work too; never the secrets themselves
    ///
    /// The last use is told by the hour, and written down a little later: 08:00 is a use before 09:00, and none since that the node
    /// has written down. What a node had not written down when it was killed is not told.
    List {
        /// The app's id
        id: String,
    },
    /// Make a client secret useless at once, and the tokens that the app got for itself
    Revoke {
        /// The app's id
        id: String,
        /// The secret's id (sec_…), not the secret
        secret: String,
    },
}

const CREATED: &[Column] = &[
    ("app", "/id"),
    ("secret's id", "/secret/id"),
    ("client secret", "/client_secret"),
    ("expires", "/secret/expires_at"),
    ("revoked secrets", "/revoked_secrets"),
    ("expiring secrets", "/expiring_secrets"),
];

const LISTED: &[Column] = &[
    ("id", "/id"),
    ("app", "/app"),
    ("created", "/created_at"),
    ("expires", "/expires_at"),
    ("revoked", "/revoked_at"),
    ("last used", "/last_used_at"),
];

pub(super) fn run(node: &Node, action: SecretAction, screen: &Screen) -> Outcome {
    match action {
        SecretAction::Create { id, expire_others_in, revoke_others, expires_at } => {
            let body = json!({
                "revoke_others": revoke_others,
                "expire_others_in": expire_others_in,
                "expires_at": expires_at,
            });
            screen.entry(&node.post(&path(&id, "/secrets"), &body)?, CREATED)?;
            screen.note(SHOWN_ONCE)
        }
        SecretAction::List { id } => {
            let secrets = node.list(&path(&id, "/secrets"))?;
            screen.list(&secrets, LISTED, "No client secrets: tollgate app secret create ID")
        }
        SecretAction::Revoke { id, secret } => {
            let path = path(&id, &format!("/secrets/{}/revoke", segment(&secret)));
            screen.entry(&node.post(&path, &json!({}))?, LISTED)
        }
    }
}
