//! What the tree over usage records has of one: a line of its facts in a fixed order, that whoever made the call can write by himself.
//! Nothing is kept of it: the record is, and the root over many of them.

use std::io::Write;

use super::merkle::{Hash, Room};
use crate::domain::id::{MerchantId, NodeId, RouteName};
use crate::domain::plan::PlanRef;
use crate::domain::time::Timestamp;
use crate::domain::transaction::Transaction;
use crate::domain::usage::{Evidence, UsageRecord};
use crate::store::usage::UsageRow;

/// The most units, calls or places that a record has; what is more is kept as so many.
const MOST: u64 = i64::MAX.unsigned_abs();
/// Digits of an id, with its hyphens.
const ID_LENGTH: usize = uuid::fmt::Hyphenated::LENGTH;

/// The facts of a usage record.
#[derive(Debug, Clone, Copy)]
pub struct Leaf<'r> {
    id: [u8; ID_LENGTH],
    at: Timestamp,
    node: &'r NodeId,
    sequence: u64,
    app: &'r str,
    merchant: Option<&'r str>,
    subscribed: Option<(&'r str, &'r PlanRef)>,
    route: Option<&'r str>,
    method: &'r str,
    status: i64,
    outcome: &'static str,
    /// None of what is neither billable nor has any.
    units: Option<u64>,
    calls: u64,
    transaction: Option<&'r Transaction>,
}

impl<'r> Leaf<'r> {
    /// That of a record from a place of its node's journal.
    #[must_use]
    pub fn of(usage: &'r UsageRecord, sequence: u64) -> Self {
        let mut id = [0; ID_LENGTH];
        usage.id.hyphenated().encode_lower(&mut id);
        let (outcome, units, transaction) = match &usage.evidence {
            Evidence::Free => (FREE, None, None),
            Evidence::Billable { units, transaction } => {
                (BILLABLE, Some((*units).min(MOST)), transaction.as_ref())
            }
            Evidence::Exception { .. } => (EXCEPTION, None, None),
        };
        Self {
            id,
            at: usage.at,
            node: &usage.node,
            sequence: sequence.min(MOST),
            app: usage.app.as_str(),
            merchant: usage.merchant.as_ref().map(MerchantId::as_str),
            subscribed: usage.subscribed.as_ref().map(|(product, plan)| (product.as_str(), plan)),
            route: usage.route.as_ref().map(RouteName::as_str),
            method: &usage.method,
            status: i64::from(usage.status),
            outcome,
            units,
            calls: usage.calls().min(MOST),
            transaction,
        }
    }

    /// That of a record as the store has it; `None` if that can be no record's. Whatever was changed of it there makes another leaf.
    #[must_use]
    pub fn of_row(row: &'r UsageRow) -> Option<Self> {
        let outcome = [FREE, BILLABLE, EXCEPTION].into_iter().find(|outcome| *outcome == row.outcome)?;
        // Between quotes they are written as they are.
        row.merchant.as_deref().map(MerchantId::new).transpose().ok()?;
        row.route.as_deref().map(RouteName::new).transpose().ok()?;
        Some(Self {
            id: row.id.as_bytes().try_into().ok()?,
            at: row.at,
            node: &row.node,
            sequence: row.sequence,
            app: row.app.as_str(),
            merchant: row.merchant.as_deref(),
            subscribed: row.subscribed.as_ref().map(|(product, plan)| (product.as_str(), plan)),
            route: row.route.as_deref(),
            method: &row.method,
            status: row.status,
            outcome,
            units: (outcome == BILLABLE || row.units != 0).then_some(row.units),
            calls: row.calls,
            transaction: row.transaction.as_ref(),
        })
    }

    /// Its hash in the tree.
    #[must_use]
    pub fn hash(&self, room: &mut Room) -> Hash {
        room.leaf(|room| self.append(room))
    }

    /// The line, without an end: `id="…";at="…";node="…";sequence=17;app="…";…`. What there is none of is left out, and `calls` of one.
    /// Texts and words are written as in RFC 9651; what is not ASCII as its Display Strings.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        self.append(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    fn append(&self, to: &mut Vec<u8>) {
        let mut numbers = itoa::Buffer::new();
        append_name(to, b"id=\"", &self.id);
        to.extend_from_slice(b"\";at=\"");
        self.at.append_micros(to);
        append_name(to, b"\";node=\"", self.node.as_str().as_bytes());
        append_name(to, b"\";sequence=", numbers.format(self.sequence).as_bytes());
        append_name(to, b";app=\"", self.app.as_bytes());
        if let Some(merchant) = self.merchant {
            append_name(to, b"\";merchant=\"", merchant.as_bytes());
        }
        if let Some((product, plan)) = self.subscribed {
            append_name(to, b"\";product=\"", product.as_bytes());
            append_name(to, b"\";plan=\"", plan.name.as_str().as_bytes());
            append_name(to, b"@", numbers.format(plan.version).as_bytes());
        }
        if let Some(route) = self.route {
            append_name(to, b"\";route=\"", route.as_bytes());
        }
        to.extend_from_slice(b"\";method=");
        append_text(to, self.method);
        append_name(to, b";status=", numbers.format(self.status).as_bytes());
        append_name(to, b";outcome=", self.outcome.as_bytes());
        if let Some(units) = self.units {
            append_name(to, b";units=", numbers.format(units).as_bytes());
        }
        if self.calls != 1 {
            append_name(to, b";calls=", numbers.format(self.calls).as_bytes());
        }
        if let Some(transaction) = self.transaction {
            append_transaction(to, transaction);
        }
    }
}

const FREE: &str = "free";
const BILLABLE: &str = "billable";
const EXCEPTION: &str = "exception";

/// A name of visible ASCII without quotes and backslashes, or a number, as it is.
fn append_name(to: &mut Vec<u8>, before: &[u8], name: &[u8]) {
    to.extend_from_slice(before);
    to.extend_from_slice(name);
}

fn append_transaction(to: &mut Vec<u8>, transaction: &Transaction) {
    to.extend_from_slice(b";transaction=");
    append_text(to, &transaction.id);
    if let Some(of) = &transaction.of {
        to.extend_from_slice(b";of=");
        append_text(to, of);
    }
    append_name(to, b";kind=", transaction.kind.name().as_bytes());
    let currency = transaction.amount.currency;
    // Nothing fails to be written to memory. Of all that is left of a sale there is no amount.
    let _ = match transaction.minor() {
        Some(_) => write!(to, ";amount=\"{} {currency}\"", transaction.amount),
        None => write!(to, ";currency=\"{currency}\""),
    };
}

/// A text as a String of RFC 9651 (section 4.1.6), or where it is not ASCII that can be seen, as a Display String (section 4.1.11).
fn append_text(to: &mut Vec<u8>, text: &str) {
    let is_shown = |byte: &u8| (b' '..=b'~').contains(byte);
    if text.as_bytes().iter().all(is_shown) {
        to.push(b'"');
        for byte in text.bytes() {
            if matches!(byte, b'"' | b'\\') {
                to.push(b'\\');
            }
            to.push(byte);
        }
    } else {
        to.extend_from_slice(b"%\"");
        for byte in text.bytes() {
            if is_shown(&byte) && !matches!(byte, b'"' | b'%') {
                to.push(byte);
            } else {
                let _ = write!(to, "%{byte:02x}");
            }
        }
    }
    to.push(b'"');
}

#[cfg(test)]
mod tests;
