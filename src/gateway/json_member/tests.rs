//! Texts in which one of two merchants is named, or both, or neither.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn names(place: &str) -> Vec<Box<str>> {
    place.split('.').map(Box::from).collect()
}

#[track_caller]
fn check(place: &str, rows: &[(&str, Result<Found, NotJson>)]) {
    for (text, expected) in rows {
        assert_eq!(find(text.as_bytes(), &names(place), "A"), *expected, "{text}");
    }
}

#[test]
fn what_is_named_must_be_so_each_time() {
    use Found::{Another, LikeIt, NoText, Nothing, Wanted};
    check(
        "merchant",
        &[
            (r#"{"merchant":"A"}"#, Ok(Wanted)),
            (r#" { "x" : {"merchant":"B"}, "merchant" : "A" } "#, Ok(Wanted)),
            (r#"{"\u006derchant":"\u0041"}"#, Ok(Wanted)),
            (r#"{"merchant":"A","merchant":"A"}"#, Ok(Wanted)),
            (r#"{"merchant":"B"}"#, Ok(Another)),
            (r#"{"merchant":"a"}"#, Ok(Another)),
            (r#"{"merchant":"A "}"#, Ok(Another)),
            (r#"{"merchant":"A","merchant":"B"}"#, Ok(Another)),
            (r#"{"merchant":"B","merchant":"A"}"#, Ok(Another)),
            (r#"{"merchant":"A","m\u0065rchant":"B"}"#, Ok(Another)),
            (r#"{"merchant":"A","Merchant":"A"}"#, Ok(LikeIt)),
            (r#"{"MERCHANT":"A"}"#, Ok(LikeIt)),
            (r#"{"merchant":"A","mer_chant":"B"}"#, Ok(LikeIt)),
            (r#"{"merchant":"A","mer-Chant":"B"}"#, Ok(LikeIt)),
            (r#"{"merchant":"A","merchant\u0000":"B"}"#, Ok(LikeIt)),
            (r#"{"merchant":"A","merchant\u0000x":"B"}"#, Ok(LikeIt)),
            (r#"{"merchant":"A"," merchant":"B"}"#, Ok(LikeIt)),
            (r#"{"merchant":"A","merchants":"B"}"#, Ok(Wanted)),
            (r#"{"merchant":""}"#, Ok(Nothing)),
            (r#"{"merchant":null}"#, Ok(Nothing)),
            (r#"{"merchant":"A","merchant":null}"#, Ok(Nothing)),
            (r#"{"merchant":"B","merchant":null}"#, Ok(Nothing)),
            ("{}", Ok(Nothing)),
            ("[]", Ok(Nothing)),
            (r#""A""#, Ok(Nothing)),
            ("null", Ok(Nothing)),
            (r#"{"merchant":1}"#, Ok(NoText)),
            (r#"{"merchant":true}"#, Ok(NoText)),
            (r#"{"merchant":{"merchant":"A"}}"#, Ok(NoText)),
            (r#"{"merchant":["A","A"]}"#, Ok(Wanted)),
            (r#"{"merchant":["A","B"]}"#, Ok(Another)),
            (r#"[{"merchant":"A"},{"merchant":"A"}]"#, Ok(Wanted)),
            (r#"[{"merchant":"A"},{"merchant":"B"}]"#, Ok(Another)),
            (r#"[{"merchant":"A"},{}]"#, Ok(Nothing)),
            ("", Err(NotJson)),
            (r#"{"merchant":"A"}}"#, Err(NotJson)),
            (r#"{"merchant":"A"} {"merchant":"B"}"#, Err(NotJson)),
            (r#"{"merchant":"A",}"#, Err(NotJson)),
            (r#"{merchant:"A"}"#, Err(NotJson)),
            (r#"{"merchant":"A"/*"*/}"#, Err(NotJson)),
            (r#"{"merchant":"A"#, Err(NotJson)),
            ("\u{feff}{\"merchant\":\"A\"}", Err(NotJson)),
            (r#"{"merchant":"\ud800"}"#, Err(NotJson)),
        ],
    );
    check(
        "task.kind",
        &[
            (r#"{"task":{"kind":"A"}}"#, Ok(Wanted)),
            (r#"{"task":[{"kind":"A"},{"kind":["A"]}]}"#, Ok(Wanted)),
            (r#"{"task":{"kind":"A"},"task":{"kind":"B"}}"#, Ok(Another)),
            (r#"{"task":{"kind":"A"},"task":{}}"#, Ok(Nothing)),
            (r#"{"task":{"kind":"A"},"task":"A"}"#, Ok(Nothing)),
            (r#"{"task":{"kind":"A","\u212aind":"B"}}"#, Ok(LikeIt)),
            (r#"{"task":{"kind":"A"},"ta\u017fk":{"kind":"B"}}"#, Ok(LikeIt)),
            (r#"{"task.kind":"A"}"#, Ok(Nothing)),
        ],
    );
    assert_eq!(find(b"{\"merchant\":\"A\",\"x\":\"\xff\"}", &names("merchant"), "A"), Err(NotJson));
}

#[test]
fn depth_ends_in_a_refusal_and_not_in_the_stack() {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(50_000), close.repeat(50_000));
    let within = |text: &str| format!(r#"{{"a":"A","x":{text}}}"#);
    for text in [deep("[", "]"), deep(r#"{"a":"#, "}")] {
        let _ = find(text.as_bytes(), &names("a"), "A");
        let _ = find(within(&text).as_bytes(), &names("a"), "A");
    }
}

/// Everything at the place, in a text whose objects have no name twice.
fn all<'v>(value: &'v Value, names: &[Box<str>], found: &mut Vec<Option<&'v Value>>) {
    match (value, names.split_first()) {
        (Value::Array(items), _) if items.is_empty() => found.push(None),
        (Value::Array(items), _) => items.iter().for_each(|item| all(item, names, found)),
        (Value::Object(members), Some((name, rest))) => match members.get(&**name) {
            Some(member) => all(member, rest, found),
            None => found.push(None),
        },
        (_, Some(_)) => found.push(None),
        (value, None) => found.push(Some(value)),
    }
}

fn body() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => Just(json!("A")),
        1 => Just(json!("B")),
        1 => Just(json!(null)),
        1 => Just(json!(1.5)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn it_is_as_if_all_of_the_text_had_been_read(value in body(), place in "[ab](\\.[ab])?") {
        let (names, mut seen) = (names(&place), Vec::new());
        all(&value, &names, &mut seen);
        let is_right = seen.iter().all(|found| *found == Some(&json!("A")));
        let found = find(value.to_string().as_bytes(), &names, "A");
        prop_assert_eq!(found == Ok(Found::Wanted), is_right, "{} in {}: {:?}", place, value, found);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = find(&bytes, &names("a.b"), "A");
    }
}
