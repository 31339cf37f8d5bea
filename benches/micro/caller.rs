//! Who calls, as a core remembers it, and whether it may: the way of all calls but an app's first.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use criterion::Criterion;
use http::HeaderValue;
use tollgate::credential::access_token::{KeyRing, NewToken, RingKey, SigningKey, TokenSigner};
use tollgate::credential::directory::{Directory, Memory};
use tollgate::credential::keys::KnownKey;
use tollgate::credential::presented::{self, Shown};
use tollgate::credential::recent::Recent;
use tollgate::credential::source::{IdentitySource, SourceUnavailable};
use tollgate::domain::api_key::{ApiKey, KeyHash};
use tollgate::domain::app_certificate::{AppCertificate, ShownNames};
use tollgate::domain::calling::{CallingApp, CallingGrant};
use tollgate::domain::id::{
    AppId, FamilyId, GrantId, KeyId, LimitName, MerchantId, PartnerId, PlanName, SignatureKeyId,
};
use tollgate::domain::identity::{Environment, KeyRecord, Standing};
use tollgate::domain::plan::Rate;
use tollgate::domain::principal::AppFacts;
use tollgate::domain::signature_key::StoredSignatureKey;
use tollgate::domain::signing_algorithm::SigningAlgorithm;
use tollgate::domain::time::{Clock, Moment, Timestamp};
use tollgate::limit::cell::{CellKey, Cells, LocalCells};
use tollgate::limit::gcra;
use tollgate::server::clock::SystemClock;

const ISSUER: &str = "https://api.example.com";
const CALLERS: u8 = 100;

pub(super) fn bench(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let clock = SystemClock::new();
    let ring = ring(SigningAlgorithm::Es256);
    let tokens = tokens(&TokenSigner::new(ring.clone()), clock.now());
    for algorithm in SigningAlgorithm::ALL {
        sign_and_verify(criterion, algorithm, clock.now());
    }
    let memory =
        Memory { tokens: 1_000, keys: 1_000, time: Duration::from_secs(3_600), grace: Duration::ZERO };
    let control = runtime.handle().clone();
    let directory = Directory::new(Arc::new(OneApp), ring, Arc::new(clock), control, memory);
    let mut known = Known { directory: Arc::new(directory), runtime, moment: clock.moment() };
    let keys: Vec<_> =
        (0..CALLERS).map(|number| ApiKey::from_random(Environment::Live, &[number; 32])).collect();
    known.find(criterion, "find a recent API key", &keys.iter().map(ApiKey::reveal).collect::<Vec<_>>());
    known.find(
        criterion,
        "find a recent access token",
        &tokens.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    limits(criterion, clock);
}

fn ring(algorithm: SigningAlgorithm) -> Arc<KeyRing> {
    let der = SigningKey::generate(algorithm).unwrap();
    let key = RingKey::alone(SigningKey::from_pkcs8(algorithm, &der).unwrap());
    Arc::new(KeyRing::new(vec![key], ISSUER))
}

/// What a new token costs the token endpoint, and the core that sees it first.
fn sign_and_verify(criterion: &mut Criterion, algorithm: SigningAlgorithm, now: Timestamp) {
    let ring = ring(algorithm);
    let signer = TokenSigner::new(ring.clone());
    let app = AppId::new("app_1").unwrap();
    let new = || NewToken::of_app(app.clone(), "catalog:read".parse().unwrap());
    criterion.bench_function(&format!("sign an access token by {algorithm}"), |bencher| {
        bencher.iter(|| signer.sign(black_box(new()), now, Duration::from_secs(3_600)).unwrap());
    });
    let token = signer.sign(new(), now, Duration::from_secs(3_600)).unwrap();
    criterion.bench_function(&format!("verify an access token by {algorithm}"), |bencher| {
        bencher.iter(|| ring.keys().verifier().verify(black_box(&token), now).unwrap());
    });
}

struct Known {
    directory: Arc<Directory>,
    runtime: tokio::runtime::Runtime,
    moment: Moment,
}

impl Known {
    fn find(&mut self, criterion: &mut Criterion, name: &str, credentials: &[&str]) {
        let mut recent = Recent::new(self.directory.clone(), 1_000);
        let values: Vec<_> = credentials
            .iter()
            .map(|credential| HeaderValue::from_str(&format!("Bearer {credential}")).unwrap())
            .collect();
        for value in &values {
            let presented = presented::find(shown(value)).unwrap();
            let found = self.runtime.block_on(self.directory.identify(presented, self.moment));
            recent.keep(shown(value), found.unwrap().unwrap());
        }
        let mut values = values.iter().cycle();
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| recent.find(shown(black_box(values.next().unwrap())), self.moment).unwrap());
        });
    }
}

/// What a request shows that has this `Authorization`.
fn shown(value: &HeaderValue) -> Shown<'_> {
    let mut shown = Shown::default();
    shown.authorization.see(value);
    shown
}

fn tokens(signer: &TokenSigner, now: Timestamp) -> Vec<String> {
    let token = |number| NewToken {
        id: format!("token-{number}"),
        ..NewToken::of_app(AppId::new("app_1").unwrap(), "catalog:read".parse().unwrap())
    };
    (0..CALLERS).map(|number| signer.sign(token(number), now, Duration::from_secs(3_600)).unwrap()).collect()
}

fn limits(criterion: &mut Criterion, clock: SystemClock) {
    let most = NonZeroU32::new(1_000_000_000).unwrap();
    let rate = Rate { requests: most, window: Duration::from_secs(60), burst: most };
    let mut cells = LocalCells::new(Arc::new(Cells::new(1_000)), 1_000);
    let (plan, limit) = (PlanName::new("standard").unwrap(), LimitName::new("calls").unwrap());
    let apps: Vec<_> = (0..CALLERS).map(|number| AppId::new(&format!("app_{number}")).unwrap()).collect();
    let mut apps = apps.iter().cycle();
    criterion.bench_function("ask a limit", |bencher| {
        bencher.iter(|| {
            let now = clock.monotonic();
            let cell = cells.find(&CellKey::App(apps.next().unwrap(), &plan, &limit), now);
            gcra::admit(&cell, black_box(&rate), now)
        });
    });
}

/// A source that knows one app, whose keys are all.
struct OneApp;

impl OneApp {
    fn calling(id: &AppId) -> CallingApp {
        let facts = AppFacts {
            id: id.clone(),
            partner: PartnerId::new("partner_1").unwrap(),
            environment: Environment::Live,
            scopes: "catalog:read".parse().unwrap(),
            subscriptions: Vec::new(),
            balances: Vec::new(),
        };
        CallingApp::new(facts, Standing::Active, Standing::Active)
    }
}

#[async_trait]
impl IdentitySource for OneApp {
    async fn key(&self, hash: &KeyHash) -> Result<Option<(KeyRecord, CallingApp)>, SourceUnavailable> {
        let id = KeyId::new(&format!("key_{:02x}", hash.0[0])).unwrap();
        let key = KeyRecord::new(id, AppId::new("app_1").unwrap(), (), Timestamp::default());
        let app = Self::calling(&key.app);
        Ok(Some((key, app)))
    }

    async fn keys_after(
        &self,
        _: Option<&KeyId>,
        _: u32,
    ) -> Result<Vec<(KeyHash, KnownKey, bool)>, SourceUnavailable> {
        Ok(Vec::new())
    }

    async fn signature_key(
        &self,
        _: &SignatureKeyId,
    ) -> Result<Option<(StoredSignatureKey, CallingApp)>, SourceUnavailable> {
        Ok(None)
    }

    async fn certificate(
        &self,
        _: &ShownNames,
    ) -> Result<Option<(AppCertificate, CallingApp)>, SourceUnavailable> {
        Ok(None)
    }

    async fn app(&self, id: &AppId) -> Result<Option<CallingApp>, SourceUnavailable> {
        Ok(Some(Self::calling(id)))
    }

    async fn grant_to(&self, _: &MerchantId, _: &AppId) -> Result<Option<CallingGrant>, SourceUnavailable> {
        Ok(None)
    }

    async fn grant(&self, _: &GrantId) -> Result<Option<CallingGrant>, SourceUnavailable> {
        Ok(None)
    }

    async fn is_family_revoked(&self, _: &FamilyId) -> Result<bool, SourceUnavailable> {
        Ok(false)
    }

    async fn is_token_revoked(&self, _: &str) -> Result<bool, SourceUnavailable> {
        Ok(false)
    }

    async fn revoked_tokens(&self, _: &str, _: u32) -> Result<Vec<(String, Timestamp)>, SourceUnavailable> {
        Ok(Vec::new())
    }
}
