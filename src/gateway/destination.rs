//! The upstream that a call may reach. An app of one environment has none of the other: without a [`Destination`] there is no
//! connection to take, and none is made but by comparing the two.

use super::witness::{Question, Witness};
use crate::domain::principal::Caller;
use crate::domain::refusal::Refusal;
use crate::policy::snapshot::{Route, Snapshot};

/// An upstream that a caller may reach, in the snapshot by which that was decided.
#[derive(Debug)]
pub struct Destination {
    upstream: usize,
}

impl Destination {
    /// The upstream of `route`, for an app or for nobody in particular, who is of no environment.
    ///
    /// # Errors
    /// [`Refusal::EnvironmentMismatch`].
    pub(in crate::gateway) fn of(
        witness: &mut impl Witness,
        (snapshot, route): (&Snapshot, &Route),
        caller: Option<&Caller>,
    ) -> Result<Self, Refusal> {
        let (here, upstream) = (Self { upstream: route.upstream }, &snapshot.upstreams[route.upstream]);
        let (Some(environment), Some(caller)) = (upstream.environment, caller) else { return Ok(here) };
        witness.asked(Question::Environment, Some(&upstream.source), || {
            let (of, is) = (environment.name(), caller.app.environment.name());
            format!("upstream {} is {of}, the app is {is}", upstream.name)
        });
        if environment == caller.app.environment { Ok(here) } else { Err(Refusal::EnvironmentMismatch) }
    }

    /// Its place in the snapshot's upstreams.
    #[must_use]
    pub fn upstream(&self) -> usize {
        self.upstream
    }
}
