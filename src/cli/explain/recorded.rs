//! A call that is on record: what became of it, what is known of it, and what of it is only assumed.

use anyhow::anyhow;
use serde_json::{Value, json};

use super::ExplainArguments;
use super::decisions::Explained;
use super::facts::{Who, field, optional};
use crate::cli::failure::Failure;
use crate::cli::rated;
use crate::domain::id::{AppId, CertificateId, GrantId, KeyId, MerchantId, RouteName, SignatureKeyId};
use crate::domain::principal::CredentialKind;
use crate::domain::refusal_code;
use crate::domain::time::Timestamp;

/// What a record has of how it was rated.
const RATING: [&str; 10] = [
    "outcome",
    "units",
    "product",
    "plan",
    "transaction",
    "reason",
    "resolution",
    "repeat_of",
    "charges",
    "postings",
];

/// What is on record of a call.
pub(super) struct Recorded {
    pub(super) method: String,
    pub(super) route: RouteName,
    pub(super) app: AppId,
    pub(super) merchant: Option<MerchantId>,
    /// The consent behind it.
    pub(super) grant: Option<GrantId>,
    pub(super) credential: Credential,
    pub(super) at: Timestamp,
    /// The status of its answer.
    status: u64,
    /// The code of the refusal, or of how it ended otherwise.
    pub(super) refusal: Option<String>,
    /// The policies that decided it, by their hash.
    pub(super) policies: Option<String>,
    /// The record as the node tells of it.
    pub(super) record: Value,
}

/// What proved an app.
pub(super) enum Credential {
    Key(KeyId),
    Token,
    /// A signature by the key of that id.
    Signature(SignatureKeyId),
    Certificate(CertificateId),
}

impl Recorded {
    /// What a usage record tells.
    pub(super) fn of(record: &Value) -> Result<Self, Failure> {
        if let Some(calls) = record["calls"].as_u64().filter(|calls| *calls > 1) {
            return Err(anyhow!(
                "that record is of {calls} calls that were refused alike: explain one that has a record of its own"
            )
            .into());
        }
        let Some(route) = record["route"].as_str().filter(|route| *route != "-") else {
            return Err(anyhow!("that call met no route").into());
        };
        Ok(Self {
            method: field(record, "method")?,
            route: route.parse()?,
            app: field(record, "app")?,
            merchant: optional(record, "merchant")?,
            grant: optional(record, "grant")?,
            credential: match field::<String>(record, "credential")?.as_str() {
                kind if kind == CredentialKind::ApiKey.name() => {
                    Credential::Key(field(record, "credential_id")?)
                }
                kind if kind == CredentialKind::SignedRequest.name() => {
                    Credential::Signature(field(record, "credential_id")?)
                }
                kind if kind == CredentialKind::ClientCertificate.name() => {
                    Credential::Certificate(field(record, "credential_id")?)
                }
                _ => Credential::Token,
            },
            at: field(record, "at")?,
            status: record["status"].as_u64().unwrap_or_default(),
            refusal: optional(record, "refusal")?,
            policies: optional(record, "policies")?,
            record: record.clone(),
        })
    }

    /// What became of it.
    pub(super) fn told(&self) -> String {
        match self.refusal.as_deref() {
            Some(code) if self.was_refused() => format!("is on record as refused: {code}"),
            // Its caller left, or it was cut off within its answer.
            Some(code) => format!("is on record as ended: {code}"),
            None => format!("is on record as answered: {}", self.status),
        }
    }

    /// The same for programs.
    pub(super) fn to_json(&self) -> Value {
        let Self { route, at, status, refusal, policies, record, .. } = self;
        let mut told = json!({
            "at": at.to_string(),
            "route": route.as_str(),
            "status": status,
            "refusal": refusal,
            "policies": policies,
        });
        for name in RATING {
            told["rating"][name] = record[name].clone();
        }
        told
    }

    /// As what it was rated, in a sentence.
    pub(super) fn rated(&self) -> String {
        let text = |name: &str| self.record[name].as_str();
        let under = text("plan").map(|plan| format!(" under {plan}")).unwrap_or_default();
        let again =
            text("repeat_of").map(|first| format!("; the same call was billed before, by record {first}"));
        let again = again.unwrap_or_default();
        let why = text("reason").map(|why| format!(" ({why})")).unwrap_or_default();
        let decided = |name: &str| self.record["resolution"][name].as_str().unwrap_or("–");
        match (text("outcome"), self.record["resolution"].is_null()) {
            (Some("free"), _) if self.was_refused() => {
                format!("As it was refused, it was free{under}{again}.")
            }
            (Some("free"), _) => format!("It was free{under}{again}."),
            (Some("exception"), true) => {
                format!("It is an exception{why}{under}{again}: what it was worth, someone has to decide.")
            }
            (Some("exception"), false) => {
                let (outcome, who) = (decided("outcome"), decided("who"));
                format!("It was an exception{why}{under}{again}, and is {outcome} by {who}.")
            }
            (Some(_) | None, _) => {
                let units = rated::units(self.record["units"].as_u64().unwrap_or_default());
                format!("It was billable, {units}{under}{again}.")
            }
        }
    }

    /// Whether it was refused, and did not end otherwise.
    fn was_refused(&self) -> bool {
        self.refusal.as_deref().is_some_and(|code| refusal_code::ALL.contains(&code))
    }

    /// Whether it was refused with that code.
    pub(super) fn has_met(&self, code: &str) -> bool {
        self.refusal.as_deref() == Some(code)
    }

    /// How many units it was, if it turned out to be billable.
    pub(super) fn billed_units(&self) -> Option<u64> {
        let is_billable = self.record["outcome"] == "billable";
        self.record["units"].as_u64().filter(|_| is_billable)
    }

    /// Whether nothing is said of its credential in vain.
    pub(super) fn check(&self, arguments: &ExplainArguments) -> Result<(), Failure> {
        let is_token = matches!(self.credential, Credential::Token);
        let wrong = match (arguments.scopes.is_empty(), arguments.two_factors) {
            (false, _) if !is_token => {
                "--scope is of an access token, and that call came by another credential"
            }
            (_, true) if self.merchant.is_none() => {
                "--two-factors is of a merchant's login, and that call was for none"
            }
            _ => return Ok(()),
        };
        Err(Failure::Usage(format!("tollgate: {wrong}: leave it out")))
    }

    /// Whether its route, as the policies have it now, is one for such a call.
    pub(super) fn check_route(&self, explained: &Explained) -> Result<(), Failure> {
        if !explained.has_met_no_route() {
            return Ok(());
        }
        let (route, method, told) = (&self.route, &self.method, self.told());
        let what = format!(
            "by these policies route {route} takes no {method} at that host, and the call {told}: give the policies of then by \
             --policies, or the host by --host"
        );
        Err(anyhow!(what).into())
    }

    /// What no record says, and what stands in its place.
    pub(super) fn assumed(&self, arguments: &ExplainArguments) -> Vec<&'static str> {
        let is_token = matches!(self.credential, Credential::Token);
        let all = [
            (
                arguments.from.is_none(),
                "where it came from is not known: what depends on that is left open, unless --from says it",
            ),
            (
                true,
                "host and body are as --host and --body say; its header fields, but for those that --header says, and what path and query had beside the merchant are not known: a condition that reads of them is left open",
            ),
            (
                is_token && arguments.scopes.is_empty(),
                "its access token had all scopes that were granted, unless --scope says less",
            ),
            (
                is_token && self.merchant.is_some(),
                "its merchant had just logged in, and by two factors if --two-factors says so",
            ),
            (
                true,
                "app, partner, merchant, grant and credential are as of today, but for what began or ended since at a time that is known",
            ),
            (
                true,
                "kill switches are those of today: of what was switched off then and is on again, nothing is told",
            ),
            (
                true,
                "policies are those of the folder, which may not be those of then; what limits and quotas had counted, and what was left of balances, is not known",
            ),
        ];
        all.into_iter().filter(|(is_assumed, _)| *is_assumed).map(|(_, what)| what).collect()
    }

    /// Who made it.
    pub(super) fn who(&self) -> Who<'_> {
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
