//! Audit records: with their change or not at all, and never changed.

use tollgate::domain::audit::{Actor, Change};
use tollgate::domain::id::AppId;
use tollgate::domain::identity::Standing;
use tollgate::domain::secret_hash::AdminTokenHash;
use tollgate::store::admin_token::AdminTokenRecord;
use tollgate::store::audit::AuditFilter;
use tollgate::store::{Page, Store, StoreError};

use super::contract;
use super::seed::{START, seed};

contract! {
    a_change_and_its_record_happen_together_or_not_at_all,
    one_change_is_recorded_once,
    records_are_found_by_whom_by_what_and_by_subject,
    of_tokens_that_are_made_at_once_one_has_the_name,
}

fn change(subject: &str) -> Change {
    Change {
        at: START,
        actor: Actor::Administrator("alice".to_owned()),
        credential: None,
        address: Some([127, 0, 0, 1].into()),
        request_id: Some("req_1".to_owned()),
        action: "app.suspend".to_owned(),
        subject: subject.to_owned(),
        before: Some(r#"{"standing":"active"}"#.to_owned()),
        after: Some(r#"{"standing":"suspended"}"#.to_owned()),
    }
}

async fn a_change_and_its_record_happen_together_or_not_at_all(store: Store) {
    let (app, _) = seed(&store).await;
    let recording = store.recording(change("app_none"));
    let missing = recording.set_app_standing(&AppId::new("app_none").unwrap(), Standing::Suspended).await;
    assert!(matches!(missing, Err(StoreError::Missing { .. })), "{missing:?}");
    let all = AuditFilter::default();
    assert_eq!(store.audit_records(&all, &Page::first()).await.unwrap(), []);
    let recording = store.recording(change(app.id.as_str()));
    recording.set_app_standing(&app.id, Standing::Suspended).await.unwrap();
    let kept = store.audit_records(&all, &Page::first()).await.unwrap();
    assert_eq!((kept.len(), kept[0].actor.as_str()), (1, "administrator:alice"));
    assert_eq!(kept[0].address.as_deref(), Some("127.0.0.1"));
    assert_eq!(store.app(&app.id).await.unwrap().unwrap().standing, Standing::Suspended);
}

async fn records_are_found_by_whom_by_what_and_by_subject(store: Store) {
    for (actor, subject, action) in
        [("alice", "app_1", "app.suspend"), ("bob", "app_1", "app.update"), ("alice", "app_2", "app.update")]
    {
        let actor = Actor::Administrator(actor.to_owned());
        let change = Change { actor, action: action.to_owned(), ..change(subject) };
        store.record_changes(&[change]).await.unwrap();
    }
    let alice = Some("administrator:alice");
    for (subject, actor, action, expected) in [
        (None, None, None, 3),
        (Some("app_1"), None, None, 2),
        (None, alice, None, 2),
        (None, None, Some("app.update"), 2),
        (Some("app_1"), alice, None, 1),
        (None, alice, Some("app.update"), 1),
        (Some("app_2"), alice, Some("app.suspend"), 0),
    ] {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let filter = AuditFilter { subject: owned(subject), actor: owned(actor), action: owned(action) };
        let found = store.audit_records(&filter, &Page::first()).await.unwrap();
        assert_eq!(found.len(), expected, "{filter:?}");
    }
}

async fn one_change_is_recorded_once(store: Store) {
    let (app, _) = seed(&store).await;
    let recording = store.recording(change(app.id.as_str()));
    recording.set_app_standing(&app.id, Standing::Suspended).await.unwrap();
    recording.end_app_tokens(&app.id, START).await.unwrap();
    store.set_app_standing(&app.id, Standing::Active).await.unwrap();
    let kept = store.audit_records(&AuditFilter::default(), &Page::first()).await.unwrap();
    assert_eq!(kept.len(), 1);
}

async fn of_tokens_that_are_made_at_once_one_has_the_name(store: Store) {
    let token = |number: usize, name: &str| AdminTokenRecord {
        id: format!("adm_{name}_{number}"),
        name: name.to_owned(),
        created_at: START,
        expires_at: None,
        revoked_at: None,
    };
    for name in ["alice", "bob", "carol"] {
        let attempts: Vec<_> = (0..12)
            .map(|number| {
                let (store, token) = (store.clone(), token(number, name));
                let hash = AdminTokenHash::of(&token.id);
                tokio::spawn(async move { store.create_admin_token(&token, &hash).await })
            })
            .collect();
        let mut made = 0;
        for attempt in attempts {
            match attempt.await.unwrap() {
                Ok(()) => made += 1,
                Err(StoreError::Conflict { what }) => assert_eq!(what, "admin_token.name"),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(made, 1, "{name}");
    }
}
