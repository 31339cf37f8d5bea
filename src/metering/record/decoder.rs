//! Usage records from bytes. What many records of a batch have in common is read once for all of them.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::time::Duration;

use uuid::Uuid;

use super::{
    CAPPED, COUNTED, DISCLOSING, IDEMPOTENT, PLAIN, RecordError, WireCall, WireContext, WireDetails,
    WireEvidence,
};
use crate::domain::id::{
    AppId, CategoryName, GrantId, MerchantId, NodeId, PartnerId, PartyName, PlanName, ProductName, RouteName,
    SnapshotHash,
};
use crate::domain::money::Amount;
use crate::domain::plan::PlanRef;
use crate::domain::principal::CredentialKind;
use crate::domain::scope::ScopeSet;
use crate::domain::time::Timestamp;
use crate::domain::transaction::{Details, Extent, Reach, Transaction, TransactionKind};
use crate::domain::usage::{Counted, Evidence, Idempotency, UsageRecord};

/// Reads the records of a batch. It keeps what it has read of them, so each batch has its own.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Records of which only what makes a context is looked at, by the bytes of that.
    contexts: HashMap<Box<[u8]>, UsageRecord, foldhash::fast::RandomState>,
}

impl Decoder {
    /// Reads a record's bytes.
    ///
    /// # Errors
    /// [`RecordError`] for bytes that [`super::encode`] did not write.
    pub fn decode(&mut self, bytes: &[u8]) -> Result<UsageRecord, RecordError> {
        let (format, rest) = bytes.split_first().ok_or(RecordError::Format(0))?;
        if !(PLAIN..=CAPPED).contains(format) {
            return Err(RecordError::Format(*format));
        }
        let ((id, at), rest) = postcard::take_from_bytes::<([u8; 16], i64)>(rest)?;
        let (wire, call) = postcard::take_from_bytes::<WireContext<'_>>(rest)?;
        let bytes = rest.get(..rest.len().saturating_sub(call.len())).unwrap_or_default();
        let context = match self.contexts.get(bytes) {
            Some(known) => known,
            None => &*self.contexts.entry(bytes.into()).or_insert(context(&wire)?),
        };
        type Read<'r> = (WireCall<'r>, &'r str, Option<([u8; 16], u64)>, u64, Option<WireDetails<'r>>);
        let ((call, disclosed, again, held, more), rest): (Read<'_>, &[u8]) = match *format {
            PLAIN => ((postcard::from_bytes(call)?, "", None, 0, None), &[]),
            DISCLOSING => {
                let (call, scopes) = postcard::from_bytes(call)?;
                ((call, scopes, None, 0, None), &[])
            }
            IDEMPOTENT => {
                let (call, scopes, digest, seconds) = postcard::from_bytes(call)?;
                ((call, scopes, Some((digest, seconds)), 0, None), &[])
            }
            _ => postcard::take_from_bytes(call)?,
        };
        let (counted, held_of_cap) = match *format {
            COUNTED => (Some(counted(rest)?), 0),
            CAPPED => (None, postcard::from_bytes(rest)?),
            _ => (None, 0),
        };
        let idempotency =
            again.map(|(digest, seconds)| Idempotency { digest, kept_for: Duration::from_secs(seconds) });
        Ok(UsageRecord {
            id: Uuid::from_bytes(id),
            at: Timestamp::from_micros(at),
            latency: Duration::from_micros(call.latency_micros),
            bytes_in: call.bytes_in,
            bytes_out: call.bytes_out,
            refusal: call.refusal.map(str::to_owned),
            disclosed: match disclosed {
                "" => ScopeSet::none(),
                scopes => scopes.parse().map_err(|_| RecordError::Unknown("scope"))?,
            },
            idempotency,
            held,
            counted,
            held_of_cap,
            evidence: evidence(call.evidence, more.as_ref().map(details).transpose()?.unwrap_or_default())?,
            ..context.clone()
        })
    }
}

/// A record of that context, of a call of which nothing is known.
fn context(wire: &WireContext<'_>) -> Result<UsageRecord, RecordError> {
    let subscribed = match wire.subscribed {
        Some((product, plan, version)) => {
            Some((ProductName::new(product)?, PlanRef { name: PlanName::new(plan)?, version }))
        }
        None => None,
    };
    Ok(UsageRecord {
        id: Uuid::nil(),
        at: Timestamp::default(),
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
        latency: Duration::ZERO,
        bytes_in: 0,
        bytes_out: 0,
        refusal: None,
        disclosed: ScopeSet::none(),
        idempotency: None,
        held: 0,
        counted: None,
        held_of_cap: 0,
        evidence: Evidence::Free,
    })
}

fn counted(bytes: &[u8]) -> Result<Counted, RecordError> {
    let (calls, until): (NonZeroU64, i64) = postcard::from_bytes(bytes)?;
    Ok(Counted { calls, until: Timestamp::from_micros(until) })
}

fn details(wire: &WireDetails<'_>) -> Result<Details, RecordError> {
    let party = |(name, partner): &(&str, &str)| {
        Ok::<_, RecordError>((PartyName::new(name)?, PartnerId::new(partner)?))
    };
    Ok(Details {
        extent: if wire.is_rest { Extent::Rest } else { Extent::Amount },
        reach: if wire.reaches_any_app { Reach::AnyApp } else { Reach::OwnApp },
        tax: wire.tax,
        shipping: wire.shipping,
        category: wire.category.map(CategoryName::new).transpose()?,
        parties: wire.parties.iter().map(party).collect::<Result<_, _>>()?,
    })
}

fn evidence(wire: WireEvidence<'_>, details: Details) -> Result<Evidence, RecordError> {
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
                    details,
                }),
            },
        },
    })
}
