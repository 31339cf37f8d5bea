//! Client certificates: known ones are remembered until something changes, and so is that one is no app's.

use super::*;
use crate::domain::app_certificate::{AppCertificate, KnownBy, RegisteredAs, ShownNames};
use crate::domain::narrowing::Narrowing;

impl World {
    pub(super) async fn shown(
        &self,
        names: &ShownNames,
        address: &str,
    ) -> Result<Option<Arc<Identity>>, Refusal> {
        let (address, moment) = (address.parse().ok(), self.clock.moment());
        let found = self.directory.identify_certificate(names, address, moment).await;
        found.map(|known| known.map(|known| known.identity)).map_err(|refused| refused.refusal)
    }

    /// Registers a certificate, or registers it anew.
    pub(super) fn register(&self, id: &str, known_by: &KnownBy, change: impl FnOnce(&mut AppCertificate)) {
        let own = RegisteredAs { known_by: known_by.clone(), label: None };
        let app = AppId::new("app_1").unwrap();
        let mut certificate = AppCertificate {
            scopes: "order:read".parse().ok(),
            narrowing: Narrowing { addresses: "192.0.2.0/24".parse().ok(), products: None },
            ..AppCertificate::new(id.parse().unwrap(), app, own, Timestamp::default())
        };
        change(&mut certificate);
        let mut all = self.source.certificates.lock().unwrap();
        all.retain(|one| one.id != certificate.id);
        all.push(certificate);
        drop(all);
        self.directory.forget_certificate(known_by);
    }

    fn asked_for_certificates(&self) -> usize {
        self.source.keys_asked.load(Ordering::SeqCst)
    }
}

pub(super) fn names(subjects: &[&str]) -> (Vec<KnownBy>, ShownNames) {
    let known: Vec<_> = subjects.iter().map(|subject| KnownBy::of("subject", subject).unwrap()).collect();
    (known.clone(), ShownNames::new(known))
}

#[tokio::test]
async fn a_certificate_is_loaded_once_and_each_change_beats_what_is_remembered() {
    let world = World::new();
    let (known, names) = names(&["CN=a"]);
    for _ in 0..10 {
        assert!(world.shown(&names, "192.0.2.1").await.unwrap().is_none());
    }
    assert_eq!(world.asked_for_certificates(), 1, "that it is no app's is remembered");
    world.register("crt_1", &known[0], |_| {});
    for _ in 0..10 {
        let identity = world.shown(&names, "192.0.2.1").await.unwrap().unwrap();
        let caller = &identity.caller;
        assert_eq!(caller.credential, CredentialKind::ClientCertificate);
        assert_eq!((&*caller.credential_id, caller.scopes.to_string()), ("crt_1", "order:read".to_owned()));
        assert!(caller.narrowing.is_some() && identity.is_use_due(world.clock.now()));
    }
    assert_eq!(world.asked_for_certificates(), 2);
    world.register("crt_1", &known[0], |it| it.revoked_at = Some(Timestamp::default()));
    for _ in 0..10 {
        let refused = world.shown(&names, "192.0.2.1").await;
        assert!(matches!(refused, Err(Refusal::CertificateInvalid(_))), "{refused:?}");
    }
    assert_eq!(world.asked_for_certificates(), 3);
    world.register("crt_2", &known[0], |_| {});
    assert!(world.shown(&names, "192.0.2.1").await.unwrap().is_some());
    world.source.is_suspended.store(true, Ordering::SeqCst);
    world.directory.forget_app(&AppId::new("app_1").unwrap());
    assert_eq!(world.shown(&names, "192.0.2.1").await.err(), Some(Refusal::Suspended(Subject::App)));
}

#[tokio::test]
async fn of_several_names_the_first_counts_that_is_registered_whether_it_holds_or_not() {
    let world = World::new();
    let (known, names) = names(&["CN=a", "CN=b"]);
    world.register("crt_b", &known[1], |_| {});
    let id = async || Some(world.shown(&names, "192.0.2.1").await.unwrap()?.caller.credential_id.clone());
    assert_eq!(id().await.as_deref(), Some("crt_b"));
    let ends = world.clock.now().plus(Duration::from_secs(30));
    world.register("crt_a", &known[0], |it| it.expires_at = Some(ends));
    assert_eq!(id().await.as_deref(), Some("crt_a"));
    world.later(30);
    let refused = async || world.shown(&names, "192.0.2.1").await.err();
    assert!(matches!(refused().await, Some(Refusal::CertificateInvalid(_))), "the first has ended");
    world.register("crt_a", &known[0], |it| it.revoked_at = Some(ends));
    assert!(matches!(refused().await, Some(Refusal::CertificateInvalid(_))), "the first was revoked");
    world.register("crt_c", &known[0], |_| {});
    assert_eq!(id().await.as_deref(), Some("crt_c"));
}

#[tokio::test]
async fn what_is_known_outlives_an_outage_of_the_store_and_that_it_is_nobodys_too() {
    let world = World::new();
    let ((known, mine), (_, other)) = (names(&["CN=a"]), names(&["CN=b"]));
    world.register("crt_1", &known[0], |_| {});
    assert!(world.shown(&mine, "192.0.2.1").await.unwrap().is_some());
    assert!(world.shown(&other, "192.0.2.1").await.unwrap().is_none());
    world.source.is_away.store(true, Ordering::SeqCst);
    world.later(120);
    assert!(world.shown(&mine, "192.0.2.1").await.unwrap().is_some());
    assert!(world.shown(&other, "192.0.2.1").await.unwrap().is_none());
    let new = world.shown(&names(&["CN=c"]).1, "192.0.2.1").await;
    assert!(matches!(new, Err(Refusal::Unavailable(_))), "{new:?}");
}

#[tokio::test]
async fn who_shows_ever_new_ones_is_refused_before_the_store_is_asked_and_nobody_else_is() {
    let world = World::new();
    let mut limited = 0;
    for number in 0..200 {
        let (_, names) = names(&[&format!("CN={number}")]);
        for _ in 0..2 {
            let refused = world.shown(&names, "192.0.2.1").await;
            limited += usize::from(matches!(refused, Err(Refusal::LimitReached { .. })));
        }
    }
    assert!(limited >= 300 && world.asked_for_certificates() <= 51, "{limited}");
    assert!(world.shown(&names(&["CN=0"]).1, "192.0.2.1").await.unwrap().is_none(), "it is known");
    assert!(world.shown(&names(&["CN=x"]).1, "192.0.2.2").await.unwrap().is_none(), "of another network");
}
