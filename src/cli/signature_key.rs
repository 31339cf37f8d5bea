//! `tollgate signature-key`: the keys by which apps sign their requests.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;

use super::credential::{Kind, ListArguments, made};
use super::failure::{Failure, Outcome};
use super::node::NodeArguments;
use super::screen::Screen;

#[derive(Debug, Args)]
pub(super) struct SignatureKeyArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Register a key for an app; of hmac-sha256 (and of the style top) the secret is made, and shown this once
    Create {
        /// The app that it proves
        #[arg(long, value_name = "ID")]
        app: String,
        /// How it signs: hmac-sha256, ecdsa-p256-sha256, ed25519, rsa-v1_5-sha256 or rsa-pss-sha512; the styles top and alipay
        /// have one each
        #[arg(long, value_name = "NAME")]
        algorithm: Option<String>,
        /// What it signs: messages as of RFC 9421 (http), or sorted parameters as TOP or Alipay have them (top, alipay)
        /// [default: http]
        #[arg(long, value_name = "NAME")]
        style: Option<String>,
        /// Of the styles top and alipay, the time zone of the app's clock [default: Asia/Shanghai]
        #[arg(long, value_name = "ZONE")]
        zone: Option<String>,
        /// Of the style top, an older method that is taken beside hmac-sha256, md5 or hmac; may be given several times
        #[arg(long = "weak-method", value_name = "NAME")]
        weak_methods: Vec<String>,
        /// The file of the app's public key, in PEM or as a JWK; not for hmac-sha256
        #[arg(long, value_name = "FILE")]
        public_key: Option<PathBuf>,
        /// A scope of the key; may be given several times [default: all scopes of the app]
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// From when it no longer works, such as 2027-01-01T00:00:00Z [default: it works until revoked]
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
    },
    /// An app's signature keys, revoked ones too; never the secrets
    List(ListArguments),
    /// Make a key useless at once
    Revoke {
        /// The key's id (sgk_…)
        id: String,
    },
}

const KIND: Kind = Kind {
    path: "/admin/signature-keys",
    listed: &[
        ("id", "/id"),
        ("style", "/style"),
        ("algorithm", "/algorithm"),
        ("scopes", "/scopes"),
        ("created", "/created_at"),
        ("expires", "/expires_at"),
        ("revoked", "/revoked_at"),
    ],
    none: "No signature keys: tollgate signature-key create --app ID --algorithm NAME",
};

pub(super) fn run(arguments: SignatureKeyArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match arguments.action {
        Action::Create { app, algorithm, style, zone, weak_methods, public_key, scopes, expires_at } => {
            let mut body = json!({ "app": app, "algorithm": algorithm, "style": style, "zone": zone });
            if !weak_methods.is_empty() {
                body["weak_methods"] = json!(weak_methods);
            }
            if let Some(file) = public_key {
                body["public_key"] = json!(read(&file)?);
            }
            if !scopes.is_empty() {
                body["scopes"] = json!(scopes);
            }
            if let Some(expires_at) = expires_at {
                body["expires_at"] = json!(expires_at);
            }
            made(node.post(KIND.path, &body)?, screen)
        }
        Action::List(of) => KIND.list(&node, &of, screen),
        Action::Revoke { id } => KIND.revoke(&node, &id, screen),
    }
}

/// The text of a key's file.
fn read(file: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let wrong =
        |_| Failure::Invalid(format!("tollgate: {} must be a public key in PEM or a JWK", file.display()));
    String::from_utf8(bytes).map_err(wrong)
}
