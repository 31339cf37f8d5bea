//! Calls by which personal data left as it was, by the merchant whose buyers it is of. Append-only, by triggers of both stores; each is
//! kept in the transaction of its usage record.

use super::error::StoreError;
use super::open::Store;
use super::page::Page;
use super::row::parse;
use super::transaction::Transaction;
use crate::domain::id::{AppId, MerchantId};
use crate::domain::scope::ScopeSet;
use crate::domain::time::Timestamp;
use crate::domain::usage::UsageRecord;

/// A call by which personal data left as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonalDataRead {
    /// Its number: by it pages go on.
    pub number: i64,
    /// The id of its usage record.
    pub usage: String,
    /// When.
    pub at: Timestamp,
    /// Which app.
    pub app: AppId,
    /// The kind of credential.
    pub credential: String,
    /// The credential's public id.
    pub credential_id: String,
    /// Which route.
    pub route: Option<String>,
    /// The method.
    pub method: String,
    /// The status.
    pub status: i64,
    /// The scopes that let it through.
    pub scopes: ScopeSet,
}

row! {
    ReadRow {
        number: i64,
        id: String,
        at: i64,
        app: String,
        credential: String,
        credential_id: String,
        route: Option<String>,
        method: String,
        status: i64,
        scopes: String,
    }
}

impl TryFrom<ReadRow> for PersonalDataRead {
    type Error = StoreError;

    fn try_from(row: ReadRow) -> Result<Self, StoreError> {
        Ok(Self {
            number: row.number,
            usage: row.id,
            at: Timestamp::from_micros(row.at),
            app: parse("usage.app", &row.app)?,
            credential: row.credential,
            credential_id: row.credential_id,
            route: row.route,
            method: row.method,
            status: row.status,
            scopes: parse("personal_data_read.scopes", &row.scopes)?,
        })
    }
}

impl Store {
    /// A page of the calls by which personal data of a merchant's buyers left, those last that were recorded first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn personal_data_reads(
        &self,
        merchant: &MerchantId,
        page: &Page,
    ) -> Result<Vec<PersonalDataRead>, StoreError> {
        let below = page.cursor().parse::<i64>().unwrap_or(i64::MAX);
        let rows: Vec<ReadRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select u.number, u.id, u.at, u.app, u.credential, u.credential_id, u.route, u.method, u.status, r.scopes \
                 from personal_data_read r join usage_record u on u.number = r.usage \
                 where r.merchant = $1 and r.usage < $2 order by r.usage desc limit $3",
            )
            .bind(merchant.as_str())
            .bind(below)
            .bind(page.limit())
            .fetch_all(db)
            .await
        })?;
        super::row::all(rows)
    }
}

impl Transaction {
    /// Keeps those of numbered usage records by which personal data of a merchant's buyers left.
    pub(super) async fn insert_personal_data_reads(
        &mut self,
        records: impl Iterator<Item = (i64, &UsageRecord)>,
    ) -> Result<(), StoreError> {
        let of_merchant = |(number, usage)| read(number, usage);
        let reads: Vec<(&str, i64, String)> = records.filter_map(of_merchant).collect();
        insert_rows!(
            self,
            "insert into personal_data_read (merchant, usage, scopes) ",
            3,
            reads,
            "",
            |row, read| {
                let (merchant, usage, scopes) = read;
                row.push_bind(*merchant).push_bind(*usage).push_bind(scopes);
            }
        )?;
        Ok(())
    }
}

fn read(number: i64, usage: &UsageRecord) -> Option<(&str, i64, String)> {
    let merchant = usage.merchant.as_ref().filter(|_| !usage.disclosed.is_empty())?;
    Some((merchant.as_str(), number, usage.disclosed.to_string()))
}
