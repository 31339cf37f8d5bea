//! What an app's billing period that runs comes to so far, from memory: the store is asked for an app once in two seconds at
//! most, however many ask, for few apps at once, and while it does not answer what it said last stands, which says as of when
//! it is.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use tokio::sync::Semaphore;

use super::error::StatementError;
use super::reading;
use crate::domain::id::AppId;
use crate::domain::statement::Statement;
use crate::domain::time::{Clock, Period, Timestamp, Zone};
use crate::store::{Store, StoreError};

/// For how long what the store said is told again, and for how long it is not asked again that did not answer.
const FRESH_FOR: Duration = Duration::from_secs(2);
/// For how long it is told while the store is away.
const KEPT_FOR: Duration = Duration::from_secs(3600);
/// How long the store may take, with the wait for a turn.
const PATIENCE: Duration = Duration::from_secs(3);
/// Apps for which the store is asked at once: it has few connections, and others need them more.
const AT_ONCE: usize = 2;
/// Apps of which it is kept; beyond: the least asked for.
const APPS: u64 = 10_000;

/// What an app's period that runs comes to so far.
#[derive(Debug, Clone)]
pub struct Running {
    /// The period: the next one, if it was closed early.
    pub period: Period,
    /// What the store had by then is in it.
    pub as_of: Timestamp,
    /// A draft for each currency.
    pub statements: Vec<Statement>,
}

/// What came of asking the store.
type Asked = Result<Arc<Running>, Arc<StatementError>>;

/// What the periods of all apps come to that run.
pub struct RunningCharges {
    store: Store,
    clock: Arc<dyn Clock>,
    memory: Memory,
}

impl RunningCharges {
    /// Those that `store` keeps.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, memory: Memory::new() }
    }

    /// What the period of an app comes to that runs in `zone`.
    ///
    /// # Errors
    /// [`StatementError`], if nothing was told of it in the last hour either.
    pub async fn of(&self, app: &AppId, zone: &Zone) -> Asked {
        self.memory.of(app, self.load(app, zone)).await
    }

    async fn load(&self, app: &AppId, zone: &Zone) -> Result<Running, StatementError> {
        let as_of = self.clock.now();
        let (period, statements) = reading::running(&self.store, app, (zone, as_of)).await?;
        Ok(Running { period, as_of, statements })
    }
}

/// What the store said of late.
struct Memory {
    fresh: Cache<AppId, Asked>,
    last: Cache<AppId, Arc<Running>>,
    turns: Semaphore,
}

impl Memory {
    fn new() -> Self {
        let (fresh, last) = (Cache::builder(), Cache::builder());
        Self {
            fresh: fresh.max_capacity(APPS).time_to_live(FRESH_FOR).build(),
            last: last.max_capacity(APPS).time_to_live(KEPT_FOR).build(),
            turns: Semaphore::new(AT_ONCE),
        }
    }

    /// What is known of `app`, or comes of `loading` it, for which all wait who ask meanwhile.
    async fn of(&self, app: &AppId, loading: impl Future<Output = Result<Running, StatementError>>) -> Asked {
        match self.fresh.get_with_by_ref(app, self.ask(app, loading)).await {
            Ok(running) => Ok(running),
            Err(error) => self.last.get(app).await.ok_or(error),
        }
    }

    async fn ask(
        &self,
        app: &AppId,
        loading: impl Future<Output = Result<Running, StatementError>>,
    ) -> Asked {
        let in_turn = async {
            let _turn = self.turns.acquire().await;
            loading.await
        };
        let late =
            |_| StatementError::from(StoreError::Unavailable { reason: "no answer in time".to_owned() });
        let running = Arc::new(tokio::time::timeout(PATIENCE, in_turn).await.map_err(late)??);
        self.last.insert(app.clone(), running.clone()).await;
        Ok(running)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::future::{pending, ready};

    use futures_util::FutureExt;

    use super::*;

    fn away() -> StatementError {
        StoreError::Unavailable { reason: "it is away".to_owned() }.into()
    }

    fn running() -> Running {
        let at = Timestamp::from_micros(0);
        Running { period: "2026-10".parse().unwrap(), as_of: at, statements: Vec::new() }
    }

    #[tokio::test]
    async fn a_store_that_did_not_answer_is_not_asked_again_right_away() {
        let (memory, app) = (Memory::new(), AppId::new("app_1").unwrap());
        assert!(memory.of(&app, ready(Err(away()))).await.is_err());
        let again = async { panic!("it was asked again") };
        assert!(memory.of(&app, again).await.is_err());
        memory.last.insert(app.clone(), Arc::new(running())).await;
        assert!(memory.of(&app, pending()).await.is_ok(), "what it said last is told");
        let other = AppId::new("app_2").unwrap();
        assert!(memory.of(&other, ready(Ok(running()))).await.is_ok());
    }

    #[tokio::test]
    async fn the_store_is_asked_for_few_apps_at_once() {
        let memory = Memory::new();
        let apps: Vec<AppId> = (0..=AT_ONCE).map(|number| AppId::new(&number.to_string()).unwrap()).collect();
        let mut waiting: Vec<_> = apps[1..].iter().map(|app| Box::pin(memory.of(app, pending()))).collect();
        waiting.iter_mut().for_each(|waiting| assert!(waiting.as_mut().now_or_never().is_none()));
        let mut one_more = Box::pin(memory.of(&apps[0], ready(Ok(running()))));
        assert!(one_more.as_mut().now_or_never().is_none());
        drop(waiting);
        assert!(one_more.await.is_ok());
    }
}
