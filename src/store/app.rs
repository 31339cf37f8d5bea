//! Apps.

use std::collections::HashMap;

use super::error::{StoreError, require};
use super::open::Store;
use super::page::Page;
use super::row::{all, known, parse};
use super::transaction::Transaction;
use crate::domain::client::{ClientSettings, SecretRecord};
use crate::domain::id::{AppId, PartnerId};
use crate::domain::identity::{App, ClientKind, DefaultScopes, Environment, SecretHash, Standing};
use crate::domain::time::Timestamp;

/// Apps that are asked for at once: within what a statement may bind.
const MAX_ASKED: usize = 10_000;

row! {
    pub(super) AppRow {
        id: String,
        partner: String,
        name: String,
        environment: String,
        kind: String,
        redirect_uris: String,
        scopes: String,
        default_scopes: String,
        default_scopes_named: bool,
        requires_pkce: bool,
        standing: String,
        created_at: i64,
    }
}

macro_rules! select_app {
    ($tail:literal) => {
        concat!(
            "select id, partner, name, environment, kind, redirect_uris, scopes, default_scopes, \
             default_scopes_named, requires_pkce, standing, created_at from app ",
            $tail
        )
    };
}

impl TryFrom<AppRow> for App {
    type Error = StoreError;

    fn try_from(row: AppRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: parse("app.id", &row.id)?,
            partner: parse("app.partner", &row.partner)?,
            name: row.name,
            environment: known("app.environment", Environment::named(&row.environment))?,
            kind: known("app.kind", ClientKind::named(&row.kind))?,
            redirect_uris: serde_json::from_str(&row.redirect_uris)
                .map_err(|_| StoreError::corrupt("app.redirect_uris"))?,
            scopes: parse("app.scopes", &row.scopes)?,
            // An older program that chose some of them named none.
            default_scopes: match row.default_scopes_named || row.default_scopes != row.scopes {
                true => DefaultScopes::Named(parse("app.default_scopes", &row.default_scopes)?),
                false => DefaultScopes::All,
            },
            requires_pkce: row.requires_pkce,
            standing: known("app.standing", Standing::named(&row.standing))?,
            created_at: Timestamp::from_micros(row.created_at),
        })
    }
}

/// A list of texts as a JSON array.
fn to_json(texts: &[String]) -> String {
    serde_json::Value::from(texts.to_vec()).to_string()
}

impl Store {
    /// Registers an app and what it is as a client, with its first client secret if it needs one.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if its id is taken, [`StoreError::Missing`] without its partner;
    /// [`StoreError::Unavailable`].
    pub async fn create_app(
        &self,
        app: &App,
        settings: &ClientSettings,
        secret: Option<(&SecretRecord, &SecretHash)>,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        transaction.insert_app(app).await?;
        transaction.put_client_settings(&app.id, settings).await?;
        if let Some(secret) = secret {
            transaction.insert_secret(secret).await?;
        }
        transaction.commit().await
    }

    /// The app of that id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn app(&self, id: &AppId) -> Result<Option<App>, StoreError> {
        let row: Option<AppRow> = on!(self.reader(), db => {
            sqlx::query_as(select_app!("where id = $1")).bind(id.as_str()).fetch_optional(db).await
        })?;
        row.map(App::try_from).transpose()
    }

    /// A page of a partner's apps.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn apps_of(&self, partner: &PartnerId, page: &Page) -> Result<Vec<App>, StoreError> {
        let rows: Vec<AppRow> = on!(self.reader(), db => {
            sqlx::query_as(select_app!("where partner = $1 and id > $2 order by id limit $3"))
                .bind(partner.as_str())
                .bind(page.cursor())
                .bind(page.limit())
                .fetch_all(db)
                .await
        })?;
        all(rows)
    }

    /// Changes an app's name, redirect URIs, scopes, default scopes and need for PKCE, and what it is as a client; the rest of
    /// it never changes, but for its standing, which has [`Store::set_app_standing`].
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such an app; [`StoreError::Unavailable`].
    pub async fn update_app(&self, app: &App, settings: &ClientSettings) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        transaction.update_app(app, settings).await?;
        transaction.commit().await
    }

    /// Says whether an app may act.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such an app; [`StoreError::Unavailable`].
    pub async fn set_app_standing(&self, id: &AppId, standing: Standing) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        transaction.set_app_standing(id, standing).await?;
        transaction.commit().await
    }

    /// Ends the access tokens that an app got for itself before `from`; an earlier time changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such an app; [`StoreError::Unavailable`].
    pub async fn end_app_tokens(&self, id: &AppId, from: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        transaction.end_app_tokens(id, from).await?;
        transaction.commit().await
    }
}

impl Transaction {
    /// The environments of these apps; of one that is not registered, none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn environments(&mut self, ids: &[String]) -> Result<HashMap<String, Environment>, StoreError> {
        let mut environments = HashMap::new();
        for ids in ids.chunks(MAX_ASKED) {
            let rows: Vec<(String, String)> = on!(self.connection(), db => {
                let mut statement = sqlx::QueryBuilder::new("select id, environment from app where id in ");
                push_list!(statement, ids);
                statement.build_query_as().persistent(false).fetch_all(db).await
            })?;
            for (id, name) in rows {
                environments.insert(id, known("app.environment", Environment::named(&name))?);
            }
        }
        Ok(environments)
    }

    /// As [`Store::update_app`].
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such an app; [`StoreError::Unavailable`].
    pub async fn update_app(&mut self, app: &App, settings: &ClientSettings) -> Result<(), StoreError> {
        self.change_app(app).await?;
        self.put_client_settings(&app.id, settings).await
    }

    /// As [`Store::set_app_standing`].
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such an app; [`StoreError::Unavailable`].
    pub async fn set_app_standing(&mut self, id: &AppId, standing: Standing) -> Result<(), StoreError> {
        let what = ("app", "update app set standing = $2 where id = $1");
        self.set_standing(what, id.as_str(), standing).await
    }

    /// As [`Store::end_app_tokens`].
    ///
    /// # Errors
    /// [`StoreError::Missing`] without such an app; [`StoreError::Unavailable`].
    pub async fn end_app_tokens(&mut self, id: &AppId, from: Timestamp) -> Result<(), StoreError> {
        let changed = on!(self.connection(), db => {
            sqlx::query(
                "update app set tokens_valid_from = case when tokens_valid_from > $2 then tokens_valid_from \
                 else $2 end where id = $1",
            )
            .bind(id.as_str())
            .bind(from.as_micros())
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        require("app", changed)
    }

    async fn insert_app(&mut self, app: &App) -> Result<(), StoreError> {
        on!(self.connection(), db => {
            sqlx::query(
                "insert into app (id, partner, name, environment, kind, redirect_uris, scopes, default_scopes, \
                 default_scopes_named, requires_pkce, standing, created_at) \
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
            )
            .bind(app.id.as_str())
            .bind(app.partner.as_str())
            .bind(&app.name)
            .bind(app.environment.name())
            .bind(app.kind.name())
            .bind(to_json(&app.redirect_uris))
            .bind(app.scopes.to_string())
            .bind(app.default_scopes().to_string())
            .bind(app.default_scopes != DefaultScopes::All)
            .bind(app.requires_pkce)
            .bind(app.standing.name())
            .bind(app.created_at.as_micros())
            .execute(db)
            .await
            .map(|_| ())
        })
        .map_err(|error| StoreError::from(error).for_missing("partner"))
    }

    async fn change_app(&mut self, app: &App) -> Result<(), StoreError> {
        let changed = on!(self.connection(), db => {
            sqlx::query(
                "update app set name = $2, redirect_uris = $3, scopes = $4, default_scopes = $5, \
                 default_scopes_named = $6, requires_pkce = $7 where id = $1",
            )
            .bind(app.id.as_str())
            .bind(&app.name)
            .bind(to_json(&app.redirect_uris))
            .bind(app.scopes.to_string())
            .bind(app.default_scopes().to_string())
            .bind(app.default_scopes != DefaultScopes::All)
            .bind(app.requires_pkce)
            .execute(db)
            .await
            .map(|done| done.rows_affected())
        })?;
        require("app", changed)
    }
}
