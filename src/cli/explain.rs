//! `tollgate policy explain`: one call, imagined or on record, before the policies of a folder.

mod arguments;
mod asked;
mod decisions;
mod expected;
mod facts;
mod identity_source;
mod life;
mod names;
mod proof;
mod recorded;
mod shown;
mod subscribed;
mod switches;
mod unknown;
mod walk;
mod when;

pub(super) use self::arguments::ExplainArguments;
use self::asked::Asked;
use self::facts::{Facts, Who};
use self::recorded::Recorded;
use self::switches::Switches;
use self::when::When;
use super::failure::{Failure, Outcome};
use super::policy;
use super::query::segment;
use super::screen::Screen;
use crate::domain::time::Clock;
use crate::server::clock::SystemClock;

pub(super) fn run(arguments: &ExplainArguments, screen: &Screen) -> Outcome {
    let snapshot = policy::loaded(&arguments.policies, screen)?;
    let now = When::Now(SystemClock::new().now());
    let asks_node = !arguments.offline && arguments.node.is_told();
    let is_of_credential = arguments.key.is_some()
        || arguments.client_certificate.is_some()
        || arguments.signature_key.is_some();
    let is_of_node = is_of_credential || arguments.request_id.is_some();
    if !asks_node && is_of_node {
        let what = "tollgate: who has a key or certificate, and what is on record, only a node knows: say which by --admin-url";
        return Err(Failure::Usage(what.to_owned()));
    }
    arguments.check(asks_node)?;
    names::check(arguments, &snapshot)?;
    let node = if asks_node { Some(arguments.node.node()?) } else { None };
    let recorded = match (&node, &arguments.request_id) {
        (Some(node), Some(id)) => {
            let recorded = Recorded::of(&node.get(&format!("/admin/usage/{}", segment(id)))?)?;
            recorded.check(arguments)?;
            Some(recorded)
        }
        (Some(_) | None, _) => None,
    };
    let when = recorded.as_ref().map_or(now, |recorded| When::Then(recorded.at));
    let asked = match &recorded {
        Some(recorded) => Asked::recorded(arguments, recorded, &snapshot)?,
        None => Asked::imagined(arguments)?,
    };
    let facts = match &node {
        Some(node) => {
            let who = recorded.as_ref().map_or_else(|| Who::named(arguments), Recorded::who);
            Facts::of_node(node, arguments, who, when)?
        }
        None => Facts::given(arguments, &snapshot, when.at()),
    };
    let switches = node.as_ref().map(|node| Switches::of_node(node, when, recorded.as_ref())).transpose()?;
    let explained = walk::explain(&snapshot, &asked, (facts.as_ref(), switches.as_ref()))?;
    if let Some(recorded) = &recorded {
        recorded.check_route(&explained)?;
    }
    if let Some(node) = &node
        && node.get("/admin/policy")?["hash"] != snapshot.hash.as_str()
    {
        let folder = arguments.policies.display();
        screen.note(&format!("The node has other policies in force than those in {folder}."))?;
    }
    let assumed = recorded.as_ref().map(|recorded| recorded.assumed(arguments));
    let shown = shown::show(&explained, &asked, recorded.as_ref().zip(assumed.as_deref()), screen);
    match arguments.expect.and_then(|expected| expected::missed(expected, &explained, &asked)) {
        Some(failure) => Err(failure.beside(shown)),
        None => shown,
    }
}
