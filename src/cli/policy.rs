//! `tollgate policy`: is a set of policy files right, what does it change, and what may stand in one.

mod approved;
mod compared;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use self::approved::ApproveArguments;
use self::compared::{Compared, Shape};
use super::explain::{self, ExplainArguments};
use super::failure::{Failure, Outcome};
use super::node::NodeArguments;
use super::screen::{Column, Format, Screen};
use crate::config::environment;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::load::{Absent, LoadError, Values, load};
use crate::policy::schema;
use crate::policy::snapshot::Snapshot;

#[derive(Debug, Args)]
pub(super) struct PolicyArguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check a folder of policy files; every mistake is shown with its place and what would be right
    ///
    /// Exit status 3 if the set is not right, or, with --against, lacks an announcement without which a node would not take it; what may not be meant is a warning, with its place. Values of ${env:NAME} and ${file:PATH} are looked at if they are there; without
    /// them the rest is checked, and what a node will need is told. A node compares the set with what was in force as well: it
    /// refuses another price of a plan version in force, or a set without a plan or API product that apps are subscribed to.
    Check {
        /// The folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Tell as well what it changes for apps and merchants: of the set in another folder, or of that in force on a running
        /// node, which is meant by the word node
        #[arg(long, value_name = "DIR|node")]
        against: Option<PathBuf>,
        #[command(flatten)]
        node: NodeArguments,
    },
    /// Tell what another set of policy files changes for apps and merchants: prices, limits, and what they may do
    ///
    /// Each change is of a class: raises_price, cuts_limit, narrows_scope, their opposites, or other. A price is raised if it is dearer
    /// for any number of units or any amount from now on; what may be worse for some calls, as another condition, is told as worse.
    /// A plan version that is only in the new set is compared with the one before it.
    Diff {
        /// The folder of the set that there was
        #[arg(value_name = "OLD")]
        old: PathBuf,
        /// The folder of the set that is to be
        #[arg(value_name = "NEW")]
        new: PathBuf,
        /// How the changes are written [default: table, or json with --output json]
        #[arg(long, value_name = "FORMAT")]
        format: Option<Shape>,
    },
    /// Sign a set of policy files as the second person, where `changes.second_signature` of platform.yaml asks for one
    ///
    /// Look it over first, by `policy check DIR --against node`. The signature stands in approvals.yaml; if another byte of the set changes,
    /// it is of no use any more. The key pair is one of Ed25519, such as `openssl genpkey -algorithm ed25519 -out alice.pem` makes.
    Approve(ApproveArguments),
    /// Write the JSON Schemas of the policy files, with which editors complete and check them
    Schema {
        /// Write one file for each kind into this folder, instead of all to standard output
        #[arg(long, value_name = "DIR")]
        write: Option<PathBuf>,
    },
    /// Walk one call through the policies: every decision, and the line of the policy that made it
    ///
    /// The call is imagined, or one on record. Who calls is known by the node, if one is named: the app with its subscriptions,
    /// key or grant, as they are now, and what is switched off. Without one, or with --offline, it is as it is given. Of a call on
    /// record it is told first what became of it; what no record says, as where it came from, is assumed by name or left open. It is
    /// decided by the code that decides on a node, which ends at the first refusal; nothing is counted, and no upstream is asked.
    Explain(Box<ExplainArguments>),
    /// How the policies of a running node stand
    Status {
        #[command(flatten)]
        node: NodeArguments,
    },
    /// Have a running node read its policy files now
    Reload {
        #[command(flatten)]
        node: NodeArguments,
    },
}

pub(super) fn run(arguments: PolicyArguments, screen: &Screen) -> Outcome {
    match arguments.action {
        Action::Check { folder, against, node } => check(&folder, against.as_deref(), &node, screen),
        Action::Approve(arguments) => approved::run(&arguments, screen),
        Action::Diff { old, new, format } => compared::diff((&old, &new), format, screen),
        Action::Schema { write: None } => print_schemas(screen),
        Action::Schema { write: Some(folder) } => write_schemas(&folder, screen),
        Action::Explain(arguments) => explain::run(&arguments, screen),
        Action::Status { node } => status(&node.node()?.get("/admin/policy")?, screen),
        Action::Reload { node } => {
            screen.entry(&node.node()?.post("/admin/policy/reload", &json!({}))?, STATUS)
        }
    }
}

const STATUS: &[(&str, &str)] = &[
    ("policies", "/hash"),
    ("outcome", "/outcome"),
    ("in force since", "/active_since"),
    ("last attempt", "/last_attempt"),
];

/// The last error is a report of many lines, as `policy check` shows it.
fn status(status: &Value, screen: &Screen) -> Outcome {
    screen.entry(status, STATUS)?;
    match (screen.format(), status.pointer("/last_error/text").and_then(Value::as_str)) {
        (Format::Human, Some(error)) => {
            screen.lines(&format!("last error, which changed nothing:\n\n{error}"))
        }
        (Format::Human, None) | (Format::Json, _) => Ok(()),
    }
}

/// `${env:NAME}` and `${file:PATH}` in policy files as this process has them, and which of them a node needs.
#[derive(Debug, Default)]
struct Environment {
    /// Each that has no default, and whether it is there.
    needed: Mutex<BTreeMap<String, bool>>,
}

impl Values for Environment {
    fn value(&self, name: &str) -> Option<String> {
        environment::variable(name)
    }

    fn file(&self, path: &str) -> Option<String> {
        environment::file_value(path)
    }

    fn needs(&self, variable: &str, is_there: bool) -> Absent {
        let mut needed = self.needed.lock().unwrap_or_else(PoisonError::into_inner);
        needed.insert(variable.to_owned(), is_there);
        Absent::IsLeftOpen
    }
}

impl Environment {
    fn needed(&self) -> Vec<Value> {
        let needed = self.needed.lock().unwrap_or_else(PoisonError::into_inner);
        needed
            .iter()
            .map(|(variable, is_there)| json!({"variable": variable, "is_there": is_there}))
            .collect()
    }
}

const NEEDED: &[Column] = &[("a node needs", "/variable"), ("is there now", "/is_there")];

fn check(folder: &Path, against: Option<&Path>, node: &NodeArguments, screen: &Screen) -> Outcome {
    let environment = Environment::default();
    let snapshot = load(folder, &environment).map_err(|error| wrong(error, screen))?;
    let compared = against.map(|against| Compared::against(against, &snapshot, node, screen)).transpose()?;
    let shown = right(folder, (&snapshot, compared.as_ref()), &environment.needed(), screen);
    match compared.map_or(Ok(()), |compared| compared.verdict()) {
        Err(refused) => Err(refused.beside(shown)),
        Ok(()) => shown,
    }
}

/// The policies in a folder, whatever is not there of what they take from outside.
pub(super) fn loaded(folder: &Path, screen: &Screen) -> Result<Snapshot, Failure> {
    load(folder, &Environment::default()).map_err(|error| wrong(error, screen))
}

/// Why there is no set of policies; a program gets all that is wrong with it on standard output.
fn wrong(error: LoadError, screen: &Screen) -> Failure {
    match error {
        LoadError::Unreadable(reason) | LoadError::Refused(reason) | LoadError::Unavailable(reason) => {
            anyhow::anyhow!(reason).into()
        }
        LoadError::Invalid(report) => {
            let verdict = Failure::Invalid(report.to_string());
            match screen.format() {
                Format::Json => verdict.beside(screen.json(&report.to_json())),
                Format::Human => verdict,
            }
        }
    }
}

fn right(
    folder: &Path,
    (snapshot, compared): (&Snapshot, Option<&Compared>),
    needed: &[Value],
    screen: &Screen,
) -> Outcome {
    let counts = [
        ("routes", snapshot.routes.len()),
        ("upstreams", snapshot.upstreams.len()),
        ("products", snapshot.products.len()),
        ("plans", snapshot.plans.len()),
        ("scopes", snapshot.scopes.len()),
    ];
    match screen.format() {
        Format::Json => {
            let mut result = json!({"valid": true, "errors": [], "hash": snapshot.hash.as_str()});
            result["needs"] = json!(needed);
            result["warnings"] = snapshot.warnings.iter().map(Diagnostic::to_json).collect();
            if let Some(compared) = compared {
                result["against"] = compared.to_json();
            }
            for (name, count) in counts {
                result[name] = json!(count);
            }
            screen.json(&result)
        }
        Format::Human => {
            let counts = counts.map(|(name, count)| format!("{count} {name}")).join(", ");
            let hash = snapshot.hash.as_str();
            screen.text(&format!("{} is right: {counts}; content hash {hash}", folder.display()))?;
            if !needed.is_empty() {
                screen.list(needed, NEEDED, "")?;
            }
            if let Some(compared) = compared {
                compared.show(Shape::Table, screen)?;
            }
            for warning in &snapshot.warnings {
                screen.note(&format!("{}\n", warning.to_warning()))?;
            }
            screen
                .note("A node also compares it with what was in force before: see `tollgate policy reload`.")
        }
    }
}

fn print_schemas(screen: &Screen) -> Outcome {
    let schemas: Map<String, Value> = schema::all().into_iter().collect();
    screen.json(&Value::Object(schemas))
}

fn write_schemas(folder: &Path, screen: &Screen) -> Outcome {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut written = Vec::new();
    for (name, schema) in schema::all() {
        let path = folder.join(name);
        let text = format!("{}\n", serde_json::to_string_pretty(&schema)?);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        written.push(path.display().to_string());
    }
    match screen.format() {
        Format::Json => screen.json(&json!({ "written": written })),
        Format::Human => screen.text(&written.join("\n")),
    }
}
