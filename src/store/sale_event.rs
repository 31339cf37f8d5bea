//! What became of sales: the transactions of each, the sale itself among them, once each. Append-only, by triggers of both stores.

use std::collections::{HashMap, HashSet};

use super::error::StoreError;
use super::open::Store;
use super::row::{known, optional, parse};
use super::transaction::Transaction;
use crate::domain::money::Amount;
use crate::domain::sale::{Event, EventKey, SaleKey};
use crate::domain::transaction::TransactionKind;

/// A transaction of a sale to be kept.
#[derive(Debug, Clone, Copy)]
pub struct NewEvent<'e> {
    /// Which.
    pub key: &'e EventKey,
    /// What it changed.
    pub event: &'e Event,
    /// The number of the ledger transaction that posts that, if there is one.
    pub posting: Option<i64>,
}

row! {
    EventRow {
        app: String,
        sale: String,
        currency: String,
        kind: String,
        id: String,
        usage: Option<String>,
        amount: Option<i64>,
        beyond: i64,
        pending: i64,
        own_earned: i64,
        walked: i64,
    }
}

macro_rules! events {
    () => {
        "select app, sale, currency, kind, id, usage, amount, beyond, pending, own_earned, walked from sale_event "
    };
}

impl TryFrom<EventRow> for (EventKey, Event) {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let EventRow {
            app,
            sale,
            currency,
            kind,
            id,
            usage,
            amount,
            beyond,
            pending,
            own_earned: earned,
            walked,
        } = row;
        let (app, currency) = (parse("sale_event.app", &app)?, parse("sale_event.currency", &currency)?);
        let kind = known("sale_event.kind", TransactionKind::named(&kind))?;
        let usage = optional("sale_event.usage", usage.as_deref())?;
        let key = EventKey { sale: SaleKey { app, id: sale, currency }, kind, id };
        Ok((key, Event { usage, amount, beyond, pending, earned, walked }))
    }
}

row! {
    MadeRow { app: String, sale: String, currency: String, amount: Option<i64> }
}

impl TryFrom<MadeRow> for (SaleKey, Option<Amount>) {
    type Error = StoreError;

    fn try_from(row: MadeRow) -> Result<Self, StoreError> {
        let currency = parse("sale_event.currency", &row.currency)?;
        let key = SaleKey { app: parse("sale_event.app", &row.app)?, id: row.sale, currency };
        Ok((key, row.amount.map(|minor| Amount { minor, currency })))
    }
}

impl Store {
    /// The sale of which a usage record made a transaction of that id, and of how much that was; none of all that was left.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn counted_as(
        &self,
        usage: &str,
        id: &str,
    ) -> Result<Option<(SaleKey, Option<Amount>)>, StoreError> {
        let row: Option<MadeRow> = on!(self.reader(), db => {
            sqlx::query_as("select app, sale, currency, amount from sale_event where usage = $1 and id = $2")
                .bind(usage)
                .bind(id)
                .fetch_optional(db)
                .await
        })?;
        row.map(<(SaleKey, Option<Amount>)>::try_from).transpose()
    }
}

impl Transaction {
    /// The sale that a usage record made.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn sale_made_by(&mut self, usage: &str) -> Result<Option<SaleKey>, StoreError> {
        let row: Option<MadeRow> = on!(self.connection(), db => {
            sqlx::query_as(
                "select app, sale, currency, amount from sale_event where usage = $1 and kind = 'sale'",
            )
            .bind(usage)
            .fetch_optional(db)
            .await
        })?;
        Ok(row.map(<(SaleKey, Option<Amount>)>::try_from).transpose()?.map(|(key, _)| key))
    }

    /// The transactions of these sales that have these ids, of whatever app; not the sales themselves.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn sale_events(
        &mut self,
        sales: &[String],
        ids: &[String],
    ) -> Result<HashMap<EventKey, Event>, StoreError> {
        if sales.is_empty() || ids.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<EventRow> = on!(self.connection(), db => {
            let mut statement =
                sqlx::QueryBuilder::new(concat!(events!(), "where kind <> 'sale' and sale in "));
            push_list!(statement, sales);
            statement.push(" and id in ");
            push_list!(statement, ids);
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        rows.into_iter().map(<(EventKey, Event)>::try_from).collect()
    }

    /// What of these sales was refunded or cancelled, of whatever app.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn given_back(&mut self, sales: &[String]) -> Result<HashMap<EventKey, Event>, StoreError> {
        if sales.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<EventRow> = on!(self.connection(), db => {
            let mut statement = sqlx::QueryBuilder::new(concat!(
                events!(),
                "where kind in ('refund', 'cancellation') and sale in "
            ));
            push_list!(statement, sales);
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        rows.into_iter().map(<(EventKey, Event)>::try_from).collect()
    }

    /// Those of these ids of sales, and their currencies, of which something was counted that might have been of any app's sale.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn sales_of_any_app(
        &mut self,
        sales: &[String],
    ) -> Result<HashSet<(String, String)>, StoreError> {
        if sales.is_empty() {
            return Ok(HashSet::new());
        }
        let rows: Vec<(String, String)> = on!(self.connection(), db => {
            let mut statement = sqlx::QueryBuilder::new(
                "select distinct e.sale, e.currency from sale_event e join usage u on u.id = e.usage \
                 join usage_transaction x on x.usage = u.number \
                 where x.details like '%\"reach\":\"any-app\"%' and e.sale in ",
            );
            push_list!(statement, sales);
            statement.build_query_as().persistent(false).fetch_all(db).await
        })?;
        Ok(rows.into_iter().collect())
    }

    /// Keeps transactions of sales that were counted.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] or [`StoreError::Corrupt`] if one is there already; [`StoreError::Unavailable`].
    pub async fn insert_sale_events(&mut self, events: &[NewEvent<'_>]) -> Result<(), StoreError> {
        insert_rows!(
            self,
            "insert into sale_event (app, sale, currency, kind, id, usage, amount, beyond, pending, own_earned, walked, \
             posting) ",
            12,
            events,
            "",
            |row, new| {
                let NewEvent { key, event, posting } = new;
                row.push_bind(key.sale.app.as_str())
                    .push_bind(&key.sale.id)
                    .push_bind(key.sale.currency.to_string())
                    .push_bind(key.kind.name())
                    .push_bind(&key.id)
                    .push_bind(event.usage.map(|usage| usage.to_string()))
                    .push_bind(event.amount)
                    .push_bind(event.beyond)
                    .push_bind(event.pending)
                    .push_bind(event.earned)
                    .push_bind(event.walked)
                    .push_bind(*posting);
            }
        )?;
        Ok(())
    }
}
