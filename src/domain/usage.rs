//! Usage records: what is kept of one metered call.

use std::num::NonZeroU64;
use std::time::Duration;

use uuid::Uuid;

use super::id::{AppId, GrantId, MerchantId, NodeId, PartnerId, ProductName, RouteName, SnapshotHash};
use super::plan::PlanRef;
use super::principal::CredentialKind;
use super::scope::ScopeSet;
use super::time::Timestamp;
pub use super::transaction::{Transaction, TransactionKind};

/// One call of a known app, or of a flood those that were refused alike. `id` is unique and ordered by time (UUID version 7); it is the
/// request id too, of several calls that of the first.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageRecord {
    /// The record's id.
    pub id: Uuid,
    /// When the request arrived.
    pub at: Timestamp,
    /// The node that served it.
    pub node: NodeId,
    /// The policy snapshot that decided it.
    pub snapshot: SnapshotHash,
    /// Who called.
    pub app: AppId,
    /// Whose app it is.
    pub partner: PartnerId,
    /// The kind of credential.
    pub credential: CredentialKind,
    /// The credential's public id.
    pub credential_id: String,
    /// On whose behalf.
    pub merchant: Option<MerchantId>,
    /// By which consent.
    pub grant: Option<GrantId>,
    /// The route, once one was found.
    pub route: Option<RouteName>,
    /// What was subscribed to and under which plan version, once that was known.
    pub subscribed: Option<(ProductName, PlanRef)>,
    /// The HTTP method.
    pub method: String,
    /// The status that the caller got.
    pub status: u16,
    /// From arrival to the end of the answer.
    pub latency: Duration,
    /// Bytes of the request body.
    pub bytes_in: u64,
    /// Bytes of the response body.
    pub bytes_out: u64,
    /// The stable code of the gateway's refusal, if it refused the call.
    pub refusal: Option<String>,
    /// The scopes by which personal data left in the answer as it was.
    pub disclosed: ScopeSet,
    /// What tells whether it is another call again, of one that brought an `Idempotency-Key` and may have to be paid for.
    pub idempotency: Option<Idempotency>,
    /// Units leased of the balance that pays by which it was let through; 0 for one that is owed, or costs nothing.
    pub held: u64,
    /// Of calls that were counted together: how many. What was not the same of all of them is left out.
    pub counted: Option<Counted>,
    /// Units leased of its merchant's cap by which it was let through; 0 if there is none.
    pub held_of_cap: u64,
    /// What the call is worth.
    pub evidence: Evidence,
}

impl UsageRecord {
    /// How many calls it is of.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.counted.map_or(1, |counted| counted.calls.get())
    }
}

/// Calls that were counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// How many.
    pub calls: NonZeroU64,
    /// When the last of them arrived.
    pub until: Timestamp,
}

/// What tells whether a call is another one again, which the upstream answers as it did then instead of doing it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idempotency {
    /// The same for the same app, merchant, route, method, target, key and body, and for no others.
    pub digest: [u8; 16],
    /// For how long the upstream knows a call that it has answered.
    pub kept_for: Duration,
}

/// What was learnt about a call's worth.
#[derive(Debug, Clone, PartialEq)]
pub enum Evidence {
    /// Nothing to pay: refused, failed, or on a route without a meter.
    Free,
    /// To be rated.
    Billable {
        /// How many units, at least 1.
        units: u64,
        /// The transaction that passed through, if the route has one.
        transaction: Option<Transaction>,
    },
    /// Billable, but the evidence could not be read; someone must resolve it.
    Exception {
        /// What could not be read and why, without the body's contents.
        reason: String,
    },
}
