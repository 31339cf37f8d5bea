//! `platform.yaml`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::billing::BillingSection;
use super::issuers::IssuerEntry;
use super::login::LoginSection;
use super::text::{DurationText, SizeText};

/// Settings of the platform as a whole.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlatformFile {
    /// The platform's name, shown to merchants on the login and consent pages.
    pub name: String,
    /// The time zone in which billing periods begin and end, such as Asia/Shanghai.
    pub time_zone: String,
    /// Settings of the OAuth2 server.
    pub oauth: OAuthSection,
    /// What is asked of apps that sign their requests (RFC 9421).
    #[serde(default)]
    pub signed_requests: SignedRequestsSection,
    /// How a node goes on with its journal of usage.
    #[serde(default)]
    pub journal: JournalSection,
    /// When billing periods are closed.
    #[serde(default)]
    pub billing: BillingSection,
    /// Other issuers whose access tokens are taken as credentials, beside the platform's own.
    #[serde(default)]
    pub issuers: Vec<IssuerEntry>,
    /// What is asked of another set of these files before it comes into force.
    #[serde(default)]
    pub changes: ChangesSection,
}

/// What is asked of another set of these files before it comes into force.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangesSection {
    /// How long before it comes each change must have stood in announcements.yaml by which calls may be refused that were let through, or
    /// may cost more, such as 30d; when left out, none must. Plan versions have a notice of their own.
    pub notice: Option<DurationText>,
    /// Which other sets need the signature of one of the approvers; never unless it is given.
    #[serde(default)]
    pub second_signature: SecondSignatureName,
    /// Who may sign.
    #[serde(default)]
    pub approvers: Vec<ApproverEntry>,
}

/// Which other sets need the signature of one of the approvers.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SecondSignatureName {
    /// None.
    #[default]
    Never,
    /// Those by which something may cost more, or which ask otherwise of changes.
    Raises,
    /// All.
    Always,
}

/// Who may sign another set.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproverEntry {
    /// The name, each once.
    pub name: String,
    /// The public key (Ed25519): its 32 bytes in base64.
    pub key: String,
}

/// How a node goes on with its journal of usage.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JournalSection {
    /// What becomes of calls while the journal cannot be written, as on a full disk; refuse-money unless it is given.
    #[serde(default)]
    pub unwritable: UnwritableName,
    /// How old a call may be when its record comes into the books, and if that is more than 35d, how far from the latest call of these;
    /// 1d to 400d, 35d unless it is given. Any other is charged for only once someone has looked at it: some clock was wrong, or its
    /// record waited for so long.
    pub oldest: Option<DurationText>,
    /// How far ahead of the clock of the node that records it a call may be, in the same way; 1s to 1d, 5m unless it is given.
    pub ahead: Option<DurationText>,
    /// How the records that are in the books are kept.
    #[serde(default)]
    pub archive: ArchiveSection,
}

/// How long the journal's records are kept once they are in the books: compressed, in the node's data folder.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveSection {
    /// For how long; 1d to 400d, 90d unless it is given. A store that is put back to an older copy is given again what it lacks, as
    /// long as that is kept. What is not in the books is kept in any case.
    pub keep: Option<DurationText>,
    /// How many bytes of them a node keeps at most; 16GiB unless it is given. Beyond, the oldest go, however long they were kept.
    pub size: Option<SizeText>,
}

/// What becomes of calls while the journal cannot be written.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UnwritableName {
    /// Those on routes with a meter get 503; all others are served, and those of them that could not be recorded are counted.
    #[default]
    RefuseMoney,
    /// All calls of known apps get 503.
    RefuseAll,
    /// As refuse-money, and after ten seconds the node stops with status 1, so that calls go to another one.
    Stop,
}

/// What is asked of signatures of requests (RFC 9421).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedRequestsSection {
    /// How old a signature may be, by its `created`; 10s to 15m, 5m unless it is given. For so long it is remembered, so that none is
    /// taken twice.
    pub window: Option<DurationText>,
}

/// How access tokens are signed.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
pub enum SigningAlgorithmName {
    /// P-256 with SHA-256.
    #[default]
    ES256,
    /// Ed25519.
    EdDSA,
    /// RSA with SHA-256, for resource servers that know nothing else.
    RS256,
}

/// Settings of the OAuth2 server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuthSection {
    /// Whether apps that can keep a secret must use PKCE too. Public apps always must.
    #[serde(default)]
    pub require_pkce: bool,
    /// Whether every app must push its authorization requests (RFC 9126). Without this, those must that registered so.
    #[serde(default)]
    pub require_par: bool,
    /// How long an access token lives; 1s to 24h.
    #[schemars(example = &"1h")]
    pub access_token_lifetime: DurationText,
    /// How long a refresh token lives without being used.
    #[schemars(example = &"30d")]
    pub refresh_token_lifetime: DurationText,
    /// How long after a merchant's consent refresh tokens end even if they are used; unless it is given, they do not. Those of
    /// public apps end with the first of them in any case.
    pub refresh_family_lifetime: Option<DurationText>,
    /// How long an authorization code lives; at most 10m.
    #[schemars(example = &"60s")]
    pub code_lifetime: DurationText,
    /// How merchants log in; by passwords that the platform keeps when left out.
    pub login: Option<LoginSection>,
    /// How the next signing key signs access tokens. Keys that there are keep theirs.
    #[serde(default)]
    pub signing_algorithm: SigningAlgorithmName,
    /// How long a key signs until another follows it; 90d unless it is given.
    pub signing_key_lifetime: Option<DurationText>,
    /// How long a signing key is published before it signs, so that whoever verifies tokens knows it by then; a quarter
    /// of its lifetime, and at most 1d, unless it is given. Clients may keep the key set for half of it, and at most an hour.
    pub signing_key_overlap: Option<DurationText>,
    /// What is asked of apps that prove with each request that they hold a key (DPoP, RFC 9449).
    #[serde(default)]
    pub dpop: DpopSection,
}

/// What is asked of DPoP proofs (RFC 9449).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DpopSection {
    /// Whether a proof that is sent to the OAuth2 endpoints must have the nonce that the gateway tells. It shows when the
    /// proof was made, whatever the app's clock says; an app's first request is then answered by the nonce alone.
    #[serde(default)]
    pub nonce_at_oauth: bool,
    /// Whether a proof that is sent with an API call must have it, too.
    #[serde(default)]
    pub nonce_at_api: bool,
}
