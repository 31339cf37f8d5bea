//! Passwords of merchants: argon2id, stored in the PHC format with its parameters, so that they can be raised.
//!
//! [`hash`] and [`verify`] take some 60 ms of a core and 19 MiB: never on a runtime's threads, only so many at once, and behind
//! all else. So whoever serves callers does them by [`in_turn`].

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use tokio::sync::oneshot::{self, error::RecvError};

/// Longest password, in bytes; beyond it, work would grow with what a caller sends.
pub const MAX_PASSWORD_LENGTH: usize = 256;

/// Shortest password, in bytes (NIST SP 800-63B, section 5.1.1.1).
pub const MIN_PASSWORD_LENGTH: usize = 8;

/// How many hashes may be under way at once in a process.
pub const MAX_AT_ONCE: usize = 2;

/// How far the work stands behind all else where processors are scarce, as a nice value: a storm of logins must not be felt by
/// those who call. Not the most there is: on cores that never rest, it still gets one part in thirty of them.
const NICE: i32 = 15;

/// How long work waits for its turn.
const TURN: Duration = Duration::from_secs(5);

/// Work on a password was not done.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    /// Others took all turns.
    #[error("passwords wait too long for their turn to be hashed")]
    Busy,
    /// There is no thread for it.
    #[error("no thread can be started to hash a password")]
    Thread(#[source] std::io::Error),
    /// The thread that did it died.
    #[error("the work on a password died")]
    Died(#[from] RecvError),
}

/// A password could not be hashed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Its length is out of bounds.
    #[error("a password has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} bytes")]
    Length,
    /// The machine gives no random bytes for the salt, or no memory.
    #[error("the password cannot be hashed now")]
    Unavailable,
}

/// Does `work` on a password on a thread of its own, once one of `turns` is free. The turn is held until the work is done, also
/// for a caller that has left.
///
/// # Errors
/// [`TurnError`].
pub async fn in_turn<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, TurnError> {
    let turn = tokio::time::timeout(TURN, turns.clone().acquire_owned()).await;
    // Nobody closes the semaphore; if somebody did, there would be no turns either.
    let turn = turn.ok().and_then(Result::ok).ok_or(TurnError::Busy)?;
    let (done, result) = oneshot::channel();
    let work = move || {
        // Also if the work dies, the turn ends before it is told.
        let (done, turn) = (done, turn);
        give_way();
        let result = work();
        drop(turn);
        // A caller that has left needs no result.
        let _ = done.send(result);
    };
    std::thread::Builder::new().name("password".to_owned()).spawn(work).map_err(TurnError::Thread)?;
    Ok(result.await?)
}

/// Linux counts niceness by thread, and here 0 is the one that asks (`setpriority(2)`).
fn give_way() {
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::warn!(%error, "passwords are hashed as eagerly as calls are served");
    }
}

/// The hash of a new password with a random salt of its own, in the PHC format.
///
/// # Errors
/// [`PasswordError`].
pub fn hash(password: &str, salt: &[u8; 16]) -> Result<String, PasswordError> {
    if !(MIN_PASSWORD_LENGTH..=MAX_PASSWORD_LENGTH).contains(&password.len()) {
        return Err(PasswordError::Length);
    }
    let hash = argon2id().hash_password_with_salt(password.as_bytes(), salt);
    hash.map(|hash| hash.to_string()).map_err(|_| PasswordError::Unavailable)
}

/// Whether `password` is the one of `stored`, a hash in the PHC format. What is no such hash fits no password.
#[must_use]
pub fn verify(password: &str, stored: &str) -> bool {
    let Ok(stored) = PasswordHash::new(stored) else { return false };
    password.len() <= MAX_PASSWORD_LENGTH && argon2id().verify_password(password.as_bytes(), &stored).is_ok()
}

/// 19 MiB, two passes, one lane: the first choice of OWASP's password storage recommendations.
fn argon2id() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_own_hash_alone() {
        let stored = hash("correct horse", &[7; 16]).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(verify("correct horse", &stored));
        assert!(!verify("correct horsf", &stored));
        assert!(!verify("correct horse", "$argon2id$nonsense"));
        assert!(!verify("", ""));
    }

    #[tokio::test]
    async fn work_that_gets_no_turn_is_not_done_and_a_turn_ends_with_its_work() {
        let turns = Arc::new(Semaphore::new(1));
        assert_eq!(in_turn(&turns, || 1).await.unwrap(), 1);
        assert!(matches!(in_turn(&turns, || panic!("as told")).await, Err::<(), _>(TurnError::Died(_))));
        assert_eq!(turns.available_permits(), 1);
        turns.close();
        assert!(matches!(in_turn(&turns, || 1).await, Err(TurnError::Busy)));
    }

    #[tokio::test]
    async fn a_caller_that_leaves_keeps_its_turn_until_its_work_is_done() {
        let turns = Arc::new(Semaphore::new(1));
        let (finish, wait) = std::sync::mpsc::channel::<()>();
        let work = in_turn(&turns, move || wait.recv().is_ok());
        assert!(tokio::time::timeout(Duration::ZERO, work).await.is_err());
        assert_eq!(turns.available_permits(), 0);
        finish.send(()).unwrap();
        assert!(turns.acquire().await.is_ok());
    }

    #[test]
    fn a_password_of_odd_length_is_refused_before_any_work() {
        assert_eq!(hash("short", &[7; 16]), Err(PasswordError::Length));
        assert_eq!(hash(&"x".repeat(257), &[7; 16]), Err(PasswordError::Length));
    }
}
