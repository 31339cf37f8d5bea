//! An admin API that listens, and a client that has its token.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate::admin::{AdminState, AdminToken, Invalidation, PeerAddress, router};
use tollgate::billing::ledger::history::PageEnds;
use tollgate::credential::hasher::Hasher;
use tollgate::credential::proof_keys::ProofKeys;
use tollgate::credential::sealing::SealingKey;
use tollgate::credential::signing_keys::SigningKeys;
use tollgate::domain::api_key::KeyHash;
use tollgate::domain::app_certificate::KnownBy;
use tollgate::domain::id::{AppId, GrantId, KeyId, MerchantId, SignatureKeyId};
use tollgate::domain::signing_algorithm::SigningAlgorithm;
use tollgate::domain::time::{Clock, ManualClock, Timestamp};
use tollgate::policy::live::Live;
use tollgate::policy::load::Values;
use tollgate::server::random::MachineRandom;
use tollgate::store::Store;

use crate::support::folder;
use crate::support::stores::Place;

pub(crate) const TOKEN: &str = "an-admin-token-of-at-least-32-characters";

/// Where all calls come from.
pub(crate) const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));

/// The ids of which the data plane was told, in order.
#[derive(Debug, Default)]
pub(crate) struct Forgotten(Mutex<Vec<String>>);

impl Forgotten {
    /// What was told since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    fn note(&self, id: &str) {
        self.0.lock().unwrap().push(id.to_owned());
    }
}

impl Invalidation for Forgotten {
    fn forget_app(&self, app: &AppId) {
        self.note(app.as_str());
    }

    /// Nothing outlives that.
    fn learn_key(&self, _: &KeyHash) {}

    fn forget_key(&self, key: &KeyId) {
        self.note(key.as_str());
    }

    fn forget_signature_key(&self, key: &SignatureKeyId) {
        self.note(key.as_str());
    }

    fn forget_certificate(&self, known_by: &KnownBy) {
        self.note(&known_by.told().1);
    }

    fn forget_grant(&self, grant: &GrantId) {
        self.note(grant.as_str());
    }

    fn forget_merchant(&self, merchant: &MerchantId) {
        self.note(merchant.as_str());
    }

    fn forget_all(&self) {
        self.note("all");
    }
}

/// Values of policy files: none but what files hold.
struct FilesAlone;

impl Values for FilesAlone {
    fn value(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(path).ok()
    }
}

/// An admin API that listens.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) store: Store,
    pub(crate) policies: TempDir,
    pub(crate) forgotten: Arc<Forgotten>,
    pub(crate) clock: Arc<ManualClock>,
    client: Client<HttpConnector, Full<Bytes>>,
    pub(crate) place: Place,
}

/// Signing keys in `store`.
async fn signing_keys(store: &Store, clock: Arc<dyn Clock>) -> SigningKeys {
    let sealing = SealingKey::new(&[7; 32]).unwrap();
    let sources = (clock, Arc::new(MachineRandom::new()) as _);
    SigningKeys::open((store.clone(), sealing.into()), "https://a", SigningAlgorithm::Es256, sources)
        .await
        .unwrap()
}

/// Proof keys in `store`.
async fn proof_keys(store: &Store, clock: Arc<dyn Clock>) -> ProofKeys {
    let sealing = SealingKey::new(&[7; 32]).unwrap();
    let sources = (clock, Arc::new(MachineRandom::new()) as _);
    ProofKeys::open((store.clone(), sealing.into()), sources).await.unwrap()
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answered {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body, which must come with `status`.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_policies(|_| {}).await
    }

    /// With the shipped policies, changed before the start.
    pub(crate) async fn with_policies(change: impl FnOnce(&Path)) -> Self {
        let place = Place::sqlite();
        let store = place.open().await;
        let policies = folder::policies();
        change(policies.path());
        let clock = Arc::new(ManualClock::at("2026-11-24T08:00:00Z".parse::<Timestamp>().unwrap()));
        let live = Live::open(policies.path(), Arc::new(FilesAlone), Box::new(|_, _| Ok(())), clock.clone());
        let forgotten = Arc::new(Forgotten::default());
        let time = Arc::<ManualClock>::clone(&clock) as Arc<dyn Clock>;
        let state = AdminState {
            store: store.clone(),
            proof_keys: Arc::new(proof_keys(&store, time.clone()).await),
            signing_keys: Arc::new(signing_keys(&store, time).await),
            policies: Arc::new(live.unwrap()),
            kill_switches: Arc::default(),
            sealing: Arc::new(SealingKey::new(&[7; 32]).unwrap()),
            invalidation: forgotten.clone(),
            clock: Arc::<ManualClock>::clone(&clock) as Arc<dyn Clock>,
            random: Arc::new(MachineRandom::new()),
            token: AdminToken::new(TOKEN).unwrap(),
            hasher: Arc::new(Hasher::start().unwrap()),
            open_exceptions: Arc::default(),
            unsettled_sales: Arc::default(),
            balance_alerts: Arc::default(),
            histories: PageEnds::default(),
            metrics: Arc::new(|| "tollgate_test 1\n# EOF\n".to_owned()),
            readiness: Arc::new(|| Ok(())),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = router(state).layer(axum::Extension(PeerAddress(ADDRESS)));
        tokio::spawn(async move { axum::serve(listener, served).await.unwrap() });
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { address, store, policies, forgotten, clock, client, place }
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Answered {
        let (head, body) = self.client.request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answered { status: head.status, headers: head.headers, body }
    }

    /// A request with the admin token.
    pub(crate) fn request(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
        Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", "application/json")
            .body(Full::new(body.into()))
            .unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        self.send(self.request(Method::GET, path, "")).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answered {
        self.send(self.request(Method::POST, path, body.to_string())).await
    }

    /// A new partner; gives its id.
    pub(crate) async fn partner(&self) -> String {
        let made = self.post("/admin/partners", &json!({"name": "杭州软件 Ltd"})).await.expect(201);
        made["id"].as_str().unwrap().to_owned()
    }

    /// A new app of a new partner, as it was answered.
    pub(crate) async fn app(&self) -> Value {
        let partner = self.partner().await;
        let body = json!({
            "partner": partner,
            "name": "Order helper",
            "redirect_uris": ["http://127.0.0.1:9999/callback"],
            "scopes": ["order:read", "order:write"],
            "default_scopes": ["order:read"],
        });
        self.post("/admin/apps", &body).await.expect(201)
    }
}

/// The text of a field.
pub(crate) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}")).to_owned()
}
