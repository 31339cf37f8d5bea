//! What the commands for API keys, signature keys and client certificates have in common.

use clap::Args;
use serde_json::{Value, json};

use super::app::SHOWN_ONCE;
use super::failure::Outcome;
use super::node::Node;
use super::query::{segment, with_query};
use super::screen::{Column, Format, Screen, cell};

/// What is asked of a new credential.
#[derive(Debug, Args)]
pub(super) struct NewArguments {
    /// The app that it proves
    #[arg(long, value_name = "ID")]
    app: String,
    /// A scope that it permits; may be given several times [default: all scopes of the app]
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// An API product that it may be used for, of those that the app has subscribed to; may be given several times
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
}

/// Whose credentials are listed.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// The app
    #[arg(long, value_name = "ID")]
    app: String,
}

/// Which credential has another take its place.
#[derive(Debug, Args)]
pub(super) struct RotateArguments {
    /// The id of the old one
    id: String,
    /// How long the old one works yet, such as 30m, 24h or 7d; 30d at most [default: 24h]
    #[arg(long, value_name = "SPAN")]
    overlap: Option<String>,
    /// From when the new one no longer works [default: it works for as long as the old one was made to]
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
}

/// A kind of credential.
pub(super) struct Kind {
    /// Where the admin API has them.
    pub(super) path: &'static str,
    /// What a list shows of each.
    pub(super) listed: &'static [Column],
    /// What is told if there are none.
    pub(super) none: &'static str,
}

/// What one may that is not narrowed.
const OF_APP: &str = "all of the app";
const SEALED: &str = "Keep this secret now: it is shown this once, and the store has it sealed.";

/// What is shown of one, as far as its kind has it.
const DETAILS: &[Column] = &[
    ("id", "/id"),
    ("key", "/key"),
    ("secret", "/secret"),
    ("app", "/app"),
    ("label", "/label"),
    ("fingerprint", "/fingerprint"),
    ("SPIFFE id", "/spiffe_id"),
    ("subject", "/subject"),
    ("style", "/style"),
    ("zone", "/zone"),
    ("weak methods", "/weak_methods"),
    ("algorithm", "/algorithm"),
    ("scopes", "/scopes"),
    ("products", "/products"),
    ("addresses", "/addresses"),
    ("created", "/created_at"),
    ("expires", "/expires_at"),
    ("revoked", "/revoked_at"),
    ("instead of", "/rotated_from"),
    ("which works until", "/predecessor/expires_at"),
];

impl Kind {
    /// Makes one, of which `own` says what only its kind has.
    pub(super) fn create(&self, node: &Node, new: NewArguments, own: Value, screen: &Screen) -> Outcome {
        let NewArguments { app, scopes, products, addresses, expires_at } = new;
        let mut body = own;
        (body["app"], body["expires_at"]) = (json!(app), json!(expires_at));
        for (field, given) in [("scopes", scopes), ("products", products), ("addresses", addresses)] {
            if !given.is_empty() {
                body[field] = json!(given);
            }
        }
        made(node.post(self.path, &body)?, screen)
    }

    /// Makes one that takes another's place.
    pub(super) fn rotate(&self, node: &Node, old: RotateArguments, own: Value, screen: &Screen) -> Outcome {
        let mut body = own;
        (body["overlap"], body["expires_at"]) = (json!(old.overlap), json!(old.expires_at));
        made(node.post(&format!("{}/{}/rotate", self.path, segment(&old.id)), &body)?, screen)
    }

    /// Shows an app's.
    pub(super) fn list(&self, node: &Node, of: &ListArguments, screen: &Screen) -> Outcome {
        let found = node.list(&with_query(self.path, &[("app", Some(&of.app))]))?;
        let told: Vec<Value> = found.into_iter().map(|one| told(one, screen)).collect();
        screen.list(&told, self.listed, self.none)
    }

    /// Revokes one.
    pub(super) fn revoke(&self, node: &Node, id: &str, screen: &Screen) -> Outcome {
        let path = format!("{}/{}/revoke", self.path, segment(id));
        screen.entry(&told(node.post(&path, &json!({}))?, screen), DETAILS)
    }
}

/// Shows one that was made; what is secret of it is shown this once.
fn made(made: Value, screen: &Screen) -> Outcome {
    let note = match (made["key"].is_string(), made["secret"].is_string()) {
        (true, _) => Some(SHOWN_ONCE),
        (false, true) => Some(SEALED),
        (false, false) => None,
    };
    screen.entry(&told(with_all_scopes(made.clone(), screen), screen), DETAILS)?;
    note.map_or(Ok(()), |note| screen.note(note))?;
    match made["permits"]["personal_data"].as_array().map_or(0, Vec::len) {
        0 => Ok(()),
        _ => {
            let scopes = cell(made.pointer("/permits/personal_data"));
            screen.note(&format!("It gets personal data that others get masked, by: {scopes}"))
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

/// A credential for people: also what it is not narrowed to, and in one place by what it is known.
fn told(mut credential: Value, screen: &Screen) -> Value {
    if screen.format() == Format::Human {
        for (field, wide) in [("scopes", OF_APP), ("products", OF_APP), ("addresses", "anywhere")] {
            if credential[field].is_null() {
                credential[field] = json!(wide);
            }
        }
        let kinds = ["fingerprint", "spiffe_id", "subject"];
        let name = kinds.iter().find_map(|kind| credential[*kind].as_str()).map(str::to_owned);
        credential["known_by"] = json!(name);
    }
    credential
}
