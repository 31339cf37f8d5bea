//! Apps as OAuth2 clients: all that the authorization server needs to know of one, in one statement.

use super::app::AppRow;
use super::error::StoreError;
use super::open::Store;
use super::page::Page;
use super::row::{all, known, optional, time};
use super::transaction::Transaction;
use crate::domain::client::{AuthMethod, ClientSettings, GrantType};
use crate::domain::id::{AppId, PartnerId};
use crate::domain::identity::{App, ClientKind, Partner, Standing};
use crate::domain::time::Timestamp;

/// An app as an OAuth2 client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The app.
    pub app: App,
    /// Whose it is.
    pub partner: Partner,
    /// What it registered.
    pub settings: ClientSettings,
    /// From when on the access tokens hold that it gets for itself, if older ones were ended.
    pub tokens_valid_from: Option<Timestamp>,
}

impl Client {
    /// Whether it may act.
    #[must_use]
    pub fn is_active(&self) -> bool {
        (self.app.standing, self.partner.standing) == (Standing::Active, Standing::Active)
    }
}

row! {
    ClientRow {
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
        tokens_valid_from: Option<i64>,
        partner_name: String,
        partner_standing: String,
        partner_created_at: i64,
        auth_methods: Option<String>,
        grant_types: Option<String>,
        jwks: Option<String>,
        tls_name: Option<String>,
        dpop_bound_tokens: Option<bool>,
        certificate_bound_tokens: Option<bool>,
        requires_par: Option<bool>,
    }
}

impl TryFrom<ClientRow> for Client {
    type Error = StoreError;

    fn try_from(row: ClientRow) -> Result<Self, StoreError> {
        let settings = Stored {
            auth_methods: row.auth_methods,
            grant_types: row.grant_types,
            jwks: row.jwks,
            tls_name: row.tls_name,
            dpop_bound_tokens: row.dpop_bound_tokens,
            certificate_bound_tokens: row.certificate_bound_tokens,
            requires_par: row.requires_par,
        };
        let app = App::try_from(AppRow {
            id: row.id,
            partner: row.partner,
            name: row.name,
            environment: row.environment,
            kind: row.kind,
            redirect_uris: row.redirect_uris,
            scopes: row.scopes,
            default_scopes: row.default_scopes,
            default_scopes_named: row.default_scopes_named,
            requires_pkce: row.requires_pkce,
            standing: row.standing,
            created_at: row.created_at,
        })?;
        let partner = Partner {
            id: app.partner.clone(),
            name: row.partner_name,
            standing: known("partner.standing", Standing::named(&row.partner_standing))?,
            created_at: Timestamp::from_micros(row.partner_created_at),
        };
        let settings = settings.of(app.kind)?;
        Ok(Self { app, partner, settings, tokens_valid_from: time(row.tokens_valid_from) })
    }
}

/// Settings as they are kept; all of it is null for an app that has none of its own.
struct Stored {
    auth_methods: Option<String>,
    grant_types: Option<String>,
    jwks: Option<String>,
    tls_name: Option<String>,
    dpop_bound_tokens: Option<bool>,
    certificate_bound_tokens: Option<bool>,
    requires_par: Option<bool>,
}

impl Stored {
    fn of(self, kind: ClientKind) -> Result<ClientSettings, StoreError> {
        let (Some(auth_methods), Some(grant_types)) = (self.auth_methods, self.grant_types) else {
            return Ok(ClientSettings::of_kind(kind));
        };
        let each = |text: &str| text.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let (methods, types): (Vec<String>, Vec<String>) = (each(&auth_methods), each(&grant_types));
        Ok(ClientSettings {
            auth_methods: methods
                .iter()
                .map(|name| known("client_settings.auth_methods", AuthMethod::named(name)))
                .collect::<Result<_, _>>()?,
            grant_types: types
                .iter()
                .map(|name| known("client_settings.grant_types", GrantType::named(name)))
                .collect::<Result<_, _>>()?,
            jwks: self.jwks,
            tls_name: optional("client_settings.tls_name", self.tls_name.as_deref())?,
            dpop_bound_tokens: self.dpop_bound_tokens == Some(true),
            certificate_bound_tokens: self.certificate_bound_tokens == Some(true),
            requires_par: self.requires_par == Some(true),
        })
    }
}

macro_rules! select_client {
    ($tail:literal) => {
        concat!(
            "select app.id, app.partner, app.name, app.environment, app.kind, app.redirect_uris, app.scopes, \
     app.default_scopes, app.default_scopes_named, app.requires_pkce, app.standing, app.created_at, \
     app.tokens_valid_from, \
     partner.name as partner_name, partner.standing as partner_standing, \
     partner.created_at as partner_created_at, settings.auth_methods, settings.grant_types, \
     settings.jwks, settings.tls_name, settings.dpop_bound_tokens, settings.certificate_bound_tokens, \
     settings.requires_par \
     from app join partner on partner.id = app.partner \
     left join client_settings settings on settings.app = app.id where ",
            $tail
        )
    };
}

const CLIENT: &str = select_client!("app.id = $1");

impl Store {
    /// A page of all apps as clients, or of one partner's.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn clients(&self, partner: Option<&PartnerId>, page: &Page) -> Result<Vec<Client>, StoreError> {
        // A partner's are found by their index.
        let sql = match partner {
            Some(_) => select_client!("app.partner = $1 and app.id > $2 order by app.id limit $3"),
            None => select_client!("$1 = '' and app.id > $2 order by app.id limit $3"),
        };
        let rows: Vec<ClientRow> = on!(self.reader(), db => {
            sqlx::query_as(sql)
                .bind(partner.map_or("", PartnerId::as_str))
                .bind(page.cursor())
                .bind(page.limit())
                .fetch_all(db)
                .await
        })?;
        all(rows)
    }

    /// The app of that id as a client.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn client(&self, id: &AppId) -> Result<Option<Client>, StoreError> {
        let row: Option<ClientRow> = on!(self.reader(), db => {
            sqlx::query_as(CLIENT).bind(id.as_str()).fetch_optional(db).await
        })?;
        row.map(Client::try_from).transpose()
    }
}

impl Transaction {
    /// The app of that id as a client, which nobody else changes until the end of the transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn lock_client(&mut self, id: &AppId) -> Result<Option<Client>, StoreError> {
        match self.lock_app(id).await {
            Err(StoreError::Missing { .. }) => return Ok(None),
            locked => locked?,
        }
        let row: Option<ClientRow> = on!(self.connection(), db => {
            sqlx::query_as(CLIENT).bind(id.as_str()).fetch_optional(db).await
        })?;
        row.map(Client::try_from).transpose()
    }

    pub(super) async fn put_client_settings(
        &mut self,
        app: &AppId,
        settings: &ClientSettings,
    ) -> Result<(), StoreError> {
        let auth_methods: Vec<_> = settings.auth_methods.iter().map(|method| method.name()).collect();
        let grant_types: Vec<_> = settings.grant_types.iter().map(|grant_type| grant_type.name()).collect();
        on!(self.connection(), db => {
            sqlx::query(
                "insert into client_settings (app, auth_methods, grant_types, jwks, tls_name, dpop_bound_tokens, \
                 certificate_bound_tokens, requires_par) values ($1, $2, $3, $4, $5, $6, $7, $8) \
                 on conflict (app) do update set auth_methods = excluded.auth_methods, \
                 grant_types = excluded.grant_types, jwks = excluded.jwks, tls_name = excluded.tls_name, \
                 dpop_bound_tokens = excluded.dpop_bound_tokens, \
                 certificate_bound_tokens = excluded.certificate_bound_tokens, \
                 requires_par = excluded.requires_par",
            )
            .bind(app.as_str())
            .bind(auth_methods.join(" "))
            .bind(grant_types.join(" "))
            .bind(settings.jwks.as_deref())
            .bind(settings.tls_name.as_ref().map(ToString::to_string))
            .bind(settings.dpop_bound_tokens)
            .bind(settings.certificate_bound_tokens)
            .bind(settings.requires_par)
            .execute(db)
            .await
            .map(|_| ())
        })
        .map_err(|error| StoreError::from(error).for_missing("app"))
    }
}
