//! What is switched off. The names are those of policy files, which need not have them any more.

use super::error::{StoreError, require};
use super::open::Store;
use super::page::MAX_LIST;
use super::row::{all, known};
use super::transaction::Transaction;
use crate::domain::kill_switch::{KillSwitch, SwitchKey, SwitchKind};
use crate::domain::time::Timestamp;

/// What [`Store::identity_changes`] tells when something was switched off, or on again.
pub const KILL_SWITCHES_CHANGED: &str = "kill_switch";

row! {
    SwitchRow { kind: String, name: String, reason: String, message: Option<String>, off_since: i64 }
}

macro_rules! select_switch {
    ($tail:literal) => {
        concat!("select kind, name, reason, message, off_since from kill_switch ", $tail)
    };
}

impl TryFrom<SwitchRow> for KillSwitch {
    type Error = StoreError;

    fn try_from(row: SwitchRow) -> Result<Self, StoreError> {
        let kind = known("kill_switch.kind", SwitchKind::named(&row.kind))?;
        Ok(Self {
            key: SwitchKey { kind, name: row.name },
            reason: row.reason,
            message: row.message,
            off_since: Timestamp::from_micros(row.off_since),
        })
    }
}

impl Store {
    /// All that is switched off, in order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn kill_switches(&self) -> Result<Vec<KillSwitch>, StoreError> {
        let rows: Vec<SwitchRow> = on!(self.reader(), db => {
            sqlx::query_as(select_switch!("order by kind, name limit $1")).bind(MAX_LIST).fetch_all(db).await
        })?;
        all(rows)
    }

    /// The switch of that key, if it is off.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn kill_switch(&self, key: &SwitchKey) -> Result<Option<KillSwitch>, StoreError> {
        let row: Option<SwitchRow> = on!(self.reader(), db => {
            sqlx::query_as(select_switch!("where kind = $1 and name = $2"))
                .bind(key.kind.name())
                .bind(&key.name)
                .fetch_optional(db)
                .await
        })?;
        row.map(KillSwitch::try_from).transpose()
    }
}

impl Transaction {
    /// The switch of that key, if it is off. Nobody else changes it until the end of a transaction that holds
    /// [`super::transaction::Exclusive::KillSwitches`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn lock_kill_switch(&mut self, key: &SwitchKey) -> Result<Option<KillSwitch>, StoreError> {
        let row: Option<SwitchRow> =
            lock_row!(self, select_switch!("where kind = $1 and name = $2"), |query| {
                query.bind(key.kind.name()).bind(&key.name)
            })?;
        row.map(KillSwitch::try_from).transpose()
    }

    /// How many things are switched off.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn count_kill_switches(&mut self) -> Result<i64, StoreError> {
        Ok(on!(self.connection(), db => {
            sqlx::query_scalar("select count(*) from kill_switch").fetch_one(db).await
        })?)
    }

    /// Switches something off; what is off already is so for another reason from now on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn switch_off(&mut self, switch: &KillSwitch) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "insert into kill_switch (kind, name, reason, message, off_since) values ($1, $2, $3, $4, $5) \
                 on conflict (kind, name) do update set reason = excluded.reason, message = excluded.message, \
                 off_since = excluded.off_since",
            )
            .bind(switch.key.kind.name())
            .bind(&switch.key.name)
            .bind(&switch.reason)
            .bind(switch.message.as_deref())
            .bind(switch.off_since.as_micros())
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }

    /// Switches something on again.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if it is not off; [`StoreError::Unavailable`].
    pub async fn switch_on(&mut self, key: &SwitchKey) -> Result<(), StoreError> {
        let changed = on!(self.connection(), db => {
            sqlx::query("delete from kill_switch where kind = $1 and name = $2")
                .bind(key.kind.name())
                .bind(&key.name)
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        require("kill switch", changed)
    }
}
