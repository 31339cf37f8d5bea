//! A second person signs a set before it comes into force, where the set in force asks for that.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tollgate::policy::approval::{approved_by, check, sign};
use tollgate::policy::load::{NoValues, load_source};
use tollgate::policy::snapshot::Snapshot;
use tollgate::policy::source::{Kind, Source, SourceFile};

use super::broken;

/// A key pair (PKCS#8), and its public key as a policy has it.
pub(crate) fn key_pair() -> (Vec<u8>, String) {
    let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap().as_ref().to_vec();
    let public = STANDARD.encode(Ed25519KeyPair::from_pkcs8(&der).unwrap().public_key().as_ref());
    (der, public)
}

/// The `changes` section that asks for a signature by alice, whose key that is.
pub(crate) fn section(asks: &str, key: &str) -> String {
    format!("changes: {{second_signature: {asks}, approvers: [{{name: alice, key: \"{key}\"}}]}}\n")
}

/// The shipped set with that section, and another text in place of one in a plan.
fn set(section: &str, (before, after): (&str, &str)) -> Source {
    let mut source = broken::changed("plans/standard.yaml", before, after);
    let platform = source.files.iter_mut().find(|file| &*file.path == "platform.yaml").unwrap();
    platform.text = platform.text.clone().map(|text| format!("{text}\n{section}"));
    source
}

fn load(source: &Source) -> Snapshot {
    load_source(source, &NoValues).unwrap_or_else(|report| panic!("{report}"))
}

/// The set with a signature by that name.
fn signed(source: &Source, by: &str, der: &[u8]) -> Source {
    let signature = STANDARD.encode(sign(&source.files, der).unwrap());
    let set = source.hash().unwrap();
    let text = format!("approvals:\n  - {{set: {}, by: {by}, signature: \"{signature}\"}}\n", set.as_str());
    let mut source = source.clone();
    let (path, kind) = ("approvals.yaml", Some(Kind::Approvals));
    source.files.insert(0, SourceFile { path: path.into(), kind, text: Ok(text) });
    source
}

const SAME: (&str, &str) = ("percent: 2.5", "percent: 2.5");
const DEARER: (&str, &str) = ("percent: 2.5", "percent: 2.6");
const CHEAPER: (&str, &str) = ("percent: 2.5", "percent: 2.4");

#[track_caller]
fn check_sets(before: &Source, next: &Source, is_taken: bool) {
    let checked = check(&load(before), &load(next), "2026-06-01T00:00:00Z".parse().unwrap());
    assert_eq!(checked.is_ok(), is_taken, "{checked:?}");
    if let Err(unapproved) = checked {
        assert!(unapproved.to_string().contains("alice"), "{unapproved}");
    }
}

#[test]
fn a_set_that_raises_a_price_is_signed_by_an_approver_of_the_set_in_force() {
    let ((alice, key), (mallory, other)) = (key_pair(), key_pair());
    let asks = section("raises", &key);
    let before = set(&asks, SAME);
    check_sets(&before, &set(&asks, CHEAPER), true);
    let dearer = set(&asks, DEARER);
    check_sets(&before, &dearer, false);
    check_sets(&before, &signed(&dearer, "alice", &alice), true);
    check_sets(&before, &signed(&dearer, "alice", &mallory), false);
    check_sets(&before, &signed(&dearer, "bob", &alice), false);
    // Who names himself is no approver yet.
    let own = section("raises", &other);
    check_sets(&before, &signed(&set(&own, SAME), "alice", &mallory), false);
    check_sets(&before, &signed(&set("", SAME), "alice", &alice), true);
    check_sets(&before, &set("", SAME), false);
}

#[test]
fn a_signature_is_of_every_byte_of_a_set_and_no_part_of_its_content() {
    let (alice, key) = key_pair();
    let asks = section("always", &key);
    let before = set(&asks, SAME);
    let next = set(&asks, CHEAPER);
    check_sets(&before, &next, false);
    let right = signed(&next, "alice", &alice);
    check_sets(&before, &right, true);
    assert_eq!((right.hash(), load(&right).hash), (next.hash(), load(&next).hash));
    assert_eq!(approved_by(&load(&before).platform.changes, &load(&right)), ["alice"]);
    for place in 1..right.files.len() {
        let mut changed = right.clone();
        let file = &mut changed.files[place];
        file.text = file.text.clone().map(|text| format!("{text}# another byte\n"));
        check_sets(&before, &changed, false);
    }
    assert_eq!(sign(&next.files, b"no key"), None);
}

#[test]
fn what_is_wrong_with_approvers_is_told_at_its_place() {
    let (_, key) = key_pair();
    let name = "name: Demo Platform\n";
    let check = |section: &str, message: &str| {
        let report = broken::report(&broken::changed("platform.yaml", name, &format!("{name}{section}")));
        let [found] = report.diagnostics.as_slice() else { panic!("not {message:?} alone in {report}") };
        assert!(found.message.contains(message), "{report}");
    };
    check("changes: {second_signature: always}\n", "nobody could sign the next set");
    check(&section("always", "c2hvcnQ="), "32 bytes");
    let twice =
        format!("changes: {{approvers: [{{name: a, key: \"{key}\"}}, {{name: a, key: \"{key}\"}}]}}\n");
    check(&twice, "a name of its own");
}
