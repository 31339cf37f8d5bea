//! What is typed: the call, who makes it, and what is expected of it.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use super::expected::Expected;
use super::subscribed::Subscribed;
use crate::cli::failure::Failure;
use crate::cli::node::NodeArguments;
use crate::domain::id::{AppId, CertificateId, KeyId, MerchantId, SignatureKeyId};
use crate::domain::identity::Environment;
use crate::domain::scope::Scope;

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("merchant_behind").args(["merchant", "request_id"])))]
#[command(group(ArgGroup::new("token_of").args(["app", "request_id"])))]
pub(in crate::cli) struct ExplainArguments {
    /// The call, such as 'POST /api/orders'; a target alone is a GET
    #[arg(value_name = "METHOD TARGET", required_unless_present = "request_id")]
    pub(super) call: Option<String>,
    /// The policy folder
    #[arg(long, value_name = "DIR", env = "TOLLGATE_POLICIES", default_value = "policies")]
    pub(super) policies: PathBuf,
    /// A call on record, by the id of its answer: its method, route, app, merchant, credential and time are taken. Where it came
    /// from, its query and its header fields are on no record; parameters of its path, which are on none either, stand there by their
    /// names
    #[arg(long, value_name = "ID", conflicts_with_all = ["call", "app", "key", "client_certificate", "signature_key", "merchant", "offline"])]
    pub(super) request_id: Option<String>,
    /// The app that calls [default: nobody, without a credential]
    #[arg(long, value_name = "ID")]
    pub(super) app: Option<AppId>,
    /// The API key by which it calls: its id (key_…), not the key [default: an access token]
    #[arg(long, value_name = "ID", conflicts_with_all = ["merchant", "offline"])]
    pub(super) key: Option<KeyId>,
    /// The registered client certificate by which it calls: its id (crt_…) [default: an access token]
    #[arg(long, value_name = "ID", conflicts_with_all = ["key", "merchant", "offline"])]
    pub(super) client_certificate: Option<CertificateId>,
    /// The key by which the app signs it: its id (sgk_…), not the secret [default: an access token]
    #[arg(long, value_name = "ID", conflicts_with_all = ["key", "client_certificate", "merchant", "offline"])]
    pub(super) signature_key: Option<SignatureKeyId>,
    /// The merchant for which its access token is [default: none, the token is the app's own]
    #[arg(long, value_name = "ID", requires = "app")]
    pub(super) merchant: Option<MerchantId>,
    /// A scope of the token; may be given several times [default: all of the grant, or of the app]
    #[arg(
        long = "scope",
        value_name = "SCOPE",
        requires = "token_of",
        conflicts_with_all = ["key", "client_certificate", "signature_key"]
    )]
    pub(super) scopes: Vec<Scope>,
    /// The merchant behind the token proved itself by two factors
    #[arg(long, requires = "merchant_behind")]
    pub(super) two_factors: bool,
    /// Where the call comes from [default: 127.0.0.1; of a call on record, it is not known]
    #[arg(long, value_name = "ADDRESS")]
    pub(super) from: Option<IpAddr>,
    /// The host that it names [default: gateway; of a call on record, the first of its route]
    #[arg(long, value_name = "HOST")]
    pub(super) host: Option<String>,
    /// A header field, such as 'X-Channel: beta'; may be given several times
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub(super) headers: Vec<String>,
    /// Its body, where a route looks for the merchant in it
    #[arg(long, value_name = "JSON")]
    pub(super) body: Option<String>,
    /// Ask no node: the app is as it is given
    #[arg(long)]
    pub(super) offline: bool,
    /// Without a node: the app's environment [default: live]
    #[arg(long, value_enum, value_name = "NAME", requires = "app")]
    pub(super) environment: Option<EnvironmentName>,
    /// Without a node: an API product that the app has subscribed to, and under which plan; may be given several times
    #[arg(long = "subscription", value_name = "PRODUCT=PLAN", requires = "app")]
    pub(super) subscriptions: Vec<Subscribed>,
    /// Fail, with exit status 1, if the call is not that for sure: allowed, refused, or refused with a code such as scope_missing;
    /// without it, it is no failure what becomes of the call
    #[arg(long, value_name = "allowed|refused|CODE")]
    pub(super) expect: Option<Expected>,
    #[command(flatten)]
    pub(super) node: NodeArguments,
}

impl ExplainArguments {
    /// Whether nothing is said in vain: what a node tells of an app is not for the command line to say.
    pub(super) fn check(&self, asks_node: bool) -> Result<(), Failure> {
        if asks_node && (self.environment.is_some() || !self.subscriptions.is_empty()) {
            let what = "tollgate: a node is named, and knows the app's environment and subscriptions: leave out --environment and \
                        --subscription, or give --offline besides, which asks no node";
            return Err(Failure::Usage(what.to_owned()));
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum EnvironmentName {
    /// Real orders, real money
    Live,
    /// Trials
    Sandbox,
}

impl From<EnvironmentName> for Environment {
    fn from(name: EnvironmentName) -> Self {
        match name {
            EnvironmentName::Live => Self::Live,
            EnvironmentName::Sandbox => Self::Sandbox,
        }
    }
}
