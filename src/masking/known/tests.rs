//! What is known is passed over as it is read.

use bytes::Bytes;

use super::*;
use crate::masking::fields::{FieldPath, FieldTree, Rules};
use crate::masking::learned::Learned;
use crate::masking::masker::{Form, Masker};

fn masked(text: &str) -> String {
    masked_behind(&mut Learned::default(), text)
}

/// The same behind others of which something was learned.
fn masked_behind(learned: &mut Learned, text: &str) -> String {
    let paths = ["orders.receiver.name", "orders.phone", "a"].map(|path| path.parse::<FieldPath>().unwrap());
    let tree = FieldTree::new(paths.iter().map(|path| (path, 0)));
    let mut masker = Masker::new(Rules::NONE.with(0), Form::Text);
    let left = masker.mask(&tree, learned, Bytes::copy_from_slice(text.as_bytes())).unwrap();
    masker.end().unwrap();
    String::from_utf8(left.to_vec()).unwrap()
}

/// An array of each of these behind two that are as orders are, and before one more.
fn among(object: &str) -> [String; 2] {
    let order = |name: &str| format!(r#"{{"id":1,"receiver":{{"name":{name}}},"phone":"138"}}"#);
    let shown = |name: &str| order(name).replace("138", "***");
    [
        format!(r#"{{"orders":[{},{},{object},{}]}}"#, order(r#""Li""#), order(r#""Han""#), order("null")),
        format!(r#"{{"orders":[{0},{0},OBJECT,{0}]}}"#, shown(r#""***""#)),
    ]
}

#[test]
fn an_object_is_masked_whether_it_is_like_those_before_it_or_not() {
    for (object, left) in [
        (
            r#"{"id":"x","receiver":{"name":"y"},"phone":null}"#,
            r#"{"id":"x","receiver":{"name":"***"},"phone":"***"}"#,
        ),
        (
            r#"{"id":1,"receiver":{"name":{"x":1}},"phone":2}"#,
            r#"{"id":1,"receiver":{"name":"***"},"phone":"***"}"#,
        ),
        (r#"{"id":1,"receiver":{"nam":"y"},"phone":3}"#, r#"{"id":1,"receiver":{"nam":"y"},"phone":"***"}"#),
        (
            r#"{"id":1,"receiver":{"name":"\u0079"},"phone":3}"#,
            r#"{"id":1,"receiver":{"name":"***"},"phone":"***"}"#,
        ),
        (r#"{"id":1,"receiver":"name","phone":3}"#, r#"{"id":1,"receiver":"***","phone":"***"}"#),
        (r#"{"id":1,"receiver":null,"phone":3}"#, r#"{"id":1,"receiver":null,"phone":"***"}"#),
        (r#"{"phone":3,"id":1}"#, r#"{"phone":"***","id":1}"#),
        (
            r#"{"id":1,"receiver":{"name":"y"},"phone":3,"a":4}"#,
            r#"{"id":1,"receiver":{"name":"***"},"phone":"***","a":4}"#,
        ),
        ("[]", "[]"),
        ("5", "\"***\""),
    ] {
        let [text, expected] = among(object);
        assert_eq!(masked(&text), expected.replace("OBJECT", left), "{object}");
    }
}

#[test]
fn what_is_masked_as_one_is_so_in_each_object() {
    let text = r#"[{"a":{"b":[1,"x"]},"c":{"a":[]}},{"a":{"b":[2,"y"]},"c":{"a":[]}},{"a":{"b":[3,"z"]},"c":{"a":[]}},{"a":{},"c":4}]"#;
    let left =
        r#"[{"a":"***","c":{"a":[]}},{"a":"***","c":{"a":[]}},{"a":"***","c":{"a":[]}},{"a":"***","c":4}]"#;
    assert_eq!(masked(text), left);
    let text = r#"{"b":[{"a":[],"id":1},{"a":[],"id":2},{"a":[0],"id":3},{"a":[],"id":4}],"a":[],"c":1}"#;
    assert_eq!(masked(text), text.replace(r#""a":[],"c""#, r#""a":"***","c""#));
}

#[test]
fn there_may_be_more_than_is_kept() {
    let member = |number: usize| format!(r#""m{number}":{{"a":[{number}]}},"#);
    let order = (0..300).map(member).collect::<String>() + r#""phone":1"#;
    let text = format!(r#"{{"orders":[{{{order}}},{{{order}}},{{{order}}}]}}"#);
    assert_eq!(masked(&text), text.replace(r#""phone":1"#, r#""phone":"***""#));
}

#[test]
fn objects_of_another_array_are_others() {
    let text = r#"{"orders":[{"phone":1},{"phone":2},{"phone":3}],"others":[{"phone":4},{"phone":5},{"phone":6}],"a":7}"#;
    let left = r#"{"orders":[{"phone":"***"},{"phone":"***"},{"phone":"***"}],"others":[{"phone":4},{"phone":5},{"phone":6}],"a":"***"}"#;
    assert_eq!(masked(text), left);
}

#[test]
fn a_text_is_masked_alike_behind_any_other() {
    let texts = [
        r#"{"a":"x","b":1}"#,
        "\u{feff}{\"a\":\"x\",\"b\":1}",
        r#" {"a":"x","b":1}"#,
        r#"{"\u0061":"x","b":1}"#,
        r#"{"a":"x","a":"y","b":1}"#,
        r#"{"a":"\ud83d\ude00\"","b":1}"#,
        r#"{"a":{"x":[1,"y"]},"b":1}"#,
        r#"{"a":[],"b":1}"#,
        r#"{"b":{"a":"x","b":1}}"#,
        r#"[{"a":"x","b":1},{"a":"x"}]"#,
        r#"[["x"],null]"#,
        r#""x""#,
        "null",
        "7",
        "{}",
    ];
    let mut of_all = Learned::default();
    for first in texts {
        for second in texts {
            let mut of_first = Learned::default();
            masked_behind(&mut of_first, first);
            for learned in [&mut of_first, &mut of_all] {
                assert_eq!(masked_behind(learned, second), masked(second), "{second} behind {first}");
            }
        }
    }
}

#[test]
fn names_that_are_data_fill_no_more_than_there_is_and_are_forgotten() {
    let mut learned = Learned::default();
    for text in 0..20 {
        let member = |number: usize| format!(r#""{text}-{number}":{{"a":[{number}]}},"#);
        let members: String = (0..300).map(member).collect();
        let left = format!(r#"{{"orders":[{{{members}"phone":"***"}}],"a":"***"}}"#);
        assert_eq!(masked_behind(&mut learned, &left.replace(r#""***""#, "1")), left);
        let known = learned.of(Rules::NONE.with(0), Form::Text);
        assert!(known.parts.len() == MOST_PARTS && known.bytes.len() <= MOST_BYTES);
        assert!(known.places.len() <= MOST_PLACES);
    }
    // What comes now comes again, and has room in the end.
    for _ in 0..=MOST_MISSED {
        let left = r#"{"orders":[{"phone":"***"}],"a":"***"}"#;
        assert_eq!(masked_behind(&mut learned, r#"{"orders":[{"phone":1}],"a":2}"#), left);
    }
    let known = learned.of(Rules::NONE.with(0), Form::Text);
    assert_eq!((known.parts.len(), known.missed), (3, 0));
}
