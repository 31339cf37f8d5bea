//! Audit records: with their change or not at all, and never changed.

use std::time::Duration;

use tollgate::domain::action::Action;
use tollgate::domain::admin_access::AdminAccess;
use tollgate::domain::audit::{Actor, Change, Subject};
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
    records_come_in_the_order_in_which_they_were_recorded_whatever_the_clocks_tell,
    of_tokens_that_are_made_at_once_one_has_the_name,
    records_are_found_by_what_they_are_about_and_by_number,
    a_token_comes_back_with_what_it_is_good_for,
}

fn change(subject: &str) -> Change {
    Change {
        at: START,
        actor: Actor::Administrator("alice".to_owned()),
        credential: None,
        address: Some([127, 0, 0, 1].into()),
        request_id: Some("req_1".to_owned()),
        action: Action::AppSuspend,
        subject: Subject::new(subject),
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

async fn records_come_in_the_order_in_which_they_were_recorded_whatever_the_clocks_tell(store: Store) {
    for (subject, seconds) in [("app_1", 60), ("app_2", 0), ("app_3", 30)] {
        let at = START.plus(Duration::from_secs(seconds));
        store.record_changes(&[Change { at, ..change(subject) }]).await.unwrap();
    }
    let all = store.audit_records(&AuditFilter::default(), &Page::first()).await.unwrap();
    let subjects: Vec<_> = all.iter().map(|record| record.subject.as_str()).collect();
    assert_eq!(subjects, ["app_3", "app_2", "app_1"]);
    assert!(all.is_sorted_by(|one, next| one.number > next.number));
}

async fn records_are_found_by_whom_by_what_and_by_subject(store: Store) {
    for (actor, subject, action) in [
        ("alice", "app_1", Action::AppSuspend),
        ("bob", "app_1", Action::AppUpdate),
        ("alice", "app_2", Action::AppUpdate),
    ] {
        let actor = Actor::Administrator(actor.to_owned());
        let change = Change { actor, action, ..change(subject) };
        store.record_changes(&[change]).await.unwrap();
    }
    let alice = Some("administrator:alice");
    for (subject, actor, action, expected) in [
        (None, None, None, 3),
        (Some("app_1"), None, None, 2),
        (None, alice, None, 2),
        (None, None, Some(Action::AppUpdate), 2),
        (Some("app_1"), alice, None, 1),
        (None, alice, Some(Action::AppUpdate), 1),
        (Some("app_2"), alice, Some(Action::AppSuspend), 0),
    ] {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let filter = AuditFilter { subject: owned(subject), actor: owned(actor), action, kind: None };
        let found = store.audit_records(&filter, &Page::first()).await.unwrap();
        assert_eq!(found.len(), expected, "{filter:?}");
    }
}

async fn records_are_found_by_what_they_are_about_and_by_number(store: Store) {
    let subject = Subject::new("gr_1").about("mer_1").about("app_1").about("app_1");
    let given = Change { subject, action: Action::GrantGive, ..change("") };
    store.record_changes(&[given, change("app_1"), change("mer_10")]).await.unwrap();
    let found = async |id: &str, action| {
        let filter = AuditFilter { subject: Some(id.to_owned()), action, ..AuditFilter::default() };
        let records = store.audit_records(&filter, &Page::first()).await.unwrap();
        records.into_iter().map(|record| record.subject).collect::<Vec<_>>()
    };
    assert_eq!(found("gr_1", None).await, ["gr_1"]);
    assert_eq!(found("mer_1", None).await, ["gr_1"]);
    assert_eq!(found("app_1", None).await, ["app_1", "gr_1"], "the newest first");
    assert_eq!(found("app_1", Some(Action::GrantGive)).await, ["gr_1"]);
    let all = store.audit_records(&AuditFilter::default(), &Page::first()).await.unwrap();
    let given = all.last().unwrap();
    assert_eq!(given.about, ["app_1", "mer_1"]);
    assert_eq!(store.audit_record(given.number).await.unwrap().as_ref(), Some(given));
    assert_eq!(all[0].about, [""; 0]);
    assert_eq!(store.audit_record(given.number + 100).await.unwrap(), None);
}

async fn a_token_comes_back_with_what_it_is_good_for(store: Store) {
    for (name, access) in [("alice", AdminAccess::Write), ("auditor", AdminAccess::Read)] {
        let id = format!("adm_{name}");
        let token = AdminTokenRecord {
            id: id.clone(),
            name: name.to_owned(),
            access,
            created_at: START,
            expires_at: None,
            revoked_at: None,
        };
        let hash = AdminTokenHash::of(name);
        store.create_admin_token(&token, &hash).await.unwrap();
        assert_eq!(store.admin_token_by_hash(&hash).await.unwrap().as_ref(), Some(&token));
        let mut transaction = store.begin().await.unwrap();
        assert_eq!(transaction.lock_admin_token(&id).await.unwrap().as_ref(), Some(&token));
        transaction.roll_back().await.unwrap();
        assert!(store.admin_tokens().await.unwrap().contains(&token));
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
        access: AdminAccess::Write,
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
