//! `routes/*.yaml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::access::{ConditionEntry, MerchantEntry};
use super::text::{DurationText, SizeText};

/// Routes: which request goes where, and under which conditions.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoutesFile {
    /// The routes, in any order: the most specific path wins.
    pub routes: Vec<RouteEntry>,
}

/// One route.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteEntry {
    /// Its name, unique in the whole set.
    pub name: String,
    /// Host names that it answers for; any host when left out.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Methods, such as `[GET]`.
    #[schemars(length(min = 1))]
    pub methods: Vec<String>,
    /// The path; {name} stands for one segment, {*name} for the rest.
    pub path: String,
    /// The upstream that serves it.
    pub upstream: String,
    /// The path that the upstream sees, such as /orders/{id}; the same path when left out.
    pub rewrite: Option<String>,
    /// Who may call.
    pub access: AccessEntry,
    /// The style in which callers may sign the parameters of query and form, instead of sending another credential; none when left
    /// out.
    pub signature: Option<ParameterStyleName>,
    /// How long the upstream may take to begin its answer; 30s when left out.
    pub timeout: Option<DurationText>,
    /// Longest request body; 1MiB when left out.
    pub max_body: Option<SizeText>,
    /// Header fields set on the request to the upstream. `${env:NAME}` and `${file:PATH}` are replaced, so that a secret
    /// need not stand here.
    #[serde(default)]
    pub set_headers: BTreeMap<String, String>,
    /// What is billable; `meter: {}` counts every 2xx answer as one unit.
    pub meter: Option<MeterEntry>,
    /// Personal data in the answers, with the scope that lets it through. Callers without the scope get "***" in its place, and
    /// nothing of an answer in which it cannot be masked: one that is not JSON, or compressed. Header fields are left out.
    #[serde(default)]
    pub mask: Vec<MaskEntry>,
    /// Whether the answer waits until its usage record is on disk. For money.
    #[serde(default)]
    pub durable: bool,
}

/// How parameters are signed: by a key of the same style, once, and within ten minutes.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ParameterStyleName {
    /// As the Taobao Open Platform has it: `app_key`, `timestamp`, `sign_method` (hmac-sha256) and `sign`.
    Top,
    /// As Alipay has it: `app_id`, `timestamp`, `sign_type` (RSA2) and `sign`.
    Alipay,
}

/// Who may call a route.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessEntry {
    /// Whether callers without a credential may; each is then limited by its address.
    #[serde(default)]
    pub anonymous: bool,
    /// The limit for each address; needed with `anonymous`.
    pub address_limit: Option<AddressLimitEntry>,
    /// Networks that the route may be called from, such as 10.0.0.0/8 or one address; from anywhere when left out. A call from
    /// elsewhere is refused, whoever makes it.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub addresses: Vec<String>,
    /// Scopes that a credential must have.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Whether the call must be on behalf of a merchant; or where the request names that merchant, which must be the one whose
    /// grant is behind the call, such as `{path: merchant}`.
    #[serde(default)]
    pub merchant: MerchantEntry,
    /// How the merchant must have proved itself; needs `merchant`. A call by a token of an older or weaker login is refused, and
    /// the app is told to send the merchant to log in again (RFC 9470).
    pub authentication: Option<AuthenticationEntry>,
    /// A last condition, in CEL, over `request`, `principal` and `source`; or with what it reads of the header fields, and what a
    /// caller is told that does not meet it.
    pub condition: Option<ConditionEntry>,
}

/// How a merchant must have proved itself: at least one of the two.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthenticationEntry {
    /// How well, at least.
    pub class: Option<ClassName>,
    /// How long ago, at most; whole seconds.
    pub max_age: Option<DurationText>,
}

/// How well a merchant proved itself.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClassName {
    /// By one factor, such as a password.
    OneFactor,
    /// By two, such as a password and a one-time password.
    TwoFactors,
}

/// Personal data in a route's answers: members of their bodies, header fields, or both.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [{"required": ["fields"]}, {"required": ["headers"]}]))]
pub struct MaskEntry {
    /// Where it stands: names of members from the top of the answer on, with points between them, such as receiver.name; or from
    /// anywhere in it, such as **.phone. Arrays are walked through. What is named is masked whatever it is; a backslash makes any
    /// sign a part of a name.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub fields: Vec<String>,
    /// Header fields of the answer, which are left out.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub headers: Vec<String>,
    /// The scope of callers who get it as it is.
    pub scope: String,
}

/// A limit for each client address.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressLimitEntry {
    /// How many requests in each window.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub requests: u32,
    /// The window.
    pub window: DurationText,
    /// How many may come at once; as many as `requests` when left out. In any span of time, at most
    /// burst + requests × span ÷ window pass.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub burst: Option<u32>,
}

/// What is billable on a route. Expressions are CEL over `request`, `response` and `principal`. A number of a JSON body
/// is an integer if it is whole, however it is spelled (1.0 is 1); any other is text of its digits: write
/// double(response.body.rate) == 0.5. A body is read as JSON by response.body.total.amount, as a form by
/// request.form.out_trade_no, or by request.form.biz_content.total_amount if that field is JSON itself, and as JSON texts,
/// each within a line (NDJSON), by request.lines.count and by request.lines.sum.quantity, which is what that member of all
/// lines comes to. Lines without anything are none.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeterEntry {
    /// Whether the call is billable; a 2xx answer when left out.
    pub when: Option<String>,
    /// How many units it is; 1 when left out.
    pub units: Option<String>,
    /// How many units are taken of limits that count them before the upstream has the call, where `units` reads a body or the answer:
    /// an expression over `request`, but for its body, and `principal`, such as int(request.query.count); at least 1, and 1 when left
    /// out. What `units` gives once the call is answered settles the difference.
    pub reserve: Option<String>,
    /// The transaction that passes through, of which the platform takes its share.
    pub transaction: Option<TransactionEntry>,
    /// Fields of the answer's head that expressions read, as response.headers['x-units']. One that is not there has no value: ask
    /// 'x-units' in response.headers. One that is there twice leaves all of them without.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub headers: Vec<String>,
    /// How much of a body is kept for the expressions; 256KiB when left out, 4MiB at most. Of JSON only what is read by the names of
    /// members is kept, and of lines nothing, so that the body may be longer. Not so if an expression reads all of it, as
    /// size(response.body) does, if it is a form, if it is a durable answer, or if its gzip or deflate is to be undone: then all of it
    /// is kept, as it came and decoded. What is longer than can be kept, or of another coding, is an exception.
    pub max_capture: Option<SizeText>,
    /// For how long the upstream knows a call that came with an `Idempotency-Key`: the same one again it answers as it did then,
    /// instead of doing it again. That is not billed: a call of the same app, for the same merchant, with the same method, path, query,
    /// key and body, unless its units or its transaction are others. 7d at most; when left out, each billable answer is billed.
    pub idempotent_for: Option<DurationText>,
}

/// How a transaction is read from a call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TransactionEntry {
    /// Its id, such as response.body.id. One of its kind that comes again with the same id is counted once.
    pub id: String,
    /// Of anything but a sale, the id of the sale that it is of, such as response.body.order_id; its own id when left out.
    pub of: Option<String>,
    /// Its amount, such as response.body.total_amount. A cancellation and a settlement may leave it out: they are of all that is left
    /// of their sale then.
    pub amount: Option<String>,
    /// Its currency, such as response.body.currency.
    pub currency: String,
    /// What it means for its sale.
    pub kind: TransactionKindName,
    /// Of anything but a sale: whose sale it may be of; one of the calling app when left out.
    pub sale_of: Option<ReachName>,
    /// Of a sale: the tax that its amount holds, or null if it is not known. A share whose base has no tax needs it.
    pub tax: Option<String>,
    /// Of a sale: the shipping that its amount holds, or null if it is not known. A share whose base has no shipping needs it.
    pub shipping: Option<String>,
    /// Of a sale: what is sold, a text of 1 to 128 visible ASCII characters. A share that is for some categories needs it.
    pub category: Option<String>,
    /// Of a sale: the ids of partners who may get a part of its share, by the names that plans split it by, such as
    /// {carrier: response.body.carrier}.
    #[serde(default)]
    pub parties: BTreeMap<String, String>,
}

/// What a transaction means for its sale.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TransactionKindName {
    /// It is the sale: the money goes to the merchant.
    Sale,
    /// Money goes back to the buyer.
    Refund,
    /// What was not paid yet will not be.
    Cancellation,
    /// The payment provider confirms that the money moved: a share that is earned on settlement is earned as far as this goes.
    Settlement,
    /// The buyer's bank takes money back.
    Chargeback,
    /// What a chargeback took is the merchant's after all.
    ChargebackWon,
}

/// Whose sale a transaction may be of.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReachName {
    /// One of the calling app.
    OwnApp,
    /// One of any app, as a payment provider knows orders and not who placed them. If several apps have one of that id, it is an
    /// exception. The route must ask for a scope or a condition.
    AnyApp,
}
