//! What is remembered of those who try, each kind by itself.

use moka::sync::Cache;

use super::{Cells, Guessed, REMEMBERED_FOR};

/// What is remembered, each kind by itself: whoever makes up names or codes, or has many networks, pushes out nothing of another
/// kind.
pub(super) struct Seen {
    pub(super) logins: Cells,
    /// Logins from browsers that are known: nobody makes one up.
    pub(super) devices_of_owners: Cells,
    /// Those who try user codes, and what they are tried by.
    pub(super) user_codes: Cells,
    pub(super) user_codes_from: Cells,
    pub(super) device_codes_from: Cells,
    pub(super) federated_logins_from: Cells,
    pub(super) api_keys_from: Cells,
    /// Failures to be an app, by names that anybody may make up.
    pub(super) failures: Cells,
    pub(super) federated: Cells,
    pub(super) pushed: Cells,
    pub(super) devices: Cells,
    pub(super) refreshes: Cells,
    pub(super) polls: Cells,
    pub(super) forms: Cells,
}

impl Seen {
    pub(super) fn with_capacity(capacity: u64) -> Self {
        let cells = || Cache::builder().max_capacity(capacity).time_to_idle(REMEMBERED_FOR).build();
        Self {
            logins: cells(),
            devices_of_owners: cells(),
            user_codes: cells(),
            user_codes_from: cells(),
            device_codes_from: cells(),
            federated_logins_from: cells(),
            api_keys_from: cells(),
            failures: cells(),
            federated: cells(),
            pushed: cells(),
            devices: cells(),
            refreshes: cells(),
            polls: cells(),
            forms: cells(),
        }
    }

    /// The networks that guess at that.
    pub(super) fn guesses(&self, at: Guessed) -> &Cells {
        match at {
            Guessed::UserCode => &self.user_codes_from,
            Guessed::DeviceCode => &self.device_codes_from,
            Guessed::FederatedLogin => &self.federated_logins_from,
            Guessed::ApiKey => &self.api_keys_from,
        }
    }
}
