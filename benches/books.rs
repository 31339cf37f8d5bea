//! What the books cost: records a second and CPU time per usage record on the way from the journal to the committed store, at
//! full batches, and the most memory that this process took for all of it.
//!
//! `cargo bench --bench books [-- RECORDS [APPS]]`: on SQLite, and on PostgreSQL too if `TOLLGATE_TEST_POSTGRES` names a server.
//! The records are per-call-priced calls of 10,000 apps in no order, drained in ten parts, each after it was written: a cost that
//! grows with the books shows in the later ones. The next batch is read and rated while the one before is written: of that there is little
//! to be seen if a part is not of several batches. What is drained of the journal is removed, so that it takes little disk. CPU time is
//! that of all this process's threads, and of the server's processes that serve them; records a second are by the clock, of the drain
//! alone.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark says what it measured, reads the clock, and fails loudly"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tollgate::billing::books::recorder::{JournalOf, Recorder};
use tollgate::billing::ledger::check;
use tollgate::billing::plans;
use tollgate::domain::id::{AppId, NodeId, PartnerId, PlanName, ProductName, RouteName, SnapshotHash};
use tollgate::domain::plan::PlanRef;
use tollgate::domain::principal::CredentialKind;
use tollgate::domain::scope::ScopeSet;
use tollgate::domain::time::{ManualClock, Timestamp};
use tollgate::domain::usage::{Evidence, UsageRecord};
use tollgate::journal::journal::{Journal, JournalSettings};
use tollgate::journal::segment;
use tollgate::metering::drain::drain;
use tollgate::metering::record;
use tollgate::metering::tally::DrainState;
use tollgate::policy::live::Live;
use tollgate::policy::load::NoValues;
use tollgate::server::random::MachineRandom;
use tollgate::store::Store;
use uuid::{NoContext, Uuid};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RECORDS: u64 = 1_000_000;
const APPS: u64 = 10_000;
const PARTS: u64 = 10;
/// The first call.
const START: Timestamp = Timestamp::from_seconds(1_794_300_000);
/// Between two calls: 20,000 a second.
const PACE: Duration = Duration::from_micros(50);
/// Records that the journal is given at once.
const AT_ONCE: u64 = 5_000;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_writer(std::io::stderr).init();
    let mut figures = std::env::args().filter_map(|argument| argument.parse::<u64>().ok());
    let load = (figures.next().unwrap_or(RECORDS), figures.next().unwrap_or(APPS));
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = format!("sqlite:{}", folder.path().join("store.db").display());
    measure("SQLite", &file, None, load).await;
    let size = fs::metadata(folder.path().join("store.db")).unwrap().len();
    println!("  {} bytes of file a record", size / load.0);
    println!("  {} MiB of memory at most, with the writing of the journal", most_memory() >> 20);
    if let Ok(server) = std::env::var("TOLLGATE_TEST_POSTGRES") {
        let schema = format!("tollgate_bench_{}", Uuid::now_v7().simple());
        let mut connection = PgConnection::connect(&server).await.unwrap();
        let run = |sql: String| sqlx::raw_sql(AssertSqlSafe(sql));
        run(format!("create schema {schema}")).execute(&mut connection).await.unwrap();
        let separator = if server.contains('?') { '&' } else { '?' };
        let address = format!("{server}{separator}options[search_path]={schema}");
        measure("PostgreSQL", &address, Some(&mut connection), load).await;
        run(format!("drop schema {schema} cascade")).execute(&mut connection).await.unwrap();
    }
}

/// Drains that many records, of so many apps, into a fresh store, and prints what it took.
async fn measure(name: &str, address: &str, mut server: Option<&mut PgConnection>, load: (u64, u64)) {
    let (records, apps) = load;
    let store = Store::open(address).await.unwrap();
    // None of the calls is ahead of it.
    let clock = Arc::new(ManualClock::at(START.plus(PACE * u32::try_from(records).unwrap())));
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/policies");
    let live =
        Arc::new(Live::open(&policies, Arc::new(NoValues), Box::new(|_, _| Ok(())), clock.clone()).unwrap());
    plans::admit(&store, &live.load(), (START, plans::Occasion::Start), &[]).await.unwrap();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let settings = JournalSettings::new(folder.path().to_owned(), "node-1".to_owned());
    let (journal, _) = Journal::open(settings, clock.clone(), &MachineRandom::new()).unwrap();
    let source = JournalOf { node: NodeId::new("node-1").unwrap(), journal: journal.identity().to_owned() };
    let recorder = Arc::new(Recorder::open(store.clone(), source, live, clock).await.unwrap());
    println!("{name}, {records} records of {apps} apps");
    let part = records / PARTS;
    let (mut whole, mut drained) = (Spent::default(), Duration::ZERO);
    for first in (0..records).step_by(usize::try_from(part).unwrap()) {
        append(&journal, first..(first + part).min(records), apps).await;
        let before = Spent::now(server.as_deref_mut()).await;
        let state = Arc::new(DrainState::at(recorder.last_known()));
        let started = Instant::now();
        drain(journal.reader(first), journal.state().clone(), recorder.clone(), state.clone(), async {})
            .await;
        let took = started.elapsed();
        assert_eq!(state.tally().position, (first + part).min(records), "all of it was drained");
        let spent = Spent::now(server.as_deref_mut()).await.since(&before);
        println!("  {:>9}: {}, {}", first + part, pace(part, took), spent.each(part));
        (whole, drained) = (whole.plus(&spent), drained + took);
        let segments = segment::list(folder.path()).unwrap();
        for done in &segments[..segments.len() - 1] {
            fs::remove_file(&done.path).unwrap();
        }
    }
    println!("  in all: {}, {}", pace(records, drained), whole.each(records));
    let started = Instant::now();
    assert_eq!(check::check(&store).await.unwrap().findings, Vec::<String>::new());
    println!("  {:.1} s for the check of the ledger", started.elapsed().as_secs_f64());
    drop(recorder);
    tokio::task::spawn_blocking(move || journal.close()).await.unwrap().unwrap();
    store.close().await;
}

async fn append(journal: &Journal, numbers: std::ops::Range<u64>, apps: u64) {
    let mut writer = journal.writer();
    let last = numbers.end - 1;
    for number in numbers {
        let bytes = record::encode(&usage(number, apps));
        if number % AT_ONCE == 0 || number == last {
            writer.append_durable(&bytes).unwrap().await.unwrap().unwrap();
        } else {
            writer.append(&bytes).unwrap();
        }
    }
}

/// A call that costs a minor unit, of one of the apps in no order.
fn usage(number: u64, apps: u64) -> UsageRecord {
    let at = START.plus(PACE * u32::try_from(number).unwrap());
    let micros = u64::try_from(at.as_micros()).unwrap();
    let app = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let app = format!("app_{:016x}", app % apps);
    let plan = PlanRef { name: PlanName::new("bench").unwrap(), version: 1 };
    let seconds =
        uuid::Timestamp::from_unix(NoContext, micros / 1_000_000, (micros % 1_000_000) as u32 * 1000);
    UsageRecord {
        id: Uuid::new_v7(seconds),
        at,
        node: NodeId::new("node-1").unwrap(),
        snapshot: SnapshotHash::new("b2e0f1c3d4a59687b2e0f1c3d4a59687").unwrap(),
        partner: PartnerId::new(&app.replace("app", "partner")).unwrap(),
        credential: CredentialKind::ApiKey,
        credential_id: app.replace("app", "key"),
        app: AppId::new(&app).unwrap(),
        merchant: None,
        grant: None,
        route: Some(RouteName::new("track-order").unwrap()),
        subscribed: Some((ProductName::new("tracking").unwrap(), plan)),
        method: "GET".to_owned(),
        status: 200,
        latency: Duration::from_micros(900 + number % 400),
        bytes_in: 0,
        bytes_out: 512,
        refusal: None,
        disclosed: ScopeSet::none(),
        idempotency: None,
        held: 0,
        counted: None,
        held_of_cap: 0,
        evidence: Evidence::Billable { units: 1, transaction: None },
    }
}

fn pace(records: u64, took: Duration) -> String {
    format!("{:.0} records/s", records as f64 / took.as_secs_f64())
}

/// The most bytes that this process ever had in memory.
fn most_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    most.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// CPU time by the names of threads and processes.
#[derive(Default)]
struct Spent(BTreeMap<String, Duration>);

impl Spent {
    async fn now(server: Option<&mut PgConnection>) -> Self {
        let mut spent = Self::default();
        for task in fs::read_dir("/proc/self/task").unwrap() {
            spent.add(&task.unwrap().path());
        }
        if let Some(server) = server {
            let backends = "select pid from pg_stat_activity where application_name = 'tollgate'";
            let pids: Vec<(i32,)> = sqlx::query_as(backends).fetch_all(server).await.unwrap();
            for (pid,) in pids {
                spent.add(&Path::new("/proc").join(pid.to_string()));
            }
        }
        spent
    }

    fn add(&mut self, task: &Path) {
        let name = fs::read_to_string(task.join("comm")).unwrap().trim().to_owned();
        let times = fs::read_to_string(task.join("schedstat")).unwrap();
        let nanos = times.split(' ').next().unwrap().parse().unwrap();
        *self.0.entry(name).or_default() += Duration::from_nanos(nanos);
    }

    fn since(mut self, before: &Self) -> Self {
        for (name, time) in &mut self.0 {
            *time = time.saturating_sub(before.0.get(name).copied().unwrap_or_default());
        }
        self
    }

    fn plus(mut self, more: &Self) -> Self {
        for (name, time) in &more.0 {
            *self.0.entry(name.clone()).or_default() += *time;
        }
        self
    }

    fn each(&self, records: u64) -> String {
        let micros = |time: Duration| time.as_secs_f64() * 1e6 / records as f64;
        let parts: Vec<String> = (self.0.iter().map(|(name, time)| (name, micros(*time))))
            .filter(|(_, each)| *each >= 0.05)
            .map(|(name, each)| format!("{name} {each:.2}"))
            .collect();
        format!("{:.2} µs of CPU a record ({})", micros(self.0.values().sum()), parts.join(", "))
    }
}
