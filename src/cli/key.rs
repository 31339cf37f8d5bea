//! `tollgate key`: API keys.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::app::SHOWN_ONCE;
use super::failure::Outcome;
use super::key_inspection;
use super::node::NodeArguments;
use super::query::{segment, with_query};
use super::screen::{Column, Format, Screen, cell};

#[derive(Debug, Args)]
pub(super) struct KeyArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make an API key for an app; it is shown this once
    Create {
        /// The app that it proves
        #[arg(long, value_name = "ID")]
        app: String,
        /// A scope of the key; may be given several times [default: all scopes of the app]
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// An API product that the key may be used for, of those that the app has subscribed to; may be given several times
        /// [default: all of them]
        #[arg(long = "product", value_name = "PRODUCT")]
        products: Vec<String>,
        /// A network that it may be used from, such as 192.0.2.0/24, 2001:db8::/32 or 192.0.2.7; may be given several times
        /// [default: anywhere]
        #[arg(long = "address", value_name = "CIDR")]
        addresses: Vec<String>,
        /// From when it no longer works, such as 2027-01-01T00:00:00Z [default: it works until revoked]
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
    },
    /// An app's keys, revoked ones too; never the keys themselves
    ///
    /// The last use is told by the hour: 08:00 is a use before 09:00, and none since. It is known some seconds later.
    List {
        /// The app
        #[arg(long, value_name = "ID")]
        app: String,
    },
    /// Make a key that takes another's place, as narrow as that; it is shown this once
    ///
    /// The old key works for a while yet, so that nobody is cut off before the new one is in place. It never works longer than
    /// it would have.
    Rotate {
        /// The old key's id (key_…), not the key
        id: String,
        /// How long the old key works yet, such as 30m, 24h or 7d; 30d at most [default: 24h]
        #[arg(long, value_name = "SPAN")]
        overlap: Option<String>,
        /// From when the new key no longer works [default: it works for as long as the old one was made to]
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
    },
    /// What a key is that was found: read from standard input, or asked for, and never an argument
    ///
    /// By itself it tells whether it is a key, by its checksum, for which environment, and its SHA-256, which may be shown. The
    /// node, which is told the SHA-256 alone, knows whose it is, what it is good for, and whether it still works.
    Inspect {
        /// Ask no node
        #[arg(long)]
        offline: bool,
    },
    /// Make a key useless at once
    Revoke {
        /// The key's id (key_…), not the key
        id: String,
    },
}

/// What a key may that is not narrowed.
const OF_APP: &str = "all of the app";

const COLUMNS: &[Column] = &[
    ("id", "/id"),
    ("key", "/key"),
    ("app", "/app"),
    ("scopes", "/scopes"),
    ("products", "/products"),
    ("addresses", "/addresses"),
    ("created", "/created_at"),
    ("expires", "/expires_at"),
    ("revoked", "/revoked_at"),
    ("instead of", "/rotated_from"),
    ("which works until", "/predecessor/expires_at"),
];

const LISTED: &[Column] = &[
    ("id", "/id"),
    ("app", "/app"),
    ("scopes", "/scopes"),
    ("products", "/products"),
    ("addresses", "/addresses"),
    ("created", "/created_at"),
    ("expires", "/expires_at"),
    ("revoked", "/revoked_at"),
    ("last used", "/last_used_at"),
];

pub(super) fn run(arguments: KeyArguments, screen: &Screen) -> Outcome {
    let KeyArguments { node: which, action } = arguments;
    let node = || which.node();
    match action {
        Action::Inspect { offline } => {
            let asked = (!offline && which.is_told()).then_some(&which);
            key_inspection::run(asked, screen)
        }
        Action::Create { app, scopes, products, addresses, expires_at } => {
            let mut body = json!({ "app": app });
            for (field, given) in [("scopes", scopes), ("products", products), ("addresses", addresses)] {
                if !given.is_empty() {
                    body[field] = json!(given);
                }
            }
            if let Some(expires_at) = expires_at {
                body["expires_at"] = json!(expires_at);
            }
            let made = node()?.post("/admin/keys", &body)?;
            screen.entry(&told(with_all_scopes(made.clone(), screen), screen), COLUMNS)?;
            screen.note(SHOWN_ONCE)?;
            match made["permits"]["personal_data"].as_array().map_or(0, Vec::len) {
                0 => Ok(()),
                _ => {
                    let scopes = cell(made.pointer("/permits/personal_data"));
                    screen.note(&format!("It gets personal data that others get masked, by: {scopes}"))
                }
            }
        }
        Action::Rotate { id, overlap, expires_at } => {
            let body = json!({ "overlap": overlap, "expires_at": expires_at });
            let path = format!("/admin/keys/{}/rotate", segment(&id));
            screen.entry(&told(node()?.post(&path, &body)?, screen), COLUMNS)?;
            screen.note(SHOWN_ONCE)
        }
        Action::List { app } => {
            let keys = node()?.list(&with_query("/admin/keys", &[("app", Some(&app))]))?;
            let keys: Vec<Value> = keys.into_iter().map(|key| told(key, screen)).collect();
            screen.list(&keys, LISTED, "No keys: tollgate key create --app ID")
        }
        Action::Revoke { id } => {
            let path = format!("/admin/keys/{}/revoke", segment(&id));
            screen.entry(&told(node()?.post(&path, &json!({}))?, screen), COLUMNS)
        }
    }
}

/// A new key, for people: one that no scopes narrow has all that its app has by now, which are named.
fn with_all_scopes(mut key: Value, screen: &Screen) -> Value {
    if screen.format() == Format::Human && key["scopes"].is_null() && key["permits"]["scopes"].is_array() {
        key["scopes"] = json!(format!("{OF_APP}: {}", cell(key.pointer("/permits/scopes"))));
    }
    key
}

/// A key, or another credential that is narrowed as keys are, for people: also what it is not narrowed to.
pub(super) fn told(mut key: Value, screen: &Screen) -> Value {
    if screen.format() == Format::Human {
        for (field, wide) in [("scopes", OF_APP), ("products", OF_APP), ("addresses", "anywhere")] {
            if key[field].is_null() {
                key[field] = json!(wide);
            }
        }
    }
    key
}
