//! What has become of a credential: revoked, expired or rotated, and when. Callers are told none of it.

use serde_json::Value;

use super::facts::{field, optional};
use super::when::When;
use crate::cli::failure::Failure;
use crate::cli::node::Node;
use crate::cli::query::with_query;
use crate::domain::time::Timestamp;

/// What has become of a credential of a node, in words; `list` is where the node has those of its kind.
pub(super) fn of_node(
    (node, list): (&Node, &str),
    credential: &Value,
    when: When,
) -> Result<Option<String>, Failure> {
    // One whose place another takes ends.
    let Some(end) = optional(credential, "expires_at")? else {
        return Ok(told(None, None, optional(credential, "revoked_at")?, when));
    };
    let app: String = field(credential, "app")?;
    let all = node.list(&with_query(list, &[("app", Some(app.as_str()))]))?;
    // The newest come first.
    let successor = all.iter().find(|other| other["rotated_from"] == credential["id"]);
    let successor = successor.and_then(|other| other["id"].as_str());
    Ok(told(successor, Some(end), optional(credential, "revoked_at")?, when))
}

fn told(
    successor: Option<&str>,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    when: When,
) -> Option<String> {
    let rotated = successor.map(|successor| format!("rotated: {successor} has taken its place"));
    let end = match (revoked_at, expires_at) {
        (Some(at), _) => Some(revoked(at, when)),
        (None, Some(end)) if end <= when.at() => Some(format!("expired at {end}")),
        (None, Some(end)) => Some(format!("works until {end}")),
        (None, None) => None,
    };
    let parts: Vec<String> = rotated.into_iter().chain(end).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// That something was revoked then, which a call does not know that was made before.
pub(super) fn revoked(at: Timestamp, when: When) -> String {
    let after = if when.has_seen(at) { "" } else { ", after this call" };
    format!("revoked at {at}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_which_of_these_a_credential_is_and_when() {
        let at = Timestamp::from_seconds;
        let (now, then) = (When::Now(at(100)), When::Then(at(100)));
        let rotated = "rotated: key_2 has taken its place; ";
        for (successor, ends, revoked, when, expected) in [
            (None, None, None, now, None),
            (None, Some(at(101)), None, now, Some("works until 1970-01-01T00:01:41Z".to_owned())),
            (None, Some(at(100)), None, now, Some("expired at 1970-01-01T00:01:40Z".to_owned())),
            (
                Some("key_2"),
                Some(at(90)),
                None,
                then,
                Some(format!("{rotated}expired at 1970-01-01T00:01:30Z")),
            ),
            (
                Some("key_2"),
                Some(at(101)),
                None,
                now,
                Some(format!("{rotated}works until 1970-01-01T00:01:41Z")),
            ),
            (None, Some(at(90)), Some(at(80)), now, Some("revoked at 1970-01-01T00:01:20Z".to_owned())),
            // The node's clock may be ahead.
            (None, None, Some(at(101)), now, Some("revoked at 1970-01-01T00:01:41Z".to_owned())),
            (
                None,
                None,
                Some(at(101)),
                then,
                Some("revoked at 1970-01-01T00:01:41Z, after this call".to_owned()),
            ),
        ] {
            assert_eq!(told(successor, ends, revoked, when), expected);
        }
    }
}
