//! `tollgate merchant`: shops, on whose behalf apps act.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::failure::Outcome;
use super::node::NodeArguments;
use super::personal_data_reads::{self, WhichReads};
use super::query::segment;
use super::screen::{Column, Screen};

/// Longest password file, in bytes.
const MAX_PASSWORD_FILE: u64 = 4096;

#[derive(Debug, Args)]
pub(super) struct MerchantArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Register a merchant
    Create {
        /// What it logs in with
        #[arg(long)]
        username: String,
        /// The shop's name
        #[arg(long)]
        name: String,
        /// A file that holds its password, - for standard input [default: one is made, and shown this once]
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// All merchants
    List,
    /// One merchant, and since when it logs in by a second factor
    Show {
        /// The merchant's id
        id: String,
    },
    /// Give a merchant another password
    Password {
        /// The merchant's id
        id: String,
        /// A file that holds it, - for standard input [default: one is made, and shown this once]
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Remove the second factor of a merchant that lost it: it logs in by its password alone from then on
    RemoveSecondFactor {
        /// The merchant's id
        id: String,
    },
    /// Keep a merchant from logging in, and apps from acting for it, at once
    Suspend {
        /// The merchant's id
        id: String,
    },
    /// A merchant's accounts at identity providers
    Accounts {
        /// The merchant's id
        id: String,
    },
    /// Let a merchant log in by its account at an identity provider
    Link {
        /// The merchant's id
        id: String,
        #[command(flatten)]
        account: Account,
    },
    /// End that, and log the merchant out of all browsers
    Unlink {
        /// The merchant's id
        id: String,
        #[command(flatten)]
        account: Account,
    },
    /// The browsers in which a merchant is logged in: since when, from where, by what, and when each was last seen
    Sessions {
        /// The merchant's id
        id: String,
    },
    /// Log a merchant out of one browser
    EndSession {
        /// The merchant's id
        id: String,
        /// The session's id (`ses_…`), as `merchant sessions` lists it
        session: String,
    },
    /// Log a merchant out of all browsers
    EndSessions {
        /// The merchant's id
        id: String,
    },
    /// Calls by which apps got personal data of a merchant's buyers: when, by which app and credential, and by which scopes
    PersonalDataReads {
        /// The merchant's id
        id: String,
        #[command(flatten)]
        which: WhichReads,
    },
    /// Let a suspended merchant log in and be acted for again
    Resume {
        /// The merchant's id
        id: String,
    },
}

#[derive(Debug, Args)]
struct Account {
    /// The provider, as platform.yaml has it
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// The account there: `sub` of its ID tokens, which the log names when somebody tries
    #[arg(long)]
    subject: String,
}

impl Account {
    fn body(&self) -> Value {
        json!({ "issuer": self.issuer, "subject": self.subject })
    }
}

const ACCOUNTS: &[Column] =
    &[("merchant", "/merchant"), ("issuer", "/issuer"), ("subject", "/subject"), ("linked", "/linked_at")];

const COLUMNS: &[Column] = &[
    ("id", "/id"),
    ("username", "/username"),
    ("password", "/password"),
    ("name", "/name"),
    ("standing", "/standing"),
    ("created", "/created_at"),
    ("second factor", "/second_factor"),
];

const SESSIONS: &[Column] = &[
    ("id", "/id"),
    ("merchant", "/merchant"),
    ("by", "/method"),
    ("two factors", "/two_factors"),
    ("from", "/address"),
    ("since", "/created_at"),
    ("last seen", "/last_seen_at"),
    ("until", "/expires_at"),
];

const LOGGED_IN_NOWHERE: &str = "It is logged in nowhere.";

const LISTED: &[Column] = &[
    ("id", "/id"),
    ("username", "/username"),
    ("name", "/name"),
    ("standing", "/standing"),
    ("created", "/created_at"),
];

pub(super) fn run(arguments: MerchantArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match arguments.action {
        Action::Create { username, name, password_file } => {
            let mut body = json!({ "username": username, "name": name });
            if let Some(file) = &password_file {
                body["password"] = json!(password(file)?);
            }
            show_with_password(&node.post("/admin/merchants", &body)?, screen)
        }
        Action::Password { id, password_file } => {
            let body = match &password_file {
                Some(file) => json!({ "password": password(file)? }),
                None => json!({}),
            };
            show_with_password(&node.post(&path(&id, "/password"), &body)?, screen)
        }
        Action::List => screen.list(
            &node.list("/admin/merchants")?,
            LISTED,
            "No merchants yet: tollgate merchant create --help",
        ),
        Action::Show { id } => screen.entry(&node.get(&path(&id, ""))?, COLUMNS),
        Action::Accounts { id } => screen.list(
            &node.list(&path(&id, "/accounts"))?,
            ACCOUNTS,
            "No accounts yet: tollgate merchant link --help",
        ),
        Action::Link { id, account } => {
            screen.entry(&node.post(&path(&id, "/accounts"), &account.body())?, ACCOUNTS)
        }
        Action::Unlink { id, account } => {
            screen.entry(&node.post(&path(&id, "/accounts/unlink"), &account.body())?, ACCOUNTS)
        }
        Action::RemoveSecondFactor { id } => {
            screen.entry(&node.post(&path(&id, "/second-factor/remove"), &json!({}))?, COLUMNS)
        }
        Action::Sessions { id } => {
            screen.list(&node.list(&path(&id, "/sessions"))?, SESSIONS, LOGGED_IN_NOWHERE)
        }
        Action::EndSession { id, session } => {
            let path = path(&id, &format!("/sessions/{}/end", segment(&session)));
            screen.entry(&node.post(&path, &json!({}))?, SESSIONS)?;
            screen.note("This session has ended.")
        }
        Action::EndSessions { id } => {
            let ended = node.post(&path(&id, "/sessions/end"), &json!({}))?;
            let ended = ended["items"].as_array().map(Vec::as_slice).unwrap_or_default();
            screen.list(ended, SESSIONS, LOGGED_IN_NOWHERE)?;
            if ended.is_empty() { Ok(()) } else { screen.note("These sessions have ended.") }
        }
        Action::PersonalDataReads { id, which } => {
            let path = path(&id, personal_data_reads::PATH);
            personal_data_reads::run(
                &node,
                (&path, &which),
                "No app got personal data of its buyers.",
                screen,
            )
        }
        Action::Suspend { id } => screen.entry(&node.post(&path(&id, "/suspend"), &json!({}))?, COLUMNS),
        Action::Resume { id } => screen.entry(&node.post(&path(&id, "/resume"), &json!({}))?, COLUMNS),
    }
}

fn show_with_password(merchant: &Value, screen: &Screen) -> Outcome {
    screen.entry(merchant, COLUMNS)?;
    match merchant["password"].is_string() {
        true => screen.note("Keep this password now: it is shown this once, and only its hash is stored."),
        false => Ok(()),
    }
}

/// The password in `file`, without the line's end that editors put after it.
fn password(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().lock().take(MAX_PASSWORD_FILE).read_to_string(&mut text)?;
    } else {
        let opened = std::fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
        opened.take(MAX_PASSWORD_FILE).read_to_string(&mut text)?;
    }
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn path(id: &str, action: &str) -> String {
    format!("/admin/merchants/{}{action}", segment(id))
}
