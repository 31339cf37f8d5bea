//! Browser sessions of merchants. The cookie holds the session's id; the store holds only its hash.

use std::fmt;
use std::net::IpAddr;

use super::error::StoreError;
use super::first_factor::FirstFactor;
use super::open::Store;
use super::page::MAX_LIST;
use super::row::{all, authentication, hash, known, optional, parse, time};
use super::transaction::Transaction;
use crate::domain::authentication::{Authentication, AuthenticationClass, LoginMethod};
use crate::domain::id::{MerchantId, SessionId};
use crate::domain::secret_hash::SessionHash;
use crate::domain::time::Timestamp;

/// How many sessions a merchant has at most; the oldest make room.
const MAX_SESSIONS: i64 = 100;

/// A browser in which a merchant has logged in.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginSession {
    /// By which administrators and the merchant name it; the cookie says nothing of it.
    pub id: SessionId,
    /// Who has logged in.
    pub merchant: MerchantId,
    /// What the session's forms prove themselves with against cross-site requests.
    pub csrf_secret: [u8; 32],
    /// How the merchant proved itself.
    pub authentication: Authentication,
    /// By what it proved itself first; `None` for a session that an older program began.
    pub method: Option<LoginMethod>,
    /// From where it logged in, if that is known.
    pub address: Option<IpAddr>,
    /// Since when.
    pub created_at: Timestamp,
    /// When the browser last showed it, if that is known, and never more than
    /// [`crate::domain::last_use::SESSION_EVERY`] behind.
    pub seen_at: Option<Timestamp>,
    /// Until when.
    pub expires_at: Timestamp,
}

impl fmt::Debug for LoginSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoginSession({} until {})", self.merchant, self.expires_at)
    }
}

row! {
    SessionRow {
        id: String,
        merchant: String,
        csrf_secret: Vec<u8>,
        authenticated_at: i64,
        acr: String,
        method: Option<String>,
        address: Option<String>,
        created_at: i64,
        seen_at: Option<i64>,
        expires_at: i64,
    }
}

macro_rules! columns {
    () => {
        "id, merchant, csrf_secret, authenticated_at, acr, method, address, created_at, seen_at, expires_at"
    };
}

macro_rules! select_session {
    ($tail:literal) => {
        concat!("select ", columns!(), " from login_session ", $tail)
    };
}

impl TryFrom<SessionRow> for LoginSession {
    type Error = StoreError;

    fn try_from(row: SessionRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: parse("login_session.id", &row.id)?,
            authentication: authentication("login_session.acr", row.authenticated_at, &row.acr)?,
            merchant: parse("login_session.merchant", &row.merchant)?,
            csrf_secret: hash("login_session.csrf_secret", &row.csrf_secret)?,
            method: method(row.method.as_deref())?,
            address: optional("login_session.address", row.address.as_deref())?,
            created_at: Timestamp::from_micros(row.created_at),
            seen_at: time(row.seen_at),
            expires_at: Timestamp::from_micros(row.expires_at),
        })
    }
}

fn method(text: Option<&str>) -> Result<Option<LoginMethod>, StoreError> {
    text.map(|text| known("login_session.method", LoginMethod::named(text))).transpose()
}

impl Store {
    /// Keeps a new session under the hash of its id, if the merchant may still log in by `first`, and by it alone if the session
    /// is of one factor. Gives whether it did.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the id is taken; [`StoreError::Unavailable`].
    pub async fn begin_login_session(
        &self,
        hash: &SessionHash,
        session: &LoginSession,
        first: &FirstFactor,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        if !transaction.lock_login(&session.merchant, first).await? {
            return Ok(false);
        }
        // By a statement of its own: only one that begins once the merchant's row is locked sees what had held it.
        let is_by_one = session.authentication.class == AuthenticationClass::OneFactor;
        if is_by_one && transaction.has_confirmed_factor(&session.merchant).await? {
            return Ok(false);
        }
        transaction.insert_login_session(hash, session).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// The session of that id, if it has not expired at `now`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn login_session(
        &self,
        hash: &SessionHash,
        now: Timestamp,
    ) -> Result<Option<LoginSession>, StoreError> {
        let row: Option<SessionRow> = on!(self.reader(), db => {
            sqlx::query_as(select_session!("where hash = $1 and expires_at > $2"))
            .bind(&hash.0[..])
            .bind(now.as_micros())
            .fetch_optional(db)
            .await
        })?;
        row.map(LoginSession::try_from).transpose()
    }

    /// Logs one browser out; does nothing without such a session.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn delete_login_session(&self, hash: &SessionHash) -> Result<(), StoreError> {
        on!(self.writer(), db => {
            sqlx::query("delete from login_session where hash = $1")
                .bind(&hash.0[..])
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(())
    }

    /// The sessions of a merchant that have not expired at `now`, the youngest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn login_sessions_of(
        &self,
        merchant: &MerchantId,
        now: Timestamp,
    ) -> Result<Vec<LoginSession>, StoreError> {
        let rows: Vec<SessionRow> = on!(self.reader(), db => {
            sqlx::query_as(select_session!(
                "where merchant = $1 and expires_at > $2 order by created_at desc, id limit $3"
            ))
            .bind(merchant.as_str())
            .bind(now.as_micros())
            .bind(MAX_LIST)
            .fetch_all(db)
            .await
        })?;
        all(rows)
    }
}

impl Transaction {
    /// Ends the session of that id if it is the merchant's; gives what it was.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn end_login_session(
        &mut self,
        merchant: &MerchantId,
        id: &SessionId,
    ) -> Result<Option<LoginSession>, StoreError> {
        let row: Option<SessionRow> = on!(self.connection(), db => {
            sqlx::query_as(concat!(
                "delete from login_session where id = $1 and merchant = $2 returning ",
                columns!()
            ))
            .bind(id.as_str())
            .bind(merchant.as_str())
            .fetch_optional(db)
            .await
        })?;
        row.map(LoginSession::try_from).transpose()
    }

    /// Ends all sessions of the merchant's; gives those that had not expired at `now`, the youngest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn end_login_sessions(
        &mut self,
        merchant: &MerchantId,
        now: Timestamp,
    ) -> Result<Vec<LoginSession>, StoreError> {
        let rows: Vec<SessionRow> = on!(self.connection(), db => {
            sqlx::query_as(concat!("delete from login_session where merchant = $1 returning ", columns!()))
                .bind(merchant.as_str())
                .fetch_all(db)
                .await
        })?;
        let mut ended: Vec<LoginSession> = all(rows)?;
        ended.retain(|session| now < session.expires_at);
        ended.sort_by(|one, other| other.created_at.cmp(&one.created_at).then_with(|| one.id.cmp(&other.id)));
        Ok(ended)
    }

    pub(super) async fn insert_login_session(
        &mut self,
        hash: &SessionHash,
        session: &LoginSession,
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "insert into login_session (hash, merchant, csrf_secret, created_at, expires_at, id, authenticated_at, \
                 acr, method, address, seen_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            )
            .bind(&hash.0[..])
            .bind(session.merchant.as_str())
            .bind(&session.csrf_secret[..])
            .bind(session.created_at.as_micros())
            .bind(session.expires_at.as_micros())
            .bind(session.id.as_str())
            .bind(session.authentication.at.as_micros())
            .bind(session.authentication.class.name())
            .bind(session.method.map(LoginMethod::name))
            .bind(session.address.map(|address| address.to_string()))
            .bind(session.seen_at.map(Timestamp::as_micros))
            .execute(db)
            .await
            .map(|_| ())
        })?;
        on!(self.connection(), db => {
            // A bound on both sides, as SQLite takes no offset without a limit.
            sqlx::query(
                "delete from login_session where hash in (select hash from login_session where merchant = $1 \
                 order by created_at desc, id limit 1000000 offset $2)",
            )
            .bind(session.merchant.as_str())
            .bind(MAX_SESSIONS)
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }

    /// Logs a merchant out of all browsers but that of the session of that id.
    pub(super) async fn delete_other_login_sessions_of(
        &mut self,
        merchant: &MerchantId,
        kept: &str,
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query("delete from login_session where merchant = $1 and id <> $2")
                .bind(merchant.as_str())
                .bind(kept)
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(())
    }

    /// Logs a merchant out of all browsers, as a change of password or a suspension does.
    pub(super) async fn delete_login_sessions_of(&mut self, merchant: &MerchantId) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query("delete from login_session where merchant = $1")
                .bind(merchant.as_str())
                .execute(db)
                .await
                .map(|_| ())
        })?;
        Ok(())
    }
}
