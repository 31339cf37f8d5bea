//! `tollgate policy explain`: one call, imagined or on record, before the policies of a folder.

mod arguments;
mod asked;
mod balance;
mod binding;
mod decisions;
mod expected;
mod facts;
mod funds;
mod identity_source;
mod known;
mod life;
mod limits;
mod names;
mod prices;
mod proof;
mod quota;
mod recorded;
mod sale;
mod shown;
mod stopped;
mod subscribed;
mod switches;
mod unknown;
mod walk;
mod when;

pub(super) use self::arguments::ExplainArguments;
use self::asked::Asked;
use self::binding::Bound;
use self::facts::{Facts, Who};
use self::funds::Funds;
use self::known::Known;
use self::recorded::Recorded;
use self::shown::OnRecord;
use self::switches::Switches;
use self::when::When;
use super::failure::{Failure, Outcome};
use super::node::Node;
use super::policy;
use super::query::segment;
use super::screen::Screen;
use crate::domain::time::Clock;
use crate::server::clock::SystemClock;

pub(super) fn run(arguments: &ExplainArguments, screen: &Screen) -> Outcome {
    let snapshot = policy::loaded(&arguments.policies, screen)?;
    let now = When::Now(SystemClock::new().now());
    let node = node(arguments)?;
    names::check(arguments, &snapshot)?;
    let recorded = node.as_ref().map(|node| on_record(node, arguments)).transpose()?.flatten();
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
    let app = node.as_ref().zip(facts.as_ref()).map(|(node, facts)| (node, &facts.app.id));
    let funds = app.map(|app| Funds::of_node(app, when, recorded.as_ref()));
    let bound = recorded.as_ref().map(|recorded| Bound::of(recorded, &snapshot));
    let known = Known {
        facts: facts.as_ref(),
        switches: switches.as_ref(),
        funds: funds.as_ref(),
        recorded: recorded.as_ref(),
        bound: bound.as_ref(),
    };
    let explained = walk::explain(&snapshot, &asked, known)?;
    if let Some(recorded) = &recorded {
        recorded.check_route(&explained)?;
    }
    if let Some(node) = &node
        && node.get("/admin/policy")?["hash"] != snapshot.hash.as_str()
    {
        let folder = arguments.policies.display();
        screen.note(&format!("The node has other policies in force than those in {folder}."))?;
    }
    let on_record = recorded.as_ref().zip(bound.as_ref()).map(|(recorded, bound)| OnRecord {
        recorded,
        bound,
        assumed: recorded.assumed(arguments),
    });
    let shown = shown::show(&explained, &asked, on_record.as_ref(), screen);
    match arguments.expect.and_then(|expected| expected::missed(expected, &explained, &asked)) {
        Some(failure) => Err(failure.beside(shown)),
        None => shown,
    }
}

/// The node that is asked, if one is.
fn node(arguments: &ExplainArguments) -> Result<Option<Node>, Failure> {
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
    asks_node.then(|| arguments.node.node()).transpose()
}

/// The call that is named by its id, if one is.
fn on_record(node: &Node, arguments: &ExplainArguments) -> Result<Option<Recorded>, Failure> {
    let Some(id) = &arguments.request_id else { return Ok(None) };
    let recorded = Recorded::of(&node.get(&format!("/admin/usage/{}", segment(id)))?)?;
    recorded.check(arguments)?;
    Ok(Some(recorded))
}
