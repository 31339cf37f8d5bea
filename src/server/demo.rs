//! The demonstration set of `tollgate dev`: two partners, three apps, two merchants. Safe to repeat: the set is what it
//! was at the first start, whatever was suspended or changed since; secrets, passwords and keys are made anew, and those
//! of the start before stop working.

use super::error::ServerError;
use super::node::Services;
use crate::credential::password;
use crate::domain::api_key::{ApiKey, KEY_ID_PREFIX};
use crate::domain::client::{ClientSettings, SecretRecord};
use crate::domain::id::{
    AppId, InvalidId, KeyId, MerchantId, PartnerId, PlanName, ProductName, SecretId, SubscriptionId,
};
use crate::domain::identity::{
    App, ClientKind, DefaultScopes, Environment, KeyRecord, Merchant, Partner, SecretHash, Standing,
    Subscription,
};
use crate::domain::random::{new_id, new_secret};
use crate::store::StoreError;
use crate::store::app_secret::Others;

/// What a client needs to know of a demonstration app.
pub struct DemoApp {
    /// The app.
    pub app: App,
    /// Its client secret; a public app has none.
    pub secret: Option<String>,
    /// Its API key; a public app has none.
    pub api_key: Option<String>,
}

/// What a client needs to know of a demonstration merchant.
pub struct DemoMerchant {
    /// The merchant.
    pub merchant: Merchant,
    /// Its password.
    pub password: String,
}

/// The demonstration set.
pub struct Demo {
    /// A confidential app.
    pub app: DemoApp,
    /// Another one, of another partner.
    pub other_app: DemoApp,
    /// A public app.
    pub public_app: DemoApp,
    /// The merchants.
    pub merchants: Vec<DemoMerchant>,
}

const SHOP_SCOPES: &str = "catalog:read order:read order:write logistics:read payment:read payment:write";

/// Makes the set, or renews its secrets.
///
/// # Errors
/// [`ServerError`] if the store or the machine's chance fails.
pub async fn make(services: &Services) -> Result<Demo, ServerError> {
    let bright = partner(services, "partner_bright", "Bright Apps").await?;
    let north = partner(services, "partner_north", "Northern Logistics & Supply").await?;
    let callback = "http://127.0.0.1:9999/callback";
    let mut app = new_app(services, "app_shop_manager", &bright, "Shop Manager", callback)?;
    app.scopes = scopes(&format!("{SHOP_SCOPES} order:pii"))?;
    let mut other =
        new_app(services, "app_supply_link", &north, "Supply Link", "http://127.0.0.1:9998/callback")?;
    other.scopes = scopes(&format!("{SHOP_SCOPES} catalog:write logistics:write"))?;
    let mut public = new_app(services, "app_pocket_shop", &bright, "Pocket Shop", callback)?;
    public.kind = ClientKind::Public;
    let shop = [("storefront", "standard")];
    let supply = [("storefront", "standard"), ("supply", "supplier"), ("carrier", "supplier")];
    Ok(Demo {
        app: demo_app(services, app, &shop).await?,
        other_app: demo_app(services, other, &supply).await?,
        public_app: demo_app(services, public, &shop).await?,
        merchants: vec![
            merchant(services, "mer_tea_house", "teahouse", "West Lake Tea House 西湖茶庄").await?,
            merchant(services, "mer_toy_shop", "toyshop", "Happy Toys 快乐玩具").await?,
        ],
    })
}

async fn partner(services: &Services, id: &str, name: &str) -> Result<PartnerId, ServerError> {
    let id = PartnerId::new(id).map_err(malformed)?;
    if services.store.partner(&id).await?.is_none() {
        let created_at = services.clock.now();
        let partner =
            Partner { id: id.clone(), name: name.to_owned(), standing: Standing::Active, created_at };
        services.store.create_partner(&partner).await?;
    }
    services.store.set_partner_standing(&id, Standing::Active).await?;
    Ok(id)
}

fn new_app(
    services: &Services,
    id: &str,
    partner: &PartnerId,
    name: &str,
    uri: &str,
) -> Result<App, ServerError> {
    Ok(App {
        id: AppId::new(id).map_err(malformed)?,
        partner: partner.clone(),
        name: name.to_owned(),
        environment: Environment::Sandbox,
        kind: ClientKind::Confidential,
        redirect_uris: vec![uri.to_owned()],
        scopes: scopes(SHOP_SCOPES)?,
        default_scopes: DefaultScopes::Named(scopes(SHOP_SCOPES)?),
        requires_pkce: false,
        standing: Standing::Active,
        created_at: services.clock.now(),
    })
}

async fn demo_app(
    services: &Services,
    app: App,
    subscriptions: &[(&str, &str)],
) -> Result<DemoApp, ServerError> {
    let store = &services.store;
    let now = services.clock.now();
    let settings = ClientSettings::of_kind(app.kind);
    if store.app(&app.id).await?.is_none() {
        store.create_app(&app, &settings, None).await?;
    }
    store.update_app(&app, &settings).await?;
    store.set_app_standing(&app.id, Standing::Active).await?;
    let policies = services.live.load();
    for (product, plan) in subscriptions {
        let plan = PlanName::new(plan).map_err(malformed)?;
        let version = policies.plans.get(&plan).and_then(|plan| plan.version_at(now));
        let id = new_id("sub_", &*services.random).map_err(no_chance)?;
        let subscription = Subscription {
            id: SubscriptionId::new(&id).map_err(malformed)?,
            app: app.id.clone(),
            product: ProductName::new(product).map_err(malformed)?,
            version: version.map(|version| version.reference.version),
            plan,
            from: now,
            until: None,
        };
        match store.subscribe(&subscription).await {
            Ok(()) | Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if app.kind == ClientKind::Public {
        return Ok(DemoApp { app, secret: None, api_key: None });
    }
    let secret = client_secret(services, &app).await?;
    let api_key = api_key(services, &app).await?;
    services.directory.forget_app(&app.id);
    Ok(DemoApp { app, secret: Some(secret), api_key: Some(api_key) })
}

async fn client_secret(services: &Services, app: &App) -> Result<String, ServerError> {
    let text = new_secret("tgs_", &*services.random).map_err(no_chance)?;
    let secret = SecretRecord {
        id: SecretId::new(&new_id("sec_", &*services.random).map_err(no_chance)?).map_err(malformed)?,
        app: app.id.clone(),
        created_at: services.clock.now(),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    services.store.add_app_secret((&secret, &SecretHash::of(&text)), Others::Revoked).await?;
    Ok(text)
}

async fn api_key(services: &Services, app: &App) -> Result<String, ServerError> {
    let now = services.clock.now();
    for old in services.store.credentials_of::<KeyId>(&app.id).await?.iter().filter(|key| key.is_valid(now)) {
        services.store.revoke_credential(&old.id, now).await?;
    }
    let mut random = [0; 32];
    services.random.fill(&mut random).map_err(no_chance)?;
    let key = ApiKey::from_random(app.environment, &random);
    let id = KeyId::new(&new_id(KEY_ID_PREFIX, &*services.random).map_err(no_chance)?).map_err(malformed)?;
    let record = KeyRecord::new(id, app.id.clone(), (), now);
    services.store.create_key(&record, &key.hash()).await?;
    Ok(key.reveal().to_owned())
}

async fn merchant(
    services: &Services,
    id: &str,
    username: &str,
    name: &str,
) -> Result<DemoMerchant, ServerError> {
    let password = new_secret("", &*services.random).map_err(no_chance)?[..20].to_owned();
    let mut salt = [0; 16];
    services.random.fill(&mut salt).map_err(no_chance)?;
    let hash = password::hash(&password, &salt).map_err(|error| ServerError::Secrets(error.to_string()))?;
    let merchant = Merchant {
        id: MerchantId::new(id).map_err(malformed)?,
        username: username.to_owned(),
        name: name.to_owned(),
        standing: Standing::Active,
        created_at: services.clock.now(),
    };
    if services.store.merchant(&merchant.id).await?.is_none() {
        services.store.create_merchant(&merchant, &hash).await?;
    } else {
        services.store.set_merchant_password(&merchant.id, &hash).await?;
    }
    services.store.set_merchant_standing(&merchant.id, Standing::Active).await?;
    Ok(DemoMerchant { merchant, password })
}

fn scopes(text: &str) -> Result<crate::domain::scope::ScopeSet, ServerError> {
    text.parse().map_err(|error: crate::domain::scope::InvalidScope| ServerError::Secrets(error.to_string()))
}

fn malformed(error: InvalidId) -> ServerError {
    ServerError::Secrets(error.to_string())
}

fn no_chance(error: crate::domain::random::RandomUnavailable) -> ServerError {
    ServerError::Secrets(error.to_string())
}
