//! Kill switches of routes and upstreams: off at once, whatever the policies say, until somebody switches them on again. That of
//! an app is its suspension.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::administrator::Administrator;
use super::answer::{Answer, ok};
use super::fields::Fields;
use super::page::whole;
use super::parameters::{Ids, Parameters};
use super::problem::Problem;
use super::state::AdminState;
use crate::domain::action::Action;
use crate::domain::audit::Subject;
use crate::domain::kill_switch::{KillSwitch, MAX_TEXT, SwitchKey, SwitchKind};
use crate::policy::shape::suggest;
use crate::store::page::MAX_LIST;
use crate::store::transaction::Exclusive;

const MISSING: Problem = Problem::NotFound("kill switch: it is not switched off");

/// `GET /admin/kill-switches`: all that is off.
pub(super) async fn list(State(state): State<Arc<AdminState>>, parameters: Parameters) -> Answer {
    parameters.finish()?;
    ok(whole(&state.store.kill_switches().await?, show))
}

/// `GET /admin/kill-switches/{kind}/{name}`.
pub(super) async fn get(State(state): State<Arc<AdminState>>, Ids(kind, name): Ids) -> Answer {
    let switch = state.store.kill_switch(&key(&kind, name)?).await?;
    ok(show(&switch.ok_or(MISSING)?))
}

/// `PUT /admin/kill-switches/{kind}/{name}`: switches something off that the policies in force have. Who switches it off again
/// gives it another reason; it is off since it first was.
pub(super) async fn put(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Ids(kind, name): Ids,
    mut body: Fields,
) -> Answer {
    let key = key(&kind, name)?;
    let reason = body.required("reason", words);
    let message = body.optional("message", words);
    let (reason, message) = body.finish(reason.zip(message))?;
    check_known(&state, &key)?;
    let mut transaction = state.store.begin().await?;
    transaction.hold(Exclusive::KillSwitches).await?;
    let before = transaction.lock_kill_switch(&key).await?;
    if before.is_none() && transaction.count_kill_switches().await? >= MAX_LIST {
        return Err(Problem::Conflict(format!("{MAX_LIST} things are switched off; no more can be.")));
    }
    let off_since = before.as_ref().map_or_else(|| state.clock.now(), |before| before.off_since);
    let after = KillSwitch { key, reason, message, off_since };
    transaction.switch_off(&after).await?;
    let (before, shown) = (before.as_ref().map(show), show(&after));
    let what = (Action::KillSwitchOff, Subject::new(&after.key.to_string()));
    who.record((&state, &mut transaction), what, (before.as_ref(), Some(&shown))).await?;
    transaction.commit().await?;
    follow(&state).await;
    ok(shown)
}

/// `DELETE /admin/kill-switches/{kind}/{name}`: switches something on again, also what no policy has any more. What was not off
/// stays as it is, and nothing is recorded; but a name that the policies do not have either is refused, as it may be mistyped.
pub(super) async fn delete(
    State(state): State<Arc<AdminState>>,
    who: Administrator,
    Ids(kind, name): Ids,
) -> Answer {
    let key = key(&kind, name)?;
    let mut transaction = state.store.begin().await?;
    transaction.hold(Exclusive::KillSwitches).await?;
    let Some(before) = transaction.lock_kill_switch(&key).await? else {
        check_known(&state, &key)?;
        return ok(show_on(&key));
    };
    let before = show(&before);
    transaction.switch_on(&key).await?;
    let what = (Action::KillSwitchOn, Subject::new(&key.to_string()));
    who.record((&state, &mut transaction), what, (Some(&before), None)).await?;
    transaction.commit().await?;
    follow(&state).await;
    ok(before)
}

/// Has this node follow at once; the others hear of it. Should the store be gone by now, so does this one.
async fn follow(state: &AdminState) {
    let reading = state.kill_switches.begin();
    match state.store.kill_switches().await {
        Ok(all) => state.kill_switches.put(reading, all),
        Err(error) => {
            tracing::error!(%error, "a kill switch was changed, and this node has yet to hear of it")
        }
    }
}

fn key(kind: &str, name: String) -> Result<SwitchKey, Problem> {
    let kind = SwitchKind::named(kind);
    let kind = kind.ok_or(Problem::NotFound("kind of kill switch: there are route and upstream"))?;
    Ok(SwitchKey { kind, name })
}

/// A mistyped name must not pass for something that is off.
fn check_known(state: &AdminState, key: &SwitchKey) -> Result<(), Problem> {
    let snapshot = state.policies.load();
    let known: Vec<String> = match key.kind {
        SwitchKind::Route => snapshot.routes.iter().map(|route| route.name.to_string()).collect(),
        SwitchKind::Upstream => snapshot.upstreams.iter().map(|upstream| upstream.name.to_string()).collect(),
    };
    if known.contains(&key.name) {
        return Ok(());
    }
    let told = format!("There is no such {} in the policies in force", key.kind.name());
    Err(Problem::NoSuchName(match suggest(&key.name, &known) {
        Some(hint) => format!("{told}; {hint}"),
        None => format!("{told}."),
    }))
}

/// Words for people, on one line.
fn words(value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or("must be a string")?.trim();
    let is_right =
        !text.is_empty() && text.chars().count() <= MAX_TEXT && !text.chars().any(char::is_control);
    if is_right {
        Ok(text.to_owned())
    } else {
        Err(format!("must have 1 to {MAX_TEXT} characters on one line"))
    }
}

/// What is not switched off, in the same form.
fn show_on(key: &SwitchKey) -> Value {
    json!({ "kind": key.kind.name(), "name": key.name, "reason": null, "message": null, "off_since": null })
}

fn show(switch: &KillSwitch) -> Value {
    json!({
        "kind": switch.key.kind.name(),
        "name": switch.key.name,
        "reason": switch.reason,
        "message": switch.message,
        "off_since": switch.off_since.to_string(),
    })
}
