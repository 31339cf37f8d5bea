//! Floods by a clock that is moved by hand: each call is in one record, and there are few of them.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::id::{GrantId, MerchantId, NodeId, PartnerId, PlanName, ProductName, RouteName};
use crate::domain::plan::PlanRef;
use crate::domain::time::{Clock, ManualClock, Timestamp};
use crate::metering::record::decode;

/// A call that is refused.
#[derive(Debug, Clone)]
struct Refused {
    app: AppId,
    code: &'static str,
    key: &'static str,
    merchant: Option<MerchantId>,
    grant: Option<GrantId>,
    route: RouteName,
    method: &'static str,
}

fn refused(app: &str, code: &'static str) -> Refused {
    Refused {
        app: AppId::new(app).unwrap(),
        code,
        key: "key_1",
        merchant: Some(MerchantId::new("merchant_1").unwrap()),
        grant: Some(GrantId::new("grant_1").unwrap()),
        route: RouteName::new("list-orders").unwrap(),
        method: "GET",
    }
}

/// A core, and what its journal has taken.
#[derive(Default)]
struct Core {
    floods: Floods,
    clock: ManualClock,
    /// Whether the journal takes nothing now.
    is_stuck: bool,
    made: u64,
    /// Calls with records of their own.
    alone: HashMap<(AppId, &'static str), u64>,
    /// Records of calls that were counted together.
    records: Vec<UsageRecord>,
}

impl Core {
    fn refuse(&mut self, call: &Refused) {
        self.made += 1;
        let now = self.clock.moment();
        let subscribed = (
            ProductName::new("storefront").unwrap(),
            PlanRef { name: PlanName::new("standard").unwrap(), version: 1 },
        );
        let facts = Facts {
            id: Uuid::from_u128(self.made.into()),
            at: now.now,
            node: &NodeId::new("node-1").unwrap(),
            snapshot: &SnapshotHash::new("abc").unwrap(),
            app: &call.app,
            partner: &PartnerId::new("partner_1").unwrap(),
            credential: CredentialKind::ApiKey,
            credential_id: call.key,
            merchant: call.merchant.as_ref(),
            grant: call.grant.as_ref(),
            route: Some(&call.route),
            subscribed: Some(&subscribed),
            method: call.method,
            status: 429,
            latency: Duration::from_micros(self.made),
            bytes_in: 2,
            bytes_out: 0,
            refusal: Some(call.code),
            disclosed: "",
            idempotency: None,
            held: 0,
            counted: None,
            held_of_cap: 0,
            evidence: &Evidence::Free,
        };
        if !self.floods.counts(call.code, &facts, now.monotonic) {
            *self.alone.entry((call.app.clone(), call.code)).or_default() += 1;
        }
    }

    fn refuse_so_many(&mut self, calls: u64, call: &Refused) {
        (0..calls).for_each(|_| self.refuse(call));
    }

    fn tick(&mut self) {
        let Self { floods, records, is_stuck, clock, .. } = self;
        let now = clock.monotonic();
        floods.give(|flood| flood.is_over(now), |bytes| !*is_stuck && take(records, bytes));
    }

    fn end(&mut self) {
        let Self { floods, records, .. } = self;
        floods.is_closed = true;
        floods.give(|_| true, |bytes| take(records, bytes));
    }

    fn pass(&mut self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }

    fn alone(&self, call: &Refused) -> u64 {
        self.alone.get(&(call.app.clone(), call.code)).copied().unwrap_or(0)
    }

    /// The calls of its kind that have no records of their own, a figure for each record.
    fn together(&self, call: &Refused) -> Vec<u64> {
        let is_its =
            |record: &&UsageRecord| record.app == call.app && record.refusal.as_deref() == Some(call.code);
        self.records.iter().filter(is_its).map(UsageRecord::calls).collect()
    }
}

fn take(records: &mut Vec<UsageRecord>, bytes: &[u8]) -> bool {
    records.push(decode(bytes).unwrap());
    true
}

#[test]
fn beyond_a_hundred_a_second_calls_have_one_record_once_the_second_is_over() {
    let (mut core, call) = (Core::default(), refused("app_1", "limit_reached"));
    for _ in 0..1000 {
        core.refuse(&call);
        core.clock.advance(Duration::from_micros(900));
        core.tick();
    }
    assert_eq!((core.alone(&call), core.records.len()), (100, 0));
    core.pass(100);
    core.tick();
    let record = core.records.pop().unwrap();
    let after = |calls: i64| Timestamp::from_micros(calls * 900);
    assert_eq!((record.id, record.at, record.calls()), (Uuid::from_u128(101), after(100), 900));
    assert_eq!(record.counted.unwrap().until, after(999));
    assert_eq!((record.latency, record.bytes_in), (Duration::from_micros(1000), 1800));
    assert_eq!((record.evidence, record.status, record.held), (Evidence::Free, 429, 0));
    assert_eq!((record.refusal.as_deref(), &*record.credential_id), (Some("limit_reached"), "key_1"));
    assert_eq!(
        (record.route, record.merchant, record.grant),
        (Some(call.route.clone()), call.merchant.clone(), call.grant.clone())
    );
    assert_eq!((record.method.as_str(), record.subscribed.is_some()), ("GET", true));
    // The next second begins anew.
    core.refuse_so_many(100, &call);
    assert_eq!(core.alone(&call), 200);
    core.refuse(&call);
    core.pass(1000);
    core.tick();
    assert_eq!((core.alone(&call), core.together(&call)), (200, vec![1]));
    assert_eq!(core.floods.count, 0, "nothing is remembered of what is over");
}

#[test]
fn what_is_not_the_same_of_all_is_left_out_of_their_record() {
    let (mut core, call) = (Core::default(), refused("app_1", "limit_reached"));
    let others = [
        Refused { key: "key_2", ..call.clone() },
        Refused { merchant: None, grant: None, ..call.clone() },
        Refused { route: RouteName::new("get-product").unwrap(), ..call.clone() },
        Refused { method: "POST", ..call.clone() },
    ];
    for other in &others {
        core.refuse_so_many(101, &call);
        core.refuse(other);
        core.refuse(&call);
        core.pass(1000);
        core.tick();
    }
    let said = |record: &UsageRecord| {
        (
            record.credential_id.is_empty(),
            record.merchant.is_none(),
            record.route.is_none(),
            record.method.is_empty(),
        )
    };
    assert_eq!(
        core.records.iter().map(said).collect::<Vec<_>>(),
        [
            (true, false, false, false),
            (false, true, false, false),
            (false, false, true, false),
            (false, false, false, true),
        ]
    );
    assert_eq!(core.together(&call), [3; 4], "they are counted with the others");
}

#[test]
fn calls_of_another_app_or_code_are_counted_apart() {
    let mut core = Core::default();
    let calls = [
        refused("app_1", "limit_reached"),
        refused("app_1", "scope_missing"),
        refused("app_2", "scope_missing"),
    ];
    for (more, call) in (1..).zip(&calls) {
        core.refuse_so_many(100 + more, call);
    }
    core.pass(1000);
    core.tick();
    for (more, call) in (1..).zip(&calls) {
        assert_eq!((core.alone(call), core.together(call)), (100, vec![more]), "{call:?}");
    }
}

#[test]
fn while_the_journal_takes_none_they_are_counted_on() {
    let (mut core, call) = (Core { is_stuck: true, ..Core::default() }, refused("app_1", "limit_reached"));
    for _ in 0..10 {
        core.refuse_so_many(150, &call);
        core.pass(700);
        core.tick();
    }
    assert_eq!((core.alone(&call), core.records.len()), (100, 0));
    core.is_stuck = false;
    core.tick();
    core.refuse(&call);
    assert_eq!((core.alone(&call), core.together(&call)), (101, vec![1400]));
}

#[test]
fn of_more_floods_than_are_counted_each_call_has_a_record_of_its_own() {
    let (mut core, call) = (Core::default(), refused("app_1", "limit_reached"));
    for number in 0..MOST_FLOODS {
        core.refuse(&refused(&format!("other_{number}"), "limit_reached"));
    }
    core.refuse_so_many(300, &call);
    assert_eq!(core.alone(&call), 300);
    core.pass(1000);
    core.tick();
    core.refuse_so_many(300, &call);
    assert_eq!(core.alone(&call), 400, "there is room again");
}

#[test]
fn a_core_that_ends_writes_what_it_has_counted_and_counts_no_more() {
    let (mut core, call) = (Core::default(), refused("app_1", "limit_reached"));
    core.refuse_so_many(150, &call);
    core.end();
    assert_eq!((core.alone(&call), core.together(&call)), (100, vec![50]));
    core.refuse_so_many(150, &call);
    core.end();
    assert_eq!((core.alone(&call), core.together(&call)), (250, vec![50]));
}

/// What happens on a core.
#[derive(Debug, Clone)]
enum Step {
    Refuse(usize, u64),
    Pass(u64),
    Tick,
    Stick(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..KINDS, 1..250_u64).prop_map(|(kind, calls)| Step::Refuse(kind, calls)),
        (0..1500_u64).prop_map(Step::Pass),
        Just(Step::Tick),
        any::<bool>().prop_map(Step::Stick),
    ];
    prop::collection::vec(step, 1..60)
}

/// Kinds of calls: of three apps, each by two codes.
const KINDS: usize = 6;

fn of_kind(kind: usize) -> Refused {
    let code = if kind.is_multiple_of(2) { "limit_reached" } else { "scope_missing" };
    let key = if kind < 3 { "key_1" } else { "key_2" };
    Refused { key, ..refused(&format!("app_{}", kind / 2), code) }
}

proptest! {
    #[test]
    fn each_call_is_in_one_record_and_a_second_has_few(steps in steps()) {
        let mut core = Core::default();
        let mut made = [0; KINDS];
        let mut millis = 0;
        for step in steps {
            match step {
                Step::Refuse(kind, calls) => {
                    core.refuse_so_many(calls, &of_kind(kind));
                    made[kind] += calls;
                }
                Step::Pass(time) => {
                    core.pass(time);
                    millis += time;
                }
                Step::Tick => core.tick(),
                Step::Stick(is_stuck) => core.is_stuck = is_stuck,
            }
        }
        core.end();
        // A span that is not over by then is one more.
        let spans = millis / 1000 + 1;
        for (kind, made) in made.into_iter().enumerate() {
            let call = of_kind(kind);
            let (alone, together) = (core.alone(&call), core.together(&call));
            prop_assert_eq!(alone + together.iter().sum::<u64>(), made);
            prop_assert!(alone <= spans * u64::from(ALONE), "{} in {} spans", alone, spans);
            prop_assert!(together.len() as u64 <= spans, "{:?} in {} spans", together, spans);
        }
        for record in &core.records {
            prop_assert_eq!(&record.evidence, &Evidence::Free);
            prop_assert!(record.counted.is_some_and(|counted| record.at <= counted.until));
        }
        prop_assert_eq!(core.floods.count, 0);
    }
}
