//! What is switched off, as a node knows it now, and who did that.

use std::sync::Arc;

use anyhow::anyhow;
use serde_json::Value;

use super::decisions::{Answer, Decisions};
use super::facts::{field, optional};
use super::recorded::Recorded;
use super::when::When;
use crate::cli::failure::Failure;
use crate::cli::node::Node;
use crate::cli::query::with_query;
use crate::domain::action::Action;
use crate::domain::kill_switch::{KillSwitch, SwitchKey, SwitchKind};
use crate::domain::refusal::Refusal;
use crate::policy::kill_switches::KillSwitches;
use crate::policy::snapshot::{Route, Snapshot};

/// Most changes of one switch that are looked at for who made it.
const CHANGES: &str = "100";
/// The code of a call that something switched off refused.
const SWITCHED_OFF: &str = "switched_off";

/// What a node has switched off.
pub(super) struct Switches<'n> {
    node: &'n Node,
    known: KillSwitches,
    /// When the call is made: what was switched off since did not refuse it.
    when: When,
    /// The call, if it is on record.
    recorded: Option<&'n Recorded>,
}

/// Something that keeps a route from being served now.
struct Off {
    switch: Arc<KillSwitch>,
    by: Option<String>,
    is_later: bool,
}

/// Asks whether a route or its upstream is switched off, as the node does once it knows who calls.
pub(super) fn ask(
    decisions: &mut Decisions,
    switches: Option<&Switches<'_>>,
    (snapshot, route): (&Snapshot, &Route),
) -> Result<(), Refusal> {
    let (name, upstream) = (&route.name, &snapshot.upstreams[route.upstream].name);
    let Some(switches) = switches else {
        let what = format!("whether route {name} or upstream {upstream} is switched off, a node knows");
        decisions.add("switch", None, what);
        decisions.leave(Answer::BeyondPolicies);
        return Ok(());
    };
    let later = match switches.of(snapshot, route) {
        Some(off) if !off.is_later => {
            decisions.add("switch", None, off.told());
            return Err(Refusal::SwitchedOff(off.switch));
        }
        later => later,
    };
    let today = if switches.recorded.is_some() { " today" } else { "" };
    let nothing = || format!("neither route {name} nor upstream {upstream} is switched off{today}");
    let found = later.as_ref().map_or_else(nothing, Off::told);
    let (then, answer) = switches.then(later.as_ref());
    decisions.add("switch", None, format!("{found}{then}"));
    decisions.leave(answer);
    Ok(())
}

impl<'n> Switches<'n> {
    /// All that a node has switched off, for a call that is made then.
    pub(super) fn of_node(
        node: &'n Node,
        when: When,
        recorded: Option<&'n Recorded>,
    ) -> Result<Self, Failure> {
        let known = KillSwitches::default();
        let reading = known.begin();
        let found = node.list("/admin/kill-switches")?.iter().map(switch).collect::<Result<_, _>>()?;
        known.put(reading, found);
        Ok(Self { node, known, when, recorded })
    }

    /// What is told of the time of a call on record that nothing refuses which is off now, and what that leaves of the answer.
    fn then(&self, later: Option<&Off>) -> (String, Answer) {
        let unknown = "; what was at the time of the call is not known";
        match (self.recorded, later) {
            (Some(recorded), _) if recorded.has_met(SWITCHED_OFF) => {
                (format!("{unknown}, but it {}", recorded.told()), Answer::NotKnown)
            }
            (Some(_), None) => (unknown.to_owned(), Answer::BeyondPolicies),
            (Some(_), Some(_)) | (None, _) => (String::new(), Answer::Allowed),
        }
    }

    /// What keeps a route from being served, as the node finds it.
    fn of(&self, snapshot: &Snapshot, route: &Route) -> Option<Off> {
        let switch = self.known.by_route(snapshot).get(route.index)?.clone()?;
        let is_later = !self.when.has_seen(switch.off_since);
        Some(Off { by: self.who(&switch), switch, is_later })
    }

    /// Who switched that off, as far as the audit records tell.
    fn who(&self, switch: &KillSwitch) -> Option<String> {
        let subject = switch.key.to_string();
        let filter = [
            ("subject", Some(subject.as_str())),
            ("action", Some(Action::KillSwitchOff.name())),
            ("limit", Some(CHANGES)),
        ];
        let records = self.node.get(&with_query("/admin/audit", &filter)).ok()?;
        let since = switch.off_since.to_string();
        let is_it = |record: &&Value| record["after"]["off_since"] == since;
        // The newest come first, and who only gave another reason later is not who switched it off.
        records["items"].as_array()?.iter().rfind(is_it)?["actor"].as_str().map(str::to_owned)
    }
}

impl Off {
    /// What is off since when, by whom and why.
    fn told(&self) -> String {
        let KillSwitch { key, reason, off_since, .. } = &*self.switch;
        let by = self.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        let since = if self.is_later { "only after this call, since" } else { "since" };
        format!("{} {} is off {since} {off_since}{by}: {reason}", key.kind.name(), key.name)
    }
}

fn switch(of: &Value) -> Result<KillSwitch, Failure> {
    let kind = of["kind"].as_str().and_then(SwitchKind::named);
    let kind =
        kind.ok_or_else(|| anyhow!("the node's answer has a kind of kill switch that means nothing here"))?;
    Ok(KillSwitch {
        key: SwitchKey { kind, name: field(of, "name")? },
        reason: field(of, "reason")?,
        message: optional(of, "message")?,
        off_since: field(of, "off_since")?,
    })
}
