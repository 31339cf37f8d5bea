//! What the commands for API keys, signature keys and client certificates have in common.

use clap::builder::StyledStr;
use clap::{Args, Command, Subcommand};
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

/// What is done with those that there are, of whichever kind: [`of_kind`] puts into the help of which.
#[derive(Debug, Subcommand)]
pub(super) enum ExistingAction {
    /// An app's credentials, those that work no longer too: how each stands, and what took its place; never what is secret of them
    ///
    /// The last use is told by the hour: 08:00 is a use before 09:00, and none since. It is known some seconds later.
    List {
        /// The app
        #[arg(long, value_name = "ID")]
        app: String,
    },
    /// One credential by its id: how it stands, to what it is narrowed, and what took its place
    Show {
        /// The credential's id (PREFIX…), not what is secret of it
        id: String,
    },
    /// Have one credential prove its app no longer, at once and on connections that are open too
    Revoke {
        /// The credential's id (PREFIX…), not what is secret of it
        id: String,
    },
}

/// Which credential has another take its place.
#[derive(Debug, Args)]
pub(super) struct RotateArguments {
    /// The id of the old one
    id: String,
    /// How long the old one works yet, such as 30m, 24h or 7d; 30d at most, and with 0s it ends at once [default: 24h]
    #[arg(long, value_name = "SPAN")]
    overlap: Option<String>,
    /// From when the new one no longer works [default: from when the old one was to]
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
}

/// Has the help of commands name the credentials that it is of: what people call one, and how their ids begin.
pub(super) fn of_kind(name: &'static str, prefix: &'static str) -> impl FnMut(Command) -> Command {
    let named =
        move |text: &StyledStr| text.to_string().replace("credential", name).replace("PREFIX", prefix);
    move |mut command| {
        if let Some(about) = command.get_about().map(named) {
            command = command.about(about);
        }
        if let Some(about) = command.get_long_about().map(named) {
            command = command.long_about(about);
        }
        command.mut_args(|argument| match argument.get_help().map(named) {
            Some(help) => argument.help(help),
            None => argument,
        })
    }
}

/// A kind of credential.
pub(super) struct Kind {
    /// Where the admin API has them.
    pub(super) path: &'static str,
    /// What a list shows of each that only its kind has.
    pub(super) own: &'static [Column],
    /// What is told if there are none.
    pub(super) none: &'static str,
}

/// What a list shows of each, of whichever kind.
const LISTED: &[Column] = &[
    ("state", "/state"),
    ("scopes", "/scopes"),
    ("products", "/products"),
    ("addresses", "/addresses"),
    ("created", "/created_at"),
    ("expires", "/expires_at"),
    ("revoked", "/revoked_at"),
    ("successor", "/successor"),
    ("last used", "/last_used_at"),
];

/// What one may that is not narrowed.
const OF_APP: &str = "all of the app";
const SEALED: &str = "Keep this secret now: it is shown this once, and the store has it sealed.";

/// What is shown of one, as far as its kind has it.
const DETAILS: &[Column] = &[
    ("id", "/id"),
    ("key", "/key"),
    ("secret", "/secret"),
    ("state", "/state"),
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
    ("last used", "/last_used_at"),
    ("successor", "/successor"),
    ("instead of", "/rotated_from"),
    ("which ends", "/predecessor/expires_at"),
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
        made(&node.post(self.path, &body)?, screen)
    }

    /// Makes one that takes another's place, and says when either ends.
    pub(super) fn rotate(&self, node: &Node, old: RotateArguments, own: Value, screen: &Screen) -> Outcome {
        let mut body = own;
        (body["overlap"], body["expires_at"]) = (json!(old.overlap), json!(old.expires_at));
        let new = node.post(&self.of(&old.id, "/rotate"), &body)?;
        made(&new, screen)?;
        screen.note(&end_of_old(&old.id, &new))?;
        match old.expires_at {
            None => end_of_new(&new).map_or(Ok(()), |told| screen.note(&told)),
            Some(_) => Ok(()),
        }
    }

    /// Does something with those that there are.
    pub(super) fn run(&self, node: &Node, action: &ExistingAction, screen: &Screen) -> Outcome {
        match action {
            ExistingAction::List { app } => {
                let found = node.list(&with_query(self.path, &[("app", Some(app))]))?;
                let told: Vec<Value> = found.into_iter().map(|one| for_people(one, screen)).collect();
                screen.list(&told, &[&[("id", "/id")][..], self.own, LISTED].concat(), self.none)
            }
            ExistingAction::Show { id } => {
                screen.entry(&for_people(node.get(&self.of(id, ""))?, screen), DETAILS)
            }
            ExistingAction::Revoke { id } => {
                screen.entry(&for_people(node.post(&self.of(id, "/revoke"), &json!({}))?, screen), DETAILS)
            }
        }
    }

    /// Where one is, or something that is done with it.
    fn of(&self, id: &str, action: &str) -> String {
        format!("{}/{}{action}", self.path, segment(id))
    }
}

/// When the one ends whose place another took. A node of an older program does not say how it stands.
fn end_of_old(id: &str, new: &Value) -> String {
    match new["predecessor"]["state"].as_str() {
        Some("expired") => format!("The old one, {id}, ended at once."),
        _ => format!("The old one, {id}, works until {}.", cell(new.pointer("/predecessor/expires_at"))),
    }
}

/// When one ends that took another's place, and why then, if nobody said when. A node of an older program does not say why.
fn end_of_new(new: &Value) -> Option<String> {
    let end = new["expires_at"].as_str()?;
    let why = new["expires_as"].as_str().map(|id| format!(", when {id} was to end")).unwrap_or_default();
    Some(format!("The new one works until {end}{why}: --expires-at says otherwise."))
}

/// Shows one that was made, and what of it is worth a word; what is secret of it is shown this once.
fn made(made: &Value, screen: &Screen) -> Outcome {
    screen.entry(&for_people(with_all_of_app(made.clone(), screen), screen), DETAILS)?;
    match (made["key"].is_string(), made["secret"].is_string()) {
        (true, _) => screen.note(SHOWN_ONCE)?,
        (false, true) => screen.note(SEALED)?,
        (false, false) => {}
    }
    let permits = &made["permits"];
    if entries(&permits["personal_data"]).next().is_some() {
        let scopes = cell(permits.get("personal_data"));
        screen.note(&format!("It gets personal data that others get masked, by: {scopes}"))?;
    }
    let is_left = |product: &&Value| !entries(&permits["products"]).any(|permitted| permitted == *product);
    let left: Vec<String> = entries(&made["products"]).filter(is_left).map(|one| cell(Some(one))).collect();
    // A node of an older program says of no API products what is permitted.
    if permits["products"].is_array() && !left.is_empty() {
        screen.note(&format!("Its app has subscribed no more to: {}", left.join(" ")))?;
    }
    Ok(())
}

/// The entries of a list, if it is one.
fn entries(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// A new credential, for people: what is not narrowed is all that its app has by now, which is named.
fn with_all_of_app(mut new: Value, screen: &Screen) -> Value {
    for field in ["scopes", "products"] {
        let all = cell(new["permits"].get(field));
        if screen.format() == Format::Human && new[field].is_null() && !matches!(all.as_str(), "" | "–") {
            new[field] = json!(format!("{OF_APP}: {all}"));
        }
    }
    new
}

/// A credential for people: also what it is not narrowed to, until when one works that was rotated, and in one place by what it is
/// known.
fn for_people(mut credential: Value, screen: &Screen) -> Value {
    if screen.format() == Format::Human {
        for (field, wide) in [("scopes", OF_APP), ("products", OF_APP), ("addresses", "anywhere")] {
            if credential[field].is_null() {
                credential[field] = json!(wide);
            }
        }
        if credential["state"] == "rotated" {
            credential["state"] = json!(format!("rotated, until {}", cell(credential.get("expires_at"))));
        }
        let kinds = ["fingerprint", "spiffe_id", "subject"];
        let name = kinds.iter().find_map(|kind| credential[*kind].as_str()).map(str::to_owned);
        credential["known_by"] = json!(name);
    }
    credential
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_when_both_end_by_what_the_node_says_and_no_more() {
        let end = "2026-11-25T08:00:00Z";
        for (state, told) in [
            (json!("rotated"), "works until 2026-11-25T08:00:00Z."),
            (json!("expired"), "ended at once."),
            (Value::Null, "works until 2026-11-25T08:00:00Z."),
        ] {
            let new = json!({ "predecessor": { "state": state, "expires_at": end } });
            assert_eq!(end_of_old("key_1", &new), format!("The old one, key_1, {told}"));
        }
        for (new, told) in [
            (json!({ "expires_at": null }), None),
            (json!({ "expires_at": end }), Some("")),
            (json!({ "expires_at": end, "expires_as": "key_2" }), Some(", when key_2 was to end")),
        ] {
            let told =
                told.map(|why| format!("The new one works until {end}{why}: --expires-at says otherwise."));
            assert_eq!(end_of_new(&new), told);
        }
    }
}
