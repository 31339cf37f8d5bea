//! `tollgate key inspect`: what a key is that somebody found. A node is told its hash and never the key.

use serde_json::{Value, json};

use super::failure::{Failure, Outcome};
use super::hidden;
use super::node::NodeArguments;
use super::screen::{Column, Screen};
use crate::domain::api_key::ApiKey;
use crate::domain::hexadecimal::hexadecimal;

const COLUMNS: &[Column] = &[
    ("is a key", "/is_key"),
    ("why not", "/why"),
    ("environment", "/environment"),
    ("SHA-256", "/sha256"),
    ("known", "/known"),
    ("state", "/state"),
    ("id", "/key/id"),
    ("app", "/app/id"),
    ("app's name", "/app/name"),
    ("partner", "/partner/id"),
    ("partner's name", "/partner/name"),
    ("scopes", "/key/scopes"),
    ("products", "/key/products"),
    ("addresses", "/key/addresses"),
    ("created", "/key/created_at"),
    ("expires", "/key/expires_at"),
    ("last used", "/key/last_used_at"),
    ("revoked", "/key/revoked_at"),
];

/// Tells what the key that is read is, and, if a node is to be asked, what its store knows of it.
pub(super) fn run(node: Option<&NodeArguments>, screen: &Screen) -> Outcome {
    let text = hidden::line("API key (it is not shown): ")?;
    let (environment, hash) = match ApiKey::check(&text) {
        Ok(checked) => checked,
        Err(error) => {
            let shown = screen.entry(&json!({ "is_key": false, "why": error.to_string() }), COLUMNS);
            return Err(Failure::Invalid(format!("tollgate: {error}")).beside(shown));
        }
    };
    drop(text);
    let sha256 = hexadecimal(&hash.0);
    let mut shown = json!({ "is_key": true, "environment": environment.name(), "sha256": sha256 });
    let Some(node) = node else {
        screen.entry(&shown, COLUMNS)?;
        return screen.note("No node was asked whether it knows the key.");
    };
    let asked = node.node().and_then(|node| node.post("/admin/keys/inspect", &json!({ "sha256": sha256 })));
    match asked {
        Ok(Value::Object(told)) => {
            shown.as_object_mut().into_iter().for_each(|shown| shown.extend(told.clone()));
            screen.entry(&shown, COLUMNS)
        }
        Ok(_) => {
            Err(anyhow::anyhow!("the node's answer is no object; is that address its admin port?").into())
        }
        Err(failure) => Err(failure.beside(screen.entry(&shown, COLUMNS))),
    }
}
