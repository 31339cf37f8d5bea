//! What an app registers as an OAuth2 client, as options of `tollgate app create` and `tollgate app update`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Arg, Args};
use serde_json::{Value, json};

use super::failure::Failure;

/// Each option has the name that its field has in the admin API for its id: a mistake there is told by the option.
#[derive(Debug, Args)]
#[command(next_help_heading = "As an OAuth2 client")]
pub(super) struct ClientArguments {
    /// How it may prove itself: client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth or
    /// self_signed_tls_client_auth; may be given several times
    #[arg(id = "token_endpoint_auth_methods", long = "auth-method", value_name = "METHOD")]
    auth_methods: Vec<String>,
    /// What it may exchange for tokens: authorization_code, refresh_token, client_credentials or
    /// urn:ietf:params:oauth:grant-type:device_code; may be given several times, '' for none
    #[arg(long = "grant-type", value_name = "TYPE")]
    grant_types: Vec<String>,
    /// A file with its public keys as a JWK Set, or one as a JWK, for private_key_jwt, and its certificates (x5c), for
    /// self_signed_tls_client_auth
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// For tls_client_auth: the subject of its certificate, such as CN=erp,O=Bright Apps,C=CN
    #[arg(
        id = "tls_client_auth_subject_dn",
        long = "tls-subject-dn",
        value_name = "DN",
        group = "certificate_name"
    )]
    tls_subject_dn: Option<String>,
    /// For tls_client_auth: a host of its certificate's alternative names
    #[arg(
        id = "tls_client_auth_san_dns",
        long = "tls-san-dns",
        value_name = "HOST",
        group = "certificate_name"
    )]
    tls_san_dns: Option<String>,
    /// For tls_client_auth: a URI of them
    #[arg(
        id = "tls_client_auth_san_uri",
        long = "tls-san-uri",
        value_name = "URI",
        group = "certificate_name"
    )]
    tls_san_uri: Option<String>,
    /// For tls_client_auth: an address of them
    #[arg(
        id = "tls_client_auth_san_ip",
        long = "tls-san-ip",
        value_name = "ADDRESS",
        group = "certificate_name"
    )]
    tls_san_ip: Option<String>,
    /// For tls_client_auth: a mail address of them
    #[arg(
        id = "tls_client_auth_san_email",
        long = "tls-san-email",
        value_name = "MAIL",
        group = "certificate_name"
    )]
    tls_san_email: Option<String>,
    /// It gets no tokens but such as are bound to its key by DPoP
    #[arg(
        id = "dpop_bound_access_tokens",
        long = "dpop-bound",
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true",
        require_equals = true
    )]
    dpop_bound: Option<bool>,
    /// Its tokens are bound to its certificate
    #[arg(
        id = "tls_client_certificate_bound_access_tokens",
        long = "certificate-bound",
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true",
        require_equals = true
    )]
    certificate_bound: Option<bool>,
    /// It must push its authorization requests
    #[arg(
        id = "require_pushed_authorization_requests",
        long = "require-par",
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true",
        require_equals = true
    )]
    require_par: Option<bool>,
}

/// Adds to the help of an option what holds for one command alone.
pub(super) fn with_help(more: &'static str) -> impl FnOnce(Arg) -> Arg {
    move |option| {
        let help = option.get_help().map(ToString::to_string).unwrap_or_default();
        option.help(help + more)
    }
}

impl ClientArguments {
    /// Adds what was given to the body of a call.
    pub(super) fn add_to(self, body: &mut Value) -> Result<(), Failure> {
        let mut add = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                body[name] = value;
            }
        };
        add("token_endpoint_auth_methods", list(self.auth_methods));
        add("grant_types", list(self.grant_types));
        add("jwks", self.jwks.as_deref().map(read).transpose()?);
        add("tls_client_auth_subject_dn", self.tls_subject_dn.map(Value::from));
        add("tls_client_auth_san_dns", self.tls_san_dns.map(Value::from));
        add("tls_client_auth_san_uri", self.tls_san_uri.map(Value::from));
        add("tls_client_auth_san_ip", self.tls_san_ip.map(Value::from));
        add("tls_client_auth_san_email", self.tls_san_email.map(Value::from));
        add("dpop_bound_access_tokens", self.dpop_bound.map(Value::from));
        add("tls_client_certificate_bound_access_tokens", self.certificate_bound.map(Value::from));
        add("require_pushed_authorization_requests", self.require_par.map(Value::from));
        Ok(())
    }
}

/// What was given several times; nothing if it was not given at all, and no entries for a single empty one.
pub(super) fn list(entries: Vec<String>) -> Option<Value> {
    match entries.as_slice() {
        [] => None,
        [only] if only.is_empty() => Some(json!([])),
        _ => Some(json!(entries)),
    }
}

/// The key set in `file`; a key by itself is a set of one.
fn read(file: &Path) -> Result<Value, Failure> {
    let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let wrong = |what: String| {
        let name = file.display();
        Failure::Invalid(format!("tollgate: {name} {what}; it must be a JWK Set: {{\"keys\": [...]}}"))
    };
    let is_pem = text.windows(11).any(|part| part == b"-----BEGIN ");
    let read: Value = serde_json::from_slice(&text).map_err(|error| match is_pem {
        true => wrong("is PEM".to_owned()),
        false => wrong(format!("is no JSON ({error})")),
    })?;
    match (read["keys"].is_array(), read["kty"].is_string()) {
        (true, _) => Ok(read),
        (false, true) => Ok(json!({ "keys": [read] })),
        (false, false) => Err(wrong("is JSON, but no keys".to_owned())),
    }
}
