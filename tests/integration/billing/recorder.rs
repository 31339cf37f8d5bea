//! The recorder on both stores: each batch once, whatever was sent again and however it was split.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tollgate::billing::recorder::Recorder;
use tollgate::billing::statement::{CloseEarly, StatementError, close, show};
use tollgate::billing::{check, plans};
use tollgate::domain::id::{AppId, NodeId, PartnerId, PlanName, ProductName, RouteName, SnapshotHash};
use tollgate::domain::money::Amount;
use tollgate::domain::plan::PlanRef;
use tollgate::domain::principal::CredentialKind;
use tollgate::domain::time::{Clock, ManualClock, Period, Timestamp};
use tollgate::domain::usage::{Evidence, Transaction, TransactionKind, UsageRecord};
use tollgate::metering::drain::{Drained, UsageSink};
use tollgate::policy::live::Live;
use tollgate::policy::load::NoValues;
use tollgate::store::Store;
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
        let store = place.open().await;
        let clock = Arc::new(ManualClock::at(NOW));
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let live = Live::open(&folder, Arc::new(NoValues), Box::new(|_| Ok(())), clock.clone()).unwrap();
        plans::register(&store, &live.load()).await.unwrap();
        Self { place, store, live: Arc::new(live), clock }
    }

    fn recorder(&self) -> Recorder {
        Recorder::new(
            self.store.clone(),
            NodeId::new("node-1").unwrap(),
            self.live.clone(),
            self.clock.clone(),
        )
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
            evidence: Evidence::Billable {
                units: 1,
                transaction: Some(Transaction {
                    id: format!("o-{sequence}"),
                    amount: Amount { minor: minor.abs(), currency: "CNY".parse().unwrap() },
                    kind: if minor < 0 { TransactionKind::Refund } else { TransactionKind::Sale },
                    of: None,
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
    let recorder = books.recorder();
    recorder.record(sales(1..=6), 6).await.unwrap();
    assert_eq!(books.total().await, "15.06");
    for (from, to) in [(1, 6), (3, 4), (6, 6)] {
        books.recorder().record(sales(from..=to), to).await.unwrap();
    }
    assert_eq!(books.total().await, "15.06");
    books.recorder().record(sales(5..=8), 8).await.unwrap();
    assert_eq!(books.total().await, "20.08");
    assert_eq!(books.recorder().position().await.unwrap(), 8);
    let checked = check::check(&books.store).await.unwrap();
    assert_eq!((checked.findings, checked.trial_balance["CNY"]), (Vec::new(), 0));
}

async fn a_transaction_that_does_not_commit_leaves_nothing(place: Place) {
    let books = Books::open(place).await;
    // The ledger is written after usage and charges.
    books.place.tamper("alter table ledger_posting rename to away").await;
    assert!(books.recorder().record(sales(1..=3), 3).await.is_err());
    books.place.tamper("alter table away rename to ledger_posting").await;
    assert_eq!(books.total().await, "none");
    assert_eq!(books.store.journal_position("node-1").await.unwrap(), 0);
    books.recorder().record(sales(1..=3), 3).await.unwrap();
    assert_eq!(books.total().await, "7.53");
}

async fn closing_twice_gives_the_same_and_what_comes_late_goes_to_the_next_period(place: Place) {
    let books = Books::open(place).await;
    books.recorder().record(sales(1..=2), 2).await.unwrap();
    let zone = books.live.load().platform.zone.clone();
    let period = books.period();
    let early = close(&books.store, period, (&zone, NOW), CloseEarly::Refused).await;
    assert!(matches!(early, Err(StatementError::StillOpen(..))));
    books.clock.advance(Duration::from_secs(40 * 86_400));
    let now = books.clock.now();
    let closed = close(&books.store, period, (&zone, now), CloseEarly::Refused).await.unwrap();
    let again = close(&books.store, period, (&zone, now), CloseEarly::Refused).await.unwrap();
    assert!(again.was_closed && !closed.was_closed);
    assert_eq!(again.statements, closed.statements);
    assert_eq!(closed.statements[0].number, 1);
    books.recorder().record(sales(3..=3), 3).await.unwrap();
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
    books.recorder().record(vec![usage(1, 12_345), refund], 2).await.unwrap();
    assert_eq!(books.total().await, "0.02");
    for sql in [
        "update ledger_posting set minor = 0",
        "delete from ledger_transaction",
        "update charge set minor = 0, cause = null",
        "delete from usage",
        "update plan_version set fee = '0'",
        "delete from line_total",
    ] {
        assert!(books.place.try_tamper(sql).await.is_err(), "{sql} was done");
    }
}

on_both_stores! {
    a_batch_sent_again_in_any_split_changes_nothing,
    a_transaction_that_does_not_commit_leaves_nothing,
    closing_twice_gives_the_same_and_what_comes_late_goes_to_the_next_period,
    a_full_refund_takes_the_share_back_and_the_books_refuse_to_be_changed,
}
