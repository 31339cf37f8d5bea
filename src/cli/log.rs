//! Where a command that serves begins to log.

use super::failure::Failure;
use crate::config::environment;
use crate::telemetry::logs::{self, WorkerGuard};

/// Begins to log as `TOLLGATE_LOG` says.
pub(super) fn start() -> Result<WorkerGuard, Failure> {
    let filter = environment::variable("TOLLGATE_LOG");
    logs::start(filter.as_deref()).map_err(|error| Failure::Usage(format!("tollgate: TOLLGATE_LOG: {error}")))
}
