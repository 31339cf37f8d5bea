//! Records of every form survive their bytes, and any bytes are decoded or refused.

use std::num::NonZeroU64;

use proptest::prelude::*;

use super::*;
use crate::domain::id::{CategoryName, PartyName, PlanName};
use crate::domain::money::Amount;
use crate::domain::scope::ScopeSet;
use crate::domain::transaction::{Extent, Reach, Transaction};

fn record(status: u16, minor: i64, reason: String) -> UsageRecord {
    UsageRecord {
        id: Uuid::from_u128(7),
        at: Timestamp::from_micros(-5),
        node: NodeId::new("n").unwrap(),
        snapshot: SnapshotHash::new("abc").unwrap(),
        app: AppId::new("app").unwrap(),
        partner: PartnerId::new("p").unwrap(),
        credential: CredentialKind::AccessToken,
        credential_id: "t".to_owned(),
        merchant: Some(MerchantId::new("m").unwrap()),
        grant: None,
        route: Some(RouteName::new("r").unwrap()),
        subscribed: Some((
            ProductName::new("storefront").unwrap(),
            PlanRef { name: PlanName::new("standard").unwrap(), version: 3 },
        )),
        method: "POST".to_owned(),
        status,
        latency: Duration::from_micros(250),
        bytes_in: 1,
        bytes_out: 2,
        refusal: None,
        disclosed: ScopeSet::none(),
        idempotency: None,
        held: 0,
        counted: None,
        held_of_cap: 0,
        evidence: if reason.is_empty() {
            Evidence::Billable {
                units: 1,
                transaction: Some(Transaction {
                    id: "o-1".to_owned(),
                    of: status.is_multiple_of(2).then(|| "o-0".to_owned()),
                    amount: Amount { minor, currency: "CNY".parse().unwrap() },
                    kind: TransactionKind::Sale,
                    details: Details::default(),
                }),
            }
        } else {
            Evidence::Exception { reason }
        },
    }
}

/// Of any characters, such as controls and those that belong to the one before.
fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), 0..9).prop_map(String::from_iter)
}

/// Units of a balance, nearly always none.
fn units() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), any::<u64>()]
}

proptest! {
    #[test]
    fn a_record_survives_its_bytes(
        status: u16, minor: i64, reason in ".{0,20}", scopes in "([a-z]{1,4}(:[a-z]{1,3})? ){0,3}",
        again in prop::option::of((any::<[u8; 16]>(), any::<u32>())), (held, held_of_cap) in (units(), units()),
    ) {
        let idempotency = again
            .map(|(digest, seconds)| Idempotency { digest, kept_for: Duration::from_secs(seconds.into()) });
        let disclosed = scopes.parse().unwrap();
        let record = UsageRecord { disclosed, idempotency, held, held_of_cap, ..record(status, minor, reason) };
        let bytes = encode(&record);
        let is_plain =
            record.disclosed.is_empty() && idempotency.is_none() && (held, held_of_cap) == (0, 0);
        prop_assert_eq!(bytes[0] == PLAIN, is_plain, "older programs read it too");
        prop_assert_eq!(decode(&bytes).unwrap(), record);
    }

    #[test]
    fn a_record_of_many_calls_survives_its_bytes(
        calls in 1..=u64::MAX, until: i64, scopes in "([a-z]{1,4} ){0,2}", held in prop_oneof![Just(0), any::<u64>()],
        again in prop::option::of((any::<[u8; 16]>(), any::<u32>())), reason in ".{0,20}",
    ) {
        let calls = NonZeroU64::new(calls).unwrap();
        let counted = Counted { calls, until: Timestamp::from_micros(until) };
        let idempotency = again
            .map(|(digest, seconds)| Idempotency { digest, kept_for: Duration::from_secs(seconds.into()) });
        let free = UsageRecord {
            refusal: Some("limit_reached".to_owned()),
            counted: Some(counted),
            evidence: Evidence::Free,
            ..record(429, 0, String::new())
        };
        let any = UsageRecord {
            disclosed: scopes.parse().unwrap(), idempotency, held, counted: Some(counted), ..record(200, 1, reason)
        };
        for record in [free, any] {
            let bytes = encode(&record);
            prop_assert_eq!(bytes[0], COUNTED, "an older program would take it for one call");
            prop_assert_eq!(decode(&bytes).unwrap(), record);
        }
    }

    #[test]
    fn a_transaction_of_any_kind_survives_its_bytes(
        kind in prop::sample::select(TransactionKind::ALL.to_vec()), minor: i64, is_rest: bool, is_any: bool,
        (tax, shipping) in any::<(Option<i64>, Option<i64>)>(), category in prop::option::of("[a-z]{1,9}"),
        parties in prop::collection::vec(("[a-z]{1,9}", "[a-z]{1,9}"), 0..3), scopes in "([a-z]{1,4} ){0,2}",
        again in prop::option::of((any::<[u8; 16]>(), any::<u32>())), (held, held_of_cap) in (units(), units()),
    ) {
        let details = Details {
            extent: if is_rest { Extent::Rest } else { Extent::Amount },
            reach: if is_any { Reach::AnyApp } else { Reach::OwnApp },
            tax,
            shipping,
            category: category.map(|name| CategoryName::new(&name).unwrap()),
            parties: parties
                .iter()
                .map(|(name, id)| (PartyName::new(name).unwrap(), PartnerId::new(id).unwrap()))
                .collect(),
        };
        let is_older = details.is_plain() && matches!(kind, TransactionKind::Sale | TransactionKind::Refund);
        let amount = Amount { minor, currency: "CNY".parse().unwrap() };
        let transaction = Transaction { id: "t-1".to_owned(), of: Some("o-1".to_owned()), amount, kind, details };
        let idempotency = again
            .map(|(digest, seconds)| Idempotency { digest, kept_for: Duration::from_secs(seconds.into()) });
        let record = UsageRecord {
            disclosed: scopes.parse().unwrap(),
            idempotency,
            held,
            held_of_cap,
            evidence: Evidence::Billable { units: 1, transaction: Some(transaction) },
            ..record(201, 1, String::new())
        };
        let bytes = encode(&record);
        let is_detailed = held_of_cap == 0 && (!is_older || held > 0);
        prop_assert_eq!(bytes[0] == DETAILED, is_detailed, "older programs read what they know");
        prop_assert_eq!(bytes[0] == CAPPED, held_of_cap > 0);
        prop_assert_eq!(decode(&bytes).unwrap(), record);
    }

    #[test]
    fn texts_of_any_characters_and_numbers_of_any_size_survive_their_bytes(
        (id, at, latency, bytes_in, bytes_out) in any::<(u128, i64, u64, u64, u64)>(),
        (credential_id, method, refusal) in (text(), text(), prop::option::of(text())),
        (transaction_id, of, minor, units) in (text(), prop::option::of(text()), any::<i64>(), any::<u64>()),
        (has_merchant, grant, has_route, version) in any::<(bool, bool, bool, Option<u32>)>(),
        long in prop::option::of(100..70_000_usize),
    ) {
        let details = Details { tax: Some(i64::MIN), shipping: Some(i64::MAX), ..Details::default() };
        let amount = Amount { minor, currency: "JPY".parse().unwrap() };
        let sold = Transaction { id: transaction_id, of, amount, kind: TransactionKind::Sale, details };
        let plan = version.map(|version| PlanRef { name: PlanName::new("standard").unwrap(), version });
        let record = UsageRecord {
            id: Uuid::from_u128(id),
            at: Timestamp::from_micros(at),
            latency: Duration::from_micros(latency),
            bytes_in,
            bytes_out,
            credential_id: long.map_or(credential_id, |long| "长".repeat(long)),
            merchant: has_merchant.then(|| MerchantId::new("~").unwrap()),
            grant: grant.then(|| GrantId::new(&"g".repeat(128)).unwrap()),
            route: has_route.then(|| RouteName::new("r").unwrap()),
            subscribed: plan.map(|plan| (ProductName::new("storefront").unwrap(), plan)),
            method,
            refusal,
            evidence: Evidence::Billable { units, transaction: Some(sold) },
            ..record(u16::MAX, 0, String::new())
        };
        prop_assert_eq!(decode(&encode(&record)).unwrap(), record);
    }

    #[test]
    fn the_records_of_a_batch_are_read_as_each_by_itself(
        calls in prop::collection::vec((0..3_u16, "[ab]", prop::option::of("[mn]"), "[xy]{0,1}", 0..2_u64), 1..40)
    ) {
        let mut decoder = Decoder::default();
        for (minor, (status, app, merchant, reason, held)) in (0..).zip(calls) {
            let app = AppId::new(&app).unwrap();
            let merchant = merchant.map(|merchant| MerchantId::new(&merchant).unwrap());
            let id = Uuid::from_u128(u128::from(status) + 9);
            let record = UsageRecord { id, app, merchant, held, ..record(status, minor, reason) };
            prop_assert_eq!(decoder.decode(&encode(&record)).unwrap(), record);
        }
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        let _ = decode(&bytes);
        for format in [PLAIN, DISCLOSING, IDEMPOTENT, DETAILED, COUNTED, CAPPED] {
            let _ = decode(&[&[format], &bytes[..]].concat());
        }
    }
}

#[test]
fn a_record_of_no_call_is_none_and_one_of_a_newer_program_is_told() {
    let counted = Counted { calls: NonZeroU64::MIN, until: Timestamp::from_micros(0) };
    let mut bytes =
        encode(&UsageRecord { counted: Some(counted), ..record(429, 0, "it is not JSON".to_owned()) });
    assert_eq!(decode(&bytes).unwrap().calls(), 1);
    let calls = bytes.len() - 2;
    bytes[calls] = 0;
    assert!(decode(&bytes).is_err());
    assert_eq!(newer_format(&bytes), None);
    bytes[0] = CAPPED + 1;
    assert_eq!(newer_format(&bytes), Some(CAPPED + 1));
}
