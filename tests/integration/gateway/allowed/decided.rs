//! A world before the code that decides: credentials of its own making, proved by the directory, and what `authorize` says.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use http::{Request, request};
use tokio::runtime::{Builder, Runtime};
use tollgate::credential::access_token::{KeyRing, NewToken, RingKey, SigningKey, TokenSigner};
use tollgate::credential::directory::{Directory, Memory};
use tollgate::credential::keys::KnownKey;
use tollgate::credential::message_signature::Body;
use tollgate::credential::presented;
use tollgate::credential::source::{IdentitySource, SourceUnavailable};
use tollgate::domain::api_key::{ApiKey, KeyHash};
use tollgate::domain::app_certificate::{AppCertificate, ShownNames};
use tollgate::domain::calling::{CallingApp, CallingGrant};
use tollgate::domain::id::{AppId, FamilyId, GrantId, KeyId, MerchantId, PartnerId, SignatureKeyId};
use tollgate::domain::identity::{Grant, KeyRecord, Standing};
use tollgate::domain::narrowing::{Narrowing, Networks, Products, network};
use tollgate::domain::principal::{AppFacts, Subscribed};
use tollgate::domain::refusal::Refusal;
use tollgate::domain::scope::ScopeSet;
use tollgate::domain::signature_key::StoredSignatureKey;
use tollgate::domain::signing_algorithm::SigningAlgorithm;
use tollgate::domain::time::{Clock, ManualClock, Timestamp};
use tollgate::gateway::admit::admit;
use tollgate::gateway::authorize::{Circumstances, authorize};
use tollgate::gateway::caller_address::CallerAddress;
use tollgate::gateway::head;
use tollgate::gateway::raw_head::Unseen;
use tollgate::gateway::witness::Nobody;
use tollgate::limit::cell::{Cells, LocalCells};
use tollgate::policy::load::{NoValues, load_source};
use tollgate::policy::route_table::Lookup;
use tollgate::policy::snapshot::Snapshot;

use super::model::{ADDRESSES, Call, Credential, End, MERCHANTS, NETWORKS, Token, World};
use super::policies;

/// 29 November 2026.
const NOW: Timestamp = Timestamp::from_seconds(1_795_910_400);
const HOUR: Duration = Duration::from_secs(3600);
const MEMORY: Memory = Memory { tokens: 100, keys: 100, time: HOUR, grace: HOUR };

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());

/// One for all worlds: to make one takes its time.
static SIGNING_KEY: LazyLock<RingKey> = LazyLock::new(|| {
    let der = SigningKey::generate(SigningAlgorithm::EdDsa).unwrap();
    RingKey::alone(SigningKey::from_pkcs8(SigningAlgorithm::EdDsa, &der).unwrap())
});

/// What decides over a world.
pub(super) struct Gate {
    world: World,
    snapshot: Snapshot,
    directory: Arc<Directory>,
    signer: TokenSigner,
    merchants: Vec<String>,
}

impl Gate {
    pub(super) fn of(world: &World) -> Self {
        let source = policies::source(world, "127.0.0.1:9");
        let snapshot = load_source(&source, &NoValues).unwrap_or_else(|report| panic!("{report}"));
        let ring = Arc::new(KeyRing::new(vec![SIGNING_KEY.clone()], "https://gateway.example"));
        let clock = Arc::new(ManualClock::at(NOW));
        let control = RUNTIME.handle().clone();
        let directory = Directory::new(Arc::new(Facts(world.clone())), ring.clone(), clock, control, MEMORY);
        let merchants = (0..MERCHANTS).map(|place| format!("mer_{place}")).collect();
        let signer = TokenSigner::new(ring);
        Self { world: world.clone(), snapshot, directory: Arc::new(directory), signer, merchants }
    }

    /// What becomes of a call, as far as that is decided before the upstream has it.
    pub(super) fn decide(&self, call: &Call) -> Result<(), Refusal> {
        let (parts, body) = self.request(call);
        let checked = head::check(&parts, Unseen::default(), 1 << 16)?;
        let (route, parameters) = match self.snapshot.table.find(&checked.host, &parts.method, &checked.path)
        {
            Lookup::Found(place, parameters) => (&self.snapshot.routes[place], parameters),
            Lookup::MethodNotAllowed(allow) => return Err(Refusal::MethodNotAllowed { allow }),
            Lookup::NotFound => return Err(Refusal::RouteUnknown),
        };
        let from: IpAddr = ADDRESSES[call.from].parse().unwrap();
        let address = CallerAddress::of(&mut Nobody, route, from)?;
        let moment = ManualClock::at(NOW).moment();
        let presented = presented::find(checked.shown)?;
        let identified = RUNTIME.block_on(self.directory.identify_from(presented, Some(from), moment));
        let identity = identified.map_err(|refused| refused.refusal)?.map(|known| known.identity);
        let has_body = if body.is_empty() { Body::Absent } else { Body::Present };
        let circumstances = Circumstances {
            parts: &parts,
            head: &checked,
            query: parts.uri.query().unwrap_or_default(),
            body: has_body,
            parameters: &parameters,
            address,
            now: NOW,
        };
        let permit = authorize(&self.snapshot, route, identity.as_ref(), &circumstances)?;
        let cells = &mut LocalCells::new(Arc::new(Cells::new(100)), 100);
        let asked = (&circumstances, from, moment.monotonic);
        admit(cells, (route, &permit), identity.as_ref(), asked, &mut None)
            .map_err(|(refusal, _)| refusal)?;
        let Some(names) = permit.body else { return Ok(()) };
        names.look_at(body.as_bytes())
    }

    fn request(&self, call: &Call) -> (request::Parts, String) {
        let (method, target, fields, body) = policies::request(&self.world, call, &self.merchants);
        let mut request = Request::builder().method(method).uri(target).header("Host", "a");
        for (name, value) in fields {
            request = request.header(name, value);
        }
        request = match call.credential {
            Credential::None => request,
            Credential::Key(place) => request.header("X-Api-Key", key(&self.world, place).reveal()),
            Credential::Token(app, merchant) => {
                request.header("Authorization", format!("Bearer {}", self.token(app, merchant)))
            }
        };
        (request.body(()).unwrap().into_parts().0, body)
    }

    fn token(&self, app: usize, merchant: Option<usize>) -> String {
        let token = of(&self.world, app, merchant);
        let new = NewToken {
            id: format!("token_{app}_{merchant:?}"),
            merchant: merchant.map(merchant_id),
            grant: merchant.map(|merchant| GrantId::new(&format!("{app}.{merchant}")).unwrap()),
            ..NewToken::of_app(app_id(app), scopes(token.scopes))
        };
        let made = if token.end == End::Expired { NOW.minus(2 * HOUR) } else { NOW };
        self.signer.sign(new, made, HOUR).unwrap()
    }
}

fn of(world: &World, app: usize, merchant: Option<usize>) -> &Token {
    &world.apps[app].tokens[merchant.map_or(0, |merchant| merchant + 1)]
}

fn key(world: &World, place: usize) -> ApiKey {
    let environment = world.apps[world.keys[place].app].environment;
    ApiKey::from_random(environment, &[u8::try_from(place).unwrap(); 32])
}

fn app_id(app: usize) -> AppId {
    AppId::new(&app.to_string()).unwrap()
}

fn merchant_id(merchant: usize) -> MerchantId {
    MerchantId::new(&format!("mer_{merchant}")).unwrap()
}

fn place(id: &str) -> usize {
    id.trim_start_matches("mer_").parse().unwrap()
}

fn scopes(bits: u8) -> ScopeSet {
    policies::scopes(bits).join(" ").parse().unwrap()
}

fn standing(is_suspended: bool) -> Standing {
    if is_suspended { Standing::Suspended } else { Standing::Active }
}

/// The world as the directory asks for it.
struct Facts(World);

type Answered<T> = Result<T, SourceUnavailable>;

impl Facts {
    fn calling(&self, id: &AppId) -> CallingApp {
        let app = &self.0.apps[place(id.as_str())];
        let there_are = app.subscriptions.iter().enumerate();
        let subscribed = |(product, of): (usize, &Option<(usize, bool)>)| {
            of.map(|(plan, is_over)| Subscribed {
                product: format!("product-{product}").parse().unwrap(),
                plan: format!("plan-{plan}").parse().unwrap(),
                version: None,
                from: NOW.minus(HOUR),
                until: is_over.then_some(NOW),
            })
        };
        let facts = AppFacts {
            id: id.clone(),
            partner: PartnerId::new(&app.partner.to_string()).unwrap(),
            environment: app.environment,
            scopes: scopes(app.scopes),
            subscriptions: there_are.filter_map(subscribed).collect(),
            balances: Vec::new(),
        };
        CallingApp::new(facts, standing(app.is_suspended), standing(self.0.partners[app.partner]))
    }
}

#[async_trait]
impl IdentitySource for Facts {
    async fn key(&self, hash: &KeyHash) -> Answered<Option<(KeyRecord, CallingApp)>> {
        let found = (0..self.0.keys.len()).find(|place| key(&self.0, *place).hash() == *hash);
        Ok(found.map(|place| {
            let key = &self.0.keys[place];
            let products = key.products.map(|bits| {
                let names = policies::products(bits).iter().map(|name| name.parse().unwrap()).collect();
                Products::new(names).unwrap()
            });
            let addresses =
                key.network.map(|place| Networks::new(vec![network(NETWORKS[place].0).unwrap()]).unwrap());
            let id = KeyId::new(&format!("key_{place}")).unwrap();
            let record = KeyRecord {
                scopes: key.scopes.map(scopes),
                narrowing: Narrowing { products, addresses },
                expires_at: (key.end == End::Expired).then_some(NOW),
                revoked_at: (key.end == End::Revoked).then_some(NOW),
                ..KeyRecord::new(id, app_id(key.app), (), Timestamp::default())
            };
            let app = self.calling(&record.app);
            (record, app)
        }))
    }

    async fn app(&self, id: &AppId) -> Answered<Option<CallingApp>> {
        Ok(Some(self.calling(id)))
    }

    /// Asked for other issuers' tokens alone, of which there are none.
    async fn grant_to(&self, _: &MerchantId, _: &AppId) -> Answered<Option<CallingGrant>> {
        Ok(None)
    }

    async fn grant(&self, id: &GrantId) -> Answered<Option<CallingGrant>> {
        let (app, merchant) = id.as_str().split_once('.').unwrap();
        let token = of(&self.0, place(app), Some(place(merchant)));
        let grant = Grant {
            id: id.clone(),
            merchant: merchant_id(place(merchant)),
            app: app_id(place(app)),
            scopes: scopes(token.scopes),
            created_at: Timestamp::default(),
            revoked_at: (token.end == End::Revoked).then_some(NOW),
        };
        let merchant = standing(self.0.merchants[place(merchant)]);
        Ok(Some(CallingGrant { grant, merchant, caps: Vec::new() }))
    }

    /// That of a token of an app's own; any other ends with its grant.
    async fn is_token_revoked(&self, id: &str) -> Answered<bool> {
        let of_app =
            |app: usize| id == format!("token_{app}_None") && of(&self.0, app, None).end == End::Revoked;
        Ok((0..self.0.apps.len()).any(of_app))
    }

    async fn keys_after(&self, _: Option<&KeyId>, _: u32) -> Answered<Vec<(KeyHash, KnownKey, bool)>> {
        Ok(Vec::new())
    }

    async fn certificate(&self, _: &ShownNames) -> Answered<Option<(AppCertificate, CallingApp)>> {
        Ok(None)
    }

    async fn signature_key(&self, _: &SignatureKeyId) -> Answered<Option<(StoredSignatureKey, CallingApp)>> {
        Ok(None)
    }

    async fn is_family_revoked(&self, _: &FamilyId) -> Answered<bool> {
        Ok(false)
    }

    async fn revoked_tokens(&self, _: &str, _: u32) -> Answered<Vec<(String, Timestamp)>> {
        Ok(Vec::new())
    }
}
