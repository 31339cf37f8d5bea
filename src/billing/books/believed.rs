//! What is made of a clock when something is done because its time has run out.

use crate::domain::time::Timestamp;
use crate::policy::journal_terms::RecordTimes;
use crate::store::{Store, StoreError};

/// What a clock by which it is `now` is believed: by the calls that the books believe it is no later than these, and what the `times` let
/// one be ahead. So one that jumps ahead runs out nothing.
pub(in crate::billing) async fn believed(
    store: &Store,
    now: Timestamp,
    times: &RecordTimes,
) -> Result<Timestamp, StoreError> {
    let latest = store.latest_call(times.near(now)).await?;
    Ok(latest.map_or(now, |latest| now.min(latest.plus(times.ahead))))
}
