//! Refresh tokens: rotation, and what a replay does (RFC 9700, section 4.14.2).
//!
//! A token stays redeemable until a successor of it is first used, so that an answer that was lost strands nobody; a retry
//! gives another successor. The first use of any successor spends its parent and its siblings. A spent token that
//! comes again revokes the whole family. All changes of a family happen one after another: its row is the lock.
//!
//! Invariant: a token is never forgotten before it expires. One that is in the way is spent, so that whoever holds it and
//! comes with it is told as a replay: otherwise a thief could push the owner's token out by asking often enough.

use super::error::StoreError;
use super::open::Store;
pub use super::refresh_family::{RefreshFamily, Started};
use super::row::{parse, time};
use super::transaction::Transaction;
use crate::domain::id::FamilyId;
use crate::domain::secret_hash::RefreshTokenHash;
use crate::domain::time::Timestamp;

/// Most unused successors of one token; beyond: the oldest is spent. Well above the retries that a client has on the way at
/// once, since the answer that reaches it may be any of theirs.
pub const MAX_SUCCESSORS: i64 = 128;

/// A refresh token that is about to be given to an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewRefreshToken {
    /// Its hash.
    pub hash: RefreshTokenHash,
    /// From when it no longer works.
    pub expires_at: Timestamp,
}

/// A refresh token that was given to an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// Its family.
    pub family: RefreshFamily,
    /// When it was made.
    pub issued_at: Timestamp,
    /// From when it no longer works.
    pub expires_at: Timestamp,
    /// When its successor, or another successor of its parent, was first used: from then on it is a replay.
    pub spent_at: Option<Timestamp>,
}

impl RefreshToken {
    /// Whether a rotation would succeed at `now`.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        let is_over = self.family.ends_at.is_some_and(|end| end <= now);
        self.family.revoked_at.is_none() && !is_over && self.spent_at.is_none() && now < self.expires_at
    }
}

/// What came of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// The new token works, and so does the old one until the new one is first used.
    Rotated(RefreshFamily),
    /// The old token was spent: someone else may have it. The family is revoked now.
    Replayed(RefreshFamily),
    /// The family had been revoked or had ended, or the token had expired.
    Ended(RefreshFamily),
    /// There is no such token.
    Unknown,
}

row! {
    TokenRow { family: String, parent: Option<Vec<u8>>, issued_at: i64, expires_at: i64, spent_at: Option<i64> }
}

macro_rules! select_token {
    ($tail:literal) => {
        concat!("select family, parent, issued_at, expires_at, spent_at from refresh_token ", $tail)
    };
}

impl Store {
    /// The refresh token of that hash, valid or not, so that the client can be checked before it is rotated.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn refresh_token(&self, hash: &RefreshTokenHash) -> Result<Option<RefreshToken>, StoreError> {
        let token: Option<TokenRow> = on!(self.reader(), db => {
            sqlx::query_as(select_token!("where hash = $1")).bind(&hash.0[..]).fetch_optional(db).await
        })?;
        let Some(token) = token else { return Ok(None) };
        let family = parse("refresh_token.family", &token.family)?;
        // The family may have been swept away since.
        let Some(family) = self.refresh_family(&family).await? else { return Ok(None) };
        Ok(Some(RefreshToken {
            family,
            issued_at: Timestamp::from_micros(token.issued_at),
            expires_at: Timestamp::from_micros(token.expires_at),
            spent_at: time(token.spent_at),
        }))
    }

    /// Replaces the token of hash `old` by `new`, or says why not.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the new token's hash is taken; [`StoreError::Unavailable`],
    /// [`StoreError::Corrupt`].
    pub async fn rotate_refresh_token(
        &self,
        old: &RefreshTokenHash,
        new: &NewRefreshToken,
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(mut family) = transaction.lock_family_of(old, now).await? else {
            return Ok(Rotation::Unknown);
        };
        let token = transaction.token(old).await?;
        if family.revoked_at.is_some() {
            return Ok(Rotation::Ended(family));
        }
        if token.spent_at.is_some() {
            transaction.revoke_family(&family.id, now).await?;
            transaction.commit().await?;
            family.revoked_at = Some(now);
            return Ok(Rotation::Replayed(family));
        }
        if token.expires_at <= now.as_micros() || family.ends_at.is_some_and(|end| end <= now) {
            return Ok(Rotation::Ended(family));
        }
        let new = &family.within(*new);
        if let Some(parent) = token.parent {
            transaction.spend_others(&family.id, &parent, old, now).await?;
        }
        transaction.make_room(&family.id, old, now).await?;
        transaction.insert_token(&family.id, Some(old), new, now).await?;
        transaction.extend_family(&family.id, new.expires_at).await?;
        transaction.commit().await?;
        Ok(Rotation::Rotated(family))
    }
}

impl Transaction {
    async fn token(&mut self, hash: &RefreshTokenHash) -> Result<TokenRow, StoreError> {
        let row = on!(self.connection(), db => {
            sqlx::query_as(select_token!("where hash = $1")).bind(&hash.0[..]).fetch_one(db).await
        })?;
        Ok(row)
    }

    /// Spends the parent of a token that is being used, and the parent's other successors.
    async fn spend_others(
        &mut self,
        family: &FamilyId,
        parent: &[u8],
        used: &RefreshTokenHash,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "update refresh_token set spent_at = $4 where family = $1 and spent_at is null \
                 and (hash = $2 or (parent = $2 and hash <> $3))",
            )
            .bind(family.as_str())
            .bind(parent)
            .bind(&used.0[..])
            .bind(now.as_micros())
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }

    /// Spends the oldest successors of a token, so that there is room for one more.
    async fn make_room(
        &mut self,
        family: &FamilyId,
        parent: &RefreshTokenHash,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "update refresh_token set spent_at = $4 where family = $1 and parent = $2 and spent_at is null \
                 and hash not in (select hash from refresh_token \
                 where family = $1 and parent = $2 and spent_at is null order by issued_at desc, hash limit $3)",
            )
            .bind(family.as_str())
            .bind(&parent.0[..])
            .bind(MAX_SUCCESSORS - 1)
            .bind(now.as_micros())
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }

    pub(super) async fn insert_token(
        &mut self,
        family: &FamilyId,
        parent: Option<&RefreshTokenHash>,
        token: &NewRefreshToken,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "insert into refresh_token (hash, family, parent, issued_at, expires_at) \
                 values ($1, $2, $3, $4, $5)",
            )
            .bind(&token.hash.0[..])
            .bind(family.as_str())
            .bind(parent.map(|hash| &hash.0[..]))
            .bind(now.as_micros())
            .bind(token.expires_at.as_micros())
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }
}
