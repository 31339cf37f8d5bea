//! `tollgate policy approve`: the second person's signature of a set.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::loaded;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::screen::{Format, Screen};
use crate::policy::approval::sign;
use crate::policy::change_terms::Approval;

const FILE: &str = "approvals.yaml";

#[derive(Debug, Args)]
pub(super) struct ApproveArguments {
    /// The folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The file with your private key (Ed25519, PKCS#8 in PEM)
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Your name, as `changes.approvers` of the set in force has it
    #[arg(long, value_name = "NAME")]
    name: String,
}

pub(super) fn run(arguments: &ApproveArguments, screen: &Screen) -> Outcome {
    let ApproveArguments { folder, key, name } = arguments;
    let snapshot = loaded(folder, screen)?;
    let set = snapshot.hash.as_str().to_owned();
    let der = private_key(key)?;
    let signature = sign(&snapshot.source.files, &der).ok_or_else(|| {
        Failure::Invalid(format!("tollgate: {} holds no key pair of Ed25519", key.display()))
    })?;
    // Signatures of other sets are of no use any more.
    let others = snapshot.approvals.into_iter().filter(|one| one.set == set && one.by != *name);
    let mine = Approval { set: set.clone(), by: name.clone(), signature };
    let approvals: Vec<Approval> = others.chain([mine]).collect();
    let path = folder.join(FILE);
    std::fs::write(&path, written(&approvals)).with_context(|| format!("cannot write {}", path.display()))?;
    match screen.format() {
        Format::Json => {
            screen.json(&json!({ "set": set, "by": name, "written": path.display().to_string() }))
        }
        Format::Human => {
            screen.text(&format!("{name} has approved the set {set}: see {}", path.display()))?;
            match snapshot.platform.changes.approvers.iter().any(|one| one.name == *name) {
                true => Ok(()),
                false => screen
                    .note("This set names no such approver; what counts is whom the set in force names."),
            }
        }
    }
}

/// The DER of a private key in PEM (RFC 7468).
fn private_key(file: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let text = Zeroizing::new(text);
    let lines = text.lines().map(str::trim).skip_while(|line| *line != "-----BEGIN PRIVATE KEY-----").skip(1);
    let inner: Zeroizing<String> =
        Zeroizing::new(lines.take_while(|line| *line != "-----END PRIVATE KEY-----").collect());
    let der = STANDARD.decode(inner.as_bytes()).ok().filter(|der| !der.is_empty());
    let wrong = || anyhow!("{} has no private key in PEM (-----BEGIN PRIVATE KEY-----)", file.display());
    Ok(Zeroizing::new(der.ok_or_else(wrong)?))
}

fn written(approvals: &[Approval]) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let line = |one: &Approval| {
        let signature = STANDARD.encode(&one.signature);
        format!("  - {{set: {}, by: {}, signature: \"{signature}\"}}\n", quoted(&one.set), quoted(&one.by))
    };
    let lines: String = approvals.iter().map(line).collect();
    format!(
        "# yaml-language-server: $schema=schema/approvals.json\n#\n# Written by `tollgate policy approve`.\napprovals:\n{lines}"
    )
}
