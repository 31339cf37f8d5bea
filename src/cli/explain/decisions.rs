//! The decisions about a call, by the code that makes them on a node: its head, its route, its credential, what the route asks, the
//! limits that count it, the body that must name its merchant. The first refusal ends it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use super::asked::Asked;
use super::facts::Facts;
use super::switches::{self, Switches};
use crate::credential::access_token::{KeyRing, NewToken, RingKey, SigningKey, TokenSigner};
use crate::credential::directory::{Directory, Identity, Memory};
use crate::credential::message_signature::Body;
use crate::credential::presented::Presented;
use crate::domain::api_key::ApiKey;
use crate::domain::app_certificate::ShownNames;
use crate::domain::id::{FamilyId, SignatureKeyId};
use crate::domain::location::Location;
use crate::domain::plan::{Limit, LimitKey};
use crate::domain::refusal::{Refusal, whole_seconds};
use crate::domain::scope::ScopeSet;
use crate::domain::signing_algorithm::SigningAlgorithm;
use crate::domain::time::{Clock, ManualClock, Timestamp};
use crate::gateway::admit::admit;
use crate::gateway::authorize::{Circumstances, Permit, authorize_before};
use crate::gateway::caller_address::CallerAddress;
use crate::gateway::raw_head::Unseen;
use crate::gateway::witness::{Question, Witness};
use crate::gateway::{control, head, me, respond};
use crate::limit::cell::{Cells, LocalCells};
use crate::policy::route_table::Lookup;
use crate::policy::snapshot::{AddressLimit, Route, Snapshot};

/// Longest head of a call.
const MAX_HEAD: usize = 64 << 10;
/// An issuer that is nobody's: what it signs never leaves this process.
const ISSUER: &str = "urn:tollgate:explain";
const LIFETIME: Duration = Duration::from_secs(60);
const MEMORY: Memory = Memory { tokens: 1, keys: 1, time: LIFETIME, grace: LIFETIME };

/// What becomes of a call, and by which decisions.
pub(super) struct Explained {
    decisions: Decisions,
    pub(super) route: Option<String>,
    pub(super) upstream: Option<String>,
    pub(super) refusal: Option<Refused>,
    pub(super) hash: String,
}

/// What the caller is told of a call that is refused.
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) detail: String,
}

impl From<&Refusal> for Refused {
    fn from(refusal: &Refusal) -> Self {
        let status = respond::status(refusal).as_u16();
        Self { status, code: refusal.code(), detail: refusal.detail() }
    }
}

/// What was asked so far. Each was answered with yes, but for the last of a call that is refused.
#[derive(Default)]
pub(super) struct Decisions(Vec<Decision>);

struct Decision {
    name: &'static str,
    asked: String,
    place: Option<String>,
    outcome: &'static str,
}

const ALLOWED: &str = "allowed";
const REFUSED: &str = "refused";
const NOT_ASKED: &str = "not asked";
/// Of what the policies do not say.
pub(super) const NOT_KNOWN: &str = "not known";

impl Decisions {
    pub(super) fn add(&mut self, name: &'static str, place: Option<&Location>, asked: String) {
        self.0.push(Decision { name, asked, place: place.map(Location::to_string), outcome: ALLOWED });
    }

    /// The last question cannot be answered here.
    pub(super) fn leave(&mut self, outcome: &'static str) {
        if let Some(last) = self.0.last_mut() {
            last.outcome = outcome;
        }
    }
}

impl Witness for Decisions {
    fn asked(&mut self, question: Question, place: Option<&Location>, what: impl FnOnce() -> String) {
        self.add(question.name(), place, what());
    }

    fn answered(&mut self, place: Option<&Location>, why: impl FnOnce() -> String) {
        if let Some(last) = self.0.last_mut() {
            last.asked = format!("{}: {}", last.asked, why());
            last.place = place.map(Location::to_string).or(last.place.take());
        }
    }
}

impl Explained {
    /// Whether the call is allowed; `None` if not all was asked that decides it.
    pub(super) fn is_allowed(&self) -> Option<bool> {
        if self.refusal.is_some() {
            return Some(false);
        }
        self.decisions.0.iter().all(|decision| decision.outcome != NOT_ASKED).then_some(true)
    }

    /// A row for each decision.
    pub(super) fn rows(&self) -> Vec<Value> {
        let row = |decision: &Decision| {
            json!({
                "decision": decision.name,
                "outcome": decision.outcome,
                "asked": decision.asked,
                "policy": decision.place,
            })
        };
        self.decisions.0.iter().map(row).collect()
    }
}

/// Walks a call through the policies. `facts` are those of who calls; nobody in particular without. What is switched off is known of
/// `switches`, if a node was asked.
pub(super) fn explain(
    snapshot: &Snapshot,
    asked: &Asked,
    (facts, switches): (Option<&Facts>, Option<&Switches<'_>>),
) -> anyhow::Result<Explained> {
    let (decisions, hash) = (Decisions::default(), snapshot.hash.as_str().to_owned());
    let mut explained = Explained { decisions, route: None, upstream: None, refusal: None, hash };
    let credential = facts.map(Credential::of).transpose()?;
    if let Err(refusal) = walk((snapshot, asked), (credential.as_ref(), switches), &mut explained) {
        explained.decisions.leave(REFUSED);
        explained.refusal = Some(Refused::from(&refusal));
    }
    Ok(explained)
}

fn walk(
    (snapshot, asked): (&Snapshot, &Asked),
    (credential, switches): (Option<&Credential>, Option<&Switches<'_>>),
    explained: &mut Explained,
) -> Result<(), Refusal> {
    let Explained { decisions, route: name, upstream, .. } = explained;
    let parts = &asked.parts;
    decisions.add("message", None, "a head that can be read in one way only".to_owned());
    // Nothing was taken out of a head that was never on a wire.
    let checked = head::check(parts, Unseen::default(), MAX_HEAD)?;
    if is_own(decisions, asked, &checked.path, credential)? {
        return Ok(());
    }
    decisions.add("route", None, format!("{} {} of {}", parts.method, checked.path, checked.host));
    let (route, parameters) = match snapshot.table.find(&checked.host, &parts.method, &checked.path) {
        Lookup::Found(place, parameters) => (&*snapshot.routes[place], parameters),
        Lookup::MethodNotAllowed(allow) => return Err(Refusal::MethodNotAllowed { allow }),
        Lookup::NotFound => return Err(Refusal::RouteUnknown),
    };
    decisions.answered(Some(&route.source), || format!("route {}", route.name));
    *name = Some(route.name.to_string());
    *upstream = Some(snapshot.upstreams[route.upstream].name.to_string());
    let address = CallerAddress::of(decisions, route, asked.from)?;
    let now = credential.map_or(Timestamp::default(), |credential| credential.now);
    let identity = match credential {
        None => None,
        Some(credential) => {
            decisions.add("credential", None, credential.told.clone());
            Some(credential.identity()?)
        }
    };
    switches::ask(decisions, switches, (snapshot, route))?;
    let body =
        if asked.body.as_ref().is_some_and(|body| !body.is_empty()) { Body::Present } else { Body::Absent };
    let query = parts.uri.query().unwrap_or_default();
    let circumstances =
        Circumstances { parts, head: &checked, query, body, parameters: &parameters, address, now };
    let permit = authorize_before(decisions, (snapshot, route), identity.as_ref(), &circumstances)?;
    count(decisions, (route, &permit), identity.as_ref(), asked.from)?;
    look_at_body(decisions, &permit, asked)?;
    // Who has no subscription counts as nobody.
    tell_masked(decisions, route, identity.as_ref().filter(|_| permit.subscribed.is_some()));
    Ok(())
}

/// Whether the gateway itself answers at that path, and who may ask. What is asked at the endpoints of OAuth2 is decided there.
fn is_own(
    decisions: &mut Decisions,
    asked: &Asked,
    path: &str,
    credential: Option<&Credential>,
) -> Result<bool, Refusal> {
    let is_about_itself =
        path.strip_prefix("/me").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if !control::is_own(path) && !is_about_itself {
        return Ok(false);
    }
    decisions.add("endpoint", None, format!("{path} is the gateway's own, and no route"));
    let Some(question) = me::Question::of(path)? else {
        decisions.leave(NOT_ASKED);
        return Ok(true);
    };
    me::Question::check_method(&asked.parts.method)?;
    decisions.add(
        "credential",
        None,
        credential.map_or("any".to_owned(), |credential| credential.told.clone()),
    );
    let identity = credential.ok_or(Refusal::CredentialMissing)?.identity()?;
    question.check(&identity.caller, asked.from)?;
    Ok(true)
}

/// What the caller gets masked of the answer.
fn tell_masked(decisions: &mut Decisions, route: &Route, identity: Option<&Arc<Identity>>) {
    let Some(mask) = &route.mask else { return };
    let nothing = ScopeSet::none();
    let scopes = identity.map_or(&nothing, |identity| &identity.caller.scopes);
    let masked: Vec<String> =
        mask.withheld_from(scopes).map(|(what, scope)| format!("{what} without {scope}")).collect();
    if !masked.is_empty() {
        decisions.add("mask", Some(&mask.source), format!("masked in the answer: {}", masked.join(", ")));
    }
}

/// The limits that count the call, none of which has counted another.
fn count(
    decisions: &mut Decisions,
    (route, permit): (&Route, &Permit<'_>),
    identity: Option<&Arc<Identity>>,
    address: IpAddr,
) -> Result<(), Refusal> {
    let cells = &mut LocalCells::new(Arc::new(Cells::new(16)), 16);
    match (&permit.subscribed, &route.address_limit) {
        (Some((_, version)), _) => {
            for Limit { name, rate, per, source, .. } in &version.limits {
                let of = match per {
                    LimitKey::App => "of the app",
                    LimitKey::AppAndRoute => "of the app to this route",
                };
                let (requests, seconds) = (rate.requests, whole_seconds(rate.window));
                let told = format!("{name}: {requests} calls {of} in {seconds} s, {} at once", rate.burst);
                decisions.add("limit", Some(source), told);
            }
        }
        (None, Some(AddressLimit { name, rate, source, .. })) => {
            let (requests, seconds) = (rate.requests, whole_seconds(rate.window));
            let told =
                format!("{name}: {requests} calls of the address in {seconds} s, {} at once", rate.burst);
            decisions.add("limit", Some(source), told);
        }
        (None, None) => {}
    }
    admit(cells, route, permit, identity, (address, Duration::ZERO))
        .map(|_| ())
        .map_err(|(refusal, _)| refusal)
}

fn look_at_body(decisions: &mut Decisions, permit: &Permit<'_>, asked: &Asked) -> Result<(), Refusal> {
    let Some(names) = &permit.body else { return Ok(()) };
    decisions.add("body", None, "that the body names the merchant".to_owned());
    match &asked.body {
        Some(body) => names.look_at(body.as_bytes()),
        None => {
            decisions.answered(None, || "give it by --body".to_owned());
            decisions.leave(NOT_ASKED);
            Ok(())
        }
    }
}

/// A credential made for this call alone, and the directory that knows whom it proves.
struct Credential {
    directory: Arc<Directory>,
    runtime: tokio::runtime::Runtime,
    made: Made,
    told: String,
    now: Timestamp,
}

/// A credential as it is shown.
enum Made {
    ApiKey(String),
    AccessToken(String),
    Certificate(ShownNames),
    /// By the key of that id.
    Signature(SignatureKeyId),
}

impl Credential {
    fn of(facts: &Facts) -> anyhow::Result<Self> {
        let der = SigningKey::generate(SigningAlgorithm::EdDsa)?;
        let key = SigningKey::from_pkcs8(SigningAlgorithm::EdDsa, &der)?;
        let ring = Arc::new(KeyRing::new(vec![RingKey::alone(key)], ISSUER));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (clock, now) = (Arc::new(ManualClock::at(facts.now)), facts.now);
        let control = runtime.handle().clone();
        let directory =
            Arc::new(Directory::new(Arc::new(facts.clone()), ring.clone(), clock, control, MEMORY));
        let app = &facts.app.id;
        let (made, told) = match (&facts.key, &facts.certificate, &facts.signature) {
            (Some(key), _, _) => {
                let text = ApiKey::from_random(facts.app.environment, &[0; 32]).reveal().to_owned();
                (Made::ApiKey(text), format!("key {} of app {app}", key.id))
            }
            (None, Some(certificate), _) => {
                let names = ShownNames::new([certificate.own.known_by.clone()]);
                (Made::Certificate(names), format!("client certificate {} of app {app}", certificate.id))
            }
            (None, None, Some(key)) => {
                (Made::Signature(key.id.clone()), format!("a signature by {} of app {app}", key.id))
            }
            (None, None, None) => {
                let text = token(facts, ring).context("a token for this call cannot be made")?;
                (Made::AccessToken(text), told(facts))
            }
        };
        Ok(Self { directory, runtime, made, told, now })
    }

    /// Whom it proves.
    fn identity(&self) -> Result<Arc<Identity>, Refusal> {
        let (directory, moment) = (&self.directory, ManualClock::at(self.now).moment());
        let known = match &self.made {
            Made::ApiKey(text) => {
                self.runtime.block_on(directory.identify(Presented::ApiKey(text), moment))?
            }
            Made::AccessToken(text) => {
                self.runtime.block_on(directory.identify(Presented::AccessToken(text), moment))?
            }
            Made::Certificate(names) => {
                let found = self.runtime.block_on(directory.identify_certificate(names, None, moment));
                found.map_err(|refused| refused.refusal)?
            }
            Made::Signature(id) => {
                let found =
                    self.runtime.block_on(directory.identify_signature_key(id.as_str(), None, moment));
                Some(found.map_err(|refused| refused.refusal)?)
            }
        };
        known.map(|known| known.identity).ok_or(Refusal::CredentialMissing)
    }
}

fn token(facts: &Facts, ring: Arc<KeyRing>) -> anyhow::Result<String> {
    let grant = facts.grant.as_ref().map(|(grant, _)| grant);
    let new = NewToken {
        id: "explained".to_owned(),
        merchant: grant.map(|grant| grant.merchant.clone()),
        grant: grant.map(|grant| grant.id.clone()),
        family: grant.and_then(|_| FamilyId::new("explained").ok()),
        authentication: facts.authentication.filter(|_| grant.is_some()),
        ..NewToken::of_app(facts.app.id.clone(), facts.scopes.clone())
    };
    Ok(TokenSigner::new(ring).sign(new, facts.now, LIFETIME)?)
}

fn told(facts: &Facts) -> String {
    let of = match &facts.grant {
        Some((grant, _)) => format!("for merchant {}", grant.merchant),
        None => "of its own".to_owned(),
    };
    format!("an access token of app {}, {of}", facts.app.id)
}
