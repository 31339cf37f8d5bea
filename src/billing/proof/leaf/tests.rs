//! Leaves as they are written: what is promised to those who write them by themselves.

use std::num::NonZeroU64;
use std::time::Duration;

use sfv::{BareItem, Dictionary, ListEntry, Parser};
use uuid::Uuid;

use super::*;
use crate::domain::id::{AppId, PartnerId, PlanName, ProductName, SnapshotHash};
use crate::domain::money::Amount;
use crate::domain::principal::CredentialKind;
use crate::domain::scope::ScopeSet;
use crate::domain::transaction::{Details, Extent, TransactionKind};
use crate::domain::usage::Counted;

/// A call without a transaction.
fn usage() -> UsageRecord {
    let plan = PlanRef { name: PlanName::new("standard").unwrap(), version: 3 };
    UsageRecord {
        id: Uuid::from_u128(0x0197_0000_0000_7000_8000_0000_0000_002a),
        at: "2026-11-24T08:00:00.1234Z".parse().unwrap(),
        node: NodeId::new("node-1").unwrap(),
        snapshot: SnapshotHash::new("abc").unwrap(),
        app: AppId::new("app_1").unwrap(),
        partner: PartnerId::new("partner_1").unwrap(),
        credential: CredentialKind::AccessToken,
        credential_id: "token".to_owned(),
        merchant: Some(MerchantId::new("merchant_1").unwrap()),
        grant: None,
        route: Some(RouteName::new("place-order").unwrap()),
        subscribed: Some((ProductName::new("storefront").unwrap(), plan)),
        method: "POST".to_owned(),
        status: 201,
        latency: Duration::from_micros(250),
        bytes_in: 1,
        bytes_out: 2,
        refusal: None,
        disclosed: ScopeSet::none(),
        idempotency: None,
        held: 0,
        counted: None,
        held_of_cap: 0,
        evidence: Evidence::Billable { units: 5, transaction: None },
    }
}

fn sale(id: &str) -> Transaction {
    Transaction {
        id: id.to_owned(),
        of: None,
        amount: Amount { minor: 10_000, currency: "CNY".parse().unwrap() },
        kind: TransactionKind::Sale,
        details: Details::default(),
    }
}

fn with(transaction: Transaction) -> UsageRecord {
    UsageRecord { evidence: Evidence::Billable { units: 1, transaction: Some(transaction) }, ..usage() }
}

const BEGIN: &str = "id=\"01970000-0000-7000-8000-00000000002a\";at=\"2026-11-24T08:00:00.123400Z\";node=\"node-1\";\
                     sequence=17;app=\"app_1\"";

#[test]
fn a_leaf_has_the_facts_of_its_record_in_their_order() {
    let of_plan = ";merchant=\"merchant_1\";product=\"storefront\";plan=\"standard@3\";route=\"place-order\";method=\"POST\"";
    let rest = Transaction {
        kind: TransactionKind::Cancellation,
        of: Some("o-1".to_owned()),
        details: Details { extent: Extent::Rest, ..Details::default() },
        ..sale("c-1")
    };
    let flood = Counted { calls: NonZeroU64::new(40).unwrap(), until: Timestamp::default() };
    let bare = UsageRecord {
        merchant: None,
        subscribed: None,
        route: None,
        status: 429,
        counted: Some(flood),
        evidence: Evidence::Free,
        ..usage()
    };
    let unread = UsageRecord { evidence: Evidence::Exception { reason: "no id".to_owned() }, ..usage() };
    let endless =
        UsageRecord { evidence: Evidence::Billable { units: u64::MAX, transaction: None }, ..usage() };
    for (record, expected) in [
        (usage(), format!("{BEGIN}{of_plan};status=201;outcome=billable;units=5")),
        (
            with(sale("o-1")),
            format!(
                "{BEGIN}{of_plan};status=201;outcome=billable;units=1;transaction=\"o-1\";kind=sale;amount=\"100.00 CNY\""
            ),
        ),
        (
            with(rest),
            format!(
                "{BEGIN}{of_plan};status=201;outcome=billable;units=1;transaction=\"c-1\";of=\"o-1\";kind=cancellation;\
                 currency=\"CNY\""
            ),
        ),
        (bare, format!("{BEGIN};method=\"POST\";status=429;outcome=free;calls=40")),
        (unread, format!("{BEGIN}{of_plan};status=201;outcome=exception")),
        // As the books keep it.
        (endless, format!("{BEGIN}{of_plan};status=201;outcome=billable;units=9223372036854775807")),
    ] {
        assert_eq!(Leaf::of(&record, 17).text(), expected);
    }
}

#[test]
fn what_an_upstream_calls_a_transaction_cannot_end_its_text() {
    for (id, expected) in [
        ("o-1", "\"o-1\""),
        ("a \"b\" \\c", "\"a \\\"b\\\" \\\\c\""),
        ("订单-1", "%\"%e8%ae%a2%e5%8d%95-1\""),
        ("é\"%\\", "%\"%c3%a9%22%25\\\""),
    ] {
        let record = with(sale(id));
        let text = Leaf::of(&record, 1).text();
        assert!(
            text.ends_with(&format!(";transaction={expected};kind=sale;amount=\"100.00 CNY\"")),
            "{text}"
        );
        // It is a dictionary of RFC 9651, of one member with parameters.
        let read: Dictionary = Parser::new(&text).parse().unwrap();
        let Some(ListEntry::Item(member)) = read.get("id") else { panic!("{text}") };
        let told = match member.params.get("transaction").unwrap() {
            BareItem::String(told) => told.as_str(),
            BareItem::DisplayString(told) => told.as_str(),
            other => panic!("{other:?}"),
        };
        assert_eq!(told, id);
    }
}

#[test]
fn each_fact_makes_another_leaf() {
    let mut room = Room::default();
    let mut hash = |record: &UsageRecord, sequence| Leaf::of(record, sequence).hash(&mut room);
    let first = hash(&usage(), 17);
    assert_eq!(first, super::super::merkle::leaf(Leaf::of(&usage(), 17).text().as_bytes()));
    let others = [
        hash(&usage(), 18),
        hash(&UsageRecord { at: usage().at.plus(Duration::from_micros(1)), ..usage() }, 17),
        hash(&UsageRecord { status: 200, ..usage() }, 17),
        hash(&UsageRecord { evidence: Evidence::Billable { units: 6, transaction: None }, ..usage() }, 17),
        hash(&with(sale("o-1")), 17),
        hash(&UsageRecord { evidence: Evidence::Free, ..usage() }, 17),
    ];
    assert!(others.iter().all(|other| *other != first));
}
