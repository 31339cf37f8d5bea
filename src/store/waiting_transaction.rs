//! Transactions that came before their sales, under the apps that called. Append-only; once its sale has come, one is counted beside
//! this.

use std::collections::HashMap;

use super::error::StoreError;
use super::open::Store;
use super::page::Page;
use super::row::{known, parse};
use super::transaction::Transaction;
use crate::domain::id::AppId;
use crate::domain::money::{Amount, Currency};
use crate::domain::sale::{EventKey, SaleKey, WaitingEvent};
use crate::domain::time::Timestamp;
use crate::domain::transaction::TransactionKind;

row! {
    WaitingRow {
        app: String,
        sale: String,
        currency: String,
        kind: String,
        id: String,
        usage: String,
        amount: Option<i64>,
    }
}

impl TryFrom<WaitingRow> for (EventKey, WaitingEvent) {
    type Error = StoreError;

    fn try_from(row: WaitingRow) -> Result<Self, StoreError> {
        let WaitingRow { app, sale, currency, kind, id, usage, amount } = row;
        let app = parse("waiting_transaction.app", &app)?;
        let currency = parse("waiting_transaction.currency", &currency)?;
        let kind = known("waiting_transaction.kind", TransactionKind::named(&kind))?;
        let usage = parse("waiting_transaction.usage", &usage)?;
        let key = EventKey { sale: SaleKey { app, id: sale, currency }, kind, id };
        Ok((key, WaitingEvent { usage, amount }))
    }
}

/// A transaction whose sale has not come, as it is listed.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedWaiting {
    /// The usage record that made it.
    pub usage: String,
    /// The app that called; whose sale it may be of, its route says.
    pub app: AppId,
    /// The sale's id.
    pub sale: String,
    /// What it means for its sale.
    pub kind: TransactionKind,
    /// Its own id.
    pub id: String,
    /// Its currency.
    pub currency: Currency,
    /// Of how much it is; none of all that is left.
    pub amount: Option<Amount>,
    /// When it came.
    pub at: Timestamp,
    /// Whether someone is asked, by an exception.
    pub is_asked: bool,
}

row! {
    ListedRow {
        app: String,
        sale: String,
        currency: String,
        kind: String,
        id: String,
        usage: String,
        amount: Option<i64>,
        at: i64,
        asked: i64,
    }
}

impl TryFrom<ListedRow> for ListedWaiting {
    type Error = StoreError;

    fn try_from(row: ListedRow) -> Result<Self, StoreError> {
        let currency = parse("waiting_transaction.currency", &row.currency)?;
        Ok(Self {
            usage: row.usage,
            app: parse("waiting_transaction.app", &row.app)?,
            sale: row.sale,
            kind: known("waiting_transaction.kind", TransactionKind::named(&row.kind))?,
            id: row.id,
            currency,
            amount: row.amount.map(|minor| Amount { minor, currency }),
            at: Timestamp::from_micros(row.at),
            is_asked: row.asked > 0,
        })
    }
}

impl Store {
    /// Transactions whose sales have not come, and about which nothing was decided: the oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn waiting_for_sales(&self, page: &Page) -> Result<Vec<ListedWaiting>, StoreError> {
        let rows: Vec<ListedRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select w.app, w.sale, w.currency, w.kind, w.id, w.usage, w.amount, u.at, \
                 (select count(*) from usage_exception x where x.usage = w.usage) as asked \
                 from waiting_transaction w join usage u on u.id = w.usage \
                 where not exists (select 1 from sale_event e where e.usage = w.usage) \
                 and not exists (select 1 from sale_event e where e.sale = w.sale and e.kind = w.kind and e.id = w.id \
                 and e.currency = w.currency and e.app = w.app) \
                 and not exists (select 1 from usage_exception x join exception_resolution r on r.exception = x.id \
                 where x.usage = w.usage) \
                 and ($1 = '' or u.at > (select p.at from usage p where p.id = $1) \
                 or (u.at = (select p.at from usage p where p.id = $1) and w.usage > $1)) \
                 order by u.at, w.usage limit $2",
            )
            .bind(page.cursor())
            .bind(page.limit())
            .fetch_all(db)
            .await
        })?;
        super::row::all(rows)
    }
}

impl Transaction {
    /// The transactions of these sales that have these ids and came before their sales, of whatever app.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn waiting_transactions(
        &mut self,
        sales: &[String],
        ids: &[String],
    ) -> Result<HashMap<EventKey, WaitingEvent>, StoreError> {
        if sales.is_empty() || ids.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<WaitingRow> = on!(self.connection(), db => {
            let mut statement = sqlx::QueryBuilder::new("select * from waiting_transaction where sale in ");
            push_list!(statement, sales);
            statement.push(" and id in ");
            push_list!(statement, ids);
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        rows.into_iter().map(<(EventKey, WaitingEvent)>::try_from).collect()
    }

    /// Those that wait for one of these sales, of whatever app, and of which nobody is asked.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn quietly_waiting_for(
        &mut self,
        sales: &[String],
    ) -> Result<Vec<(EventKey, WaitingEvent)>, StoreError> {
        if sales.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<WaitingRow> = on!(self.connection(), db => {
            let mut statement = sqlx::QueryBuilder::new("select w.* from waiting_transaction w where w.sale in ");
            push_list!(statement, sales);
            // What may be of any app's sale is counted under that app.
            statement.push(
                " and not exists (select 1 from sale_event e where e.sale = w.sale and e.kind = w.kind and e.id = w.id \
                 and e.currency = w.currency and (e.app = w.app or e.usage = w.usage)) \
                 and not exists (select 1 from usage_exception e where e.usage = w.usage)",
            );
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        rows.into_iter().map(<(EventKey, WaitingEvent)>::try_from).collect()
    }

    /// Keeps transactions that wait for their sales.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if one is there already; [`StoreError::Unavailable`].
    pub async fn insert_waiting_transactions(
        &mut self,
        waiting: &[(EventKey, WaitingEvent)],
    ) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into waiting_transaction (app, sale, currency, kind, id, usage, amount) ",
            7,
            waiting,
            "",
            |row, new| {
                let (key, event) = new;
                row.push_bind(key.sale.app.as_str())
                    .push_bind(&key.sale.id)
                    .push_bind(key.sale.currency.to_string())
                    .push_bind(key.kind.name())
                    .push_bind(&key.id)
                    .push_bind(event.usage.to_string())
                    .push_bind(event.amount);
            }
        )?;
        Ok(())
    }
}
