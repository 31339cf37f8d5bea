//! What has become of a credential: revoked, expired or rotated, and when. Callers are told none of it.

use serde_json::Value;

use super::facts::{field, optional};
use super::when::When;
use crate::cli::failure::Failure;
use crate::domain::app_credential::CredentialState;
use crate::domain::time::Timestamp;

/// The life of a credential, as far as it ends.
#[derive(Debug, Clone, Copy, Default)]
struct Life<'c> {
    /// What took its place, and when.
    successor: Option<(&'c str, Timestamp)>,
    expires_at: Option<Timestamp>,
    /// Whether a node finds by now that it has expired.
    has_expired: bool,
    revoked_at: Option<Timestamp>,
}

/// What has become of a credential as a node tells of it, in words; `successor` is what took its place, if something has.
pub(super) fn of(
    credential: &Value,
    successor: Option<&Value>,
    when: When,
) -> Result<Option<String>, Failure> {
    let since = successor.map(|successor| field(successor, "created_at")).transpose()?;
    let life = Life {
        successor: credential["successor"].as_str().zip(since),
        expires_at: optional(credential, "expires_at")?,
        has_expired: credential["state"] == CredentialState::Expired.name(),
        revoked_at: optional(credential, "revoked_at")?,
    };
    Ok(told(life, when))
}

fn told(Life { successor, expires_at, has_expired, revoked_at }: Life<'_>, when: When) -> Option<String> {
    let rotated = successor
        .map(|(successor, since)| format!("rotated: {successor} has taken its place{}", after(since, when)));
    // One that is revoked ends by that, unless it had ended already, and the call was made before it was revoked.
    let counts =
        |end: &Timestamp| revoked_at.is_none_or(|revoked| !when.has_seen(revoked) && *end <= revoked);
    let end = expires_at.filter(counts).map(|end| {
        if has_expired || revoked_at.is_some() || end <= when.at() {
            format!("expired at {end}{}", after(end, when))
        } else {
            format!("works until {end}")
        }
    });
    let revoked = revoked_at.map(|at| revoked(at, when));
    let parts: Vec<String> = rotated.into_iter().chain(end).chain(revoked).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// That something was revoked then.
pub(super) fn revoked(at: Timestamp, when: When) -> String {
    format!("revoked at {at}{}", after(at, when))
}

/// That a call does not know of it, if it was made before.
fn after(event: Timestamp, when: When) -> &'static str {
    if when.has_seen(event) { "" } else { ", after this call" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_which_of_these_a_credential_is_and_when() {
        let at = Timestamp::from_seconds;
        let (now, then) = (When::Now(at(100)), When::Then(at(100)));
        let life = |expires_at: Option<i64>, revoked_at: Option<i64>| Life {
            expires_at: expires_at.map(at),
            revoked_at: revoked_at.map(at),
            ..Life::default()
        };
        let rotated =
            |since: i64, life: Life<'static>| Life { successor: Some(("key_2", at(since))), ..life };
        let expired = |life: Life<'static>| Life { has_expired: true, ..life };
        for (life, when, expected) in [
            (life(None, None), now, None),
            (life(Some(101), None), now, Some("works until 101")),
            (life(Some(100), None), now, Some("expired at 100")),
            (rotated(80, life(Some(101), None)), now, Some("rotated; works until 101")),
            (life(Some(90), Some(80)), now, Some("revoked at 80")),
            (life(Some(80), Some(90)), now, Some("revoked at 90")),
            // The node's clock may be ahead.
            (life(None, Some(101)), now, Some("revoked at 101")),
            // What came after a call is told besides what it found.
            (rotated(80, expired(life(Some(90), None))), then, Some("rotated; expired at 90")),
            (life(Some(90), Some(110)), then, Some("expired at 90; revoked at 110, after this call")),
            (life(Some(90), Some(95)), then, Some("revoked at 95")),
            (
                life(Some(105), Some(110)),
                then,
                Some("expired at 105, after this call; revoked at 110, after this call"),
            ),
            (life(Some(120), Some(110)), then, Some("revoked at 110, after this call")),
            (expired(life(Some(120), None)), then, Some("expired at 120, after this call")),
            (rotated(105, life(Some(120), None)), then, Some("rotated, after this call; works until 120")),
        ] {
            let told = told(life, when).map(|told| {
                let told = told.replace("rotated: key_2 has taken its place", "rotated");
                [80, 90, 95, 100, 101, 105, 110, 120]
                    .into_iter()
                    .fold(told, |told, second| told.replace(&at(second).to_string(), &second.to_string()))
            });
            assert_eq!(told.as_deref(), expected, "{life:?} {when:?}");
        }
    }
}
