//! Who calls: what a node knows of an app and its credential, or what is given.

use std::str::FromStr;

use anyhow::anyhow;
use serde_json::Value;

use super::ExplainArguments;
use super::life;
use super::subscribed::Subscribed;
use super::when::When;
use crate::cli::failure::Failure;
use crate::cli::node::Node;
use crate::cli::query::{segment, with_query};
use crate::domain::app_certificate::{AppCertificate, KnownBy, RegisteredAs};
use crate::domain::app_credential::AppCredential;
use crate::domain::authentication::{Authentication, AuthenticationClass};
use crate::domain::id::{
    AppId, CertificateId, GrantId, KeyId, MerchantId, PartnerId, SignatureKeyId, SubscriptionId,
};
use crate::domain::identity::{
    App, ClientKind, DefaultScopes, Environment, Grant, KeyRecord, Merchant, Partner, Standing, Subscription,
};
use crate::domain::narrowing::{Narrowing, Networks, Products};
use crate::domain::scope::ScopeSet;
use crate::domain::signature_key::{SignatureAlgorithm, SignatureKeyRecord, Signing};
use crate::domain::signature_style::SignatureStyle;
use crate::domain::time::Timestamp;
use crate::policy::snapshot::Snapshot;

/// An app, and by what it calls.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) app: App,
    pub(super) partner: Partner,
    pub(super) subscriptions: Vec<Subscription>,
    pub(super) key: Option<KeyRecord>,
    /// The key by which it signs its requests.
    pub(super) signature: Option<SignatureKeyRecord>,
    pub(super) certificate: Option<AppCertificate>,
    /// The consent behind its access token, and whose.
    pub(super) grant: Option<(Grant, Merchant)>,
    /// What its access token permits.
    pub(super) scopes: ScopeSet,
    pub(super) authentication: Option<Authentication>,
    /// What has become of its credential, or of the consent, in words.
    pub(super) became: Option<String>,
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

impl<'w> Who<'w> {
    /// Whom the arguments name.
    pub(super) fn named(arguments: &'w ExplainArguments) -> Self {
        Self {
            app: arguments.app.as_ref(),
            merchant: arguments.merchant.as_ref(),
            key: arguments.key.as_ref(),
            signature: arguments.signature_key.as_ref(),
            certificate: arguments.client_certificate.as_ref(),
        }
    }
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
            version: None,
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
            became: None,
            now,
        })
    }

    /// What a node knows of an app and its credential, for a call that is made then; `None` if nobody in particular calls.
    pub(super) fn of_node(
        node: &Node,
        arguments: &ExplainArguments,
        Who { app: id, merchant, key, signature, certificate }: Who<'_>,
        when: When,
    ) -> Result<Option<Self>, Failure> {
        let now = when.at();
        let (key, of_key) = key.map(|id| key_of_node(node, id, when)).transpose()?.unzip();
        let (signature, of_signing) =
            signature.map(|id| signature_key_of_node(node, id, when)).transpose()?.unzip();
        let (certificate, of_shown) =
            certificate.map(|id| certificate_of_node(node, id, when)).transpose()?.unzip();
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
        let (grant, of_grant) =
            merchant.map(|merchant| grant_of_node(node, (id, merchant), when)).transpose()?.unzip();
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
            became: of_key.or(of_signing).or(of_shown).or(of_grant).flatten(),
            now,
        }))
    }
}

impl Facts {
    /// To what the credential is narrowed; `None` for one that never is.
    pub(super) fn narrowing(&self) -> Option<&Narrowing> {
        let of_key = self.key.as_ref().map(|key| &key.narrowing);
        let of_signature = self.signature.as_ref().map(|key| &key.narrowing);
        of_key.or(of_signature).or(self.certificate.as_ref().map(|certificate| &certificate.narrowing))
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
        version: of["version"].as_u64().and_then(|version| u32::try_from(version).ok()),
        from: field(of, "from")?,
        until: optional(of, "until")?,
    })
}

/// Something that a node knows, with what has become of it, in words.
type Found<T> = Result<(T, Option<String>), Failure>;

/// A credential of a node as it tells of it, from where it has those of its kind.
fn told(node: &Node, kind: &str, id: &str, when: When) -> Found<Value> {
    let of_kind = |id: &str| node.get(&format!("/admin/{kind}/{}", segment(id)));
    let credential = of_kind(id)?;
    let successor = credential["successor"].as_str().map(of_kind).transpose()?;
    let became = life::of(&credential, successor.as_ref(), when)?;
    Ok((credential, became))
}

fn key_of_node(node: &Node, id: &KeyId, when: When) -> Found<KeyRecord> {
    let (key, became) = told(node, "keys", id.as_str(), when)?;
    Ok((credential((field(&key, "id")?, ()), &key, when)?, became))
}

/// What it signs, and how, decides nothing here.
fn signature_key_of_node(node: &Node, id: &SignatureKeyId, when: When) -> Found<SignatureKeyRecord> {
    let (key, became) = told(node, "signature-keys", id.as_str(), when)?;
    let signing = Signing { style: SignatureStyle::Http, algorithm: SignatureAlgorithm::Ed25519 };
    Ok((credential((field(&key, "id")?, signing), &key, when)?, became))
}

fn certificate_of_node(node: &Node, id: &CertificateId, when: When) -> Found<AppCertificate> {
    let (found, became) = told(node, "client-certificates", id.as_str(), when)?;
    let told = KnownBy::KINDS.into_iter().find_map(|kind| Some((kind, found[kind].as_str()?)));
    let known_by = told.and_then(|(kind, name)| KnownBy::of(kind, name).ok());
    let known_by = known_by.ok_or_else(|| anyhow!("the node's answer has no name that is known here"))?;
    let own = RegisteredAs { known_by, label: None };
    Ok((credential((field(&found, "id")?, own), &found, when)?, became))
}

/// A credential as a node tells of it.
fn credential<I, O>((id, own): (I, O), of: &Value, when: When) -> Result<AppCredential<I, O>, Failure> {
    Ok(AppCredential {
        scopes: list(of, "scopes")?,
        narrowing: narrowing(of)?,
        expires_at: optional(of, "expires_at")?,
        revoked_at: optional(of, "revoked_at")?.filter(|at| when.has_seen(*at)),
        ..AppCredential::new(id, field(of, "app")?, own, field(of, "created_at")?)
    })
}

fn narrowing(of: &Value) -> Result<Narrowing, Failure> {
    let products: Option<Products> = list(of, "products")?;
    let addresses: Option<Networks> = list(of, "addresses")?;
    Ok(Narrowing { products, addresses })
}

/// The grant that holds; without one, the last that did.
fn grant_of_node(node: &Node, (app, id): (&AppId, &MerchantId), when: When) -> Found<(Grant, Merchant)> {
    let found = node.get(&format!("/admin/merchants/{}", segment(id.as_str())))?;
    let merchant = known_merchant(id, standing(&found, "standing")?, field(&found, "created_at")?);
    let grants = node.list(&with_query("/admin/grants", &[("app", Some(app.as_str()))]))?;
    let of_merchant = grants.iter().filter(|grant| grant["merchant"] == id.as_str());
    let mut grants = of_merchant.map(|told| grant(told, (app, id))).collect::<Result<Vec<_>, Failure>>()?;
    let holds = |grant: &Grant| {
        when.has_seen(grant.created_at) && !grant.revoked_at.is_some_and(|at| when.has_seen(at))
    };
    let place = grants.iter().position(holds).or(grants.len().checked_sub(1));
    let Some(grant) = place.map(|place| grants.swap_remove(place)) else {
        let what = format!("{id} has granted {app} nothing, so the app has no token for it");
        return Err(anyhow!(what).into());
    };
    let became = grant.revoked_at.map(|at| format!("whose grant was {}", life::revoked(at, when)));
    let revoked_at = grant.revoked_at.filter(|at| when.has_seen(*at));
    Ok(((Grant { revoked_at, ..grant }, merchant), became))
}

fn grant(of: &Value, (app, merchant): (&AppId, &MerchantId)) -> Result<Grant, Failure> {
    Ok(Grant {
        id: field(of, "id")?,
        merchant: merchant.clone(),
        app: app.clone(),
        scopes: list(of, "scopes")?.unwrap_or_default(),
        created_at: field(of, "created_at")?,
        revoked_at: optional(of, "revoked_at")?,
    })
}
