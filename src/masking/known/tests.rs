//! What is known is passed over as it is read.

use bytes::Bytes;

use crate::masking::fields::{FieldPath, FieldTree, Rules};
use crate::masking::learned::Learned;
use crate::masking::masker::{Form, Masker};

fn masked(text: &str) -> String {
    let paths = ["orders.receiver.name", "orders.phone", "a"].map(|path| path.parse::<FieldPath>().unwrap());
    let tree = FieldTree::new(paths.iter().map(|path| (path, 0)));
    let mut masker = Masker::new(Rules::NONE.with(0), Form::Text);
    let left = masker.mask(&tree, &mut Learned::default(), Bytes::copy_from_slice(text.as_bytes())).unwrap();
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
