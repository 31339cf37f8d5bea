//! Has certificates read again when their files change. The files are looked at every second: that sees any way of
//! replacing them, through links and network folders too, and costs next to nothing.

use std::sync::Arc;
use std::time::Duration;

use super::certificates::Certificates;
use super::folder::{Stamp, stamp, stamps};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks after which certificates that are due are read again though their files are as they were.
const LOOKS: u32 = 60;

/// The same of the files about clients: what was taken back is to be refused within a second.
const LOOK_AT_CLIENTS_EVERY: Duration = Duration::from_millis(250);

/// Watches for ever.
pub(in crate::server) async fn watch(certificates: Arc<Certificates>) {
    tokio::join!(watch_folder(certificates.clone()), watch_clients(certificates));
}

/// Has the files about clients read again when they change, if there are any.
async fn watch_clients(certificates: Arc<Certificates>) {
    let Some(clients) = certificates.clients() else { return };
    let files: Vec<_> = clients.files().cloned().collect();
    if files.is_empty() {
        return;
    }
    let mut interval = tokio::time::interval(LOOK_AT_CLIENTS_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut watching = Watching::default();
    loop {
        interval.tick().await;
        let (certificates, files) = (certificates.clone(), files.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let seen = files.into_iter().map(stamp).collect();
            watching.look(Some(seen), || certificates.reload_clients());
            certificates.turn_clients();
            watching
        });
        watching = looked.await.unwrap_or_else(|error| {
            tracing::error!(%error, "looking at the authorities of clients failed; they are looked at anew");
            Watching::default()
        });
    }
}

async fn watch_folder(certificates: Arc<Certificates>) {
    let mut interval = tokio::time::interval(LOOK_EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut watching = Watching::default();
    loop {
        interval.tick().await;
        let certificates = certificates.clone();
        let looked = tokio::task::spawn_blocking(move || {
            if watching.looks % LOOKS == 0 && certificates.is_due() {
                watching.read = None;
            }
            watching.look(stamps(certificates.folder()).ok(), || certificates.reload_folder());
            watching
        });
        watching = looked.await.unwrap_or_else(|error| {
            tracing::error!(%error, "looking at the certificates failed; they are looked at anew");
            Watching::default()
        });
    }
}

/// The files as they were. `None` of a folder that cannot be read.
type Seen = Option<Vec<Stamp>>;

#[derive(Debug, Default)]
struct Watching {
    /// When they were last read; at first, before anything was seen of them.
    read: Option<Seen>,
    /// At the last look.
    looked: Option<Seen>,
    looks: u32,
}

impl Watching {
    /// Calls `reload` if the files are others than when they were last read, and the same as at the last look: a
    /// certificate that is being replaced does not go with its key for a while.
    fn look(&mut self, now: Seen, reload: impl FnOnce()) {
        self.looks = self.looks.wrapping_add(1);
        let now = Some(now);
        if now != self.read && now == self.looked {
            self.read.clone_from(&now);
            reload();
        }
        self.looked = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_once_they_have_changed_and_stand_still() {
        let state = |number: u64| Some(vec![("a.crt".into(), Some((number, 0, 0, 0, 0)))]);
        let mut watching = Watching::default();
        let mut looks = |seen: &[Seen]| -> Vec<bool> {
            let look = |seen: &Seen| {
                let mut is_read = false;
                watching.look(seen.clone(), || is_read = true);
                is_read
            };
            seen.iter().map(look).collect()
        };
        assert_eq!(
            looks(&[state(1), state(1), state(1)]),
            [false, true, false],
            "what changed since the start"
        );
        assert_eq!(looks(&[state(2), state(3), state(3), state(3)]), [false, false, true, false]);
        assert_eq!(looks(&[None, None, None, state(3), state(3)]), [false, true, false, false, true]);
    }
}
