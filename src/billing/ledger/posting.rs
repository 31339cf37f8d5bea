//! Charges → balanced ledger transactions, each keyed by what caused it. Pure.
//!
//! What changes a sale's share is a transaction by itself (`share_posting.rs`), whether it is charged yet or not. Fees of a batch
//! are one for each statement line, as most are smaller than a minor unit. What comes to nothing is not posted, be it one charge or
//! all those of a line and batch together.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::HashMap;
use std::fmt;

use uuid::Uuid;

use super::share_posting;
use crate::billing::rating::ShareChange;
use crate::domain::account::{Account, Party, Purpose};
use crate::domain::charge::{Charge, LineKey};
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

/// What a batch is posted as.
#[derive(Debug, Clone, PartialEq)]
pub struct Posted {
    /// The charges, each with the place of its ledger transaction.
    pub charges: Vec<NewCharge>,
    /// The ledger transactions.
    pub ledger: Vec<LedgerTransaction>,
    /// The places of those that post changes of shares, by the usage records that caused them.
    pub changes: HashMap<Uuid, usize>,
}

/// Posts the charges of a batch, each with the time of its call, and the changes of shares behind them.
///
/// # Errors
/// [`PostingError`].
pub fn post(
    origin: &Origin,
    charges: Vec<(Timestamp, Charge)>,
    changes: &[ShareChange],
) -> Result<Posted, PostingError> {
    let mut fees: HashMap<LineKey, usize, foldhash::fast::RandomState> = HashMap::default();
    let mut groups: Vec<Group> = Vec::new();
    let mut posted: Vec<NewCharge> = Vec::with_capacity(charges.len());
    for (at, charge) in charges {
        // Those of a line come one after another, mostly.
        let last = posted.last().filter(|last| last.charge.line == charge.line);
        let known = last.and_then(|last| last.posting).or_else(|| fees.get(&charge.line).copied());
        let posting = match (charge.minor, known) {
            (0, _) => None,
            // It is posted with the change that it is of.
            _ if !charge.line.kind.is_fee() => None,
            (_, Some(place)) => Some(place),
            (_, None) => {
                let (line, cause) = (charge.line.clone(), cause(origin, &charge));
                fees.insert(line.clone(), groups.len());
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
    let mut ledger = groups.into_iter().map(transfer).collect::<Result<Vec<_>, _>>()?;
    let mut places = HashMap::with_capacity(changes.len());
    for change in changes {
        if let Some(transaction) = share_posting::transaction(change)? {
            places.insert(change.usage, ledger.len());
            ledger.push(transaction);
        }
    }
    for NewCharge { charge, posting } in posted.iter_mut().filter(|new| !new.charge.line.kind.is_fee()) {
        *posting = places.get(&charge.usage).copied().filter(|_| charge.minor != 0);
    }
    Ok(Posted { charges: posted, ledger, changes: places })
}

/// By line, as stores keep postings by account: what comes in that order goes where the one before it went. Those that come to
/// nothing go: where a price falls with its quantity, one call may take back what another has added.
fn sort(groups: &mut Vec<Group>, posted: &mut [NewCharge]) {
    let mut places = vec![None; groups.len()];
    groups.retain(|group| group.sum.minor != 0);
    groups.sort_by(|one, other| one.line.cmp(&other.line));
    for (place, group) in groups.iter().enumerate() {
        places[group.begun] = Some(place);
    }
    for charge in posted {
        charge.posting = charge.posting.and_then(|begun| places.get(begun).copied().flatten());
    }
}

/// Names hold any visible character and no space, so that spaces tell every two causes apart.
fn cause(origin: &Origin, charge: &Charge) -> String {
    let line = &charge.line;
    format!("{origin} {} {} {} {}", line.partner, line.app, line.period, line.id())
}

fn transfer(Group { line, cause, at, sum, .. }: Group) -> Result<LedgerTransaction, PostingError> {
    post_fee(cause, &line, (at, sum))
}

/// What is added to a line of fees: its partner owes `sum`, and the platform has earned it; below zero, the other way round.
///
/// # Errors
/// [`PostingError`].
pub(in crate::billing) fn post_fee(
    cause: String,
    line: &LineKey,
    (at, sum): (Timestamp, Amount),
) -> Result<LedgerTransaction, PostingError> {
    let partner = Party::Partner(line.partner.clone());
    let postings = vec![
        Posting { account: Account::new(partner, Purpose::Receivable), amount: sum },
        Posting { account: Account::new(Party::Platform, Purpose::FeeRevenue), amount: sum.negated()? },
    ];
    let about = About { app: line.app.clone(), period: line.period, at };
    Ok(LedgerTransaction::new(cause, about, postings)?)
}
