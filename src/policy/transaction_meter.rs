//! How a transaction is read from a call, as its route's meter says.

use super::expression::Expression;
use crate::domain::id::PartyName;
use crate::domain::transaction::{Reach, TransactionKind};

/// How a transaction is read from a call.
#[derive(Debug)]
pub struct TransactionMeter {
    /// Gives its id, a string.
    pub id: Expression,
    /// Gives the id of the sale that anything but a sale is of, a string; without it, its own.
    pub of: Option<Expression>,
    /// Gives its amount, a decimal string or an exact number; without it, it is of all that is left of its sale.
    pub amount: Option<Expression>,
    /// Gives its currency code.
    pub currency: Expression,
    /// What it means for its sale.
    pub kind: TransactionKind,
    /// Whose sale it may be of.
    pub reach: Reach,
    /// Gives the tax that its amount holds, or null.
    pub tax: Option<Expression>,
    /// Gives the shipping that its amount holds, or null.
    pub shipping: Option<Expression>,
    /// Gives what is sold.
    pub category: Option<Expression>,
    /// Give the ids of partners who may get a part of its share; by rising name.
    pub parties: Vec<(PartyName, Expression)>,
}

impl TransactionMeter {
    /// All of its expressions.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let of_few = [&self.of, &self.amount, &self.tax, &self.shipping, &self.category];
        let of_parties = self.parties.iter().map(|(_, partner)| partner);
        [&self.id, &self.currency].into_iter().chain(of_few.into_iter().flatten()).chain(of_parties)
    }
}
