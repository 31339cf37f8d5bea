//! Tokens of other issuers: remembered as our own are, and no longer than what they rest on.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::credential::foreign_issuers::Readings;
use crate::credential::foreign_issuers::tests::{AUDIENCE, Signer, cel, claims, set, terms};
use crate::domain::id::{GrantId, MerchantId};
use crate::domain::identity::Grant;
use crate::domain::token_rules::Binding;
use crate::policy::expression::Wanted;
use crate::policy::issuer::ForeignIssuer;

/// A world in which another issuer's tokens are taken.
pub(super) struct Trusting {
    pub(super) world: World,
    signer: Signer,
    readings: Arc<Readings>,
}

impl Trusting {
    pub(super) fn new() -> Self {
        let trusting =
            Self { world: World::new(), signer: Signer::new("ES256", "one"), readings: Arc::default() };
        trusting.trust(|_| {});
        trusting.hold(&[&trusting.signer]);
        trusting
    }

    /// The policies say this of it.
    fn trust(&self, change: impl FnOnce(&mut ForeignIssuer)) {
        self.world.directory.trust_issuers(vec![(terms(change), self.readings.clone())]);
    }

    /// Its keys are these, as far as they have been read.
    fn hold(&self, signers: &[&Signer]) {
        self.world.directory.hold_issuer_keys(&self.readings, Some(set(signers)));
        self.readings.succeed(self.world.clock.monotonic());
    }

    pub(super) fn token(&self, more: &Value) -> String {
        self.token_by(&self.signer, more)
    }

    fn token_by(&self, signer: &Signer, more: &Value) -> String {
        let mut told = claims(self.world.clock.now());
        for (name, value) in more.as_object().unwrap() {
            told[name] = value.clone();
        }
        signer.sign(&signer.header(), &told)
    }

    async fn caller(&self, token: &str) -> Result<Arc<crate::domain::principal::Caller>, Refusal> {
        let known = self.world.identify_token(token).await?;
        Ok(known.unwrap().identity.caller.clone())
    }

    fn verified(&self) -> u64 {
        self.world.directory.verified()
    }

    /// Has the keys read as soon as somebody waits for it, so many times, and gives these.
    fn read_by_wish(&self, times: usize, signers: Vec<Value>) -> tokio::task::JoinHandle<usize> {
        let (directory, readings) = (self.world.directory.clone(), self.readings.clone());
        let at = self.world.clock.monotonic();
        tokio::spawn(async move {
            for _ in 0..times {
                readings.wanted().await;
                // Others come meanwhile.
                tokio::task::yield_now().await;
                let document = json!({ "keys": signers }).to_string();
                let set = crate::credential::key_set::KeySet::read(document.as_bytes());
                directory.hold_issuer_keys(&readings, set);
                readings.succeed(at);
            }
            times
        })
    }
}

#[tokio::test]
async fn a_token_is_verified_once_and_known_to_a_core_then() {
    let trusting = Trusting::new();
    let token = trusting.token(&json!({}));
    for _ in 0..3 {
        let caller = trusting.caller(&token).await.unwrap();
        assert_eq!((caller.app.id.as_str(), caller.scopes.to_string().as_str()), ("app_1", "order:read"));
        assert_eq!((&caller.merchant, &caller.grant), (&None, &None));
    }
    assert_eq!(trusting.verified(), 1);
    let own = trusting.world.token("own");
    assert!(trusting.caller(&own).await.is_ok(), "our own are taken beside it");
    // It ends with its time, though it is remembered.
    trusting.world.later(300);
    assert!(matches!(trusting.caller(&token).await, Err(Refusal::CredentialInvalid(_))));
}

#[tokio::test]
async fn what_is_remembered_of_a_token_does_not_outlive_what_the_policies_say_nor_its_key() {
    let trusting = Trusting::new();
    let token = trusting.token(&json!({"azp": "app_2"}));
    assert_eq!(trusting.caller(&token).await.unwrap().app.id.as_str(), "app_1");
    trusting.trust(|issuer| issuer.app = cel("claims.azp", Wanted::Identifier));
    assert_eq!(trusting.caller(&token).await.unwrap().app.id.as_str(), "app_2");
    trusting.trust(|issuer| issuer.audience = "another".to_owned());
    assert!(matches!(trusting.caller(&token).await, Err(Refusal::CredentialInvalid(_))));
    trusting.trust(|_| {});
    assert!(trusting.caller(&token).await.is_ok());
    let next = Signer::new("ES256", "two");
    trusting.hold(&[&next]);
    // It may be back, so they are read once more.
    let reading = trusting.read_by_wish(1, vec![next.jwk.clone()]);
    assert!(matches!(trusting.caller(&token).await, Err(Refusal::CredentialInvalid(_))));
    assert_eq!(reading.await.unwrap(), 1);
    let by_next = trusting.token_by(&next, &json!({"jti": "2"}));
    assert!(trusting.caller(&by_next).await.is_ok());
    trusting.world.directory.trust_issuers(Vec::new());
    assert!(matches!(trusting.caller(&by_next).await, Err(Refusal::CredentialInvalid(_))));
}

#[tokio::test]
async fn an_app_acts_for_a_merchant_by_its_grant_alone() {
    let trusting = Trusting::new();
    let for_shop = |jti: &str| {
        let scope = "order:read order:write";
        trusting.token(&json!({"shop": "mer_1", "jti": jti, "scope": scope}))
    };
    let granted = |grant: Option<Grant>| *trusting.world.source.granted.lock().unwrap() = grant;
    let grant = |id: &str| Grant {
        id: GrantId::new(id).unwrap(),
        merchant: MerchantId::new("mer_1").unwrap(),
        app: AppId::new("app_1").unwrap(),
        scopes: "order:write other".parse().unwrap(),
        created_at: Timestamp::default(),
        revoked_at: None,
    };
    assert!(matches!(trusting.caller(&for_shop("1")).await, Err(Refusal::CredentialInvalid(_))));
    granted(Some(grant("grt_1")));
    let token = for_shop("2");
    let caller = trusting.caller(&token).await.unwrap();
    assert_eq!(caller.scopes.to_string(), "order:write");
    assert_eq!(caller.merchant.as_ref().unwrap().as_str(), "mer_1");
    assert_eq!(caller.grant.as_ref().unwrap().as_str(), "grt_1");
    // Another token of the same pair costs no look-up; the grant's end ends both.
    let (loads, other) = (trusting.world.loads(), for_shop("3"));
    assert!(trusting.caller(&other).await.is_ok());
    assert_eq!(trusting.world.loads(), loads);
    granted(None);
    trusting.world.directory.forget_grant(&GrantId::new("grt_1").unwrap());
    for token in [&token, &other] {
        assert!(matches!(trusting.caller(token).await, Err(Refusal::CredentialInvalid(_))));
    }
    granted(Some(grant("grt_2")));
    let caller = trusting.caller(&for_shop("4")).await.unwrap();
    assert_eq!(caller.grant.as_ref().unwrap().as_str(), "grt_2");
    trusting.world.source.is_suspended.store(true, Ordering::SeqCst);
    trusting.world.directory.forget_app(&AppId::new("app_1").unwrap());
    assert!(matches!(trusting.caller(&for_shop("5")).await, Err(Refusal::Suspended(Subject::App))));
}

#[tokio::test]
async fn tokens_that_were_made_before_an_apps_tokens_were_ended_are_ended_whoever_made_them() {
    let trusting = Trusting::new();
    let old = trusting.token(&json!({}));
    assert!(trusting.caller(&old).await.is_ok());
    trusting.world.source.token_rules.lock().unwrap().valid_from = Some(trusting.world.clock.now());
    trusting.world.directory.forget_app(&AppId::new("app_1").unwrap());
    assert!(matches!(trusting.caller(&old).await, Err(Refusal::CredentialInvalid(_))));
    trusting.world.later(20);
    assert!(trusting.caller(&trusting.token(&json!({"jti": "2"}))).await.is_ok());
}

#[tokio::test]
async fn a_token_of_an_app_that_must_bind_its_tokens_is_bound_so_or_proves_nothing() {
    let trusting = Trusting::new();
    let thumbprint = URL_SAFE_NO_PAD.encode([9; 32]);
    let tokens = [
        (trusting.token(&json!({"jti": "1"})), false),
        (trusting.token(&json!({"jti": "2", "cnf": {"jkt": thumbprint}})), true),
        (trusting.token(&json!({"jti": "3", "cnf": {"x5t#S256": thumbprint}})), false),
    ];
    let rule = |binding: Option<Binding>| {
        trusting.world.source.token_rules.lock().unwrap().binding = binding;
        trusting.world.directory.forget_app(&AppId::new("app_1").unwrap());
    };
    let identified = async |(token, has_key): &(String, bool)| {
        let presented = if *has_key { Presented::BoundToken(token) } else { Presented::AccessToken(token) };
        let directory = &trusting.world.directory;
        directory.identify_from(presented, None, trusting.world.clock.moment()).await
    };
    for (binding, told, taken) in [
        (None, "", [true, true, true]),
        (Some(Binding::Key), "bound to a key", [false, true, false]),
        (Some(Binding::Certificate), "bound to its certificate", [false, false, true]),
        (None, "", [true, true, true]),
    ] {
        rule(binding);
        for (token, is_taken) in tokens.iter().zip(taken) {
            match identified(token).await {
                Ok(known) => assert!(is_taken && known.is_some(), "{binding:?}"),
                Err(Refused { refusal: Refusal::CredentialInvalid(why), .. }) => {
                    assert!(!is_taken && why.contains(told), "{binding:?}: {why}");
                }
                Err(refused) => panic!("{binding:?}: {refused:?}"),
            }
        }
        assert!(
            trusting.caller(&trusting.world.token("own")).await.is_ok(),
            "our own are made as they must be"
        );
    }
}

#[tokio::test]
async fn two_hundred_calls_with_a_key_that_is_not_known_wait_for_one_reading() {
    let trusting = Trusting::new();
    let next = Signer::new("ES256", "two");
    let reading = trusting.read_by_wish(1, vec![trusting.signer.jwk.clone(), next.jwk.clone()]);
    let tokens: Vec<_> =
        (0..200).map(|number| trusting.token_by(&next, &json!({"jti": number.to_string()}))).collect();
    let address = |number: usize| Some(IpAddr::from([10, 0, (number / 250) as u8, (number % 250) as u8]));
    let moment = trusting.world.clock.moment();
    let calls = tokens.iter().enumerate().map(|(number, token)| {
        trusting.world.directory.identify_from(Presented::AccessToken(token), address(number), moment)
    });
    for identified in futures_util::future::join_all(calls).await {
        assert!(identified.is_ok());
    }
    assert_eq!(reading.await.unwrap(), 1);
}

#[tokio::test]
async fn who_makes_up_keys_pays_for_it_and_is_told_in_the_end() {
    let trusting = Trusting::new();
    let forger = Signer::new("ES256", "made up");
    let reading = trusting.read_by_wish(1, vec![trusting.signer.jwk.clone()]);
    let tokens: Vec<_> =
        (0..700).map(|number| trusting.token_by(&forger, &json!({"jti": number.to_string()}))).collect();
    let (thief, moment) = ("192.0.2.1".parse().ok(), trusting.world.clock.moment());
    let calls = tokens
        .iter()
        .map(|token| trusting.world.directory.identify_from(Presented::AccessToken(token), thief, moment));
    let refused = futures_util::future::join_all(calls).await;
    assert_eq!(reading.await.unwrap(), 1);
    let waits = refused
        .iter()
        .filter(|refused| matches!(refused, Err(Refused { refusal: Refusal::LimitReached { .. }, .. })));
    assert_eq!(waits.count(), 200);
    // What was found out has nothing read again, but for a few whose places others took; good tokens are taken from there all the
    // same, as is what is new.
    let mut known = 0;
    for token in &tokens {
        let again =
            trusting.world.directory.identify_from(Presented::AccessToken(token), thief, moment).await;
        known += usize::from(matches!(again, Err(Refused { refusal: Refusal::CredentialInvalid(_), .. })));
    }
    assert!(known > 400, "{known}");
    let good = trusting.token(&json!({"jti": "good"}));
    for address in [None, thief] {
        assert!(
            trusting
                .world
                .directory
                .identify_from(Presented::AccessToken(&good), address, moment)
                .await
                .is_ok()
        );
    }
}

#[tokio::test]
async fn before_a_node_is_ready_nobody_pays_for_waiting() {
    let trusting = Trusting { readings: Arc::default(), ..Trusting::new() };
    trusting.trust(|_| {});
    let directory = &trusting.world.directory;
    assert!(directory.awaits_issuers());
    let reading = trusting.read_by_wish(1, vec![trusting.signer.jwk.clone()]);
    let tokens: Vec<_> = (0..700).map(|number| trusting.token(&json!({"jti": number.to_string()}))).collect();
    let (address, moment) = ("192.0.2.1".parse().ok(), trusting.world.clock.moment());
    let calls =
        tokens.iter().map(|token| directory.identify_from(Presented::AccessToken(token), address, moment));
    for identified in futures_util::future::join_all(calls).await {
        assert!(identified.is_ok());
    }
    assert_eq!(reading.await.unwrap(), 1);
    assert!(!directory.awaits_issuers());
    // An issuer that comes later does not count.
    directory.trust_issuers(vec![(terms(|_| {}), Arc::default())]);
    assert!(!directory.awaits_issuers());
}

#[tokio::test]
async fn who_waits_for_an_issuer_that_came_later_pays_for_it() {
    let trusting = Trusting::new();
    assert!(!trusting.world.directory.awaits_issuers());
    let trusting = Trusting { readings: Arc::default(), ..trusting };
    trusting.trust(|_| {});
    let reading = trusting.read_by_wish(1, vec![trusting.signer.jwk.clone()]);
    let tokens: Vec<_> = (0..700).map(|number| trusting.token(&json!({"jti": number.to_string()}))).collect();
    let (address, moment) = ("192.0.2.1".parse().ok(), trusting.world.clock.moment());
    let calls = tokens
        .iter()
        .map(|token| trusting.world.directory.identify_from(Presented::AccessToken(token), address, moment));
    let identified = futures_util::future::join_all(calls).await;
    assert_eq!(reading.await.unwrap(), 1);
    let limited = identified
        .iter()
        .filter(|refused| matches!(refused, Err(Refused { refusal: Refusal::LimitReached { .. }, .. })));
    assert_eq!(limited.count(), 200);
    assert_eq!(identified.iter().filter(|identified| identified.is_ok()).count(), 500);
}

#[tokio::test]
async fn without_keys_nothing_is_said_of_a_token_and_nobody_waits_for_a_server_that_is_away() {
    let trusting = Trusting::new();
    let token = trusting.token(&json!({}));
    assert!(trusting.caller(&token).await.is_ok());
    trusting.readings.fail(Some(trusting.world.clock.monotonic()));
    assert!(trusting.caller(&token).await.is_ok(), "its keys are known");
    let unknown = trusting.token_by(&Signer::new("ES256", "two"), &json!({}));
    assert!(matches!(trusting.caller(&unknown).await, Err(Refusal::Unavailable(_))));
    // They have become too old.
    trusting.world.directory.hold_issuer_keys(&trusting.readings, None);
    trusting.readings.fail(None);
    assert!(matches!(trusting.caller(&token).await, Err(Refusal::Unavailable(_))));
    assert_eq!(trusting.world.directory.issuer_standings()[0].keys, 0);
    trusting.hold(&[&trusting.signer]);
    assert!(trusting.caller(&token).await.is_ok());
}

#[tokio::test]
async fn the_platforms_own_endpoints_know_nothing_of_other_issuers_tokens() {
    let trusting = Trusting::new();
    let token = trusting.token(&json!({"aud": [AUDIENCE]}));
    assert!(trusting.caller(&token).await.is_ok());
    let asked =
        trusting.world.directory.read_token(&token, [192, 0, 2, 1].into(), trusting.world.clock.moment());
    assert_eq!(asked.await, Ok(None));
}
