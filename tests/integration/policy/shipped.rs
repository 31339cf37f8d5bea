//! The policies that are shipped.

use std::path::Path;

use tollgate::policy::load::{NoValues, load};
use tollgate::policy::schema;

fn shipped() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

#[test]
fn the_shipped_policies_load() {
    let snapshot = load(&shipped(), &NoValues).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(snapshot.upstreams.len(), 4);
    assert_eq!(snapshot.plans.len(), 3);
    let again = load(&shipped(), &NoValues).unwrap();
    assert_eq!(snapshot.hash, again.hash);
}

/// `TOLLGATE_WRITE_GENERATED=1 cargo test the_schemas` writes them anew.
#[test]
fn the_schemas_beside_the_policies_are_those_of_the_program() {
    for (name, schema) in schema::all() {
        let path = shipped().join("schema").join(&name);
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        if std::env::var_os("TOLLGATE_WRITE_GENERATED").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == text, "{name} differs from the program; see the comment on this test");
    }
}
