//! `tollgate signature-key`: the keys by which apps sign their requests.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;

use super::credential::{ExistingAction, Kind, NewArguments, RotateArguments, of_kind};
use super::failure::{Failure, Outcome};
use super::node::NodeArguments;
use super::screen::Screen;
use crate::domain::signature_key::SIGNATURE_KEY_PREFIX;

#[derive(Debug, Args)]
#[command(mut_subcommands(of_kind("signature key", SIGNATURE_KEY_PREFIX)))]
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
        #[command(flatten)]
        new: NewArguments,
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
    },
    /// Make a key that takes another's place, as narrow as that, and signing the same; a secret is made anew, and shown this once
    ///
    /// The old key works for a while yet, so that nobody is cut off before the new one is in place. It never works longer than
    /// it would have.
    Rotate {
        #[command(flatten)]
        old: RotateArguments,
        /// The file of the app's new public key, in PEM or as a JWK; not where a secret is made
        #[arg(long, value_name = "FILE")]
        public_key: Option<PathBuf>,
    },
    #[command(flatten)]
    Existing(ExistingAction),
}

const KIND: Kind = Kind {
    path: "/admin/signature-keys",
    own: &[("style", "/style"), ("algorithm", "/algorithm")],
    none: "No signature keys: tollgate signature-key create --app ID --algorithm NAME",
};

pub(super) fn run(arguments: SignatureKeyArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match arguments.action {
        Action::Create { new, algorithm, style, zone, weak_methods, public_key } => {
            let mut own = json!({ "algorithm": algorithm, "style": style, "zone": zone });
            if !weak_methods.is_empty() {
                own["weak_methods"] = json!(weak_methods);
            }
            own["public_key"] = json!(public_key.as_deref().map(read).transpose()?);
            KIND.create(&node, new, own, screen)
        }
        Action::Rotate { old, public_key } => {
            let own = json!({ "public_key": public_key.as_deref().map(read).transpose()? });
            KIND.rotate(&node, old, own, screen)
        }
        Action::Existing(action) => KIND.run(&node, &action, screen),
    }
}

/// The text of a key's file.
fn read(file: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let wrong =
        |_| Failure::Invalid(format!("tollgate: {} must be a public key in PEM or a JWK", file.display()));
    String::from_utf8(bytes).map_err(wrong)
}
