//! What a call leaves: its evidence, its record, and the record's place in the journal.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use tollgate::domain::id::{AppId, NodeId, PartnerId, PlanName, ProductName, RouteName, SnapshotHash};
use tollgate::domain::plan::PlanRef;
use tollgate::domain::principal::{CredentialKind, Principal};
use tollgate::domain::scope::ScopeSet;
use tollgate::domain::time::{Clock, Timestamp};
use tollgate::domain::usage::{Evidence, UsageRecord};
use tollgate::journal::journal::{Journal, JournalSettings};
use tollgate::journal::segment;
use tollgate::metering::capture::Capture;
use tollgate::metering::evidence::{self, CallFacts};
use tollgate::metering::record;
use tollgate::policy::snapshot::Meter;
use tollgate::server::clock::SystemClock;
use tollgate::server::random::MachineRandom;
use uuid::Uuid;

/// What an order system answers.
pub(super) const ORDER: &[u8] = br#"{"id":"o-20260901-000001","status":"created","currency":"CNY",
"total_amount":"128.50","items":[{"product_id":"p-1001","quantity":1,"price":"100.00"},
{"product_id":"p-1002","quantity":3,"price":"9.50"}],"receiver":{"name":"Li Lei","phone":"13800000000",
"address":"1 Longjing Road, Hangzhou"},"created_at":"2026-09-01T08:00:00+08:00"}"#;

/// Records that a core hands over at once, below the size at which it does so by itself.
const BATCH: u64 = 256;

pub(super) fn bench(criterion: &mut Criterion) {
    let policies = super::policies();
    let route = policies.routes.iter().find(|route| route.name.as_str() == "place-order").unwrap();
    let meter = route.meter.as_ref().unwrap();
    criterion.bench_function("capture an order and read its evidence", |bencher| {
        bencher.iter(|| assert!(matches!(order(black_box(meter)), Evidence::Billable { .. })));
    });
    let record = usage(order(meter));
    criterion.bench_function("encode a usage record", |bencher| {
        bencher.iter(|| record::encode(black_box(&record)));
    });
    append(criterion, &record::encode(&record));
}

fn order(meter: &Meter) -> Evidence {
    let mut response = Capture::of(&meter.bodies.response, meter.max_capture, None);
    response.push(ORDER);
    let facts = CallFacts {
        method: "POST",
        path: "/api/orders",
        params: &[],
        query: Ok(""),
        status: 201,
        principal: &Principal::Anonymous,
        request: &Capture::nothing(),
        request_coding: None,
        response: &response,
        response_coding: None,
        response_headers: None,
    };
    evidence::read(meter, &facts)
}

/// The record of a call with that evidence.
pub(super) fn usage(evidence: Evidence) -> UsageRecord {
    let plan = PlanRef { name: PlanName::new("standard").unwrap(), version: 1 };
    UsageRecord {
        id: Uuid::from_u128(0x0197_0000_0000_7000_8000_0000_0000_0001),
        at: Timestamp::from_seconds(1_790_000_000),
        node: NodeId::new("node-1").unwrap(),
        snapshot: SnapshotHash::new(&"0123456789abcdef".repeat(4)).unwrap(),
        app: AppId::new("app_0123456789abcdef").unwrap(),
        partner: PartnerId::new("partner_0123456789abcdef").unwrap(),
        credential: CredentialKind::ApiKey,
        credential_id: "key_0123456789abcdef".to_owned(),
        merchant: None,
        grant: None,
        route: Some(RouteName::new("place-order").unwrap()),
        subscribed: Some((ProductName::new("orders").unwrap(), plan)),
        method: "POST".to_owned(),
        status: 201,
        latency: Duration::from_millis(3),
        bytes_in: 200,
        bytes_out: 400,
        refusal: None,
        disclosed: ScopeSet::none(),
        idempotency: None,
        held: 0,
        counted: None,
        held_of_cap: 0,
        evidence,
    }
}

/// A core's part of an append. The disk's is not in it: between batches the journal is let come to rest.
fn append(criterion: &mut Criterion, payload: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let settings = JournalSettings::new(folder.path().join("journal"), "node-1".to_owned());
    let clock = SystemClock::new();
    let (journal, _) = Journal::open(settings, Arc::new(clock), &MachineRandom::new()).unwrap();
    let mut writer = journal.writer();
    let mut group = criterion.benchmark_group("journal");
    // What is timed is short, so that what is written stays small.
    group.warm_up_time(Duration::from_millis(10)).measurement_time(Duration::from_millis(50)).sample_size(20);
    group.bench_function("append a buffered record", |bencher| {
        bencher.iter_custom(|iterations| {
            let mut spent = Duration::ZERO;
            for first in (0..iterations).step_by(BATCH as usize) {
                let start = clock.monotonic();
                for _ in first..iterations.min(first + BATCH) {
                    writer.append(black_box(payload)).unwrap();
                }
                spent += clock.monotonic() - start;
                writer.flush();
                while journal.state().committed() < journal.state().accepted() {
                    std::thread::yield_now();
                }
            }
            let segments = segment::list(&journal.settings().folder).unwrap();
            for done in &segments[..segments.len().saturating_sub(1)] {
                std::fs::remove_file(&done.path).unwrap();
            }
            spent
        });
    });
    group.finish();
    drop(writer);
    journal.close().unwrap();
}
