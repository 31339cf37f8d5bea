//! `tollgate client-certificate`: certificates by which apps prove themselves where they connect by them.

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Value, json};

use super::failure::Outcome;
use super::key::told;
use super::node::NodeArguments;
use super::query::{segment, with_query};
use super::screen::{Column, Format, Screen};

#[derive(Debug, Args)]
pub(super) struct ClientCertificateArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Register a certificate of an app, by what it is known by
    #[command(group(ArgGroup::new("known_by").required(true).args(["fingerprint", "spiffe_id", "subject"])))]
    Create {
        /// The app that it proves
        #[arg(long, value_name = "ID")]
        app: String,
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
        /// What people call it
        #[arg(long, value_name = "TEXT")]
        label: Option<String>,
        /// A scope of the certificate; may be given several times [default: all scopes of the app]
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
        /// From when it no longer proves the app, such as 2027-01-01T00:00:00Z [default: when the certificate itself ends]
        #[arg(long, value_name = "TIME")]
        expires_at: Option<String>,
    },
    /// An app's certificates, revoked ones too
    ///
    /// The last use is told by the hour: 08:00 is a use before 09:00, and none since. It is known some seconds later.
    List {
        /// The app
        #[arg(long, value_name = "ID")]
        app: String,
    },
    /// Have a certificate prove its app no longer, on connections that are open too
    Revoke {
        /// Its id (crt_…)
        id: String,
    },
}

const COLUMNS: &[Column] = &[
    ("id", "/id"),
    ("app", "/app"),
    ("label", "/label"),
    ("fingerprint", "/fingerprint"),
    ("SPIFFE id", "/spiffe_id"),
    ("subject", "/subject"),
    ("scopes", "/scopes"),
    ("products", "/products"),
    ("addresses", "/addresses"),
    ("created", "/created_at"),
    ("expires", "/expires_at"),
    ("revoked", "/revoked_at"),
];

const LISTED: &[Column] = &[
    ("id", "/id"),
    ("label", "/label"),
    ("known by", "/known_by"),
    ("scopes", "/scopes"),
    ("products", "/products"),
    ("addresses", "/addresses"),
    ("created", "/created_at"),
    ("expires", "/expires_at"),
    ("revoked", "/revoked_at"),
    ("last used", "/last_used_at"),
];

pub(super) fn run(arguments: ClientCertificateArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match arguments.action {
        Action::Create {
            app,
            fingerprint,
            spiffe_id,
            subject,
            label,
            scopes,
            products,
            addresses,
            expires_at,
        } => {
            let mut body = json!({
                "app": app, "fingerprint": fingerprint, "spiffe_id": spiffe_id, "subject": subject, "label": label,
                "expires_at": expires_at,
            });
            for (field, given) in [("scopes", scopes), ("products", products), ("addresses", addresses)] {
                if !given.is_empty() {
                    body[field] = json!(given);
                }
            }
            screen.entry(&told(node.post("/admin/client-certificates", &body)?, screen), COLUMNS)
        }
        Action::List { app } => {
            let path = with_query("/admin/client-certificates", &[("app", Some(&app))]);
            let found: Vec<Value> =
                node.list(&path)?.into_iter().map(|one| told(with_name(one, screen), screen)).collect();
            let none = "No client certificates: tollgate client-certificate create --app ID --spiffe-id URI";
            screen.list(&found, LISTED, none)
        }
        Action::Revoke { id } => {
            let path = format!("/admin/client-certificates/{}/revoke", segment(&id));
            screen.entry(&told(node.post(&path, &json!({}))?, screen), COLUMNS)
        }
    }
}

/// A certificate for people: by what it is known, in one place.
fn with_name(mut certificate: Value, screen: &Screen) -> Value {
    if screen.format() == Format::Human {
        let kinds = ["fingerprint", "spiffe_id", "subject"];
        let name = kinds.iter().map(|kind| certificate[*kind].clone()).find(|name| !name.is_null());
        certificate["known_by"] = name.unwrap_or_default();
    }
    certificate
}
