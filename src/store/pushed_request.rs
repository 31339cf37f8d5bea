//! Authorization requests that apps pushed (RFC 9126), under the hashes of their references. One is used up by the merchant's
//! answer, see [`Store::give_code`].

use std::net::IpAddr;

use super::error::StoreError;
use super::expiry::MAX_FORGOTTEN;
use super::open::Store;
use super::row::parse;
use super::transaction::Transaction;
use crate::domain::id::AppId;
use crate::domain::secret_hash::RequestHash;
use crate::domain::time::Timestamp;

/// What becomes of a request of whose app as many wait as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// It is not kept. This is for an app that has proved itself: it can be told to wait.
    Refuse,
    /// The oldest of the sites that have most waiting go, and this one is from that network. A site is an IPv4 address or an IPv6
    /// /48, and shared out among its networks (/64) in the same way. So whoever says to be an app that anybody can be pushes out his
    /// own requests before those of others, unless he has so many sites that each has its fair share. A tenth goes at once: who
    /// pushes without end pays for the choice once in so many.
    OldestGo(IpAddr),
}

/// An authorization request that was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedRequest {
    /// Whose it is.
    pub app: AppId,
    /// Its parameters, form-encoded.
    pub request: String,
    /// When it was pushed.
    pub created_at: Timestamp,
    /// From when it no longer works.
    pub expires_at: Timestamp,
}

row! {
    PushedRow { app: String, request: String, created_at: i64, expires_at: i64 }
}

impl TryFrom<PushedRow> for PushedRequest {
    type Error = StoreError;

    fn try_from(row: PushedRow) -> Result<Self, StoreError> {
        Ok(Self {
            app: parse("pushed_request.app", &row.app)?,
            request: row.request,
            created_at: Timestamp::from_micros(row.created_at),
            expires_at: Timestamp::from_micros(row.expires_at),
        })
    }
}

impl Store {
    /// Keeps a request, unless `most` of its app wait and `when_full` says otherwise; whether it did. Of those that are pushed at
    /// once, a few more may be kept.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without its app, [`StoreError::Conflict`] if the hash is taken; [`StoreError::Unavailable`].
    pub async fn push_request(
        &self,
        hash: &RequestHash,
        pushed: &PushedRequest,
        (most, when_full): (u32, WhenFull),
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let mut waiting = transaction.count_waiting(&pushed.app, pushed.created_at, most).await?;
        let network = match when_full {
            WhenFull::Refuse if waiting >= most => return Ok(false),
            WhenFull::Refuse => None,
            WhenFull::OldestGo(network) => Some(network),
        };
        if waiting >= most {
            // One at a time for each app: two that drop the same ones could wait for each other, and the second need drop nothing.
            transaction.lock_app(&pushed.app).await?;
            waiting = transaction.count_waiting(&pushed.app, pushed.created_at, most).await?;
        }
        transaction.insert_pushed_request(hash, pushed, network).await?;
        if waiting >= most {
            transaction.drop_oldest(&pushed.app, pushed.created_at, most - most / 10).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// The request of that app, unless it was used or has expired at `now`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn pushed_request(
        &self,
        app: &AppId,
        hash: &RequestHash,
        now: Timestamp,
    ) -> Result<Option<PushedRequest>, StoreError> {
        let row: Option<PushedRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select app, request, created_at, expires_at from pushed_request \
                 where hash = $1 and app = $2 and expires_at > $3",
            )
            .bind(&hash.0[..])
            .bind(app.as_str())
            .bind(now.as_micros())
            .fetch_optional(db)
            .await
        })?;
        row.map(PushedRequest::try_from).transpose()
    }

    /// Uses a request up without a code, as a merchant does that says no; whether it was there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn drop_pushed_request(
        &self,
        app: &AppId,
        hash: &RequestHash,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let is_used = transaction.use_pushed_request(app, hash, now).await?;
        transaction.commit().await?;
        Ok(is_used)
    }
}

impl Transaction {
    /// How many requests of an app wait at `now`, up to `most`.
    async fn count_waiting(&mut self, app: &AppId, now: Timestamp, most: u32) -> Result<u32, StoreError> {
        let waiting: i64 = on!(self.connection(), db => {
            sqlx::query_scalar(
                "select count(*) from (select 1 from pushed_request where app = $1 and expires_at > $2 limit $3) waiting",
            )
            .bind(app.as_str())
            .bind(now.as_micros())
            .bind(i64::from(most))
            .fetch_one(db)
            .await
        })?;
        Ok(u32::try_from(waiting).unwrap_or(most))
    }

    async fn insert_pushed_request(
        &mut self,
        hash: &RequestHash,
        pushed: &PushedRequest,
        network: Option<IpAddr>,
    ) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "insert into pushed_request (hash, app, request, created_at, expires_at, network) \
                 values ($1, $2, $3, $4, $5, $6)",
            )
            .bind(&hash.0[..])
            .bind(pushed.app.as_str())
            .bind(&pushed.request)
            .bind(pushed.created_at.as_micros())
            .bind(pushed.expires_at.as_micros())
            .bind(network.map(in_digits))
            .execute(db)
            .await
            .map(|_| ())
        })
        .map_err(|error| StoreError::from(error).for_missing("app"))
    }

    /// Leaves `left` of the requests of an app that wait at `now`: the first of each site, then the second of each, and so on; of a
    /// site, the newest of each network, then the second newest of each. All live equally long, so that what was pushed last
    /// expires last.
    async fn drop_oldest(&mut self, app: &AppId, now: Timestamp, left: u32) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "delete from pushed_request where hash in (\
                 select hash from (\
                 select hash, expires_at, row_number() over (\
                 partition by substr(network, 1, 12) order by turn, expires_at desc, hash) as turn from (\
                 select hash, expires_at, network, row_number() over (\
                 partition by network order by expires_at desc, hash) as turn \
                 from pushed_request where app = $1 and expires_at > $2) of_network) of_site \
                 order by turn, expires_at desc, hash limit $4 offset $3)",
            )
            .bind(app.as_str())
            .bind(now.as_micros())
            .bind(i64::from(left))
            .bind(MAX_FORGOTTEN)
            .execute(db)
            .await
            .map(|_| ())
        })?;
        Ok(())
    }

    /// Uses a request up; whether it was there, and had not expired at `now`.
    pub(super) async fn use_pushed_request(
        &mut self,
        app: &AppId,
        hash: &RequestHash,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let used = on!(self.connection(), db => {
            sqlx::query("delete from pushed_request where hash = $1 and app = $2 and expires_at > $3")
                .bind(&hash.0[..])
                .bind(app.as_str())
                .bind(now.as_micros())
                .execute(db)
                .await
                .map(|done| done.rows_affected())
        })?;
        Ok(used > 0)
    }
}

/// A network in digits: eight of an IPv4 address, sixteen of an IPv6 /64, of which the first twelve are its /48.
fn in_digits(network: IpAddr) -> String {
    match network {
        IpAddr::V4(v4) => format!("{:08x}", v4.to_bits()),
        IpAddr::V6(v6) => format!("{:016x}", v6.to_bits() >> 64),
    }
}
