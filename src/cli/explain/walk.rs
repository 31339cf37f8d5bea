//! The decisions about a call, by the code that makes them on a node: its head, its route, its credential, what the route asks, the
//! limits that count it, the body that must name its merchant, and what its plan's quotas, its merchant's cap and the balance that pays for
//! it have left. The first refusal ends it.

use std::sync::Arc;

use super::asked::{Asked, HERE};
use super::binding::Bound;
use super::decisions::{Answer, Decisions, Explained, ROUTE, Refused};
use super::known::Known;
use super::limits::{self, Taken};
use super::proof::Proof;
use super::stopped::Stopped;
use super::{balance, prices, quota, sale, switches, unknown};
use crate::cli::failure::Failure;
use crate::credential::directory::Identity;
use crate::credential::message_signature::Body;
use crate::domain::refusal::Refusal;
use crate::domain::scope::ScopeSet;
use crate::domain::time::Timestamp;
use crate::gateway::authorize::{Circumstances, Permit, authorize_before};
use crate::gateway::caller_address::CallerAddress;
use crate::gateway::raw_head::Unseen;
use crate::gateway::witness::Witness;
use crate::gateway::{control, head, me};
use crate::policy::route_table::Lookup;
use crate::policy::snapshot::{Route, Snapshot};

/// Longest head of a call.
const MAX_HEAD: usize = 64 << 10;

/// Walks a call through the policies, by what is known of it beside them.
pub(super) fn explain(snapshot: &Snapshot, asked: &Asked, known: Known<'_>) -> Result<Explained, Failure> {
    let mut explained = Explained::new(snapshot.hash.as_str());
    let proof = known.facts.map(Proof::of).transpose()?;
    match walk((snapshot, asked), (proof.as_ref(), known), &mut explained) {
        Ok(()) => {}
        Err(Stopped::Refused(refusal)) => {
            explained.decisions.leave(Answer::Refused);
            explained.refusal = Some(Refused::from(&refusal));
        }
        Err(Stopped::Failed(failure)) => return Err(failure),
    }
    Ok(explained)
}

fn walk(
    (snapshot, asked): (&Snapshot, &Asked),
    (proof, known): (Option<&Proof>, Known<'_>),
    explained: &mut Explained,
) -> Result<(), Stopped> {
    let Explained { decisions, route: name, upstream, .. } = explained;
    let parts = &asked.parts;
    decisions.add("message", None, "a head that can be read in one way only".to_owned());
    // Nothing was taken out of a head that was never on a wire.
    let checked = head::check(parts, Unseen::default(), MAX_HEAD)?;
    // No call on record is one of these.
    if asked.on_record.is_none() && is_own(decisions, asked, &checked.path, proof)? {
        return Ok(());
    }
    let path = asked.on_record.as_ref().map_or(&*checked.path, |on_record| on_record.path.as_str());
    decisions.add(ROUTE, None, format!("{} {path} of {}", parts.method, checked.host));
    let table = asked.on_record.as_ref().map_or(&snapshot.table, |on_record| &on_record.route);
    let (route, parameters) = match table.find(&checked.host, &parts.method, &checked.path) {
        Lookup::Found(place, parameters) => (&*snapshot.routes[place], parameters),
        Lookup::MethodNotAllowed(allow) => return Err(Refusal::MethodNotAllowed { allow }.into()),
        Lookup::NotFound => return Err(Refusal::RouteUnknown.into()),
    };
    decisions.answered(Some(&route.source), || format!("route {}", route.name));
    *name = Some(route.name.to_string());
    *upstream = Some(snapshot.upstreams[route.upstream].name.to_string());
    let narrowing = proof.and_then(|proof| proof.narrowing.as_ref());
    let from = asked.from.unwrap_or_else(|| unknown::assumed(route, narrowing));
    let address = CallerAddress::of(decisions, route, from)?;
    unknown::leave_open(decisions, asked, (route, narrowing));
    let now = proof.map_or(Timestamp::default(), |proof| proof.now);
    let identity = match proof {
        None => None,
        Some(proof) => {
            decisions.add("credential", None, proof.told.clone());
            Some(proof.identity()?)
        }
    };
    switches::ask(decisions, known.switches, (snapshot, route))?;
    let body =
        if asked.body.as_ref().is_some_and(|body| !body.is_empty()) { Body::Present } else { Body::Absent };
    let query = parts.uri.query().unwrap_or_default();
    let circumstances =
        Circumstances { parts, head: &checked, query, body, parameters: &parameters, address, now };
    let authorized = authorize_before(decisions, (snapshot, route), identity.as_ref(), &circumstances);
    unknown::leave_open(decisions, asked, (route, narrowing));
    // A record tells of a call what its request, which is not on it, does not.
    if let Some(bound) = known.bound {
        bound.answer(decisions)?;
    }
    if authorized.as_ref().is_err_and(|refusal| unknown::depends_on_it(refusal, asked, route)) {
        return Ok(());
    }
    let permit = authorized?;
    let taken = Taken::of(asked, route, identity.as_ref(), &circumstances);
    limits::tell_units(decisions, (route, &permit), taken, known.recorded);
    sale::ask(decisions, known.funds, (route, &permit))?;
    limits::count(decisions, (route, &permit), identity.as_ref(), (&circumstances, from), taken)?;
    prices::tell(decisions, route, &permit);
    look_at_body(decisions, &permit, asked, known.bound)?;
    quota::ask(decisions, known.funds, (snapshot, &permit), (taken, now))?;
    let merchant = known.facts.and_then(|facts| facts.grant.as_ref()).map(|(grant, _)| &grant.merchant);
    balance::ask(decisions, known.funds, (route, &permit), (taken.at_least(), now), merchant)?;
    // Who has no subscription counts as nobody.
    tell_masked(decisions, route, identity.as_ref().filter(|_| permit.subscribed.is_some()));
    Ok(())
}

/// Whether the gateway itself answers at that path, and who may ask. What is asked at the endpoints of OAuth2 is decided there.
fn is_own(
    decisions: &mut Decisions,
    asked: &Asked,
    path: &str,
    proof: Option<&Proof>,
) -> Result<bool, Refusal> {
    let is_about_itself =
        path.strip_prefix("/me").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if !control::is_own(path) && !is_about_itself {
        return Ok(false);
    }
    decisions.add("endpoint", None, format!("{path} is the gateway's own, and no route"));
    let Some(question) = me::Question::of(path)? else {
        decisions.leave(Answer::NotAsked);
        return Ok(true);
    };
    me::Question::check_method(&asked.parts.method)?;
    decisions.add("credential", None, proof.map_or("any".to_owned(), |proof| proof.told.clone()));
    let identity = proof.ok_or(Refusal::CredentialMissing)?.identity()?;
    question.check(&identity.caller, asked.from.unwrap_or(HERE))?;
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

fn look_at_body(
    decisions: &mut Decisions,
    permit: &Permit<'_>,
    asked: &Asked,
    bound: Option<&Bound<'_>>,
) -> Result<(), Refusal> {
    let Some(names) = &permit.body else { return Ok(()) };
    decisions.add("body", None, "that the body names the merchant".to_owned());
    match (&asked.body, bound) {
        (Some(body), _) => names.look_at(body.as_bytes()),
        (None, Some(bound)) => bound.answer_of_body(decisions),
        (None, None) => {
            decisions.answered(None, || "give it by --body".to_owned());
            decisions.leave(Answer::NotAsked);
            Ok(())
        }
    }
}
