//! One immutable compiled set of policy files, named by its content hash.
//!
//! A snapshot holds no counters, connections or caches: those outlive it. A request pins one at its start.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};

use super::asked_of_caller::AskedOfCaller;
use super::billing_terms::BillingTerms;
use super::body_reading::BodyReading;
use super::change_terms::{Announcement, Approval, ChangeTerms};
use super::diagnostic::Diagnostic;
use super::expression::Expression;
use super::issuer::ForeignIssuer;
use super::journal_terms::{Archiving, RecordTimes, Unwritable};
use super::known_units::KnownUnits;
use super::login::Login;
use super::mask::Mask;
use super::source::Source;
use super::token_source::TokenSource;
pub use super::transaction_meter::TransactionMeter;
use crate::domain::authentication::Step;
use crate::domain::confirmation::NonceRule;
use crate::domain::id::{ProductName, RouteName, SnapshotHash, UpstreamName};
use crate::domain::identity::Environment;
use crate::domain::location::Location;
use crate::domain::merchant_field::MerchantField;
use crate::domain::narrowing::Networks;
use crate::domain::plan::{Plan, Rate};
use crate::domain::scope::{Scope, ScopeSet};
use crate::domain::signature_style::ParameterStyle;
use crate::domain::signing_algorithm::SigningAlgorithm;
use crate::domain::time::Zone;

/// One compiled set of policy files.
#[derive(Debug)]
pub struct Snapshot {
    /// Hash of the files' content: sets that are equal in content have the same, wherever they are read.
    pub hash: SnapshotHash,
    /// Digest of what the variables in the files stood for. They may be secrets: it is compared and never shown.
    pub values: Vec<u8>,
    /// The files.
    pub source: Arc<Source>,
    /// Settings of the platform as a whole.
    pub platform: Platform,
    /// All routes; a route's place in it is its [`Route::index`].
    pub routes: Vec<Arc<Route>>,
    /// The routes by host, method and path.
    pub table: super::route_table::RouteTable,
    /// All upstreams; a route names one by its place in it.
    pub upstreams: Vec<Arc<Upstream>>,
    /// Every scope that may be asked for.
    pub scopes: HashMap<Scope, ScopeText>,
    /// What apps can subscribe to.
    pub products: HashMap<ProductName, ApiProduct>,
    /// Under which terms.
    pub plans: HashMap<crate::domain::id::PlanName, Plan>,
    /// What will change, as it is told before.
    pub announcements: Vec<Announcement>,
    /// Who has signed it, or says so.
    pub approvals: Vec<Approval>,
    /// What may not be meant, though it is right.
    pub warnings: Vec<Diagnostic>,
}

/// Longest life of an access token: for so long after it retired, a signing key is trusted.
pub const MAX_ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Settings of the platform as a whole.
#[derive(Debug, Clone)]
pub struct Platform {
    /// The platform's name, shown on pages.
    pub name: String,
    /// The zone in which billing periods begin and end.
    pub zone: Zone,
    /// Whether confidential apps must use PKCE too.
    pub requires_pkce: bool,
    /// Whether every app must push its authorization requests.
    pub requires_par: bool,
    /// How long an access token lives.
    pub access_token_lifetime: Duration,
    /// How long a refresh token lives without use.
    pub refresh_token_lifetime: Duration,
    /// How long the refresh tokens of one authorization live in all.
    pub refresh_family_lifetime: Option<Duration>,
    /// How long an authorization code lives (RFC 6749 section 4.1.2: at most 10 minutes).
    pub code_lifetime: Duration,
    /// How merchants log in.
    pub login: Login,
    /// How signing keys follow each other.
    pub signing_keys: SigningKeyTerms,
    /// Which proofs of possession must have a nonce.
    pub proof_nonces: ProofNonces,
    /// How old the signature of a request may be.
    pub signature_window: Duration,
    /// What becomes of calls while the journal cannot be written.
    pub unwritable: Unwritable,
    /// How far a call's time may be from when its record comes into the books.
    pub record_times: RecordTimes,
    /// How a node keeps records that are in the books.
    pub archiving: Archiving,
    /// When billing periods are closed.
    pub billing: BillingTerms,
    /// Other issuers whose access tokens are taken.
    pub issuers: Vec<Arc<ForeignIssuer>>,
    /// What is asked of another set before it comes into force.
    pub changes: ChangeTerms,
}

/// Which proofs of possession must have a nonce.
#[derive(Debug, Clone, Copy)]
pub struct ProofNonces {
    /// Those that come to the OAuth2 endpoints.
    pub at_oauth: NonceRule,
    /// Those that come with API calls.
    pub at_api: NonceRule,
}

/// How signing keys follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SigningKeyTerms {
    /// How the next one signs.
    pub algorithm: SigningAlgorithm,
    /// How long one signs.
    pub lifetime: Duration,
    /// How long one is published before it signs.
    pub overlap: Duration,
}

/// What a scope means, in the merchant's words, and how long tokens live that have it.
#[derive(Debug, Clone)]
pub struct ScopeText {
    /// In English.
    pub en: String,
    /// In Chinese.
    pub zh: String,
    /// The longest that an access token lives which has it.
    pub access_token_lifetime: Option<Duration>,
    /// The longest that a refresh token lives, without use, which gives it.
    pub refresh_token_lifetime: Option<Duration>,
}

/// A set of routes offered together.
#[derive(Debug, Clone)]
pub struct ApiProduct {
    /// Its name.
    pub name: ProductName,
    /// Its title, shown to partners.
    pub title: String,
    /// The routes in it.
    pub routes: Vec<RouteName>,
    /// Whether its calls cost money; then each of its routes has a meter.
    pub billable: bool,
    /// Where it stands.
    pub source: Location,
}

/// An internal backend cluster.
#[derive(Debug)]
pub struct Upstream {
    /// Its name.
    pub name: UpstreamName,
    /// Its environment; a caller of the other one has no way to reach it. `None`: both may.
    pub environment: Option<Environment>,
    /// Its endpoints; never empty.
    pub endpoints: Vec<Endpoint>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// Where the access token comes from that it asks for, if it asks for one.
    pub token: Option<Arc<TokenSource>>,
    /// Where it stands.
    pub source: Location,
}

/// One server of an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// Host, method and path pattern → upstream, with the policy that applies.
#[derive(Debug)]
pub struct Route {
    /// Its name.
    pub name: RouteName,
    /// Its place in [`Snapshot::routes`].
    pub index: usize,
    /// Hosts it answers for, in lower case without port; empty: any host.
    pub hosts: Vec<String>,
    /// Methods it answers to.
    pub methods: Vec<Method>,
    /// The path pattern, such as `/api/orders/{id}`; `{*rest}` takes the rest of the path, if there is any.
    pub path: String,
    /// The upstream's place in [`Snapshot::upstreams`].
    pub upstream: usize,
    /// What the upstream sees as path.
    pub rewrite: Rewrite,
    /// Where it may be called from; `None`: anywhere.
    pub addresses: Option<RouteNetworks>,
    /// Who may call.
    pub access: Access,
    /// How the parameters of a call may be signed, if they may.
    pub signature: Option<ParameterStyle>,
    /// Limit for each client address, for callers without a credential.
    pub address_limit: Option<AddressLimit>,
    /// How long the upstream may take until its response head has come.
    pub timeout: Duration,
    /// Longest request body, in bytes.
    pub max_body: u64,
    /// Fields set on the request to the upstream.
    pub set_headers: Vec<(HeaderName, HeaderValue)>,
    /// What is billable and what is captured of it.
    pub meter: Option<Meter>,
    /// Personal data in its answers.
    pub mask: Option<Mask>,
    /// When the answer may leave, relative to its usage record.
    pub durability: Durability,
    /// The API products that have this route.
    pub products: Vec<ProductName>,
    /// Where it stands.
    pub source: Location,
}

/// What the upstream sees as path. The query is passed on as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rewrite {
    /// The path as it came.
    Keep,
    /// A template filled with path parameters.
    Template(Vec<PathPart>),
}

/// A piece of a rewritten path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathPart {
    /// Text as it stands.
    Literal(String),
    /// A path parameter by name, percent-encoded as it came.
    Parameter(String),
}

/// Where a route may be called from.
#[derive(Debug)]
pub struct RouteNetworks {
    /// The networks.
    pub networks: Networks,
    /// Where they stand.
    pub source: Location,
}

/// Who may call a route.
#[derive(Debug)]
pub enum Access {
    /// Anyone; a credential, if sent, must be good, and then its app's limits apply.
    Anonymous,
    /// An app that proves itself.
    App(Requirements),
}

/// What an app must bring.
#[derive(Debug)]
pub struct Requirements {
    /// Scopes that the credential must have.
    pub scopes: ScopeSet,
    /// Whether it must act for a merchant.
    pub merchant: MerchantBinding,
    /// How that merchant must have proved itself.
    pub authentication: Option<Step>,
    /// A last condition.
    pub condition: Option<Condition>,
    /// Where these stand.
    pub places: Box<RequirementPlaces>,
}

/// Where a route's requirements stand; of one that the route has not, the nearest that it has.
#[derive(Debug)]
pub struct RequirementPlaces {
    /// All of them.
    pub access: Location,
    /// The scopes.
    pub scopes: Location,
    /// Whether there must be a merchant.
    pub merchant: Location,
    /// How that must have proved itself.
    pub authentication: Location,
}

/// Whether a call must be on behalf of a merchant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MerchantBinding {
    /// No.
    Optional,
    /// Yes, by a merchant's grant.
    Required,
    /// Yes, and the request must name that merchant here.
    Named(Arc<MerchantField>),
}

/// What must be so of a call, in CEL.
#[derive(Debug)]
pub struct Condition {
    /// The expression.
    pub expression: Expression,
    /// The header fields that it may read.
    pub headers: Vec<HeaderName>,
    /// What a caller is told that does not meet it.
    pub message: Option<Arc<str>>,
}

/// A limit for each client address.
#[derive(Debug)]
pub struct AddressLimit {
    /// Its name in `RateLimit-Policy`.
    pub name: crate::domain::id::LimitName,
    /// How much it lets through.
    pub rate: Rate,
    /// The two as callers are told: [`Rate::announced`].
    pub announced: HeaderValue,
    /// Where it stands.
    pub source: Location,
}

/// When an answer may leave, relative to its usage record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// After its record is on disk.
    Durable,
    /// At once; the record is on disk within the journal's flush interval.
    Buffered,
}

/// What is billable on a route, and the evidence that is captured of it.
#[derive(Debug)]
pub struct Meter {
    /// Whether the call is billable; without it: a 2xx answer.
    pub when: Option<Expression>,
    /// How many units it is; without it: 1.
    pub units: Option<Expression>,
    /// How many units it is as far as its request's head tells, for limits; without it: 1.
    pub known: Option<KnownUnits>,
    /// The transaction that passes through.
    pub transaction: Option<TransactionMeter>,
    /// What the expressions read of the bodies.
    pub bodies: BodiesRead,
    /// What they ask for by name of what a caller writes.
    pub asked: AskedOfCaller,
    /// The fields of the answer's head that they may read.
    pub headers: Vec<HeaderName>,
    /// How much of a body is captured, in bytes.
    pub max_capture: usize,
    /// For how long the upstream knows a call that came with an `Idempotency-Key`, and answers it as before if it comes again; such a
    /// one is not billed then. Whole seconds.
    pub idempotent_for: Option<Duration>,
    /// Where it stands.
    pub source: Location,
}

impl Meter {
    /// All of its expressions.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let of_transaction = self.transaction.iter().flat_map(TransactionMeter::expressions);
        self.when.iter().chain(&self.units).chain(of_transaction)
    }
}

/// What a meter's expressions read of the bodies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BodiesRead {
    /// Of the request's.
    pub request: BodyReading,
    /// Of the response's.
    pub response: BodyReading,
}
