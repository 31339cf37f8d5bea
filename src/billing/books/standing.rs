//! Where the books stand with a journal.

use crate::billing::error::BillingError;
use crate::domain::id::NodeId;
use crate::domain::time::Timestamp;
use crate::metering::tally::Tally;
use crate::store::Transaction;
use crate::store::journal_position::JournalCounts;

/// A journal: the node that writes it, and its own identity, as two nodes may bear one name by mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalOf {
    /// The node.
    pub node: NodeId,
    /// The journal's identity.
    pub journal: String,
}

/// Where the books stand with a journal, and its latest call that they believe.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) tally: Tally,
    pub(super) latest: Option<Timestamp>,
}

impl Standing {
    /// How far a journal is recorded and what became of it, if it is the one that the books know by its node's name, or the first.
    pub(super) async fn of(transaction: &mut Transaction, source: &JournalOf) -> Result<Self, BillingError> {
        let node = source.node.as_str();
        let place = transaction.journal_place(node).await?;
        if let Some(known) = place.journal.filter(|known| *known != source.journal) {
            let given = source.journal.clone();
            return Err(BillingError::AnotherJournal { node: source.node.clone(), known, given });
        }
        let (position, JournalCounts { mut recorded, mut excepted, omissions, omitted }) =
            (place.sequence, place.counts);
        if place.is_uncounted {
            // The journal has no gaps: what became nothing else was recorded.
            let others = position.saturating_sub(omissions);
            excepted = transaction.excepted_records(node).await?.min(others);
            recorded = others.saturating_sub(excepted);
        }
        let tally = Tally { position, recorded, excepted, omissions, omitted };
        Ok(Self { tally, latest: place.latest })
    }

    /// Where they stand once they have taken so many up to a place.
    pub(super) fn after(&self, taken: &JournalCounts, up_to: u64, latest: Option<Timestamp>) -> Self {
        let before = &self.tally;
        let tally = Tally {
            position: up_to,
            recorded: before.recorded.saturating_add(taken.recorded),
            excepted: before.excepted.saturating_add(taken.excepted),
            omissions: before.omissions.saturating_add(taken.omissions),
            omitted: before.omitted.saturating_add(taken.omitted),
        };
        Self { tally, latest }
    }

    pub(super) async fn keep(
        &self,
        transaction: &mut Transaction,
        source: &JournalOf,
    ) -> Result<(), BillingError> {
        let Tally { position, recorded, excepted, omissions, omitted } = self.tally;
        let counts = JournalCounts { recorded, excepted, omissions, omitted };
        let known = (&counts, self.latest);
        Ok(transaction.keep_journal_place(source.node.as_str(), &source.journal, position, known).await?)
    }
}
