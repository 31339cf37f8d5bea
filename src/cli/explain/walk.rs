//! The decisions about a call, by the code that makes them on a node: its head, its route, its credential, what the route asks, the
//! limits that count it, the body that must name its merchant. The first refusal ends it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::asked::{Asked, HERE};
use super::decisions::{Answer, Decisions, Explained, ROUTE, Refused};
use super::facts::Facts;
use super::proof::Proof;
use super::switches::{self, Switches};
use super::unknown;
use crate::credential::directory::Identity;
use crate::credential::message_signature::Body;
use crate::domain::plan::{Limit, LimitKey, Quantity};
use crate::domain::quota::Quota;
use crate::domain::refusal::{Refusal, whole_seconds};
use crate::domain::scope::ScopeSet;
use crate::domain::tariff::FeeTerms;
use crate::domain::time::Timestamp;
use crate::gateway::admit::{admit, units};
use crate::gateway::authorize::{Circumstances, Permit, authorize_before};
use crate::gateway::caller_address::CallerAddress;
use crate::gateway::raw_head::Unseen;
use crate::gateway::witness::Witness;
use crate::gateway::{control, head, me};
use crate::limit::cell::{Cells, LocalCells};
use crate::policy::route_table::Lookup;
use crate::policy::snapshot::{AddressLimit, Route, Snapshot};

/// Longest head of a call.
const MAX_HEAD: usize = 64 << 10;

/// Walks a call through the policies. `facts` are those of who calls; nobody in particular without. What is switched off is known of
/// `switches`, if a node was asked.
pub(super) fn explain(
    snapshot: &Snapshot,
    asked: &Asked,
    (facts, switches): (Option<&Facts>, Option<&Switches<'_>>),
) -> anyhow::Result<Explained> {
    let mut explained = Explained::new(snapshot.hash.as_str());
    let proof = facts.map(Proof::of).transpose()?;
    if let Err(refusal) = walk((snapshot, asked), (proof.as_ref(), switches), &mut explained) {
        explained.decisions.leave(Answer::Refused);
        explained.refusal = Some(Refused::from(&refusal));
    }
    Ok(explained)
}

fn walk(
    (snapshot, asked): (&Snapshot, &Asked),
    (proof, switches): (Option<&Proof>, Option<&Switches<'_>>),
    explained: &mut Explained,
) -> Result<(), Refusal> {
    let Explained { decisions, route: name, upstream, .. } = explained;
    let parts = &asked.parts;
    decisions.add("message", None, "a head that can be read in one way only".to_owned());
    // Nothing was taken out of a head that was never on a wire.
    let checked = head::check(parts, Unseen::default(), MAX_HEAD)?;
    // No call on record is one of these.
    if asked.on_record.is_none() && is_own(decisions, asked, &checked.path, proof)? {
        return Ok(());
    }
    decisions.add(ROUTE, None, format!("{} {} of {}", parts.method, checked.path, checked.host));
    let table = asked.on_record.as_ref().map_or(&snapshot.table, |on_record| &on_record.route);
    let (route, parameters) = match table.find(&checked.host, &parts.method, &checked.path) {
        Lookup::Found(place, parameters) => (&*snapshot.routes[place], parameters),
        Lookup::MethodNotAllowed(allow) => return Err(Refusal::MethodNotAllowed { allow }),
        Lookup::NotFound => return Err(Refusal::RouteUnknown),
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
    switches::ask(decisions, switches, (snapshot, route))?;
    let body =
        if asked.body.as_ref().is_some_and(|body| !body.is_empty()) { Body::Present } else { Body::Absent };
    let query = parts.uri.query().unwrap_or_default();
    let circumstances =
        Circumstances { parts, head: &checked, query, body, parameters: &parameters, address, now };
    let authorized = authorize_before(decisions, (snapshot, route), identity.as_ref(), &circumstances);
    unknown::leave_open(decisions, asked, (route, narrowing));
    if authorized.as_ref().is_err_and(|refusal| unknown::depends_on_it(refusal, asked, route)) {
        return Ok(());
    }
    let permit = authorized?;
    count(decisions, (route, &permit), identity.as_ref(), (&circumstances, from))?;
    tell_fee(decisions, route, &permit);
    look_at_body(decisions, &permit, asked)?;
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

/// By which item of the plan the call is charged, if it turns out to be billable.
fn tell_fee(decisions: &mut Decisions, route: &Route, permit: &Permit<'_>) {
    let Some((_, version)) = permit.subscribed.as_ref().filter(|_| route.meter.is_some()) else { return };
    let Some(item) = version.tariff.fee_of(Some(&route.name)) else { return };
    let FeeTerms { name, free_units, source, .. } = item.terms();
    let currency = version.tariff.currency;
    let price = format!("{name} of {}, in {currency}: {}", version.reference, item.price_in_words());
    let free =
        if *free_units == 0 { String::new() } else { format!(", after {free_units} free units a month") };
    decisions.add("fee", Some(source), format!("charged if it is billable by {price}{free}"));
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

/// The limits that count the call, none of which has counted another.
fn count(
    decisions: &mut Decisions,
    (route, permit): (&Route, &Permit<'_>),
    identity: Option<&Arc<Identity>>,
    (circumstances, address): (&Circumstances<'_>, IpAddr),
) -> Result<(), Refusal> {
    let cells = &mut LocalCells::new(Arc::new(Cells::new(16)), 16);
    match (&permit.subscribed, &route.address_limit) {
        (Some((_, version)), _) => {
            for Limit { name, rate, of: quantity, per, source, .. } in &version.limits {
                let of = match per {
                    LimitKey::App => "of the app",
                    LimitKey::AppAndRoute => "of the app to this route",
                };
                let (requests, seconds) = (rate.requests, whole_seconds(rate.window));
                let mut told = format!(
                    "{name}: {requests} {} {of} in {seconds} s, {} at once",
                    quantity.name(),
                    rate.burst
                );
                if let (Quantity::Units, Some(identity)) = (quantity, identity) {
                    let known = units::known(route, identity, circumstances);
                    told.push_str(&format!("; this call takes {known} of them before it is answered"));
                }
                decisions.add("limit", Some(source), told);
            }
            for quota in &version.quotas {
                let Quota { name, of, most, every, source } = quota;
                let per = every.name();
                let told = format!(
                    "{name}: {most} {} of the app in each {per}; what is left is not looked at",
                    of.name()
                );
                decisions.add("limit", Some(source), told);
            }
        }
        (None, Some(AddressLimit { name, rate, source, .. })) => {
            let (requests, seconds) = (rate.requests, whole_seconds(rate.window));
            let told =
                format!("{name}: {requests} calls of the address in {seconds} s, {} at once", rate.burst);
            decisions.add("limit", Some(source), told);
        }
        (None, None) => {}
    }
    admit(cells, (route, permit), identity, (circumstances, address, Duration::ZERO), &mut None)
        .map(|_| ())
        .map_err(|(refusal, _)| refusal)
}

fn look_at_body(decisions: &mut Decisions, permit: &Permit<'_>, asked: &Asked) -> Result<(), Refusal> {
    let Some(names) = &permit.body else { return Ok(()) };
    decisions.add("body", None, "that the body names the merchant".to_owned());
    match &asked.body {
        Some(body) => names.look_at(body.as_bytes()),
        None => {
            decisions.answered(None, || "give it by --body".to_owned());
            decisions.leave(Answer::NotAsked);
            Ok(())
        }
    }
}
