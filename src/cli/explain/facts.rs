//! Who calls: what a node knows of an app and its credential, or what is given. The directory proves the credential by it, as on a
//! node it does by the store.

use std::str::FromStr;

use anyhow::anyhow;
use async_trait::async_trait;
use serde_json::Value;

use super::ExplainArguments;
use super::subscribed::Subscribed;
use crate::cli::failure::Failure;
use crate::cli::node::Node;
use crate::cli::query::{segment, with_query};
use crate::credential::keys::KnownKey;
use crate::credential::request_key::RequestKey;
use crate::credential::sealing::SealingKey;
use crate::credential::source::{IdentitySource, SourceUnavailable};
use crate::domain::api_key::KeyHash;
use crate::domain::app_certificate::{AppCertificate, KnownBy, RegisteredAs, ShownNames};
use crate::domain::app_credential::AppCredential;
use crate::domain::authentication::{Authentication, AuthenticationClass};
use crate::domain::id::{
    AppId, CertificateId, FamilyId, GrantId, KeyId, MerchantId, PartnerId, SignatureKeyId, SubscriptionId,
};
use crate::domain::identity::{
    App, ClientKind, DefaultScopes, Environment, Grant, KeyRecord, Merchant, Partner, Standing, Subscription,
};
use crate::domain::narrowing::{Narrowing, Networks, Products};
use crate::domain::scope::ScopeSet;
use crate::domain::signature_key::{SignatureAlgorithm, SignatureKeyMaterial, SignatureKeyRecord, Signing};
use crate::domain::signature_style::SignatureStyle;
use crate::domain::time::Timestamp;
use crate::domain::token_rules::TokenRules;
use crate::policy::snapshot::Snapshot;

/// A public key in the place of whichever an app has (RFC 8037, appendix A.2).
const ANY_KEY: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// An app, and by what it calls.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) app: App,
    partner: Partner,
    subscriptions: Vec<Subscription>,
    pub(super) key: Option<KeyRecord>,
    /// The key by which it signs its requests.
    pub(super) signature: Option<SignatureKeyRecord>,
    pub(super) certificate: Option<AppCertificate>,
    /// The consent behind its access token, and whose.
    pub(super) grant: Option<(Grant, Merchant)>,
    /// What its access token permits.
    pub(super) scopes: ScopeSet,
    pub(super) authentication: Option<Authentication>,
    pub(super) now: Timestamp,
}

/// Who calls, by what of it is known from outside of the node.
pub(super) struct Who<'w> {
    pub(super) app: Option<&'w AppId>,
    pub(super) merchant: Option<&'w MerchantId>,
    /// Its API key, if it calls by one.
    pub(super) key: Option<&'w KeyId>,
    /// The id of the key by which it signs, if it calls so.
    pub(super) signature: Option<&'w SignatureKeyId>,
    /// Its client certificate, if it calls by one.
    pub(super) certificate: Option<&'w CertificateId>,
}

/// The text field of that name.
pub(super) fn field<T: FromStr>(of: &Value, name: &str) -> Result<T, Failure> {
    optional(of, name)?.ok_or_else(|| anyhow!("the node's answer has no {name}").into())
}

/// The text field of that name; `None` if it is null.
pub(super) fn optional<T: FromStr>(of: &Value, name: &str) -> Result<Option<T>, Failure> {
    let Some(text) = of[name].as_str() else { return Ok(None) };
    text.parse::<T>()
        .map(Some)
        .map_err(|_| anyhow!("the node's answer has a {name} that means nothing here").into())
}

/// The texts of a list with blanks between them; `None` if it is null.
fn list<T: FromStr>(of: &Value, name: &str) -> Result<Option<T>, Failure> {
    let Some(texts) = of[name].as_array() else { return Ok(None) };
    let texts: Vec<&str> = texts.iter().filter_map(Value::as_str).collect();
    let read = texts.join(" ").parse::<T>();
    read.map(Some).map_err(|_| anyhow!("the node's answer has {name} that mean nothing here").into())
}

fn standing(of: &Value, name: &str) -> Result<Standing, Failure> {
    let named = of[name].as_str().and_then(Standing::named);
    named.ok_or_else(|| anyhow!("the node's answer has no {name}").into())
}

impl Facts {
    /// What the arguments say of an app; `None` if nobody in particular calls. Its partner and the merchant are active.
    pub(super) fn given(arguments: &ExplainArguments, snapshot: &Snapshot, now: Timestamp) -> Option<Self> {
        let id = arguments.app.clone()?;
        let scopes: ScopeSet = match arguments.scopes.as_slice() {
            [] => snapshot.scopes.keys().cloned().collect(),
            scopes => scopes.iter().cloned().collect(),
        };
        let given = SubscriptionId::new("given").ok()?;
        let subscription = |of: &Subscribed| Subscription {
            id: given.clone(),
            app: id.clone(),
            product: of.product.clone(),
            plan: of.plan.clone(),
            from: now,
            until: None,
        };
        let subscriptions = arguments.subscriptions.iter().map(subscription).collect();
        let partner = active_partner(now)?;
        let grant = match &arguments.merchant {
            Some(merchant) => Some(given_grant((&id, merchant), &scopes, now)?),
            None => None,
        };
        let environment = arguments.environment.map_or(Environment::Live, Environment::from);
        let app = app((id, partner.id.clone()), environment, scopes.clone(), Standing::Active);
        let authentication = authentication(arguments, now);
        Some(Self {
            app,
            partner,
            subscriptions,
            key: None,
            signature: None,
            certificate: None,
            grant,
            scopes,
            authentication,
            now,
        })
    }

    /// What a node knows of an app and its credential at `now`; `None` if nobody in particular calls.
    pub(super) fn of_node(
        node: &Node,
        arguments: &ExplainArguments,
        Who { app: id, merchant, key, signature, certificate }: Who<'_>,
        now: Timestamp,
    ) -> Result<Option<Self>, Failure> {
        let key = key.map(|key| key_of_node(node, key)).transpose()?;
        let signature = signature.map(|id| signature_key_of_node(node, id)).transpose()?;
        let certificate = certificate.map(|id| certificate_of_node(node, id)).transpose()?;
        let of_certificate = certificate.as_ref().map(|certificate| &certificate.app);
        let of_signature = signature.as_ref().map(|key| &key.app);
        let of_credential = key.as_ref().map(|key| &key.app).or(of_certificate).or(of_signature);
        let Some(id) = id.or(of_credential) else { return Ok(None) };
        if let Some(other) = of_credential.filter(|app| *app != id) {
            return Err(Failure::Usage(format!("tollgate: that credential is of the app {other}")));
        }
        let found = node.get(&format!("/admin/apps/{}", segment(id.as_str())))?;
        let environment = found["environment"].as_str().and_then(Environment::named);
        let environment = environment.ok_or_else(|| anyhow!("the node's answer has no environment"))?;
        let partner = Partner {
            id: field(&found, "partner")?,
            name: String::new(),
            standing: standing(&found, "partner_standing")?,
            created_at: now,
        };
        let scopes: ScopeSet = list(&found, "scopes")?.unwrap_or_default();
        let app =
            app((id.clone(), partner.id.clone()), environment, scopes.clone(), standing(&found, "standing")?);
        let path = with_query("/admin/subscriptions", &[("app", Some(id.as_str()))]);
        let subscriptions = node.list(&path)?.iter().map(subscription).collect::<Result<_, Failure>>()?;
        let grant = merchant.map(|merchant| grant_of_node(node, (id, merchant))).transpose()?;
        let scopes = match (arguments.scopes.as_slice(), &grant) {
            ([], Some((grant, _))) => grant.scopes.clone(),
            ([], None) => scopes,
            (named, _) => named.iter().cloned().collect(),
        };
        let authentication = authentication(arguments, now);
        Ok(Some(Self {
            app,
            partner,
            subscriptions,
            key,
            signature,
            certificate,
            grant,
            scopes,
            authentication,
            now,
        }))
    }
}

/// How the merchant proved itself, at this moment.
fn authentication(arguments: &ExplainArguments, at: Timestamp) -> Option<Authentication> {
    let class = match arguments.two_factors {
        true => AuthenticationClass::TwoFactors,
        false => AuthenticationClass::OneFactor,
    };
    Some(Authentication { at, class })
}

fn app(
    (id, partner): (AppId, PartnerId),
    environment: Environment,
    scopes: ScopeSet,
    standing: Standing,
) -> App {
    App {
        id,
        partner,
        name: String::new(),
        environment,
        kind: ClientKind::Confidential,
        redirect_uris: Vec::new(),
        scopes,
        default_scopes: DefaultScopes::All,
        requires_pkce: false,
        standing,
        created_at: Timestamp::default(),
    }
}

fn active_partner(created_at: Timestamp) -> Option<Partner> {
    let id = PartnerId::new("given").ok()?;
    Some(Partner { id, name: String::new(), standing: Standing::Active, created_at })
}

fn given_grant(
    (app, merchant): (&AppId, &MerchantId),
    scopes: &ScopeSet,
    created_at: Timestamp,
) -> Option<(Grant, Merchant)> {
    let (app, id, scopes) = (app.clone(), GrantId::new("given").ok()?, scopes.clone());
    let grant = Grant { id, merchant: merchant.clone(), app, scopes, created_at, revoked_at: None };
    Some((grant, known_merchant(merchant, Standing::Active, created_at)))
}

fn known_merchant(id: &MerchantId, standing: Standing, created_at: Timestamp) -> Merchant {
    Merchant { id: id.clone(), username: String::new(), name: String::new(), standing, created_at }
}

fn subscription(of: &Value) -> Result<Subscription, Failure> {
    Ok(Subscription {
        id: field(of, "id")?,
        app: field(of, "app")?,
        product: field(of, "product")?,
        plan: field(of, "plan")?,
        from: field(of, "from")?,
        until: optional(of, "until")?,
    })
}

fn key_of_node(node: &Node, id: &KeyId) -> Result<KeyRecord, Failure> {
    let key = node.get(&format!("/admin/keys/{}", segment(id.as_str())))?;
    credential((field(&key, "id")?, ()), &key)
}

/// What it signs, and how, decides nothing here.
fn signature_key_of_node(node: &Node, id: &SignatureKeyId) -> Result<SignatureKeyRecord, Failure> {
    let key = node.get(&format!("/admin/signature-keys/{}", segment(id.as_str())))?;
    let signing = Signing { style: SignatureStyle::Http, algorithm: SignatureAlgorithm::Ed25519 };
    credential((field(&key, "id")?, signing), &key)
}

fn certificate_of_node(node: &Node, id: &CertificateId) -> Result<AppCertificate, Failure> {
    let found = node.get(&format!("/admin/client-certificates/{}", segment(id.as_str())))?;
    let told = KnownBy::KINDS.into_iter().find_map(|kind| Some((kind, found[kind].as_str()?)));
    let known_by = told.and_then(|(kind, name)| KnownBy::of(kind, name).ok());
    let known_by = known_by.ok_or_else(|| anyhow!("the node's answer has no name that is known here"))?;
    credential((field(&found, "id")?, RegisteredAs { known_by, label: None }), &found)
}

/// A credential as a node tells of it.
fn credential<I, O>((id, own): (I, O), of: &Value) -> Result<AppCredential<I, O>, Failure> {
    Ok(AppCredential {
        scopes: list(of, "scopes")?,
        narrowing: narrowing(of)?,
        expires_at: optional(of, "expires_at")?,
        revoked_at: optional(of, "revoked_at")?,
        ..AppCredential::new(id, field(of, "app")?, own, field(of, "created_at")?)
    })
}

fn narrowing(of: &Value) -> Result<Narrowing, Failure> {
    let products: Option<Products> = list(of, "products")?;
    let addresses: Option<Networks> = list(of, "addresses")?;
    Ok(Narrowing { products, addresses })
}

/// The grant that holds; without one, the last that did.
fn grant_of_node(node: &Node, (app, id): (&AppId, &MerchantId)) -> Result<(Grant, Merchant), Failure> {
    let found = node.get(&format!("/admin/merchants/{}", segment(id.as_str())))?;
    let merchant = known_merchant(id, standing(&found, "standing")?, field(&found, "created_at")?);
    let grants = node.list(&with_query("/admin/grants", &[("app", Some(app.as_str()))]))?;
    let of_merchant = || grants.iter().filter(|grant| grant["merchant"] == id.as_str());
    let holds = of_merchant().find(|grant| grant["revoked_at"].is_null());
    let Some(grant) = holds.or_else(|| of_merchant().next_back()) else {
        let what = format!("{id} has granted {app} nothing, so the app has no token for it");
        return Err(anyhow!(what).into());
    };
    let grant = Grant {
        id: field(grant, "id")?,
        merchant: id.clone(),
        app: app.clone(),
        scopes: list(grant, "scopes")?.unwrap_or_default(),
        created_at: field(grant, "created_at")?,
        revoked_at: optional(grant, "revoked_at")?,
    };
    Ok((grant, merchant))
}

type Answered<T> = Result<T, SourceUnavailable>;

#[async_trait]
impl IdentitySource for Facts {
    async fn key(&self, _: &KeyHash) -> Answered<Option<KeyRecord>> {
        Ok(self.key.clone())
    }

    async fn keys_after(&self, _: Option<&KeyId>, _: u32) -> Answered<Vec<(KeyHash, KnownKey, bool)>> {
        Ok(Vec::new())
    }

    async fn signature_key(&self, _: &SignatureKeyId) -> Answered<Option<SignatureKeyRecord>> {
        Ok(self.signature.clone())
    }

    /// No signature is looked at.
    async fn request_key(&self, key: &SignatureKeyRecord) -> Answered<Option<RequestKey>> {
        let (signs, material) =
            ((&key.own.style, key.own.algorithm), SignatureKeyMaterial::Public(ANY_KEY.to_owned()));
        let open = |sealing| RequestKey::open((&key.id, key.created_at), signs, &material, &sealing).ok();
        Ok(SealingKey::new(&[0; 32]).and_then(open))
    }

    async fn certificate(&self, _: &ShownNames) -> Answered<Option<AppCertificate>> {
        Ok(self.certificate.clone())
    }

    async fn app(&self, _: &AppId) -> Answered<Option<App>> {
        Ok(Some(self.app.clone()))
    }

    async fn token_rules(&self, _: &AppId) -> Answered<TokenRules> {
        Ok(TokenRules::default())
    }

    async fn partner(&self, _: &PartnerId) -> Answered<Option<Partner>> {
        Ok(Some(self.partner.clone()))
    }

    async fn subscriptions(&self, _: &AppId) -> Answered<Vec<Subscription>> {
        Ok(self.subscriptions.clone())
    }

    async fn grant(&self, _: &GrantId) -> Answered<Option<Grant>> {
        Ok(self.grant.as_ref().map(|(grant, _)| grant.clone()))
    }

    async fn grant_to(&self, _: &MerchantId, _: &AppId) -> Answered<Option<GrantId>> {
        let grant = self.grant.as_ref().map(|(grant, _)| grant);
        Ok(grant.filter(|grant| grant.revoked_at.is_none()).map(|grant| grant.id.clone()))
    }

    /// It ends with its grant.
    async fn is_family_revoked(&self, _: &FamilyId) -> Answered<bool> {
        Ok(self.grant.as_ref().is_some_and(|(grant, _)| grant.revoked_at.is_some()))
    }

    async fn is_token_revoked(&self, _: &str) -> Answered<bool> {
        Ok(false)
    }

    async fn revoked_tokens(&self, _: &str, _: u32) -> Answered<Vec<(String, Timestamp)>> {
        Ok(Vec::new())
    }

    async fn merchant(&self, _: &MerchantId) -> Answered<Option<Merchant>> {
        Ok(self.grant.as_ref().map(|(_, merchant)| merchant.clone()))
    }
}
