//! Charges → balanced ledger transactions, each keyed by what caused it. Pure.
//!
//! A share, and what is given back of one, is a transaction by itself. Fees of a batch are one for each statement line,
//! as most are smaller than a minor unit. A charge that comes to nothing is not posted.
#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;
use std::fmt;

use uuid::Uuid;

use crate::domain::charge::{Charge, ChargeKind, LineKey};
use crate::domain::id::NodeId;
use crate::domain::ledger::{About, Account, LedgerTransaction, Posting, Unbalanced};
use crate::domain::money::{Amount, MoneyError};
use crate::domain::time::Timestamp;

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

/// A charge, with the cause of the ledger transaction that posts it; none if it comes to nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Posted {
    /// The charge.
    pub charge: Charge,
    /// [`LedgerTransaction::cause`].
    pub cause: Option<String>,
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

/// Posts the charges of a batch, each with the time of its call.
///
/// # Errors
/// [`PostingError`].
pub fn post(
    origin: &Origin,
    charges: Vec<(Timestamp, Charge)>,
) -> Result<(Vec<Posted>, Vec<LedgerTransaction>), PostingError> {
    let mut groups: BTreeMap<(LineKey, String), (Timestamp, Amount)> = BTreeMap::new();
    let mut posted = Vec::with_capacity(charges.len());
    for (at, charge) in charges {
        let cause = (charge.minor != 0).then(|| cause(origin, &charge));
        if let Some(cause) = &cause {
            let key = (charge.line.clone(), cause.clone());
            let (last, sum) = groups.entry(key).or_insert((at, Amount::zero(charge.line.currency)));
            (*last, *sum) = ((*last).max(at), sum.checked_add(charge.amount())?);
        }
        posted.push(Posted { charge, cause });
    }
    let transactions = groups.into_iter().map(|((line, cause), (at, sum))| transfer(cause, &line, at, sum));
    Ok((posted, transactions.collect::<Result<_, _>>()?))
}

/// Names hold any visible character and no space, so that spaces tell every two causes apart.
fn cause(origin: &Origin, charge: &Charge) -> String {
    let line = &charge.line;
    match line.kind {
        ChargeKind::ServiceFee => {
            format!("{origin} {} {} {} {}", line.partner, line.app, line.period, line.id())
        }
        ChargeKind::RevenueShare => format!("usage:{}:share", charge.usage),
        ChargeKind::ShareReversal => format!("usage:{}:reversal", charge.usage),
    }
}

/// The partner owes `sum`, and the platform has earned it; below zero, the other way round.
fn transfer(
    cause: String,
    line: &LineKey,
    at: Timestamp,
    sum: Amount,
) -> Result<LedgerTransaction, PostingError> {
    let earned = match line.kind {
        ChargeKind::ServiceFee => Account::FeeRevenue,
        ChargeKind::RevenueShare | ChargeKind::ShareReversal => Account::ShareRevenue,
    };
    let postings = vec![
        Posting { account: Account::PartnerReceivable(line.partner.clone()), amount: sum },
        Posting { account: earned, amount: sum.negated()? },
    ];
    let about = About { app: line.app.clone(), period: line.period, at };
    Ok(LedgerTransaction::new(cause, about, postings)?)
}
