//! What an app's billing period that runs comes to so far, from memory: the store is asked for an app once in a few seconds at
//! most, however many ask, and while it is away what it said last stands, which says as of when it is.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use super::statement::{self, StatementError};
use crate::domain::id::AppId;
use crate::domain::statement::Statement;
use crate::domain::time::{Clock, Period, Timestamp, Zone};
use crate::store::{Store, StoreError};

/// For how long what the store said is told again.
const FRESH_FOR: Duration = Duration::from_secs(2);
/// For how long it is told while the store is away.
const KEPT_FOR: Duration = Duration::from_secs(3600);
/// How long the store may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Apps of which it is kept; beyond: the least asked for.
const APPS: u64 = 10_000;

/// What an app's period that runs comes to so far.
#[derive(Debug, Clone)]
pub struct Running {
    /// The period.
    pub period: Period,
    /// What the store had by then is in it.
    pub as_of: Timestamp,
    /// A draft for each currency; final, if the period was closed early.
    pub statements: Vec<Statement>,
}

/// What the periods of all apps come to that run.
pub struct RunningCharges {
    store: Store,
    clock: Arc<dyn Clock>,
    fresh: Cache<AppId, Arc<Running>>,
    last: Cache<AppId, Arc<Running>>,
}

impl RunningCharges {
    /// Those that `store` keeps.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        let kept_for = |time| Cache::builder().max_capacity(APPS).time_to_live(time).build();
        Self { store, clock, fresh: kept_for(FRESH_FOR), last: kept_for(KEPT_FOR) }
    }

    /// What the period of an app comes to that runs in `zone`.
    ///
    /// # Errors
    /// [`StatementError`], if nothing was told of it in the last hour either.
    pub async fn of(&self, app: &AppId, zone: &Zone) -> Result<Arc<Running>, Arc<StatementError>> {
        match self.fresh.try_get_with_by_ref(app, self.load(app, zone)).await {
            Ok(running) => Ok(running),
            Err(error) => self.last.get(app).await.ok_or(error),
        }
    }

    async fn load(&self, app: &AppId, zone: &Zone) -> Result<Arc<Running>, StatementError> {
        let as_of = self.clock.now();
        let period = Period::of(as_of, zone);
        let showing = statement::show(&self.store, period, Some(app));
        let late = |_| StoreError::Unavailable { reason: "no answer in time".to_owned() };
        let statements = tokio::time::timeout(PATIENCE, showing).await.map_err(late)??;
        let running = Arc::new(Running { period, as_of, statements });
        self.last.insert(app.clone(), running.clone()).await;
        Ok(running)
    }
}
