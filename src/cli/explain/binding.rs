//! Which merchant a call on record was for, and whether its request named the same one in the place that its route's policy says. Records
//! keep neither paths nor queries nor bodies: how the call went on tells it, or nothing does.

use std::sync::Arc;

use serde_json::{Value, json};

use super::decisions::{Answer, Decisions};
use super::recorded::Recorded;
use crate::domain::id::{GrantId, MerchantId};
use crate::domain::merchant_field::MerchantField;
use crate::domain::refusal::Refusal;
use crate::gateway::witness::Question;
use crate::policy::snapshot::{Access, MerchantBinding, Snapshot};

const MISMATCH: &str = "merchant_mismatch";
const UNCLEAR: &str = "merchant_unclear";
/// Codes of refusals of a known app that come before it is asked which merchant path or query name.
const BEFORE: [&str; 8] = [
    "switched_off",
    "address_not_allowed",
    "not_subscribed",
    "product_not_allowed",
    "environment_mismatch",
    "scope_missing",
    "merchant_missing",
    "authentication_insufficient",
];
/// Those that come only once a body that names the merchant has been looked at. A balance may be known to be used up before.
const BEHIND_BODY: [&str; 9] = [
    "quota_used_up",
    "upstream_unreachable",
    "upstream_timeout",
    "upstream_broken",
    "answer_unmaskable",
    "answer_withheld",
    "upstream_token_missing",
    "upstream_token_refused",
    "usage_unrecorded",
];
const NOT_KEPT: &str = "records keep neither paths nor queries nor bodies, which may hold personal data";

/// What a record tells of the merchant that its request named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    /// That of the grant.
    Same,
    /// Another.
    Another,
    /// None, or none that is clear.
    Unclear,
    /// It does not tell, for this reason.
    NotKnown(&'static str),
}

/// The merchant of a call on record, and where its route has it named.
pub(super) struct Bound<'r> {
    recorded: &'r Recorded,
    /// Where the route has it named; none: nowhere.
    named: Option<(&'r Arc<MerchantField>, Named)>,
    /// The policies of then were others than these.
    has_other_policies: bool,
}

/// Whether a request named that merchant, if the record tells; else it is not known.
pub(super) fn has_named_it(recorded: &Recorded) -> bool {
    !recorded.has_met(MISMATCH) && !recorded.has_met(UNCLEAR)
}

impl Named {
    fn of(field: &MerchantField, recorded: &Recorded) -> Self {
        let is_in_body = matches!(field, MerchantField::Body(_));
        match recorded.refusal.as_deref() {
            _ if recorded.merchant.is_none() => Self::NotKnown("the call was for no merchant"),
            None => Self::Same,
            Some(MISMATCH) => Self::Another,
            Some(UNCLEAR) => Self::Unclear,
            Some(code) if BEFORE.contains(&code) => {
                Self::NotKnown("the call was refused before that is asked")
            }
            Some(code) if is_in_body && !BEHIND_BODY.contains(&code) => {
                Self::NotKnown("the call ended, perhaps, before its body was looked at")
            }
            Some(_) => Self::Same,
        }
    }

    fn answer(self) -> Answer {
        match self {
            Self::Same => Answer::Allowed,
            Self::Another | Self::Unclear => Answer::Refused,
            Self::NotKnown(_) => Answer::NotKnown,
        }
    }

    /// What is told behind the question.
    fn why(self) -> String {
        match self {
            Self::Same => "; it did, as the call on record got past this".to_owned(),
            Self::Another => format!("; by its record it named another; which is not known: {NOT_KEPT}"),
            Self::Unclear => {
                format!(
                    "; by its record it did not do so clearly; how it stood there is not known: {NOT_KEPT}"
                )
            }
            Self::NotKnown(why) => format!("; whether it did is not known: {why}, and {NOT_KEPT}"),
        }
    }
}

impl<'r> Bound<'r> {
    /// That of a call on record, by the policies of a folder.
    pub(super) fn of(recorded: &'r Recorded, snapshot: &'r Snapshot) -> Self {
        let route = snapshot.routes.iter().find(|route| route.name == recorded.route);
        let binding = route.and_then(|route| match &route.access {
            Access::App(requirements) => Some(&requirements.merchant),
            Access::Anonymous => None,
        });
        let named = match binding {
            Some(MerchantBinding::Named(field)) => Some((field, Named::of(field, recorded))),
            Some(MerchantBinding::Optional | MerchantBinding::Required) | None => None,
        };
        let policies = recorded.policies.as_deref();
        let has_other_policies = policies.is_some_and(|hash| hash != snapshot.hash.as_str());
        Self { recorded, named, has_other_policies }
    }

    /// Answers by the record whether path or query named the merchant, if that was asked.
    ///
    /// # Errors
    /// [`Refusal::MerchantMismatch`], [`Refusal::MerchantUnclear`].
    pub(super) fn answer(&self, decisions: &mut Decisions) -> Result<(), Refusal> {
        let Some((field, named)) = self.named.filter(|(field, _)| !is_in_body(field)) else { return Ok(()) };
        match decisions.decide(Question::Binding, named.answer(), &named.why()) {
            true => refused(field, named),
            false => Ok(()),
        }
    }

    /// The same of the body, which was asked last.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub(super) fn answer_of_body(&self, decisions: &mut Decisions) -> Result<(), Refusal> {
        let Some((field, named)) = self.named.filter(|(field, _)| is_in_body(field)) else { return Ok(()) };
        decisions.say(&named.why());
        decisions.leave(named.answer());
        refused(field, named)
    }

    /// What is known of it, in a sentence or two.
    pub(super) fn told(&self) -> String {
        let Recorded { merchant, grant, .. } = self.recorded;
        let by = grant.as_ref().map(|grant| format!(", by grant {grant}")).unwrap_or_default();
        let whose = merchant.as_ref().map_or_else(
            || "It was for no merchant".to_owned(),
            |merchant| format!("It was for merchant {merchant}{by}"),
        );
        let named = match self.named {
            None => ". The policies name no place where such a request says which merchant it is about."
                .to_owned(),
            Some((field, Named::Same)) => format!(". The {field} named the same one."),
            Some((field, Named::Another)) => {
                format!(". The {field} named another one; which is not known: {NOT_KEPT}.")
            }
            Some((field, Named::Unclear)) => {
                format!(". The {field} named none clearly; how it stood there is not known: {NOT_KEPT}.")
            }
            Some((field, Named::NotKnown(why))) => {
                format!(". Whether the {field} named the same one is not known: {why}, and {NOT_KEPT}.")
            }
        };
        let then = if self.has_other_policies {
            " The policies of then were others: they may have had it named elsewhere."
        } else {
            ""
        };
        format!("{whose}{named}{then}")
    }

    /// The same for programs.
    pub(super) fn to_json(&self) -> Value {
        let is_same = match self.named {
            Some((_, Named::Same)) => Some(true),
            Some((_, Named::Another)) => Some(false),
            Some((_, Named::Unclear | Named::NotKnown(_))) | None => None,
        };
        json!({
            "id": self.recorded.merchant.as_ref().map(MerchantId::as_str),
            "grant": self.recorded.grant.as_ref().map(GrantId::as_str),
            "named_by": self.named.map(|(field, _)| field.to_string()),
            "is_same": is_same,
            "told": self.told(),
        })
    }
}

fn is_in_body(field: &MerchantField) -> bool {
    matches!(field, MerchantField::Body(_))
}

fn refused(field: &Arc<MerchantField>, named: Named) -> Result<(), Refusal> {
    match named {
        Named::Another => Err(Refusal::MerchantMismatch(field.clone())),
        Named::Unclear => Err(Refusal::MerchantUnclear(
            field.clone(),
            "was not there once and clearly; how, no record says",
        )),
        Named::Same | Named::NotKnown(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::refusal_code;

    fn recorded(merchant: Option<&str>, refusal: Option<&str>) -> Recorded {
        let record = json!({
            "route": "bound", "method": "GET", "app": "app_1", "merchant": merchant, "grant": "grant_1",
            "credential": "access_token", "at": "2026-11-24T08:00:00Z", "status": 200, "refusal": refusal,
        });
        Recorded::of(&record).unwrap()
    }

    #[test]
    fn a_record_tells_of_the_merchant_what_its_outcome_tells() {
        let path = MerchantField::Path("merchant".into());
        let names: [Box<str>; 2] = ["seller".into(), "id".into()];
        let body = MerchantField::Body(names.into());
        for (refusal, in_path, in_body) in [
            (None, "same", "same"),
            (Some("merchant_mismatch"), "another", "another"),
            (Some("merchant_unclear"), "unclear", "unclear"),
            (Some("scope_missing"), "not known", "not known"),
            (Some("condition_unmet"), "same", "not known"),
            (Some("limit_reached"), "same", "not known"),
            (Some("balance_exhausted"), "same", "not known"),
            (Some("quota_used_up"), "same", "same"),
            (Some("upstream_timeout"), "same", "same"),
            (Some("client_gone"), "same", "not known"),
        ] {
            let told = |field: &MerchantField| match Named::of(field, &recorded(Some("mer_1"), refusal)) {
                Named::Same => "same",
                Named::Another => "another",
                Named::Unclear => "unclear",
                Named::NotKnown(_) => "not known",
            };
            assert_eq!((told(&path), told(&body)), (in_path, in_body), "{refusal:?}");
        }
        assert!(matches!(Named::of(&path, &recorded(None, None)), Named::NotKnown(_)));
    }

    #[test]
    fn the_codes_are_those_of_refusals() {
        let codes = [MISMATCH, UNCLEAR].into_iter().chain(BEFORE).chain(BEHIND_BODY);
        for code in codes {
            assert!(refusal_code::ALL.contains(&code), "{code}");
        }
    }
}
