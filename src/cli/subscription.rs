//! `tollgate subscription`: which app uses which API product under which plan.

use std::cmp::Reverse;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::failure::Outcome;
use super::node::{Node, NodeArguments};
use super::query::{segment, with_query};
use super::screen::{Column, Screen};
use crate::domain::time::Timestamp;

#[derive(Debug, Args)]
pub(super) struct SubscriptionArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Let an app use an API product under a plan
    Create {
        /// The app
        #[arg(long, value_name = "ID")]
        app: String,
        /// The API product's name in the policies
        #[arg(long, value_name = "NAME")]
        product: String,
        /// The plan's name in the policies
        #[arg(long, value_name = "NAME")]
        plan: String,
    },
    /// All subscriptions, past ones too, which come last
    List {
        /// Only those of this app
        #[arg(long, value_name = "ID")]
        app: Option<String>,
        /// Only those under this plan
        #[arg(long, value_name = "NAME")]
        plan: Option<String>,
        /// Only those to this API product
        #[arg(long, value_name = "NAME")]
        product: Option<String>,
    },
    /// One subscription
    Show {
        /// Its id
        id: String,
    },
    /// Move a subscription to another version of its plan now; what was used before stays priced as it was
    ///
    /// Not to one behind which another is in force with `existing: move`: that holds for all subscriptions to earlier versions.
    #[command(disable_version_flag = true)]
    Move {
        /// The subscription's id
        id: String,
        /// The number of the version; the last that is in force when left out
        #[arg(long, value_name = "NUMBER")]
        version: Option<u32>,
        /// The app whose it must be
        #[arg(long, value_name = "ID")]
        app: Option<String>,
    },
    /// End a subscription now; what was used under it is still billed
    End {
        /// The subscription's id
        id: String,
        /// The app whose it must be
        #[arg(long, value_name = "ID")]
        app: Option<String>,
    },
}

const COLUMNS: &[Column] = &[
    ("id", "/id"),
    ("app", "/app"),
    ("product", "/product"),
    ("plan", "/plan"),
    ("version", "/version"),
    ("from", "/from"),
    ("until", "/until"),
];

pub(super) fn run(arguments: SubscriptionArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match arguments.action {
        Action::Create { app, product, plan } => create(&node, (&app, &product, &plan), screen),
        Action::List { app, plan, product } => {
            let filter =
                [("app", app.as_deref()), ("plan", plan.as_deref()), ("product", product.as_deref())];
            let mut subscriptions = node.list(&with_query("/admin/subscriptions", &filter))?;
            subscriptions.sort_by_key(order);
            screen.list(&subscriptions, COLUMNS, "No subscriptions: tollgate app subscribe --help")
        }
        Action::Show { id } => {
            screen.entry(&node.get(&format!("/admin/subscriptions/{}", segment(&id)))?, COLUMNS)
        }
        Action::Move { id, version, app } => {
            let path = format!("/admin/subscriptions/{}/move", segment(&id));
            screen.entry(&node.post(&path, &json!({ "app": app, "version": version }))?, COLUMNS)
        }
        Action::End { id, app } => {
            let path = format!("/admin/subscriptions/{}/end", segment(&id));
            screen.entry(&node.post(&path, &json!({ "app": app }))?, COLUMNS)
        }
    }
}

/// What lasts first; then the newest.
fn order(subscription: &Value) -> (bool, Reverse<Option<Timestamp>>) {
    let from = subscription["from"].as_str().and_then(|from| from.parse().ok());
    (subscription["until"].is_string(), Reverse(from))
}

/// Subscribes an app to a product under a plan; `tollgate app subscribe` does it too.
pub(super) fn create(node: &Node, (app, product, plan): (&str, &str, &str), screen: &Screen) -> Outcome {
    let body = json!({ "app": app, "product": product, "plan": plan });
    screen.entry(&node.post("/admin/subscriptions", &body)?, COLUMNS)
}
