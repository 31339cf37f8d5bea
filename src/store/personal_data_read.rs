//! Calls by which personal data left as it was, by app, and by the merchant whose buyers it is of if the credential had one.
//! Append-only, by triggers of both stores; each is kept in the transaction of its usage record.

use super::error::StoreError;
use super::numbers::Numbers;
use super::open::Store;
use super::page::Page;
use super::row::{known, optional, parse};
use super::transaction::Transaction;
use crate::domain::id::{AppId, MerchantId};
use crate::domain::scope::ScopeSet;
use crate::domain::time::Timestamp;
use crate::domain::usage::UsageRecord;

/// Whose reads of personal data are listed.
#[derive(Debug, Clone, Copy)]
pub enum ReadsOf<'a> {
    /// Those of a merchant's buyers, by whichever app.
    Merchant(&'a MerchantId),
    /// An app's, for whomever it acted.
    App(&'a AppId),
}

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
    /// On whose behalf: the merchant whose buyers it is of. Without one, the route alone tells whose it may have been.
    pub merchant: Option<MerchantId>,
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
        merchant: Option<String>,
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
            merchant: optional("disclosure.merchant", row.merchant.as_deref())?,
            credential: row.credential,
            credential_id: row.credential_id,
            route: row.route,
            method: row.method,
            status: row.status,
            scopes: parse("disclosure.scopes", &row.scopes)?,
        })
    }
}

macro_rules! select_reads {
    ($whose:literal) => {
        concat!(
            "select u.number, u.id, u.at, u.app, d.merchant, u.credential, u.credential_id, u.route, u.method, u.status, \
             d.scopes from disclosure d join usage_record u on u.number = d.usage where ",
            $whose,
            " and d.usage < $2 order by d.usage desc limit $3"
        )
    };
}

impl Store {
    /// A page of the calls by which personal data left, those last that were recorded first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn personal_data_reads(
        &self,
        of: ReadsOf<'_>,
        page: &Page,
    ) -> Result<Vec<PersonalDataRead>, StoreError> {
        let below = page.cursor().parse::<i64>().unwrap_or(i64::MAX);
        let (sql, id) = match of {
            ReadsOf::Merchant(merchant) => (select_reads!("d.merchant = $1"), merchant.as_str()),
            ReadsOf::App(app) => {
                (select_reads!("d.app = (select number from usage_app where app = $1)"), app.as_str())
            }
        };
        let rows: Vec<ReadRow> = on!(self.reader(), db => {
            sqlx::query_as(sql).bind(id).bind(below).bind(page.limit()).fetch_all(db).await
        })?;
        super::row::all(rows)
    }
}

/// A call as it is kept: its app's number, its usage record's, on whose behalf, and by which scopes.
type Kept<'r> = (i64, i64, Option<&'r str>, String);

impl Transaction {
    /// Keeps those of numbered usage records by which personal data left. Each app has its number by then.
    pub(super) async fn insert_personal_data_reads(
        &mut self,
        records: impl Iterator<Item = (i64, &UsageRecord)>,
        numbers: &Numbers,
    ) -> Result<(), StoreError> {
        let reads = records.filter(|(_, usage)| !usage.disclosed.is_empty());
        let kept = |(number, usage)| kept(number, usage, numbers);
        let reads = reads.map(kept).collect::<Result<Vec<_>, _>>()?;
        insert_rows!(
            self,
            "insert into disclosure (app, usage, merchant, scopes) ",
            4,
            reads,
            "",
            |row, read| {
                let (app, usage, merchant, scopes) = read;
                row.push_bind(*app).push_bind(*usage).push_bind(*merchant).push_bind(scopes);
            }
        )?;
        Ok(())
    }
}

fn kept<'r>(number: i64, usage: &'r UsageRecord, numbers: &Numbers) -> Result<Kept<'r>, StoreError> {
    let app = known("disclosure.app", numbers.app(&usage.app))?;
    Ok((app, number, usage.merchant.as_ref().map(MerchantId::as_str), usage.disclosed.to_string()))
}
