//! Usage records as bytes of the journal: one byte of format, then postcard. A record of an older format stays
//! readable as long as a journal may hold one.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::id::{
    AppId, GrantId, InvalidId, MerchantId, NodeId, PartnerId, PlanName, ProductName, RouteName, SnapshotHash,
};
use crate::domain::money::{Amount, MoneyError};
use crate::domain::plan::PlanRef;
use crate::domain::principal::CredentialKind;
use crate::domain::time::Timestamp;
use crate::domain::usage::{Evidence, Transaction, TransactionKind, UsageRecord};

const FORMAT: u8 = 1;

/// Why bytes are not a usage record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Of a format that this program does not know.
    #[error("a usage record of unknown format {0}")]
    Format(u8),
    /// Not a record at all.
    #[error("a usage record cannot be decoded")]
    Encoding(#[from] postcard::Error),
    /// A name that no id can be.
    #[error("a usage record has a malformed id")]
    Id(#[from] InvalidId),
    /// A currency that is none.
    #[error("a usage record has a malformed amount")]
    Money(#[from] MoneyError),
    /// A value outside its closed set.
    #[error("a usage record has an unknown {0}")]
    Unknown(&'static str),
}

#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    id: [u8; 16],
    at: i64,
    node: &'a str,
    snapshot: &'a str,
    app: &'a str,
    partner: &'a str,
    credential: &'a str,
    credential_id: &'a str,
    merchant: Option<&'a str>,
    grant: Option<&'a str>,
    route: Option<&'a str>,
    subscribed: Option<(&'a str, &'a str, u32)>,
    method: &'a str,
    status: u16,
    latency_micros: u64,
    bytes_in: u64,
    bytes_out: u64,
    refusal: Option<&'a str>,
    #[serde(borrow)]
    evidence: WireEvidence<'a>,
}

#[derive(Serialize, Deserialize)]
enum WireEvidence<'a> {
    Free,
    Billable {
        units: u64,
        #[serde(borrow)]
        transaction: Option<WireTransaction<'a>>,
    },
    Exception(&'a str),
}

#[derive(Serialize, Deserialize)]
struct WireTransaction<'a> {
    id: &'a str,
    of: Option<&'a str>,
    minor: i64,
    currency: &'a str,
    kind: &'a str,
}

/// Appends the record's bytes to `out`.
///
/// # Errors
/// [`RecordError::Encoding`], which only a broken serializer gives.
pub fn encode(record: &UsageRecord, out: Vec<u8>) -> Result<Vec<u8>, RecordError> {
    let evidence = match &record.evidence {
        Evidence::Free => WireEvidence::Free,
        Evidence::Exception { reason } => WireEvidence::Exception(reason),
        Evidence::Billable { units, transaction } => WireEvidence::Billable {
            units: *units,
            transaction: transaction.as_ref().map(|transaction| WireTransaction {
                id: &transaction.id,
                of: transaction.of.as_deref(),
                minor: transaction.amount.minor,
                currency: transaction.amount.currency.code(),
                kind: transaction.kind.name(),
            }),
        },
    };
    let wire = Wire {
        id: record.id.into_bytes(),
        at: record.at.as_micros(),
        node: record.node.as_str(),
        snapshot: record.snapshot.as_str(),
        app: record.app.as_str(),
        partner: record.partner.as_str(),
        credential: record.credential.name(),
        credential_id: &record.credential_id,
        merchant: record.merchant.as_ref().map(MerchantId::as_str),
        grant: record.grant.as_ref().map(GrantId::as_str),
        route: record.route.as_ref().map(RouteName::as_str),
        subscribed: record
            .subscribed
            .as_ref()
            .map(|(product, plan)| (product.as_str(), plan.name.as_str(), plan.version)),
        method: &record.method,
        status: record.status,
        latency_micros: u64::try_from(record.latency.as_micros()).unwrap_or(u64::MAX),
        bytes_in: record.bytes_in,
        bytes_out: record.bytes_out,
        refusal: record.refusal.as_deref(),
        evidence,
    };
    let mut out = out;
    out.push(FORMAT);
    Ok(postcard::to_extend(&wire, out)?)
}

/// Reads a record's bytes.
///
/// # Errors
/// [`RecordError`] for bytes that [`encode`] did not write.
pub fn decode(bytes: &[u8]) -> Result<UsageRecord, RecordError> {
    let (format, rest) = bytes.split_first().ok_or(RecordError::Format(0))?;
    if *format != FORMAT {
        return Err(RecordError::Format(*format));
    }
    let wire: Wire<'_> = postcard::from_bytes(rest)?;
    let subscribed = match wire.subscribed {
        Some((product, plan, version)) => {
            Some((ProductName::new(product)?, PlanRef { name: PlanName::new(plan)?, version }))
        }
        None => None,
    };
    Ok(UsageRecord {
        id: Uuid::from_bytes(wire.id),
        at: Timestamp::from_micros(wire.at),
        node: NodeId::new(wire.node)?,
        snapshot: SnapshotHash::new(wire.snapshot)?,
        app: AppId::new(wire.app)?,
        partner: PartnerId::new(wire.partner)?,
        credential: CredentialKind::named(wire.credential).ok_or(RecordError::Unknown("credential kind"))?,
        credential_id: wire.credential_id.to_owned(),
        merchant: wire.merchant.map(MerchantId::new).transpose()?,
        grant: wire.grant.map(GrantId::new).transpose()?,
        route: wire.route.map(RouteName::new).transpose()?,
        subscribed,
        method: wire.method.to_owned(),
        status: wire.status,
        latency: Duration::from_micros(wire.latency_micros),
        bytes_in: wire.bytes_in,
        bytes_out: wire.bytes_out,
        refusal: wire.refusal.map(str::to_owned),
        evidence: evidence(wire.evidence)?,
    })
}

/// The format of a record that only a newer program reads; `None` for any that this one should.
#[must_use]
pub fn newer_format(bytes: &[u8]) -> Option<u8> {
    bytes.first().copied().filter(|format| *format > FORMAT)
}

fn evidence(wire: WireEvidence<'_>) -> Result<Evidence, RecordError> {
    Ok(match wire {
        WireEvidence::Free => Evidence::Free,
        WireEvidence::Exception(reason) => Evidence::Exception { reason: reason.to_owned() },
        WireEvidence::Billable { units, transaction } => Evidence::Billable {
            units,
            transaction: match transaction {
                None => None,
                Some(wire) => Some(Transaction {
                    id: wire.id.to_owned(),
                    of: wire.of.map(str::to_owned),
                    amount: Amount { minor: wire.minor, currency: wire.currency.parse()? },
                    kind: TransactionKind::named(wire.kind)
                        .ok_or(RecordError::Unknown("transaction kind"))?,
                }),
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
            evidence: if reason.is_empty() {
                Evidence::Billable {
                    units: 1,
                    transaction: Some(Transaction {
                        id: "o-1".to_owned(),
                        of: status.is_multiple_of(2).then(|| "o-0".to_owned()),
                        amount: Amount { minor, currency: "CNY".parse().unwrap() },
                        kind: TransactionKind::Sale,
                    }),
                }
            } else {
                Evidence::Exception { reason }
            },
        }
    }

    proptest! {
        #[test]
        fn a_record_survives_its_bytes(status: u16, minor: i64, reason in ".{0,20}") {
            let record = record(status, minor, reason);
            prop_assert_eq!(decode(&encode(&record, Vec::new()).unwrap()).unwrap(), record);
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = decode(&bytes);
            let mut bytes = bytes;
            bytes.insert(0, FORMAT);
            let _ = decode(&bytes);
        }
    }
}
