//! A refusal as a problem document (RFC 9457), written at once: who floods gets many of them.

use bytes::Bytes;
use serde::Serialize;

use crate::domain::id::MerchantId;
use crate::domain::refusal::Refusal;

/// Nearly all are shorter.
const USUAL_LENGTH: usize = 512;

#[derive(Serialize)]
struct Problem<'r> {
    #[serde(rename = "type")]
    kind: &'r str,
    title: &'r str,
    status: u16,
    detail: &'r str,
    code: &'r str,
    fault: &'r str,
    request_id: &'r str,
    #[serde(rename = "violated-policies", skip_serializing_if = "Option::is_none")]
    violated_policies: Option<[&'r str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merchant: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature_base: Option<&'r str>,
}

/// The document of a refusal that is answered with that status.
pub(super) fn document(refusal: &Refusal, status: u16, request_id: &str) -> Bytes {
    let (kind, detail) = (format!("urn:tollgate:problem:{}", refusal.code()), refusal.detail());
    let mut problem = Problem {
        kind: &kind,
        title: refusal.title(),
        status,
        detail: &detail,
        code: refusal.code(),
        fault: refusal.fault().name(),
        request_id,
        violated_policies: None,
        balance: None,
        merchant: None,
        signature_base: None,
    };
    if let Refusal::LimitReached { limit, .. } = refusal {
        problem.violated_policies = Some([limit.as_str()]);
    }
    if let Refusal::BeyondPlan(beyond) = refusal {
        problem.violated_policies = Some([beyond.name()]);
    }
    if let Refusal::BalanceExhausted(paid_from) = refusal {
        problem.balance = Some(paid_from.balance.as_str());
        problem.merchant = paid_from.merchant.as_ref().map(MerchantId::as_str);
    }
    if let Refusal::SignatureInvalid(error) = refusal {
        problem.signature_base = error.base.as_deref();
    }
    let mut written = Vec::with_capacity(USUAL_LENGTH);
    // Texts and a number can always be written.
    if serde_json::to_writer(&mut written, &problem).is_err() {
        written.clear();
    }
    written.into()
}
