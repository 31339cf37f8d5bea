//! The recorder on both stores: each batch once, whatever was sent again and however it was split.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tollgate::billing::books::BooksTime;
use tollgate::billing::books::exceptions::{Decision, Reason, resolve};
use tollgate::billing::books::recorder::{JournalOf, Recorder};
use tollgate::billing::error::BillingError;
use tollgate::billing::ledger::check;
use tollgate::billing::plans;
use tollgate::billing::plans::Occasion;
use tollgate::billing::rating::MAX_TRANSACTION;
use tollgate::billing::statement::{CloseEarly, StatementError, close, show};
use tollgate::domain::id::{AppId, NodeId, PartnerId, PlanName, ProductName, RouteName, SnapshotHash};
use tollgate::domain::money::Amount;
use tollgate::domain::plan::PlanRef;
use tollgate::domain::principal::CredentialKind;
use tollgate::domain::scope::ScopeSet;
use tollgate::domain::time::{Clock, ManualClock, Period, Timestamp};
use tollgate::domain::transaction::{Details, Transaction, TransactionKind};
use tollgate::domain::usage::{Evidence, UsageRecord};
use tollgate::metering::drain::{Drained, SinkError, UsageSink};
use tollgate::policy::journal_terms::RecordTimes;
use tollgate::policy::live::Live;
use tollgate::policy::load::NoValues;
use tollgate::store::usage_exception::ExceptionKind;
use tollgate::store::{Page, Store};
use uuid::Uuid;

use super::on_both_stores;
use crate::support::stores::Place;

const NOW: Timestamp = Timestamp::from_seconds(1_794_300_000);

struct Books {
    place: Place,
    store: Store,
    live: Arc<Live>,
    clock: Arc<ManualClock>,
}

impl Books {
    async fn open(place: Place) -> Self {
        Self::with_policies(place, &Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")).await
    }

    async fn with_policies(place: Place, folder: &Path) -> Self {
        let store = place.open().await;
        let clock = Arc::new(ManualClock::at(NOW));
        let live = Live::open(folder, Arc::new(NoValues), Box::new(|_, _| Ok(())), clock.clone()).unwrap();
        plans::admit(&store, &live.load(), (NOW, Occasion::Start), &[]).await.unwrap();
        Self { place, store, live: Arc::new(live), clock }
    }

    async fn recorder(&self) -> Recorder {
        self.recorder_of("journal-1").await.unwrap()
    }

    /// The recorder of a journal of that identity, on the same node.
    async fn recorder_of(&self, journal: &str) -> Result<Recorder, BillingError> {
        let source = JournalOf { node: NodeId::new("node-1").unwrap(), journal: journal.to_owned() };
        Recorder::open(self.store.clone(), source, self.live.clone(), self.clock.clone()).await
    }

    fn period(&self) -> Period {
        Period::of(NOW, &self.live.load().platform.zone)
    }

    async fn total(&self) -> String {
        let statements = show(&self.store, self.period(), None).await.unwrap();
        statements.first().map_or_else(|| "none".to_owned(), |statement| statement.totals.total.to_string())
    }
}

fn usage(sequence: u64, minor: i64) -> Drained {
    let plan = PlanRef { name: PlanName::new("standard").unwrap(), version: 1 };
    Drained::Usage(
        sequence,
        Box::new(UsageRecord {
            id: Uuid::from_u128(u128::from(sequence)),
            at: NOW,
            node: NodeId::new("node-1").unwrap(),
            snapshot: SnapshotHash::new("s").unwrap(),
            app: AppId::new("app").unwrap(),
            partner: PartnerId::new("partner").unwrap(),
            credential: CredentialKind::AccessToken,
            credential_id: "token".to_owned(),
            merchant: None,
            grant: None,
            route: Some(RouteName::new("place-order").unwrap()),
            subscribed: Some((ProductName::new("storefront").unwrap(), plan)),
            method: "POST".to_owned(),
            status: 201,
            latency: Duration::from_millis(1),
            bytes_in: 1,
            bytes_out: 1,
            refusal: None,
            disclosed: ScopeSet::none(),
            idempotency: None,
            held: 0,
            counted: None,
            held_of_cap: 0,
            evidence: Evidence::Billable {
                units: 1,
                transaction: Some(Transaction {
                    id: format!("o-{sequence}"),
                    amount: Amount { minor: minor.abs(), currency: "CNY".parse().unwrap() },
                    kind: if minor < 0 { TransactionKind::Refund } else { TransactionKind::Sale },
                    of: None,
                    details: Details::default(),
                }),
            },
        }),
    )
}

fn sales(sequences: std::ops::RangeInclusive<u64>) -> Vec<Drained> {
    sequences.map(|sequence| usage(sequence, 10_000)).collect()
}

async fn a_batch_sent_again_in_any_split_changes_nothing(place: Place) {
    let books = Books::open(place).await;
    let recorder = books.recorder().await;
    recorder.record(sales(1..=6), 6).await.unwrap();
    assert_eq!(books.total().await, "15.06");
    for (from, to) in [(1, 6), (3, 4), (6, 6)] {
        books.recorder().await.record(sales(from..=to), to).await.unwrap();
    }
    assert_eq!(books.total().await, "15.06");
    books.recorder().await.record(sales(5..=8), 8).await.unwrap();
    assert_eq!(books.total().await, "20.08");
    assert_eq!(position(&books.recorder().await).await, 8);
    let checked = check::check(&books.store).await.unwrap();
    assert_eq!((checked.findings, checked.trial_balance["CNY"]), (Vec::new(), 0));
}

async fn a_transaction_that_does_not_commit_leaves_nothing(place: Place) {
    let books = Books::open(place).await;
    // The ledger is written after usage and charges.
    books.place.tamper("alter table ledger_entry rename to away").await;
    assert!(books.recorder().await.record(sales(1..=3), 3).await.is_err());
    books.place.tamper("alter table away rename to ledger_entry").await;
    assert_eq!(books.total().await, "none");
    assert_eq!(books.store.journal_position("node-1").await.unwrap(), 0);
    books.recorder().await.record(sales(1..=3), 3).await.unwrap();
    assert_eq!(books.total().await, "7.53");
}

async fn closing_twice_gives_the_same_and_what_comes_late_goes_to_the_next_period(place: Place) {
    let books = Books::open(place).await;
    books.recorder().await.record(sales(1..=2), 2).await.unwrap();
    let zone = books.live.load().platform.zone.clone();
    let period = books.period();
    let early = close(&books.store, period, (&zone, NOW), CloseEarly::Refused).await;
    assert!(matches!(early, Err(StatementError::StillOpen(..))));
    books.clock.advance(Duration::from_secs(30 * 86_400));
    let now = books.clock.now();
    let closed = close(&books.store, period, (&zone, now), CloseEarly::Refused).await.unwrap();
    let again = close(&books.store, period, (&zone, now), CloseEarly::Refused).await.unwrap();
    assert!(again.was_closed && !closed.was_closed);
    assert_eq!(again.statements, closed.statements);
    assert_eq!(closed.statements[0].number, 1);
    books.recorder().await.record(sales(3..=3), 3).await.unwrap();
    assert_eq!(books.total().await, "5.02");
    let next = show(&books.store, Period::of(now, &zone), None).await.unwrap();
    assert_eq!(next[0].totals.total.to_string(), "2.51");
    assert!(next[0].lines.iter().all(|line| line.key.service_period == period));
    assert!(check::check(&books.store).await.unwrap().findings.is_empty());
}

async fn a_full_refund_takes_the_share_back_and_the_books_refuse_to_be_changed(place: Place) {
    let books = Books::open(place).await;
    let mut refund = usage(2, -12_345);
    if let Drained::Usage(_, usage) = &mut refund
        && let Evidence::Billable { transaction: Some(refund), .. } = &mut usage.evidence
    {
        refund.of = Some("o-1".to_owned());
    }
    books.recorder().await.record(vec![usage(1, 12_345), refund], 2).await.unwrap();
    assert_eq!(books.total().await, "0.02");
    for sql in [
        "update ledger_entry set minor = 0",
        "delete from ledger_transaction",
        "update charge set minor = 0, cause = null",
        "delete from usage",
        "update plan_version set fee = '0'",
        "delete from charge_total",
    ] {
        assert!(books.place.try_tamper(sql).await.is_err(), "{sql} was done");
    }
}

async fn two_journals_of_one_name_are_told_apart(place: Place) {
    let books = Books::open(place).await;
    let first = books.recorder().await;
    first.record(sales(1..=2), 2).await.unwrap();
    let other = books.recorder_of("journal-2").await.err().unwrap();
    assert!(matches!(other, BillingError::AnotherJournal { .. }), "{other}");
    assert!(other.to_string().contains("TOLLGATE_NODE"), "{other}");
    // The same again after a restart.
    books.recorder().await.record(sales(3..=3), 3).await.unwrap();
    assert_eq!(books.total().await, "7.53");
}

async fn a_batch_that_leaves_a_gap_is_not_taken_and_tells_where_to_read_on(place: Place) {
    let books = Books::open(place).await;
    let recorder = books.recorder().await;
    recorder.record(sales(1..=2), 2).await.unwrap();
    assert_eq!(position(&recorder).await, 2);
    assert_eq!(recorder.record(sales(4..=5), 5).await, Err(SinkError::Behind(2)));
    let with_a_hole = sales(3..=3).into_iter().chain(sales(5..=5)).collect();
    assert_eq!(recorder.record(with_a_hole, 5).await, Err(SinkError::Behind(2)));
    // As after the store was replaced by one that had not got all of it yet.
    books.place.tamper(&untrigger(&books.place, "journal_position_goes_on", "journal_position")).await;
    recorder.record(sales(3..=3), 3).await.unwrap();
    books.place.tamper("update journal_position set sequence = 2").await;
    assert_eq!(position(&recorder).await, 2, "the store says so");
    assert_eq!(recorder.record(sales(4..=5), 5).await, Err(SinkError::Behind(2)));
    assert_eq!(position(&recorder).await, 2);
    // What was recorded from the same place is not rated again.
    recorder.record(sales(3..=5), 5).await.unwrap();
    assert_eq!(books.total().await, "12.55");
    assert!(books.store.open_exceptions(&Page::first()).await.unwrap().is_empty());
    assert_eq!(check::check(&books.store).await.unwrap().findings, Vec::<String>::new());
}

async fn position(recorder: &Recorder) -> u64 {
    recorder.standing().await.unwrap().position
}

pub(super) fn untrigger(place: &Place, trigger: &str, table: &str) -> String {
    match place {
        Place::Folder(_) => format!("drop trigger {trigger}"),
        Place::Schema(_) => format!("drop trigger {trigger} on {table}"),
    }
}

async fn what_is_refused_by_itself_is_kept_with_its_bytes(place: Place) {
    let books = Books::open(place).await;
    let recorder = books.recorder().await;
    let refused =
        Drained::Unreadable(1, b"\x01bytes".to_vec(), "a value that the store does not hold".to_owned());
    recorder.record(vec![refused], 1).await.unwrap();
    let exceptions = books.store.open_exceptions(&Page::first()).await.unwrap();
    assert_eq!(exceptions[0].id, "journal:node-1:1-1");
    assert_eq!(exceptions[0].payload.as_deref(), Some(&b"\x01bytes"[..]));
    assert_eq!(position(&recorder).await, 1);
}

async fn a_store_that_is_away_or_refuses_says_which(place: Place) {
    let books = Books::open(place).await;
    let recorder = books.recorder().await;
    books
        .place
        .tamper(
            "alter table ledger_entry rename to away; \
                 create view ledger_entry as select distinct * from away",
        )
        .await;
    let refused = recorder.record(sales(1..=1), 1).await;
    assert!(matches!(refused, Err(SinkError::Refused(_))), "{refused:?}");
    books.store.close().await;
    let away = recorder.record(sales(1..=1), 1).await;
    assert!(matches!(away, Err(SinkError::Unavailable(_))), "{away:?}");
}

async fn the_largest_sales_one_after_another_stop_nothing(place: Place) {
    let books = Books::open(place).await;
    let recorder = books.recorder().await;
    let huge = |sequences: std::ops::RangeInclusive<u64>| {
        sequences.map(|sequence| usage(sequence, MAX_TRANSACTION)).collect::<Vec<_>>()
    };
    // More than half of what is believed at once; less, on top of more; and more again.
    for (first, last) in [(1, 60), (61, 105), (106, 180)] {
        recorder.record(huge(first..=last), last).await.unwrap();
    }
    let exceptions = books.store.open_exceptions(&Page::first()).await.unwrap();
    assert_eq!(exceptions.len(), 80, "a hundred are believed");
    assert!(exceptions.iter().all(|exception| exception.reason.contains("too large to be believed")));
    assert_eq!(check::check(&books.store).await.unwrap().findings, Vec::<String>::new());
}

async fn a_call_of_a_time_that_is_not_believed_costs_something_once_someone_says_so(place: Place) {
    let books = Books::open(place).await;
    let of = |sequence, at| {
        let mut sold = usage(sequence, 10_000);
        if let Drained::Usage(_, usage) = &mut sold {
            usage.at = at;
        }
        sold
    };
    let ahead = NOW.plus(Duration::from_secs(301));
    let batch = vec![of(1, Timestamp::from_seconds(0)), of(2, ahead), of(3, NOW)];
    let tally = books.recorder().await.record(batch, 3).await.unwrap();
    assert_eq!((tally.recorded, tally.excepted), (3, 0), "the records are in the books");
    assert_eq!(books.total().await, "2.51");
    let open = books.store.open_exceptions(&Page::first()).await.unwrap();
    let told: Vec<_> = open.iter().map(|one| (one.kind, one.reason.contains("journal.ahead"))).collect();
    assert_eq!(told, [(ExceptionKind::Time, false), (ExceptionKind::Time, true)]);
    assert!(open.iter().all(|one| one.at == NOW), "they are seen today");
    assert_eq!(check::check(&books.store).await.unwrap().findings, Vec::<String>::new());

    for (exception, decision) in open.iter().zip([Decision::RateAgain, Decision::Waive]) {
        let time = BooksTime { zone: books.live.load().platform.zone.clone(), now: NOW };
        let reason = Reason { who: "analyst".to_owned(), why: "the clock was reset".to_owned() };
        resolve(&books.store, &exception.id, decision, reason, (time, RecordTimes::default())).await.unwrap();
    }
    assert_eq!(books.total().await, "5.02", "as of the day that someone said so");
    assert!(show(&books.store, "1970-01".parse().unwrap(), None).await.unwrap().is_empty());
    let period = Period::of(NOW, &books.live.load().platform.zone);
    let charges = books.store.charges(period, &AppId::new("app").unwrap(), "").await.unwrap();
    assert_eq!(charges.iter().map(|kept| kept.charge.minor).sum::<i64>(), 502, "all of it is listed");
    assert_eq!(check::check(&books.store).await.unwrap().findings, Vec::<String>::new());
}

async fn a_plan_version_that_comes_into_force_while_the_node_runs_is_kept_and_rated_by(place: Place) {
    let folder = crate::support::folder::copy_of_policies_in_a_project();
    let file = folder.path().join("policies/plans/standard.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let next = text[text.find("  - version: 1").unwrap()..].replace("version: 1", "version: 2");
    let next = next.replace("2026-01-01", "2026-12-01").replace("percent: 2.5", "percent: 5");
    std::fs::write(&file, format!("{}\n{next}", text.trim_end())).unwrap();
    let books = Books::with_policies(place, &folder.path().join("policies")).await;
    let recorder = books.recorder().await;
    recorder.record(sales(1..=1), 1).await.unwrap();
    books.clock.advance(Duration::from_secs(30 * 86_400));
    let mut sold = usage(2, 10_000);
    if let Drained::Usage(_, usage) = &mut sold {
        usage.at = books.clock.now();
        usage.subscribed.as_mut().unwrap().1.version = 2;
    }
    let month = match &sold {
        Drained::Usage(_, usage) => Period::of(usage.at, &books.live.load().platform.zone),
        other => panic!("{other:?}"),
    };
    recorder.record(vec![sold], 2).await.unwrap();
    assert!(books.store.open_exceptions(&Page::first()).await.unwrap().is_empty());
    assert_eq!(show(&books.store, month, None).await.unwrap()[0].totals.share.to_string(), "5.00");
}

async fn a_version_that_another_node_keeps_with_other_prices_holds_back_no_other(place: Place) {
    let folder = crate::support::folder::copy_of_policies_in_a_project();
    let file = folder.path().join("policies/plans/standard.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let first = &text[text.find("  - version: 1").unwrap()..];
    let next = |number: u32, from: &str, percent: &str| {
        let version = first.replace("version: 1", &format!("version: {number}")).replace("2026-01-01", from);
        version.replace("percent: 2.5", percent)
    };
    let (second, third) = (next(2, "2026-12-01", "percent: 5"), next(3, "2026-12-02", "percent: 10"));
    std::fs::write(&file, format!("{}\n{}\n{third}", text.trim_end(), second.trim_end())).unwrap();
    let books = Books::with_policies(place, &folder.path().join("policies")).await;
    let version = |number| super::seed::plan("standard", number);
    super::seed::register(&books.store, &version(2), &super::seed::tariff("9", 0, "9")).await;
    books.clock.advance(Duration::from_secs(60 * 86_400));
    let mut sold = usage(1, 10_000);
    let Drained::Usage(_, sale) = &mut sold else { panic!("{sold:?}") };
    (sale.at, sale.subscribed.as_mut().unwrap().1) = (books.clock.now(), version(3));
    let month = Period::of(sale.at, &books.live.load().platform.zone);
    books.recorder().await.record(vec![sold], 1).await.unwrap();
    assert!(books.store.open_exceptions(&Page::first()).await.unwrap().is_empty());
    assert_eq!(show(&books.store, month, None).await.unwrap()[0].totals.share.to_string(), "10.00");
    let changed = plans::keep_due(&books.store, &books.live.load(), books.clock.now()).await.unwrap();
    assert_eq!(changed.iter().map(|changed| changed.plan.clone()).collect::<Vec<_>>(), [version(2)]);
}

on_both_stores! {
    a_version_that_another_node_keeps_with_other_prices_holds_back_no_other,
    a_plan_version_that_comes_into_force_while_the_node_runs_is_kept_and_rated_by,
    two_journals_of_one_name_are_told_apart,
    a_batch_that_leaves_a_gap_is_not_taken_and_tells_where_to_read_on,
    what_is_refused_by_itself_is_kept_with_its_bytes,
    a_store_that_is_away_or_refuses_says_which,
    the_largest_sales_one_after_another_stop_nothing,
    a_call_of_a_time_that_is_not_believed_costs_something_once_someone_says_so,
    a_batch_sent_again_in_any_split_changes_nothing,
    a_transaction_that_does_not_commit_leaves_nothing,
    closing_twice_gives_the_same_and_what_comes_late_goes_to_the_next_period,
    a_full_refund_takes_the_share_back_and_the_books_refuse_to_be_changed,
}
