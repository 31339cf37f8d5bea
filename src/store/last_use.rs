//! When credentials of apps, client secrets and sessions were last used. Who writes it down waits for nobody, so it may come late,
//! or twice.

use super::arm::Arm;
use super::credential::CredentialId;
use super::error::StoreError;
use super::open::Store;
use super::transaction::Transaction;
use crate::domain::id::{SecretId, SessionId};
use crate::domain::last_use::Used;
use crate::domain::time::Timestamp;

/// Most uses that are written down by one transaction, for which others wait in SQLite: it has one writer at a time.
const AT_ONCE: usize = 256;

impl Store {
    /// Writes down when each was used, unless it is known already as well as it has to be, or it is no more. Some at a time,
    /// so that others write in between. Those before an error may be written down.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn note_last_uses(&self, uses: &[(Used, Timestamp)]) -> Result<(), StoreError> {
        // In PostgreSQL by itself each: who ends sessions locks them in no order that is known here, and of two who wait for each
        // other one fails.
        let at_once = match self.writer() {
            Arm::Sqlite(_) => AT_ONCE,
            Arm::Postgres(_) => 1,
        };
        for some in uses.chunks(at_once) {
            let mut transaction = self.begin().await?;
            for (used, at) in some {
                let (at, known_before) = (used.written(*at), at.minus(used.every()));
                match used {
                    Used::Secret(id) => transaction.note_secret_use(id, at, known_before).await?,
                    Used::Session(id) => transaction.note_session_seen(id, at, known_before).await?,
                }
            }
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Writes down in which hour each credential was used, unless a later one is known, or it is no more. Otherwise as
    /// [`Self::note_last_uses`]; of a credential there may be one use.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn note_uses<I: CredentialId>(&self, uses: &[(I, Timestamp)]) -> Result<(), StoreError> {
        let mut uses: Vec<_> = uses.iter().collect();
        uses.sort_unstable();
        let (head, tail) = I::KEPT.uses;
        for some in uses.chunks(AT_ONCE) {
            let mut transaction = self.begin().await?;
            insert_rows!(transaction, head, 2, some, tail, |row, used| {
                let (id, at) = used;
                let id: &str = id.borrow();
                row.push_bind(id).push_bind(at.as_micros());
            })?;
            transaction.commit().await?;
        }
        Ok(())
    }
}

impl Transaction {
    async fn note_secret_use(
        &mut self,
        id: &SecretId,
        at: Timestamp,
        known_before: Timestamp,
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "insert into secret_use (secret, used_at) select id, $2 from app_secret where id = $1 \
                 on conflict (secret) do update set used_at = excluded.used_at where secret_use.used_at <= $3",
            )
            .bind(id.as_str())
            .bind(at.as_micros())
            .bind(known_before.as_micros())
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }

    async fn note_session_seen(
        &mut self,
        id: &SessionId,
        at: Timestamp,
        known_before: Timestamp,
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "update login_session set seen_at = $2 where id = $1 and (seen_at is null or seen_at <= $3)",
            )
            .bind(id.as_str())
            .bind(at.as_micros())
            .bind(known_before.as_micros())
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }
}
