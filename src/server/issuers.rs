//! Other issuers whose access tokens are taken: those of the policies in force.

use std::time::Duration;

use tokio::task::JoinHandle as Task;

use super::node::Services;
use crate::credential::foreign_issuers::IssuerKeys;

/// How often it is looked whether other policies are in force: for so long one that they no longer have may still be believed.
const POLICIES_EVERY: Duration = Duration::from_millis(200);

/// Has the tokens of the issuers in force be taken from now on; what is given follows the policies, for ever.
pub(super) fn follow(services: &Services) -> Task<()> {
    let Services { directory, client, clock, random, live, .. } = services.clone();
    let control = tokio::runtime::Handle::current();
    let keys = IssuerKeys::new(directory.clone(), client, clock, random, control);
    let mut seen = live.version();
    keys.follow(&live.load().platform.issuers);
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(POLICIES_EVERY);
        loop {
            interval.tick().await;
            // That the first ones have been asked is to be noticed before others come, also where nobody wants to know.
            let _ = directory.awaits_issuers();
            let version = live.version();
            if std::mem::replace(&mut seen, version) != version {
                keys.follow(&live.load().platform.issuers);
            }
        }
    })
}
