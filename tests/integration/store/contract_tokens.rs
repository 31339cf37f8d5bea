//! Access tokens that are revoked one by one, and whose tokens an app may ask about.

use tollgate::domain::id::{AppId, FamilyId};
use tollgate::domain::introspection::Introspects;
use tollgate::domain::time::Timestamp;
use tollgate::store::revoked_token::{MAX_OF_APP, MAX_OF_FAMILY, RevokedToken, TokenRevoked};
use tollgate::store::{Store, StoreError};

use super::contract;
use super::seed::{START, later, seed};

contract! {
    a_token_is_revoked_until_it_would_have_expired,
    an_app_revokes_no_more_tokens_than_every_node_can_know,
    an_app_asks_about_its_own_tokens_unless_it_may_about_all,
}

fn of_app<'t>(app: &'t AppId, id: &'t str, expires_at: Timestamp) -> RevokedToken<'t> {
    RevokedToken { id, app, family: None, expires_at }
}

async fn a_token_is_revoked_until_it_would_have_expired(store: Store) {
    let (app, _) = seed(&store).await;
    let told = store.identity_changes(None).await.unwrap().next;
    for (id, end) in [("tok_2", 60), ("tok_1", 61), ("tok_1", 61)] {
        let revoked = store.revoke_token(of_app(&app.id, id, later(end)), START).await.unwrap();
        assert_eq!(revoked, TokenRevoked::Done);
    }
    // While transactions of others are open, what was told before is told again.
    let mut changes = store.identity_changes(Some(told)).await.unwrap().subjects.unwrap();
    changes.retain(|subject| subject.starts_with("tok_"));
    changes.sort();
    assert_eq!(changes, ["tok_1", "tok_2"], "every node hears of each, once");
    assert!(store.is_token_revoked("tok_1").await.unwrap());
    assert!(!store.is_token_revoked("tok_3").await.unwrap());
    let (first, second) = (("tok_1".to_owned(), later(61)), ("tok_2".to_owned(), later(60)));
    assert_eq!(store.revoked_tokens("", 10).await.unwrap(), [first.clone(), second.clone()]);
    assert_eq!(store.revoked_tokens("", 1).await.unwrap(), std::slice::from_ref(&first));
    assert_eq!(store.revoked_tokens("tok_1", 10).await.unwrap(), [second]);
    assert_eq!(store.forget_expired(later(61)).await.unwrap(), 1);
    assert_eq!(store.revoked_tokens("", 10).await.unwrap(), [first]);
    let nobody = AppId::new("app_nobody").unwrap();
    let missing = store.revoke_token(of_app(&nobody, "tok_4", later(60)), START).await;
    assert!(matches!(missing, Err(StoreError::Missing { .. })));
}

async fn an_app_revokes_no_more_tokens_than_every_node_can_know(store: Store) {
    let (app, _) = seed(&store).await;
    let (one, other) = (FamilyId::new("family_1").unwrap(), FamilyId::new("family_2").unwrap());
    for (family, most) in [(None, MAX_OF_APP), (Some(&one), MAX_OF_FAMILY), (Some(&other), MAX_OF_FAMILY)] {
        let revoke = async |number: i64, now| {
            let id = format!("tok_{}_{number}", family.map_or("", FamilyId::as_str));
            let token = RevokedToken { family, ..of_app(&app.id, &id, later(60)) };
            store.revoke_token(token, now).await.unwrap()
        };
        for number in 0..most {
            assert_eq!(revoke(number, START).await, TokenRevoked::Done);
        }
        assert_eq!(revoke(most, START).await, TokenRevoked::NoRoom);
        assert_eq!(revoke(0, START).await, TokenRevoked::Done, "that one is");
        assert_eq!(revoke(most, later(60)).await, TokenRevoked::Done, "the others have expired");
    }
}

async fn an_app_asks_about_its_own_tokens_unless_it_may_about_all(store: Store) {
    let (app, _) = seed(&store).await;
    assert_eq!(store.introspects(&app.id).await.unwrap(), Some(Introspects::Own));
    store.set_introspects(&app.id, Introspects::All).await.unwrap();
    assert_eq!(store.introspects(&app.id).await.unwrap(), Some(Introspects::All));
    let nobody = AppId::new("app_nobody").unwrap();
    assert_eq!(store.introspects(&nobody).await.unwrap(), None);
    let missing = store.set_introspects(&nobody, Introspects::All).await;
    assert!(matches!(missing, Err(StoreError::Missing { .. })));
}
