//! What could not be rated, and what someone decides about it. Nothing is dropped, and nothing is guessed.

use serde_json::{Map, Value, json};

use super::batch::Books;
use super::calendar::BooksTime;
use super::prices::tariffs;
use super::recorded_call::billable;
use super::repeats::{self, Repeats};
use super::write_off::write_off;
use crate::billing::error::BillingError;
use crate::billing::ledger::posting::Origin;
use crate::billing::rating::Billable;
use crate::domain::id::AppId;
use crate::domain::money::Amount;
use crate::domain::time::Timestamp;
use crate::domain::transaction::{Details, Reach, Transaction, TransactionKind};
use crate::policy::journal_terms::RecordTimes;
use crate::store::exception_resolution::{Resolution, ResolutionOutcome};
use crate::store::numbers::Numbers;
use crate::store::repeatable_call::Worth;
use crate::store::transaction::Exclusive;
use crate::store::usage_batch::Batch;
use crate::store::usage_exception::{ExceptionKind, UsageException};
use crate::store::{self, Store};

/// What to do about an exception.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Charge nothing for it.
    Waive,
    /// Give it up as lost: what its sale still waits for is cancelled, or of what is no mismatch of a sale nothing is charged. What that
    /// may have been worth, somebody may have estimated.
    WriteOff(Option<Amount>),
    /// Rate it by the evidence that it has: whatever was missing has come. A call whose time is in doubt is rated as of now.
    RateAgain,
    /// Rate a call as of its own time, which was in doubt: it is right, and so are those that come then.
    RateAtItsTime,
    /// Rate it by this evidence.
    RateBy(Given),
}

/// What someone says that a call was worth.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// All of it, of a call of which nothing is charged yet.
    Call {
        /// How many units; none, if only its transaction is worth something.
        units: u64,
        /// The transaction that passed through.
        transaction: Option<Transaction>,
    },
    /// Its transaction alone, of a call whose units are charged already.
    Transaction(Transaction),
    /// The same, which is of a sale of that app.
    OfSale(Transaction, AppId),
}

impl Given {
    /// The transaction, and whose sale it is of if that is said.
    fn transaction(self) -> (Option<Transaction>, Option<AppId>) {
        match self {
            Self::Call { transaction, .. } => (transaction, None),
            Self::Transaction(transaction) => (Some(transaction), None),
            Self::OfSale(transaction, app) => (Some(transaction), Some(app)),
        }
    }
}

impl Decision {
    fn outcome(&self) -> ResolutionOutcome {
        match self {
            Self::Waive => ResolutionOutcome::Waived,
            Self::WriteOff(_) => ResolutionOutcome::WrittenOff,
            Self::RateAgain | Self::RateAtItsTime | Self::RateBy(_) => ResolutionOutcome::Rated,
        }
    }

    /// The evidence as it is kept beside the decision.
    #[must_use]
    pub fn evidence(&self) -> Option<String> {
        let (units, transaction, app) = match self {
            Self::Waive | Self::WriteOff(None) | Self::RateAgain => return None,
            Self::WriteOff(Some(estimate)) => {
                let (amount, currency) = (estimate.to_string(), estimate.currency.code());
                return Some(json!({ "estimate": amount, "currency": currency }).to_string());
            }
            Self::RateAtItsTime => return Some(json!({ "time": "its own" }).to_string()),
            Self::RateBy(Given::Call { units, transaction }) => (Some(*units), transaction.as_ref(), None),
            Self::RateBy(Given::Transaction(transaction)) => (None, Some(transaction), None),
            Self::RateBy(Given::OfSale(transaction, app)) => (None, Some(transaction), Some(app)),
        };
        let mut evidence = json!({ "units": units, "transaction": transaction.map(transaction_to_json) });
        if let Some(app) = app {
            evidence["sale_app"] = json!(app.as_str());
        }
        Some(evidence.to_string())
    }
}

/// Who decides, and why. Both are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Who.
    pub who: String,
    /// Why.
    pub why: String,
}

/// What resolving an exception came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Whether it was resolved before, by the same decision: resolving it again changes nothing.
    pub was_resolved: bool,
    /// What is kept.
    pub resolution: Resolution,
    /// Whether the share of a sale changed, if it was rated now and what passed through is of one.
    pub changes_share: Option<bool>,
}

/// Resolves an exception by its id. What is charged goes to the call's own period, or to the first open one if that is
/// closed. No call is rated at its time that is further ahead of now than the `times` let any be: it would have all others doubted.
///
/// # Errors
/// [`BillingError::ResolvedOtherwise`]; or [`BillingError::NotOpen`], [`BillingError::NotRatable`], [`BillingError::NotWrittenOff`],
/// [`BillingError::Unrated`], [`BillingError::PlanUnknown`], or [`BillingError::Store`]: then it stays open.
pub async fn resolve(
    store: &Store,
    id: &str,
    decision: Decision,
    reason: Reason,
    (time, times): (BooksTime, RecordTimes),
) -> Result<Resolved, BillingError> {
    let mut transaction = store.begin().await?;
    transaction.hold(Exclusive::Billing).await?;
    let resolution = Resolution {
        exception: id.to_owned(),
        outcome: decision.outcome(),
        at: time.now,
        resolver: reason.who,
        reason: reason.why,
        evidence: decision.evidence(),
    };
    if let Some(kept) = transaction.resolution(id).await? {
        transaction.roll_back().await?;
        return same_again(kept, &resolution);
    }
    let not_open = || BillingError::NotOpen(id.to_owned());
    let exception = transaction.open_exception(id).await?.ok_or_else(not_open)?;
    let kept = resolution.clone();
    let changes_share = match decision {
        Decision::Waive => {
            transaction.insert_resolutions(&[kept]).await?;
            None
        }
        Decision::WriteOff(_) => write_off(&mut transaction, &exception, (kept, time)).await?,
        Decision::RateAgain | Decision::RateAtItsTime | Decision::RateBy(_) => {
            let latest = time.now.plus(times.ahead);
            rate(&mut transaction, &exception, decision, (kept, time, latest)).await?
        }
    };
    transaction.commit().await?;
    Ok(Resolved { was_resolved: false, resolution, changes_share })
}

/// What was decided before, if it is the same again: whoever lost the answer asks again.
fn same_again(kept: Resolution, again: &Resolution) -> Result<Resolved, BillingError> {
    let is_same = Resolution { at: again.at, ..kept.clone() } == *again;
    if is_same {
        Ok(Resolved { was_resolved: true, resolution: kept, changes_share: None })
    } else {
        Err(BillingError::ResolvedOtherwise(Box::new(kept)))
    }
}

/// A transaction as it is shown, and as evidence of it is given. What few transactions have stands there only if it has it.
#[must_use]
pub fn transaction_to_json(transaction: &Transaction) -> Value {
    let currency = transaction.amount.currency;
    let text = |minor: i64| Amount { minor, currency }.to_string();
    let mut shown = json!({
        "id": transaction.id,
        "of": transaction.of,
        "kind": transaction.kind.name(),
        "amount": transaction.minor().map(text),
        "currency": currency.code(),
    });
    let Details { extent: _, reach, tax, shipping, category, parties } = &transaction.details;
    let parties: Map<String, Value> =
        parties.iter().map(|(name, partner)| (name.to_string(), json!(partner.as_str()))).collect();
    let more = [
        ("sale_of", (*reach == Reach::AnyApp).then(|| json!(reach.name()))),
        ("tax", tax.map(|minor| json!(text(minor)))),
        ("shipping", shipping.map(|minor| json!(text(minor)))),
        ("category", category.as_ref().map(|category| json!(category.as_str()))),
        ("parties", (!parties.is_empty()).then_some(Value::Object(parties))),
    ];
    for (name, value) in more {
        if let Some(value) = value {
            shown[name] = value;
        }
    }
    shown
}

async fn rate(
    transaction: &mut store::Transaction,
    exception: &UsageException,
    decision: Decision,
    (resolution, time, latest): (Resolution, BooksTime, Timestamp),
) -> Result<Option<bool>, BillingError> {
    let (is_its_time, now) = (decision == Decision::RateAtItsTime, time.now);
    let given = match decision {
        Decision::RateBy(given) => Some(given),
        Decision::Waive | Decision::WriteOff(_) | Decision::RateAgain | Decision::RateAtItsTime => None,
    };
    let is_given = given.is_some();
    let mut call = call(transaction, exception, given).await?;
    match (exception.kind == ExceptionKind::Time, is_its_time) {
        (true, true) if call.at > latest => return Err(BillingError::NotRatable(TO_COME)),
        (true, true) => transaction.believe_time((&call.usage.to_string(), call.at), now).await?,
        // When it was is not known. It is charged for as of now, and not in a month of long ago or to come.
        (true, false) => call.at = now,
        (false, true) => return Err(BillingError::NotRatable("its time is in no doubt: rate it again")),
        (false, false) => {}
    }
    let mut books = Books::open(transaction, time, &tariffs(), std::slice::from_ref(&call)).await?;
    if exception.kind.is_of_transaction() {
        books.rate_its_transaction(&call).await??;
    } else {
        books.rate_one(&call).await?.map_err(|(_, unrated)| match unrated {
            Some(unrated) => BillingError::Unrated(unrated),
            None => BillingError::PlanUnknown(call.plan.clone()),
        })?;
    }
    books.rate_waiting(Some(call.usage)).await?;
    books.resolve(resolution);
    // Terms get new numbers, which tells whoever remembers sums that these have changed.
    books.write(&Origin::Resolved(call.usage), Batch::default(), &mut Numbers::default()).await?;
    // If the same call comes again with its Idempotency-Key, it is not billed once more.
    let worth = match is_given {
        // What someone says of it need not be all that the upstream says.
        true => Worth::Any,
        false => repeats::worth(call.units, call.transaction.as_ref()),
    };
    // Nor are those of the same call of which nobody saw the answer either.
    let repeats = Repeats::answered_by(call.usage, transaction.unseen_with(call.usage).await?);
    transaction.insert_repeats(&repeats.answered).await?;
    transaction.insert_resolutions(&repeats.resolutions(now)).await?;
    transaction.learn_worth(call.usage, &worth).await?;
    changes_share(transaction, &call).await
}

/// Whether the call's transaction, which was rated, changed the share of a sale, if it is of one: what is of nothing that was left,
/// or was counted before, does not.
pub(super) async fn changes_share(
    transaction: &mut store::Transaction,
    call: &Billable,
) -> Result<Option<bool>, BillingError> {
    let of_sale = call.transaction.as_ref().filter(|passed| passed.kind != TransactionKind::Sale);
    let Some(passed) = of_sale else { return Ok(None) };
    let known =
        transaction.sale_events(&[passed.sale().to_owned()], std::slice::from_ref(&passed.id)).await?;
    let changed = known.iter().any(|(key, event)| {
        let is_it = key.kind == passed.kind && event.usage == Some(call.usage);
        is_it && (event.earned != 0 || event.pending != 0 || event.walked != 0)
    });
    Ok(Some(changed))
}

/// The call as it is to be rated.
async fn call(
    transaction: &mut store::Transaction,
    exception: &UsageException,
    given: Option<Given>,
) -> Result<Billable, BillingError> {
    let unread = match exception.kind {
        ExceptionKind::Omitted => {
            "there is no usage record of these calls; it can only be waived or written off"
        }
        ExceptionKind::Short => return Err(BillingError::NotRatable(SHORT)),
        ExceptionKind::Evidence
        | ExceptionKind::Plan
        | ExceptionKind::Transaction
        | ExceptionKind::Unknown
        | ExceptionKind::Currency
        | ExceptionKind::Amount
        | ExceptionKind::Journal
        | ExceptionKind::Time => "its usage record could not be read; it can only be waived or written off",
    };
    let id = exception.usage.clone().ok_or(BillingError::NotRatable(unread))?;
    let rows = transaction.usage_records(&[id]).await?;
    let row = rows.first().ok_or(BillingError::NotRatable(unread))?;
    let no_plan = "the call was under no plan; it can only be waived";
    let mut call = billable(row).ok_or(BillingError::NotRatable(no_plan))?;
    match (exception.kind.is_of_transaction(), given) {
        (true, Some(given @ (Given::Transaction(_) | Given::OfSale(..)))) => {
            if is_counted(transaction, &call).await? {
                return Err(BillingError::NotRatable(COUNTED));
            }
            (call.transaction, call.sale_app) = given.transaction();
        }
        (true, Some(Given::Call { .. })) => {
            return Err(BillingError::NotRatable(
                "its units are charged already: give its transaction alone",
            ));
        }
        (false, Some(Given::Call { units, transaction })) => {
            (call.units, call.transaction) = (units, transaction);
        }
        (false, Some(Given::Transaction(_) | Given::OfSale(..))) => {
            return Err(BillingError::NotRatable(
                "its units are not charged yet: give them too; they may be 0",
            ));
        }
        (_, None) if row.outcome == "exception" => {
            return Err(BillingError::NotRatable("its evidence could not be read: give it"));
        }
        (_, None) => {}
    }
    Ok(call)
}

const TO_COME: &str = "its time is still to come by this node's clock: rate it again, or once that has come (see journal.ahead in platform.yaml)";

const SHORT: &str = "it was rated when it was made, and waits for its money: write off what is missing of that, or waive the question";

pub(super) const COUNTED: &str =
    "its sale has counted it already, as far as there was something left of it; waive the rest";

/// Whether its transaction that passed through was counted already, or with it the sale that it is. A call is counted once: its
/// charges are known by it.
pub(super) async fn is_counted(
    transaction: &mut store::Transaction,
    call: &Billable,
) -> Result<bool, BillingError> {
    let Some(passed) = &call.transaction else { return Ok(false) };
    let sale = [passed.sale().to_owned()];
    if passed.kind == TransactionKind::Sale {
        let known = transaction.sales(&sale).await?;
        return Ok(known.values().any(|sale| sale.usage == Some(call.usage)));
    }
    let known = transaction.sale_events(&sale, std::slice::from_ref(&passed.id)).await?;
    Ok(known.iter().any(|(key, counted)| key.kind == passed.kind && counted.usage == Some(call.usage)))
}
