//! Charges → balanced ledger transactions, each keyed by what caused it. Pure.
//!
//! A share, and what is given back of one, is a transaction by itself. Fees of a batch are one for each statement line,
//! as most are smaller than a minor unit. A charge that comes to nothing is not posted.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::HashMap;
use std::fmt;

use uuid::Uuid;

use crate::domain::account::{Account, Party, Purpose};
use crate::domain::charge::{Charge, ChargeKind, LineKey};
use crate::domain::id::NodeId;
use crate::domain::ledger::{About, LedgerTransaction, Posting, Unbalanced};
use crate::domain::money::{Amount, MoneyError};
use crate::domain::time::Timestamp;
use crate::store::charge::NewCharge;

/// What the charges of one batch come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A stretch of a node's journal.
    Journal {
        /// The node.
        node: NodeId,
        /// The first place.
        first: u64,
        /// The last place.
        last: u64,
    },
    /// An exception of one usage record that was resolved.
    Resolved(Uuid),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal { node, first, last } => write!(f, "fees:{node}:{first}-{last}"),
            Self::Resolved(usage) => write!(f, "usage:{usage}:fee"),
        }
    }
}

/// Why charges cannot be posted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostingError {
    /// A sum does not fit.
    #[error("the charges of a batch do not fit into a posting")]
    Money(#[from] MoneyError),
    /// It does not balance.
    #[error("the charges of a batch do not balance")]
    Unbalanced(#[from] Unbalanced),
}

/// Charges of one ledger transaction.
struct Group {
    /// The how manieth it was that began.
    begun: usize,
    line: LineKey,
    cause: String,
    at: Timestamp,
    sum: Amount,
}

/// Posts the charges of a batch, each with the time of its call.
///
/// # Errors
/// [`PostingError`].
pub fn post(
    origin: &Origin,
    charges: Vec<(Timestamp, Charge)>,
) -> Result<(Vec<NewCharge>, Vec<LedgerTransaction>), PostingError> {
    let mut fees: HashMap<LineKey, usize, foldhash::fast::RandomState> = HashMap::default();
    let mut groups: Vec<Group> = Vec::new();
    let mut posted = Vec::with_capacity(charges.len());
    for (at, charge) in charges {
        let known = fees.get(&charge.line).copied().filter(|_| is_fee(charge.line.kind));
        let posting = match (charge.minor, known) {
            (0, _) => None,
            (_, Some(place)) => Some(place),
            (_, None) => {
                let (line, cause) = (charge.line.clone(), cause(origin, &charge));
                if is_fee(line.kind) {
                    fees.insert(line.clone(), groups.len());
                }
                let (begun, sum) = (groups.len(), Amount::zero(line.currency));
                groups.push(Group { begun, line, cause, at, sum });
                Some(begun)
            }
        };
        if let Some(group) = posting.and_then(|place| groups.get_mut(place)) {
            (group.at, group.sum) = (group.at.max(at), group.sum.checked_add(charge.amount())?);
        }
        posted.push(NewCharge { charge, posting });
    }
    sort(&mut groups, &mut posted);
    Ok((posted, groups.into_iter().map(transfer).collect::<Result<_, _>>()?))
}

/// Fees of a line and batch are posted together, all others by themselves.
fn is_fee(kind: ChargeKind) -> bool {
    match kind {
        ChargeKind::ServiceFee | ChargeKind::Rewalk => true,
        ChargeKind::RevenueShare | ChargeKind::ShareReversal => false,
    }
}

/// By line, as stores keep postings by account: what comes in that order goes where the one before it went.
fn sort(groups: &mut [Group], posted: &mut [NewCharge]) {
    groups.sort_by(|one, other| one.line.cmp(&other.line));
    let mut places = vec![0; groups.len()];
    for (place, group) in groups.iter().enumerate() {
        places[group.begun] = place;
    }
    for charge in posted {
        charge.posting = charge.posting.and_then(|begun| places.get(begun).copied());
    }
}

/// Names hold any visible character and no space, so that spaces tell every two causes apart.
fn cause(origin: &Origin, charge: &Charge) -> String {
    let line = &charge.line;
    match line.kind {
        ChargeKind::ServiceFee | ChargeKind::Rewalk => {
            format!("{origin} {} {} {} {}", line.partner, line.app, line.period, line.id())
        }
        ChargeKind::RevenueShare => format!("usage:{}:share", charge.usage),
        ChargeKind::ShareReversal => format!("usage:{}:reversal", charge.usage),
    }
}

/// The partner owes `sum`, and the platform has earned it; below zero, the other way round.
fn transfer(Group { line, cause, at, sum, .. }: Group) -> Result<LedgerTransaction, PostingError> {
    let earned = match line.kind {
        ChargeKind::ServiceFee | ChargeKind::Rewalk => Purpose::FeeRevenue,
        ChargeKind::RevenueShare | ChargeKind::ShareReversal => Purpose::ShareRevenue,
    };
    let postings = vec![
        Posting { account: Account::new(Party::Partner(line.partner), Purpose::Receivable), amount: sum },
        Posting { account: Account::new(Party::Platform, earned), amount: sum.negated()? },
    ];
    let about = About { app: line.app, period: line.period, at };
    Ok(LedgerTransaction::new(cause, about, postings)?)
}
