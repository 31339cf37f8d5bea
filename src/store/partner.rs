//! Partners.

use std::collections::HashSet;

use super::error::StoreError;
use super::open::Store;
use super::page::Page;
use super::row::{all, known, parse};
use super::transaction::Transaction;
use crate::domain::id::PartnerId;
use crate::domain::identity::{Partner, Standing};
use crate::domain::time::Timestamp;

/// Ids that one statement asks for: within what it may bind.
const MAX_ASKED: usize = 10_000;

row! {
    PartnerRow { id: String, name: String, standing: String, created_at: i64 }
}

impl TryFrom<PartnerRow> for Partner {
    type Error = StoreError;

    fn try_from(row: PartnerRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: parse("partner.id", &row.id)?,
            name: row.name,
            standing: known("partner.standing", Standing::named(&row.standing))?,
            created_at: Timestamp::from_micros(row.created_at),
        })
    }
}

impl Transaction {
    /// Those of these ids that are partners'.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn known_partners(&mut self, ids: &[String]) -> Result<HashSet<String>, StoreError> {
        let mut known = HashSet::new();
        for ids in ids.chunks(MAX_ASKED) {
            let rows: Vec<(String,)> = on!(self.connection(), db => {
                let mut statement = sqlx::QueryBuilder::new("select id from partner where id in ");
                push_list!(statement, ids);
                statement.build_query_as().persistent(false).fetch_all(db).await
            })?;
            known.extend(rows.into_iter().map(|(id,)| id));
        }
        Ok(known)
    }
}

impl Store {
    /// Registers a partner.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if its id is taken; [`StoreError::Unavailable`].
    pub async fn create_partner(&self, partner: &Partner) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        on!(transaction.connection(), db => {
            sqlx::query("insert into partner (id, name, standing, created_at) values ($1, $2, $3, $4)")
                .bind(partner.id.as_str())
                .bind(&partner.name)
                .bind(partner.standing.name())
                .bind(partner.created_at.as_micros())
                .execute(db)
                .await
                .map(|_| ())
        })?;
        transaction.commit().await
    }

    /// The partner of that id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn partner(&self, id: &PartnerId) -> Result<Option<Partner>, StoreError> {
        let row: Option<PartnerRow> = on!(self.reader(), db => {
            sqlx::query_as("select id, name, standing, created_at from partner where id = $1")
                .bind(id.as_str())
                .fetch_optional(db)
                .await
        })?;
        row.map(Partner::try_from).transpose()
    }

    /// A page of all partners.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn partners(&self, page: &Page) -> Result<Vec<Partner>, StoreError> {
        let rows: Vec<PartnerRow> = on!(self.reader(), db => {
            sqlx::query_as(
                "select id, name, standing, created_at from partner where id > $1 order by id limit $2",
            )
            .bind(page.cursor())
            .bind(page.limit())
            .fetch_all(db)
            .await
        })?;
        all(rows)
    }

    /// Says whether a partner's apps may act.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a partner; [`StoreError::Unavailable`].
    pub async fn set_partner_standing(&self, id: &PartnerId, standing: Standing) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        transaction.set_partner_standing(id, standing).await?;
        transaction.commit().await
    }
}

impl Transaction {
    /// The partner of that id, which nobody else changes until the end of the transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn lock_partner(&mut self, id: &PartnerId) -> Result<Option<Partner>, StoreError> {
        let row: Option<PartnerRow> =
            lock_row!(self, "select id, name, standing, created_at from partner where id = $1", |query| {
                query.bind(id.as_str())
            })?;
        row.map(Partner::try_from).transpose()
    }

    /// Says whether a partner's apps may act.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such a partner; [`StoreError::Unavailable`].
    pub async fn set_partner_standing(
        &mut self,
        id: &PartnerId,
        standing: Standing,
    ) -> Result<(), StoreError> {
        let what = ("partner", "update partner set standing = $2 where id = $1");
        self.set_standing(what, id.as_str(), standing).await
    }
}
