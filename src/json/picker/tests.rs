//! What is picked is what a reader of the whole text finds, wherever the text is cut.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn paths(texts: &[&str]) -> Vec<Vec<String>> {
    texts.iter().map(|text| text.split('.').map(str::to_owned).collect()).collect()
}

fn picker(texts: &[&str], max: usize) -> Picker {
    let paths = paths(texts);
    Picker::new(Arc::new(WantedMembers::new(paths.iter().map(Vec::as_slice))), max)
}

/// What is picked of a text that comes in one piece, as text.
fn picked(texts: &[&str], text: &[u8]) -> Result<String, Unpicked> {
    let mut picker = picker(texts, 1000);
    picker.push(text);
    picker.end().map(|picked| written(&picked))
}

fn written(picked: &Picked<'_>) -> String {
    match picked {
        Picked::Value(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        Picked::List => "[…]".to_owned(),
        Picked::Object(members) => {
            let members: Vec<String> =
                members.iter().map(|(name, picked)| format!("{name}={}", written(picked))).collect();
            format!("({})", members.join(" "))
        }
    }
}

#[test]
fn members_are_picked_by_their_names_from_the_top() {
    for (paths, text, expected) in [
        (&["a"][..], r#"{"a":1}"#, "(a=1)"),
        (&["a"], r#"{"b":{"a":1},"a" : "x\"y" , "c":[{"a":2}]}"#, r#"(a="x\"y")"#),
        (&["a.b", "c"], r#"{"a":{"x":1,"b":[1,{"b":2}]},"c":null}"#, r#"(a=(b=[1,{"b":2}]) c=null)"#),
        (&["a.b"], r#"{"a":[{"b":1}]}"#, "(a=[…])"),
        (&["a.b"], r#"{"a":"text"}"#, r#"(a="text")"#),
        (&["a.b"], r#"{"a":{}}"#, "(a=())"),
        (&["a.b"], r#"{"b":1}"#, "()"),
        (&["a.b"], "[1]", "[…]"),
        (&["a.b"], " 12.5e1 ", "12.5e1"),
        (&["a.b"], "12.5e1", "12.5e1"),
        (&["a", "a.b"], r#"{"a":{"b":1, "c":2}}"#, r#"(a={"b":1, "c":2})"#),
        (&["a"], r#"{"\u0061":true,"ab":1}"#, "(a=true)"),
        (&["收件人"], r#"{"收件人":"张"}"#, r#"(收件人="张")"#),
    ] {
        assert_eq!(picked(paths, text.as_bytes()).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_no_json_or_could_be_read_in_two_ways_is_not_picked() {
    let (deep, deepest) = (format!("{}1", "[".repeat(65)), format!("{}{}", "[".repeat(65), "]".repeat(65)));
    assert_eq!(picked(&["a"], deepest.as_bytes()).as_deref(), Ok("[…]"));
    for (text, why) in [
        ("", Unpicked::Incomplete),
        ("  ", Unpicked::Incomplete),
        (r#"{"a":1"#, Unpicked::Incomplete),
        (r#"{"a":1}}"#, Unpicked::Syntax(7)),
        (r#"{"a":01}"#, Unpicked::Syntax(6)),
        (r#"{"a":1,}"#, Unpicked::Syntax(7)),
        ("{\"b\":\"\n\"}", Unpicked::Syntax(6)),
        ("\u{feff}{}", Unpicked::Syntax(0)),
        (r#"{"a":1,"b":2,"a":3}"#, Unpicked::KeyTwice),
        (r#"{"a":1,"\u0061":3}"#, Unpicked::KeyTwice),
        (r#"{"\ud800":1}"#, Unpicked::BrokenString),
        (&deep, Unpicked::TooDeep),
    ] {
        assert_eq!(picked(&["a"], text.as_bytes()), Err(why), "{text}");
    }
    assert_eq!(picked(&["a"], b"{\"b\":\"\xff\"}"), Err(Unpicked::Encoding));
    assert_eq!(picked(&["a.b"], br#"{"a":{"b":1},"a":2}"#), Err(Unpicked::KeyTwice));
    // Neither is asked for, so whatever it is read as, what is asked for is the same.
    assert_eq!(picked(&["a"], br#"{"b":1,"b":2,"a":3}"#).as_deref(), Ok("(a=3)"));
}

/// A long name, of which some readers see no more than its begin.
const NUL: &str =
    r#"{"quantity":1,"quantity\u0000xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx":9}"#;

#[test]
fn a_name_that_can_be_taken_for_one_that_is_asked_for_is_refused_where_one_is_wary() {
    let paths = paths(&["quantity", "a.id"]);
    let wanted = || WantedMembers::new(paths.iter().map(Vec::as_slice));
    for (text, is_picked) in [
        (r#"{"quantity":1,"sku":"a","a":{"id":2,"ids":3}}"#, true),
        (r#"{"quantity":1,"b":{"Quantity":9},"a":{"quantity":9}}"#, true),
        (r#"{"quantity":1,"list":[{"Quantity":9}]}"#, true),
        (r#"{"quantity":1,"Quantity":9}"#, false),
        (r#"{"QUANTITY":9,"quantity":1}"#, false),
        (r#"{"Quantity":9}"#, false),
        (r#"{"quantity":1,"_quantity":9,"quantity1":8,"quantity ":7}"#, true),
        (r#"{"quantity":1,"quan_tity":9}"#, false),
        (NUL, false),
        (r#"{"quantity":1,"Quantity" : 9}"#, false),
        (r#"{"quantity":1,"a":{"id":2,"ıd":3}}"#, false),
        (r#"{"quantity":1,"A":{"id":2}}"#, false),
    ] {
        let read = |wanted: WantedMembers, pieces: &[&[u8]]| {
            let mut picker = Picker::new(Arc::new(wanted), 100);
            pieces.iter().for_each(|piece| picker.push(piece));
            picker.end().map(|_| ())
        };
        assert_eq!(read(wanted(), &[text.as_bytes()]), Ok(()), "{text}");
        for cut in 0..text.len() {
            let (one, other) = text.as_bytes().split_at(cut);
            let expected = if is_picked { Ok(()) } else { Err(Unpicked::LikeKey) };
            assert_eq!(read(wanted().wary(), &[one, other]), expected, "{text} cut at {cut}");
        }
    }
}

#[test]
fn a_text_of_any_length_takes_no_more_memory_than_what_is_kept_of_it() {
    let mut picker = picker(&["total", "currency"], 13);
    picker.push(br#"{"items":["#);
    for _ in 0..200_000 {
        picker.push(br#"{"sku":"a-long-name-of-a-product","total":"1.00"},"#);
    }
    picker.push(br#"0],"total":"12.5"#);
    picker.push(br#"0","currency":"CNY"}"#);
    let picked = picker.end().map(|picked| written(&picked));
    assert_eq!(picked.as_deref(), Ok(r#"(currency="CNY" total="12.50")"#));
    let mut short = self::picker(&["total"], 4);
    short.push(br#"{"total":"12.50"}"#);
    assert_eq!(short.end(), Err(Unpicked::TooLong));
}

#[test]
fn another_text_begins_anew() {
    let mut picker = picker(&["a"], 10);
    for (text, expected) in
        [(r#"{"a":1}"#, Ok("(a=1)")), ("{", Err(Unpicked::Incomplete)), (r#"{"b":2}"#, Ok("()"))]
    {
        picker.restart();
        assert!(picker.is_blank());
        picker.push(text.as_bytes());
        assert_eq!(picker.end().map(|picked| written(&picked)).as_deref().map_err(|why| *why), expected);
    }
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
        Just(Value::from("\"\\\u{1}")),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abc\"é]{1,2}", inner, 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// What is to be picked of a value.
fn expected(wanted: &WantedMembers, place: Place, value: &Value) -> Value {
    match value {
        value if wanted.is_whole(place) => value.clone(),
        Value::Array(_) => Value::from("a list"),
        Value::Object(members) => {
            let picked = wanted.members(place).filter_map(|(name, place)| {
                Some((name.to_owned(), expected(wanted, place, members.get(name)?)))
            });
            Value::Object(picked.collect())
        }
        other => other.clone(),
    }
}

fn value(picked: &Picked<'_>) -> Value {
    match picked {
        Picked::Value(bytes) => serde_json::from_slice(bytes).unwrap(),
        Picked::List => Value::from("a list"),
        Picked::Object(members) => {
            Value::Object(members.iter().map(|(name, picked)| ((*name).to_owned(), value(picked))).collect())
        }
    }
}

proptest! {
    #[test]
    fn what_is_picked_is_what_a_reader_of_the_whole_finds(
        text in json(), is_pretty: bool,
        paths in prop::collection::vec(prop::collection::vec("[abc\"é]{1,2}", 1..4), 0..5),
        mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let wanted = Arc::new(WantedMembers::new(paths.iter().map(Vec::as_slice)));
        let written = if is_pretty { serde_json::to_vec_pretty(&text) } else { serde_json::to_vec(&text) }.unwrap();
        let mut picker = Picker::new(wanted.clone(), written.len());
        let mut places: Vec<usize> = cuts.drain(..).map(|cut| cut.index(written.len() + 1)).collect();
        places.extend([0, written.len()]);
        places.sort_unstable();
        for piece in places.windows(2) {
            picker.push(&written[piece[0]..piece[1]]);
        }
        let picked = picker.end().map(|picked| value(&picked));
        prop_assert_eq!(picked, Ok(expected(&wanted, WantedMembers::TOP, &text)));
    }

    #[test]
    fn where_any_bytes_are_cut_makes_no_difference(
        text in r#"[\[\]{}:,"\\abu0-9.eE \ntrue]{0,30}"#, cut: prop::sample::Index,
    ) {
        let (text, cut) = (text.as_bytes(), cut.index(text.len() + 1));
        let of = |pieces: [&[u8]; 2]| {
            let mut picker = picker(&["a", "b.a"], 20);
            pieces.iter().for_each(|piece| picker.push(piece));
            picker.end().ok().map(|picked| written(&picked))
        };
        let whole = of([text, b""]);
        prop_assert_eq!(of([&text[..cut], &text[cut..]]), whole.clone());
        if whole.is_some() {
            prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok());
        }
    }
}
