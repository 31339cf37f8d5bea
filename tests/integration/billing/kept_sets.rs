//! The files of each policy set that came into force are kept, so that a rule is shown as it was.

use std::path::Path;

use tollgate::billing::plans::{Occasion, admit};
use tollgate::domain::location::Location;
use tollgate::policy::load::{NoValues, load};
use tollgate::store::Store;

use super::on_both_stores;
use super::seed::november;
use crate::support::stores::Place;

on_both_stores! {
    a_line_of_a_set_is_told_as_it_was_whatever_became_of_the_file,
}

async fn admitted(store: &Store, policies: &Path) -> String {
    let snapshot = load(policies, &NoValues).unwrap();
    admit(store, &snapshot, (november(), Occasion::Reload), &[]).await.unwrap();
    snapshot.hash.as_str().to_owned()
}

async fn a_line_of_a_set_is_told_as_it_was_whatever_became_of_the_file(place: Place) {
    let store = place.open().await;
    let folder = crate::support::folder::copy_of_policies_in_a_project();
    let policies = folder.path().join("policies");
    let file = policies.join("plans/standard.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let number = text.lines().position(|line| line.contains("per_unit")).unwrap();
    let rule = |line: usize| {
        let line = u32::try_from(line).unwrap() + 1;
        Location { file: "plans/standard.yaml".into(), line, column: 7 }
    };
    let first = admitted(&store, &policies).await;
    std::fs::write(&file, format!("# moved down by a line\n{text}")).unwrap();
    let second = admitted(&store, &policies).await;
    assert_eq!(admitted(&store, &policies).await, second, "the same again is kept once");
    let line = async |set: &str, line| store.policy_line(set, &rule(line)).await.unwrap();
    let told = text.lines().nth(number).map(str::to_owned);
    assert_eq!((line(&first, number).await, line(&second, number + 1).await), (told.clone(), told));
    assert_eq!(line(&second, 0).await.as_deref(), Some("# moved down by a line"));
    assert_eq!((line(&first, 9_999).await, line("another", number).await), (None, None));
    let kept = place.texts("select cast(count(*) as text) from policy_file").await;
    let files = load(&policies, &NoValues).unwrap().source.files.len();
    assert_eq!(kept, [(files + 1).to_string()], "what the sets have in common is kept once");
    for sql in [
        "update policy_file set text = ''",
        "update policy_set set first_at = 0",
        "update policy_set_file set path = path || 'x'",
        "delete from policy_set_file",
        "delete from policy_set",
        "delete from policy_file",
    ] {
        assert!(place.try_tamper(sql).await.is_err(), "{sql} was done");
    }
    store.close().await;
}
