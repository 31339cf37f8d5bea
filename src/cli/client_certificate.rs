//! `tollgate client-certificate`: certificates by which apps prove themselves where they connect by them.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::credential::{ExistingAction, Kind, NewArguments, RotateArguments, of_kind};
use super::failure::Outcome;
use super::node::NodeArguments;
use super::screen::Screen;
use crate::domain::app_certificate::CERTIFICATE_PREFIX;

#[derive(Debug, Args)]
#[command(mut_subcommands(of_kind("client certificate", CERTIFICATE_PREFIX)))]
pub(super) struct ClientCertificateArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Register a certificate of an app, by what it is known by
    Create {
        #[command(flatten)]
        new: NewArguments,
        #[command(flatten)]
        own: RegisteredArguments,
    },
    /// Register a certificate that takes another's place, as narrow as that
    ///
    /// The old one proves its app for a while yet, so that nobody is cut off before the new one is in place. It never does so
    /// longer than it would have. A certificate that is known by a SPIFFE id or a subject needs this only if the next one is known
    /// by another.
    Rotate {
        #[command(flatten)]
        old: RotateArguments,
        #[command(flatten)]
        own: RegisteredArguments,
    },
    #[command(flatten)]
    Existing(ExistingAction),
}

#[derive(Debug, Args)]
struct RegisteredArguments {
    #[command(flatten)]
    known_by: KnownByArguments,
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct KnownByArguments {
    /// Its SHA-256, in hexadecimal, as `openssl x509 -noout -fingerprint -sha256 -in FILE` shows it: nobody has to vouch for it
    #[arg(long, value_name = "SHA-256")]
    fingerprint: Option<String>,
    /// Its SPIFFE id, such as spiffe://partner.example/erp, which an authority of the platform vouches for
    #[arg(long, value_name = "URI")]
    spiffe_id: Option<String>,
    /// Its subject as RFC 4514 writes it, such as 'CN=erp,O=Bright Apps,C=CN', which an authority of the platform vouches for: any
    /// of `--mtls-client-ca`, whichever issued the certificate
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
}

impl RegisteredArguments {
    fn body(self) -> Value {
        let KnownByArguments { fingerprint, spiffe_id, subject } = self.known_by;
        json!({ "fingerprint": fingerprint, "spiffe_id": spiffe_id, "subject": subject, "label": self.label })
    }
}

const KIND: Kind = Kind {
    path: "/admin/client-certificates",
    own: &[("label", "/label"), ("known by", "/known_by")],
    none: "No client certificates: tollgate client-certificate create --app ID --spiffe-id URI",
};

pub(super) fn run(arguments: ClientCertificateArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match arguments.action {
        Action::Create { new, own } => KIND.create(&node, new, own.body(), screen),
        Action::Rotate { old, own } => KIND.rotate(&node, old, own.body(), screen),
        Action::Existing(action) => KIND.run(&node, &action, screen),
    }
}
