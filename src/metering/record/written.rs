//! A usage record's bytes as postcard reads them, written by hand: each call pays for this, and a serializer takes three times the
//! instructions. What stands where is said by [`super::WireContext`] and its like, which read them; a record that survives
//! its bytes is written as it is read.

use super::{CAPPED, COUNTED, DETAILED, DISCLOSING, Facts, IDEMPOTENT, PLAIN, detailed};
use crate::domain::id::{CategoryName, GrantId, MerchantId, RouteName};
use crate::domain::transaction::{Details, Extent, Reach, Transaction};
use crate::domain::usage::{Counted, Evidence, Idempotency};

/// Writes a record over what was in `room`, and gives its bytes.
pub fn write<'r>(facts: &Facts<'_>, room: &'r mut Vec<u8>) -> &'r [u8] {
    room.clear();
    let mut bytes = Bytes(room);
    let details = detailed(facts.evidence);
    let (has_units, is_counted) = (facts.held > 0 || facts.held_of_cap > 0, facts.counted.is_some());
    if has_units || details.is_some() || is_counted {
        bytes.byte(match facts.held_of_cap {
            // Only refused calls are counted together, and those hold nothing.
            _ if is_counted => COUNTED,
            0 => DETAILED,
            _ => CAPPED,
        });
        facts_of_all(&mut bytes, facts);
        bytes.text(facts.disclosed);
        bytes.optional(facts.idempotency, Bytes::idempotency);
        bytes.number(facts.held);
        bytes.optional(details, Bytes::details);
        if let Some(Counted { calls, until }) = facts.counted {
            bytes.number(calls.get());
            bytes.signed(until.as_micros());
        } else if facts.held_of_cap > 0 {
            bytes.number(facts.held_of_cap);
        }
        return room;
    }
    match (facts.disclosed, facts.idempotency) {
        ("", None) => {
            bytes.byte(PLAIN);
            facts_of_all(&mut bytes, facts);
        }
        (scopes, None) => {
            bytes.byte(DISCLOSING);
            facts_of_all(&mut bytes, facts);
            bytes.text(scopes);
        }
        (scopes, Some(again)) => {
            bytes.byte(IDEMPOTENT);
            facts_of_all(&mut bytes, facts);
            bytes.text(scopes);
            bytes.idempotency(again);
        }
    }
    room
}

/// What stands in records of every format.
fn facts_of_all(bytes: &mut Bytes<'_>, facts: &Facts<'_>) {
    bytes.raw(facts.id.as_bytes());
    bytes.signed(facts.at.as_micros());
    bytes.text(facts.node.as_str());
    bytes.text(facts.snapshot.as_str());
    bytes.text(facts.app.as_str());
    bytes.text(facts.partner.as_str());
    bytes.text(facts.credential.name());
    bytes.text(facts.credential_id);
    bytes.optional(facts.merchant.map(MerchantId::as_str), Bytes::text);
    bytes.optional(facts.grant.map(GrantId::as_str), Bytes::text);
    bytes.optional(facts.route.map(RouteName::as_str), Bytes::text);
    bytes.optional(facts.subscribed, |bytes, (product, plan)| {
        bytes.text(product.as_str());
        bytes.text(plan.name.as_str());
        bytes.number(plan.version.into());
    });
    bytes.text(facts.method);
    bytes.number(facts.status.into());
    bytes.number(u64::try_from(facts.latency.as_micros()).unwrap_or(u64::MAX));
    bytes.number(facts.bytes_in);
    bytes.number(facts.bytes_out);
    bytes.optional(facts.refusal, Bytes::text);
    bytes.evidence(facts.evidence);
}

/// Bytes that are added to.
struct Bytes<'v>(&'v mut Vec<u8>);

impl Bytes<'_> {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Seven bits a byte, the low ones first; the eighth says that more come.
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.byte(number.to_le_bytes()[0]);
    }

    /// The sign in the lowest bit, so that what is near zero is short.
    fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    fn count(&mut self, count: usize) {
        self.number(u64::try_from(count).unwrap_or(u64::MAX));
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.raw(text.as_bytes());
    }

    fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            None => self.byte(0),
            Some(value) => {
                self.byte(1);
                write(self, value);
            }
        }
    }

    fn flag(&mut self, is_set: bool) {
        self.byte(is_set.into());
    }

    fn idempotency(&mut self, Idempotency { digest, kept_for }: Idempotency) {
        self.raw(&digest);
        self.number(kept_for.as_secs());
    }

    fn evidence(&mut self, evidence: &Evidence) {
        match evidence {
            Evidence::Free => self.byte(0),
            Evidence::Billable { units, transaction } => {
                self.byte(1);
                self.number(*units);
                self.optional(transaction.as_ref(), Bytes::transaction);
            }
            Evidence::Exception { reason } => {
                self.byte(2);
                self.text(reason);
            }
        }
    }

    fn transaction(&mut self, transaction: &Transaction) {
        self.text(&transaction.id);
        self.optional(transaction.of.as_deref(), Bytes::text);
        self.signed(transaction.amount.minor);
        self.text(transaction.amount.currency.code());
        self.text(transaction.kind.name());
    }

    fn details(&mut self, details: &Details) {
        self.flag(details.extent == Extent::Rest);
        self.flag(details.reach == Reach::AnyApp);
        self.optional(details.tax, Bytes::signed);
        self.optional(details.shipping, Bytes::signed);
        self.optional(details.category.as_ref().map(CategoryName::as_str), Bytes::text);
        self.count(details.parties.len());
        for (name, partner) in &details.parties {
            self.text(name.as_str());
            self.text(partner.as_str());
        }
    }
}
