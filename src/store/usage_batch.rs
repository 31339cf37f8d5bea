//! Usage records on their way in: in runs by day, app and time, numbered, and each with the fee that it was charged.

use std::collections::HashMap;

use uuid::Uuid;

use super::error::StoreError;
use super::numbers::{Numbers, outcome};
use super::row::parse;
use super::transaction::Transaction;
use super::usage::{count, id_text, integer};
use super::usage_run::{NewRun, in_order};
use super::usage_transaction::in_record;
use crate::domain::id::{NodeId, SnapshotHash};
use crate::domain::usage::{self, Evidence, UsageRecord};

/// A usage record with its place in its node's journal.
#[derive(Debug)]
pub struct Recorded {
    /// The place.
    pub sequence: u64,
    /// The record.
    pub usage: Box<UsageRecord>,
    /// The hash of its leaf in the tree that proves its run.
    pub leaf: [u8; 32],
}

/// Usage records of a stretch of a node's journal.
#[derive(Debug, Clone, Copy, Default)]
pub struct Batch<'b> {
    /// The records.
    pub records: &'b [Recorded],
    /// The same in runs.
    pub runs: &'b [NewRun<'b>],
    /// The head of the journal's chain where the stretch ends (SHA-256), if the journal has one.
    pub head: Option<&'b [u8; 32]>,
    /// The policies whose rules it was rated by, if these are known.
    pub snapshot: Option<&'b SnapshotHash>,
}

/// The fee of a call as it stands in its usage record.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeptFee {
    pub(super) terms: i64,
    pub(super) charged: u64,
    pub(super) free: u64,
    pub(super) minor: i64,
    pub(super) posting: Option<i64>,
}

/// Fees by their usage records.
pub(super) type Fees = HashMap<Uuid, KeptFee, foldhash::fast::RandomState>;

/// A record under its number.
#[derive(Clone, Copy)]
struct Entry<'r> {
    number: i64,
    recorded: &'r Recorded,
}

/// What records are kept with, and what was found of it while they were bound: so the store has the ones before meanwhile.
struct Kept<'r, 'n> {
    fees: &'n Fees,
    /// Those whose records have come.
    placed: usize,
    numbers: &'n mut Numbers,
    contexts: Vec<(i64, &'r UsageRecord)>,
}

impl<'r> Kept<'r, '_> {
    /// The context and the fee of a record.
    fn with(&mut self, usage: &'r UsageRecord) -> (i64, Option<KeptFee>) {
        let fee = self.fees.get(&usage.id).copied();
        // What is not written beside a fee follows from the units of its call.
        let is_right =
            |fee: &KeptFee| integer(fee.charged.saturating_add(fee.free)) == units(&usage.evidence);
        self.placed += usize::from(fee.as_ref().is_some_and(is_right));
        (self.numbers.context(usage, &mut self.contexts), fee)
    }
}

/// Binds what every record has: thirteen columns.
macro_rules! push_entry {
    ($row:ident, $entry:ident, $kept:ident) => {{
        let usage = &$entry.recorded.usage;
        let (context, fee) = $kept.with(usage);
        $row.push_bind($entry.number)
            .push_bind(id_text(&usage.id))
            .push_bind(context)
            .push_bind(integer($entry.recorded.sequence))
            .push_bind(usage.at.as_micros())
            .push_bind(i64::try_from(usage.latency.as_micros()).unwrap_or(i64::MAX))
            .push_bind(integer(usage.bytes_in))
            .push_bind(integer(usage.bytes_out))
            .push_bind(units(&usage.evidence))
            .push_bind(fee.map(|fee| fee.terms))
            .push_bind(fee.map(|fee| integer(fee.free)))
            .push_bind(fee.map(|fee| fee.minor))
            .push_bind(fee.and_then(|fee| fee.posting))
    }};
}

impl Transaction {
    /// Keeps usage records with their fees, and gives each its number.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if an id is taken; [`StoreError::Unavailable`].
    pub(super) async fn insert_usage(
        &mut self,
        batch: Batch<'_>,
        fees: &Fees,
        numbers: &mut Numbers,
    ) -> Result<HashMap<Uuid, i64>, StoreError> {
        let first_of_runs = batch.runs.iter().filter_map(|run| run.records.first());
        self.number_apps(first_of_runs.map(|recorded| &recorded.usage.app), numbers).await?;
        let runs = in_order(batch.runs, numbers);
        let mut entries = Vec::with_capacity(batch.records.len());
        for recorded in runs.iter().flat_map(|(.., run)| run.records) {
            entries.push(Entry { number: numbers.next_usage(), recorded });
        }
        let (plain, others): (Vec<Entry<'_>>, Vec<Entry<'_>>) =
            entries.iter().partition(|entry| is_plain(&entry.recorded.usage.evidence));
        let mut kept = Kept { fees, placed: 0, numbers, contexts: Vec::new() };
        self.insert_plain(&plain, &mut kept).await?;
        self.insert_others(&others, &mut kept).await?;
        let Kept { placed, numbers, contexts, .. } = kept;
        if placed != fees.len() || entries.len() != batch.records.len() {
            return Err(StoreError::corrupt("a fee that is not its usage record's, or a record in no run"));
        }
        self.insert_contexts(&contexts).await?;
        let transactions = others
            .iter()
            .filter_map(|entry| Some((entry.number, transaction(&entry.recorded.usage.evidence)?)));
        self.insert_usage_transactions(transactions).await?;
        let numbered_reads = entries.iter().map(|entry| (entry.number, &*entry.recorded.usage));
        self.insert_personal_data_reads(numbered_reads, numbers).await?;
        self.insert_usage_counts(entries.iter().map(|entry| (entry.number, &*entry.recorded.usage))).await?;
        self.insert_runs(&runs, entries.first().map_or(0, |entry| entry.number)).await?;
        self.insert_batch(&entries, batch).await?;
        Ok(others.iter().map(|entry| (entry.recorded.usage.id, entry.number)).collect())
    }

    async fn insert_contexts(&mut self, contexts: &[(i64, &UsageRecord)]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into usage_context (number, node, snapshot, app, partner, credential, credential_id, merchant, \
             consent, route, product, plan, plan_version, method, status, refusal, outcome) ",
            17,
            contexts,
            "",
            |row, context| {
                let (number, usage) = context;
                let subscribed = usage.subscribed.as_ref();
                row.push_bind(*number)
                    .push_bind(usage.node.as_str())
                    .push_bind(usage.snapshot.as_str())
                    .push_bind(usage.app.as_str())
                    .push_bind(usage.partner.as_str())
                    .push_bind(usage.credential.name())
                    .push_bind(&usage.credential_id)
                    .push_bind(usage.merchant.as_ref().map(|id| id.as_str()))
                    .push_bind(usage.grant.as_ref().map(|id| id.as_str()))
                    .push_bind(usage.route.as_ref().map(|name| name.as_str()))
                    .push_bind(subscribed.map(|(product, _)| product.as_str()))
                    .push_bind(subscribed.map(|(_, plan)| plan.name.as_str()))
                    .push_bind(subscribed.map(|(_, plan)| i64::from(plan.version)))
                    .push_bind(&usage.method)
                    .push_bind(i64::from(usage.status))
                    .push_bind(usage.refusal.as_deref())
                    .push_bind(outcome(&usage.evidence));
            }
        )?;
        Ok(())
    }

    /// Those with neither transaction nor reason: nearly all.
    async fn insert_plain<'r>(
        &mut self,
        entries: &[Entry<'r>],
        kept: &mut Kept<'r, '_>,
    ) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into usage (number, id, context, sequence, at, latency, bytes_in, bytes_out, units, fee_terms, \
             fee_free, fee_minor, fee_posting) ",
            13,
            entries,
            "",
            |row, entry| {
                push_entry!(row, entry, kept);
            }
        )?;
        Ok(())
    }

    async fn insert_others<'r>(
        &mut self,
        entries: &[Entry<'r>],
        kept: &mut Kept<'r, '_>,
    ) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into usage (number, id, context, sequence, at, latency, bytes_in, bytes_out, units, fee_terms, \
             fee_free, fee_minor, fee_posting, transaction_id, transaction_of, transaction_kind, amount, currency, reason) ",
            19,
            entries,
            "",
            |row, entry| {
                let evidence = &entry.recorded.usage.evidence;
                let transaction = transaction(evidence);
                push_entry!(row, entry, kept)
                    .push_bind(transaction.map(|transaction| transaction.id.as_str()))
                    .push_bind(transaction.and_then(|transaction| transaction.of.as_deref()))
                    .push_bind(transaction.and_then(|transaction| in_record(transaction.kind)))
                    .push_bind(transaction.and_then(usage::Transaction::minor))
                    .push_bind(transaction.map(|transaction| transaction.amount.currency.to_string()))
                    .push_bind(reason(evidence));
            }
        )?;
        Ok(())
    }

    /// Notes which stretch of which node's journal the records came of, the chain's head there, and the policies.
    async fn insert_batch(&mut self, entries: &[Entry<'_>], batch: Batch<'_>) -> Result<(), StoreError> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(()) };
        let sequences = || entries.iter().map(|entry| integer(entry.recorded.sequence));
        on!(self.connection(), db => {
            sqlx::query(
                "insert into usage_batch (node, last, first, first_usage, last_usage, head, snapshot) \
                 values ($1, $2, $3, $4, $5, $6, $7)",
            )
            .bind(first.recorded.usage.node.as_str())
            .bind(sequences().max())
            .bind(sequences().min())
            .bind(first.number)
            .bind(last.number)
            .bind(batch.head.map(<[u8; 32]>::as_slice))
            .bind(batch.snapshot.map(SnapshotHash::as_str))
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }

    /// Which places of a node's journal from `first` to `last` are taken, and by what.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn taken_places(
        &mut self,
        node: &NodeId,
        (first, last): (u64, u64),
    ) -> Result<Vec<TakenPlace>, StoreError> {
        let rows: Vec<PlaceRow> = on!(self.connection(), db => {
            sqlx::query_as(
                "select u.id, c.node, u.sequence from usage_batch b \
                 join usage u on u.number >= b.first_usage and u.number <= b.last_usage \
                 join usage_context c on c.number = u.context and c.node = b.node \
                 where b.node = $1 and b.last >= $2 and b.first <= $3 and u.sequence >= $2 and u.sequence <= $3",
            )
            .bind(node.as_str())
            .bind(integer(first))
            .bind(integer(last))
            .fetch_all(db)
            .await
        })?;
        super::row::all(rows)
    }

    /// Which of the ids of `records` are taken, and by what.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn taken_ids(&mut self, records: &[Recorded]) -> Result<Vec<TakenPlace>, StoreError> {
        let mut taken = Vec::new();
        for some in records.chunks(super::arm::MAX_PARAMETERS) {
            let rows: Vec<PlaceRow> = on!(self.connection(), db => {
                let mut statement = sqlx::QueryBuilder::new("select id, node, sequence from usage_record where id in ");
                push_list!(statement, some.iter().map(|recorded| recorded.usage.id.to_string()));
                statement.build_query_as().persistent(false).fetch_all(db).await
            })?;
            for row in rows {
                taken.push(row.try_into()?);
            }
        }
        Ok(taken)
    }
}

fn is_plain(evidence: &Evidence) -> bool {
    transaction(evidence).is_none() && reason(evidence).is_none()
}

fn transaction(evidence: &Evidence) -> Option<&usage::Transaction> {
    match evidence {
        Evidence::Billable { transaction, .. } => transaction.as_ref(),
        Evidence::Free | Evidence::Exception { .. } => None,
    }
}

fn reason(evidence: &Evidence) -> Option<&str> {
    match evidence {
        Evidence::Exception { reason } => Some(reason),
        Evidence::Free | Evidence::Billable { .. } => None,
    }
}

fn units(evidence: &Evidence) -> i64 {
    match evidence {
        Evidence::Billable { units, .. } => integer(*units),
        Evidence::Free | Evidence::Exception { .. } => 0,
    }
}

/// A usage record that is kept, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenPlace {
    /// The record's id.
    pub id: Uuid,
    /// The node.
    pub node: NodeId,
    /// The place in the node's journal.
    pub sequence: u64,
}

row! {
    PlaceRow { id: String, node: String, sequence: i64 }
}

impl TryFrom<PlaceRow> for TakenPlace {
    type Error = StoreError;

    fn try_from(row: PlaceRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: parse("usage.id", &row.id)?,
            node: parse("usage.node", &row.node)?,
            sequence: count("usage.sequence", row.sequence)?,
        })
    }
}
