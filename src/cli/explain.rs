//! `tollgate policy explain`: one call, imagined or on record, before the policies of a folder.

mod asked;
mod decisions;
mod facts;
mod subscribed;
mod switches;

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use serde_json::{Value, json};

use self::asked::Asked;
use self::decisions::Explained;
use self::facts::{Facts, Who};
use self::subscribed::Subscribed;
use self::switches::Switches;
use super::failure::{Failure, Outcome};
use super::node::NodeArguments;
use super::policy;
use super::query::segment;
use super::screen::{Column, Format, Screen};
use crate::domain::id::{AppId, CertificateId, KeyId, MerchantId, RouteName, SignatureKeyId};
use crate::domain::identity::Environment;
use crate::domain::principal::CredentialKind;
use crate::domain::scope::Scope;
use crate::domain::time::{Clock, Timestamp};
use crate::server::clock::SystemClock;

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("merchant_behind").args(["merchant", "request_id"])))]
pub(super) struct ExplainArguments {
    /// The call, such as 'POST /api/orders'; a target alone is a GET
    #[arg(value_name = "METHOD TARGET", required_unless_present = "request_id")]
    call: Option<String>,
    /// The policy folder
    #[arg(long, value_name = "DIR", env = "TOLLGATE_POLICIES", default_value = "policies")]
    policies: PathBuf,
    /// A call on record, by the id of its answer: its method, route, app, merchant and time are taken; parameters of its path,
    /// which are on no record, by their names
    #[arg(long, value_name = "ID", conflicts_with_all = ["call", "app", "key", "client_certificate", "signature_key", "merchant", "offline"])]
    request_id: Option<String>,
    /// The app that calls [default: nobody, without a credential]
    #[arg(long, value_name = "ID")]
    app: Option<AppId>,
    /// The API key by which it calls: its id (key_…), not the key [default: an access token]
    #[arg(long, value_name = "ID", conflicts_with_all = ["merchant", "offline"])]
    key: Option<KeyId>,
    /// The registered client certificate by which it calls: its id (crt_…) [default: an access token]
    #[arg(long, value_name = "ID", conflicts_with_all = ["key", "merchant", "offline"])]
    client_certificate: Option<CertificateId>,
    /// The key by which the app signs it: its id (sgk_…), not the secret [default: an access token]
    #[arg(long, value_name = "ID", conflicts_with_all = ["key", "client_certificate", "merchant", "offline"])]
    signature_key: Option<SignatureKeyId>,
    /// The merchant for which its access token is [default: none, the token is the app's own]
    #[arg(long, value_name = "ID", requires = "app")]
    merchant: Option<MerchantId>,
    /// A scope of the token; may be given several times [default: all of the grant, or of the app]
    #[arg(long = "scope", value_name = "SCOPE", conflicts_with_all = ["key", "client_certificate", "signature_key"])]
    scopes: Vec<Scope>,
    /// The merchant behind the token proved itself by two factors
    #[arg(long, requires = "merchant_behind")]
    two_factors: bool,
    /// Where the call comes from
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    from: IpAddr,
    /// The host that it names
    #[arg(long, value_name = "HOST", default_value = "gateway")]
    host: String,
    /// A header field, such as 'X-Channel: beta'; may be given several times
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Its body, where a route looks for the merchant in it
    #[arg(long, value_name = "JSON")]
    body: Option<String>,
    /// Ask no node: the app is as it is given
    #[arg(long)]
    offline: bool,
    /// Without a node: the app's environment
    #[arg(long, value_enum, default_value = "live", value_name = "NAME")]
    environment: EnvironmentName,
    /// Without a node: an API product that the app has subscribed to, and under which plan; may be given several times
    #[arg(long = "subscription", value_name = "PRODUCT=PLAN")]
    subscriptions: Vec<Subscribed>,
    /// Fail, with exit status 1, if the call is not that for sure; without it, it is no failure what becomes of the call
    #[arg(long, value_enum, value_name = "WHAT")]
    expect: Option<Expected>,
    #[command(flatten)]
    node: NodeArguments,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum EnvironmentName {
    /// Real orders, real money
    Live,
    /// Trials
    Sandbox,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Expected {
    /// It gets past all that is asked
    Allowed,
    /// Something refuses it
    Refused,
}

impl Expected {
    fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
        }
    }
}

impl From<EnvironmentName> for Environment {
    fn from(name: EnvironmentName) -> Self {
        match name {
            EnvironmentName::Live => Self::Live,
            EnvironmentName::Sandbox => Self::Sandbox,
        }
    }
}

const COLUMNS: &[Column] =
    &[("decision", "/decision"), ("outcome", "/outcome"), ("what is asked", "/asked"), ("policy", "/policy")];

pub(super) fn run(arguments: &ExplainArguments, screen: &Screen) -> Outcome {
    let snapshot = policy::loaded(&arguments.policies, screen)?;
    let now = SystemClock::new().now();
    let asks_node = !arguments.offline && arguments.node.is_told();
    let is_of_credential = arguments.key.is_some()
        || arguments.client_certificate.is_some()
        || arguments.signature_key.is_some();
    let is_of_node = is_of_credential || arguments.request_id.is_some();
    if !asks_node && is_of_node {
        let what = "tollgate: who has a key or certificate, and what is on record, only a node knows: say which by --admin-url";
        return Err(Failure::Usage(what.to_owned()));
    }
    let node = if asks_node { Some(arguments.node.node()?) } else { None };
    let (asked, facts, at) = match (&node, &arguments.request_id) {
        (Some(node), Some(id)) => {
            let recorded = Recorded::of(&node.get(&format!("/admin/usage/{}", segment(id)))?)?;
            let asked = Asked::recorded(arguments, &recorded, &snapshot)?;
            (asked, Facts::of_node(node, arguments, recorded.who(), recorded.at)?, Some(recorded.at))
        }
        (Some(node), None) => {
            let key = arguments.key.as_ref();
            let who = Who {
                app: arguments.app.as_ref(),
                merchant: arguments.merchant.as_ref(),
                key,
                signature: arguments.signature_key.as_ref(),
                certificate: arguments.client_certificate.as_ref(),
            };
            (Asked::imagined(arguments)?, Facts::of_node(node, arguments, who, now)?, None)
        }
        (None, _) => (Asked::imagined(arguments)?, Facts::given(arguments, &snapshot, now), None),
    };
    let switches = node.as_ref().map(|node| Switches::of_node(node, at)).transpose()?;
    let explained = decisions::explain(&snapshot, &asked, (facts.as_ref(), switches.as_ref()))?;
    if let Some(node) = &node
        && node.get("/admin/policy")?["hash"] != snapshot.hash.as_str()
    {
        let folder = arguments.policies.display();
        screen.note(&format!("The node has other policies in force than those in {folder}."))?;
    }
    let shown = show(&explained, &asked, screen);
    match arguments.expect.and_then(|expected| missed(expected, &explained, &asked)) {
        Some(failure) => Err(failure.beside(shown)),
        None => shown,
    }
}

/// What is told if a call is not what was expected of it.
fn missed(expected: Expected, explained: &Explained, asked: &Asked) -> Option<Failure> {
    let of = |is_allowed| if is_allowed { Expected::Allowed } else { Expected::Refused };
    let found = explained.is_allowed().map(of);
    let is = found.map_or("may be either".to_owned(), |found| format!("is {}", found.word()));
    let failure = || anyhow::anyhow!("{} {is}, not {} for sure", asked.told(), expected.word()).into();
    (found != Some(expected)).then(failure)
}

fn show(explained: &Explained, asked: &Asked, screen: &Screen) -> Outcome {
    let rows: Vec<Value> = explained.rows();
    let refusal = explained.refusal.as_ref();
    let allowed = explained.is_allowed();
    match screen.format() {
        Format::Json => screen.json(&json!({
            "call": asked.told(),
            "route": explained.route,
            "upstream": explained.upstream,
            "allowed": allowed,
            "status": refusal.map(|refusal| refusal.status),
            "code": refusal.map(|refusal| refusal.code),
            "detail": refusal.map(|refusal| &refusal.detail),
            "policies": explained.hash,
            "decisions": rows,
        })),
        Format::Human => {
            screen.list(&rows, COLUMNS, "")?;
            match (refusal, &explained.upstream) {
                (Some(refusal), _) => screen.lines(&format!(
                    "{} is refused: {} {}: {}",
                    asked.told(),
                    refusal.status,
                    refusal.code,
                    refusal.detail
                )),
                (None, None) => {
                    let how = match allowed {
                        Some(_) => "is allowed, and answered by the gateway itself",
                        None => "is answered by the gateway itself, by rules of that endpoint",
                    };
                    screen.lines(&format!("{} {how}.", asked.told()))
                }
                (None, upstream) => {
                    let upstream = upstream.as_deref().unwrap_or_default();
                    let how = match allowed {
                        Some(_) => "is allowed, and goes",
                        None => "is not refused by what was asked; if the rest allows it, it goes",
                    };
                    screen.lines(&format!("{} {how} to upstream {upstream}.", asked.told()))
                }
            }
        }
    }
}

/// What is on record of a call.
struct Recorded {
    method: String,
    route: RouteName,
    app: AppId,
    merchant: Option<MerchantId>,
    credential: Credential,
    at: Timestamp,
}

/// What proved an app.
enum Credential {
    Key(KeyId),
    Token,
    /// A signature by the key of that id.
    Signature(SignatureKeyId),
    Certificate(CertificateId),
}

impl Recorded {
    fn of(record: &Value) -> Result<Self, Failure> {
        let Some(route) = record["route"].as_str().filter(|route| *route != "-") else {
            return Err(anyhow::anyhow!("that call met no route").into());
        };
        Ok(Self {
            method: facts::field(record, "method")?,
            route: route.parse()?,
            app: facts::field(record, "app")?,
            merchant: facts::optional(record, "merchant")?,
            credential: match facts::field::<String>(record, "credential")?.as_str() {
                kind if kind == CredentialKind::ApiKey.name() => {
                    Credential::Key(facts::field(record, "credential_id")?)
                }
                kind if kind == CredentialKind::SignedRequest.name() => {
                    Credential::Signature(facts::field(record, "credential_id")?)
                }
                kind if kind == CredentialKind::ClientCertificate.name() => {
                    Credential::Certificate(facts::field(record, "credential_id")?)
                }
                _ => Credential::Token,
            },
            at: facts::field(record, "at")?,
        })
    }

    fn who(&self) -> Who<'_> {
        let (mut key, mut signature, mut certificate) = (None, None, None);
        match &self.credential {
            Credential::Key(id) => key = Some(id),
            Credential::Token => {}
            Credential::Signature(id) => signature = Some(id),
            Credential::Certificate(id) => certificate = Some(id),
        }
        Who { app: Some(&self.app), merchant: self.merchant.as_ref(), key, signature, certificate }
    }
}
