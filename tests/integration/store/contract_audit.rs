//! Audit records: with their change or not at all, and never changed.

use tollgate::domain::audit::{Actor, Change};
use tollgate::domain::id::AppId;
use tollgate::domain::identity::Standing;
use tollgate::store::audit::AuditFilter;
use tollgate::store::{Page, Store, StoreError};

use super::contract;
use super::seed::{START, seed};

contract! {
    a_change_and_its_record_happen_together_or_not_at_all,
    one_change_is_recorded_once,
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

async fn one_change_is_recorded_once(store: Store) {
    let (app, _) = seed(&store).await;
    let recording = store.recording(change(app.id.as_str()));
    recording.set_app_standing(&app.id, Standing::Suspended).await.unwrap();
    recording.end_app_tokens(&app.id, START).await.unwrap();
    store.set_app_standing(&app.id, Standing::Active).await.unwrap();
    let kept = store.audit_records(&AuditFilter::default(), &Page::first()).await.unwrap();
    assert_eq!(kept.len(), 1);
}
