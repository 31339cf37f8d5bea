//! Records of every form survive their bytes, and any bytes are decoded or refused.

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
        for format in [PLAIN, DISCLOSING, IDEMPOTENT, DETAILED, CAPPED] {
            let _ = decode(&[&[format], &bytes[..]].concat());
        }
    }
}
