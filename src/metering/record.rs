//! Usage records as bytes of the journal: one byte of format, then postcard. A record of an older format stays
//! readable as long as a journal may hold one.

use std::time::Duration;

use serde::Deserialize;
use uuid::Uuid;

pub use self::decoder::Decoder;
pub use self::written::write;
use super::omission;
use crate::domain::id::{
    AppId, GrantId, InvalidId, MerchantId, NodeId, PartnerId, ProductName, RouteName, SnapshotHash,
};
use crate::domain::money::MoneyError;
use crate::domain::plan::PlanRef;
use crate::domain::principal::CredentialKind;
use crate::domain::time::Timestamp;
use crate::domain::transaction::{Details, TransactionKind};
use crate::domain::usage::{Counted, Evidence, Idempotency, UsageRecord};

mod decoder;
mod written;

/// Of nearly all records, which older programs read too.
const PLAIN: u8 = 1;
/// Of records of calls by which personal data left.
const DISCLOSING: u8 = 2;
/// Of records of calls that may come again.
const IDEMPOTENT: u8 = 3;
/// Of records of transactions that are neither plain sales nor plain refunds, and of calls that are paid from a balance: an older
/// program waits for a newer one.
const DETAILED: u8 = 4;
/// Of records of calls that were counted together, which an older program would take for one.
const COUNTED: u8 = 5;
/// Of detailed records with units of a merchant's cap behind.
const CAPPED: u8 = 6;

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

/// What many calls have in common: one run of bytes in the midst of each record.
#[derive(Deserialize)]
struct WireContext<'a> {
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
}

/// What is of the call alone.
#[derive(Deserialize)]
struct WireCall<'a> {
    latency_micros: u64,
    bytes_in: u64,
    bytes_out: u64,
    refusal: Option<&'a str>,
    #[serde(borrow)]
    evidence: WireEvidence<'a>,
}

#[derive(Deserialize)]
enum WireEvidence<'a> {
    Free,
    Billable {
        units: u64,
        #[serde(borrow)]
        transaction: Option<WireTransaction<'a>>,
    },
    Exception(&'a str),
}

#[derive(Deserialize)]
struct WireTransaction<'a> {
    id: &'a str,
    of: Option<&'a str>,
    minor: i64,
    currency: &'a str,
    kind: &'a str,
}

/// What few transactions have.
#[derive(Deserialize)]
struct WireDetails<'a> {
    is_rest: bool,
    reaches_any_app: bool,
    tax: Option<i64>,
    shipping: Option<i64>,
    category: Option<&'a str>,
    #[serde(borrow)]
    parties: Vec<(&'a str, &'a str)>,
}

/// A usage record's facts where they lie, so that writing one copies nothing twice.
#[derive(Debug)]
pub struct Facts<'a> {
    /// See [`UsageRecord`] for these.
    pub id: Uuid,
    /// When the call arrived.
    pub at: Timestamp,
    /// The node that served it.
    pub node: &'a NodeId,
    /// The policies that it was served by.
    pub snapshot: &'a SnapshotHash,
    /// Whose call it is.
    pub app: &'a AppId,
    /// Whose app it is.
    pub partner: &'a PartnerId,
    /// The kind of credential.
    pub credential: CredentialKind,
    /// The credential's public id.
    pub credential_id: &'a str,
    /// On whose behalf.
    pub merchant: Option<&'a MerchantId>,
    /// By which consent.
    pub grant: Option<&'a GrantId>,
    /// The route, if one was found.
    pub route: Option<&'a RouteName>,
    /// API product and plan version.
    pub subscribed: Option<&'a (ProductName, PlanRef)>,
    /// The method.
    pub method: &'a str,
    /// The status that the caller was sent.
    pub status: u16,
    /// From arrival to the end.
    pub latency: Duration,
    /// Length of the request's body.
    pub bytes_in: u64,
    /// Length of the answer's body.
    pub bytes_out: u64,
    /// The code of the gateway's refusal.
    pub refusal: Option<&'a str>,
    /// The scopes by which personal data left, with a blank between two; empty if none did.
    pub disclosed: &'a str,
    /// What tells whether it is another call again.
    pub idempotency: Option<Idempotency>,
    /// Units of the balance that pays by which it was let through.
    pub held: u64,
    /// Of calls that were counted together: how many.
    pub counted: Option<Counted>,
    /// Units of its merchant's cap by which it was let through.
    pub held_of_cap: u64,
    /// What it is worth.
    pub evidence: &'a Evidence,
}

/// The details of a transaction that an older program would not know what to do with.
fn detailed(evidence: &Evidence) -> Option<&Details> {
    let Evidence::Billable { transaction: Some(transaction), .. } = evidence else { return None };
    let is_plain = match transaction.kind {
        TransactionKind::Sale | TransactionKind::Refund => transaction.details.is_plain(),
        TransactionKind::Cancellation
        | TransactionKind::Settlement
        | TransactionKind::Chargeback
        | TransactionKind::ChargebackWon => false,
    };
    (!is_plain).then_some(&transaction.details)
}

/// A record's bytes.
#[must_use]
pub fn encode(record: &UsageRecord) -> Vec<u8> {
    let mut bytes = Vec::new();
    let disclosed = record.disclosed.to_string();
    let facts = Facts {
        id: record.id,
        at: record.at,
        node: &record.node,
        snapshot: &record.snapshot,
        app: &record.app,
        partner: &record.partner,
        credential: record.credential,
        credential_id: &record.credential_id,
        merchant: record.merchant.as_ref(),
        grant: record.grant.as_ref(),
        route: record.route.as_ref(),
        subscribed: record.subscribed.as_ref(),
        method: &record.method,
        status: record.status,
        latency: record.latency,
        bytes_in: record.bytes_in,
        bytes_out: record.bytes_out,
        refusal: record.refusal.as_deref(),
        disclosed: &disclosed,
        idempotency: record.idempotency,
        held: record.held,
        counted: record.counted,
        held_of_cap: record.held_of_cap,
        evidence: &record.evidence,
    };
    write(&facts, &mut bytes);
    bytes
}

/// Reads a record's bytes.
///
/// # Errors
/// [`RecordError`] for bytes that [`encode`] did not write.
pub fn decode(bytes: &[u8]) -> Result<UsageRecord, RecordError> {
    Decoder::default().decode(bytes)
}

/// The format of a record that only a newer program reads; `None` for any that this one should.
#[must_use]
pub fn newer_format(bytes: &[u8]) -> Option<u8> {
    bytes.first().copied().filter(|format| *format > CAPPED && *format != omission::FORMAT)
}

#[cfg(test)]
mod tests;
