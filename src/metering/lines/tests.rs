//! Lines are counted and summed up exactly, wherever the body is cut, and none is guessed.

use proptest::prelude::*;

use super::*;

fn lines(paths: &[&str]) -> Lines {
    let paths: Vec<Vec<String>> =
        paths.iter().map(|path| path.split('.').map(str::to_owned).collect()).collect();
    Lines::new(Arc::new(WantedMembers::new(paths.iter().map(Vec::as_slice))))
}

fn of(paths: &[&str], body: &str) -> Result<Field, LinesError> {
    let mut lines = lines(paths);
    lines.push(body.as_bytes());
    lines.end()
}

fn field(count: i64, sums: Vec<(&str, Field)>) -> Field {
    let sums = sums.into_iter().map(|(name, sum)| (name.to_owned(), sum)).collect();
    let sums = Field::object(sums).unwrap();
    Field::object(vec![(COUNT.to_owned(), Field::integer(count)), (SUM.to_owned(), sums)]).unwrap()
}

#[test]
fn lines_are_counted_and_summed_up() {
    let body = "{\"n\":1,\"price\":{\"amount\":\"0.10\"}}\r\n\n {\"n\":2.0, \"price\":{\"amount\":0.20}} \n  \n{\"price\":{\"amount\":\"10\"},\"n\":3e0}";
    for end in ["", "\n", "\r\n\r\n"] {
        let expected = field(
            3,
            vec![
                ("n", Field::integer(6)),
                ("price", Field::object(vec![("amount".to_owned(), Field::text("10.3"))]).unwrap()),
            ],
        );
        assert_eq!(of(&["n", "price.amount"], &format!("{body}{end}")), Ok(expected));
    }
    assert_eq!(of(&[], "1\n\"a\"\n[]\n"), Ok(field(3, vec![])));
    assert_eq!(of(&["n"], ""), Ok(field(0, vec![("n", Field::integer(0))])));
    let beyond = "9223372036854775807";
    let sum = of(&["n"], &format!("{{\"n\":{beyond}}}\n{{\"n\":{beyond}}}\n"));
    assert_eq!(sum, Ok(field(2, vec![("n", Field::text("18446744073709551614"))])));
}

#[test]
fn a_line_that_is_not_as_it_should_be_is_not_passed_over() {
    let missing = |line| LinesError::NoDecimal { line, member: "a.n".to_owned() };
    let no_json = |line, why| LinesError::NoJson { line, why };
    let good = "{\"a\":{\"n\":1}}";
    for (body, why) in [
        (format!("{good}\n{{\"a\":{{}}}}\n{good}"), missing(2)),
        (format!("{good}\n\n{{\"a\":1}}"), missing(3)),
        (format!("{good}\n{{\"a\":[{{\"n\":1}}]}}"), missing(2)),
        (format!("{good}\n[]"), missing(2)),
        ("{\"a\":{\"n\":null}}".to_owned(), missing(1)),
        ("{\"a\":{\"n\":\"1,5\"}}".to_owned(), missing(1)),
        ("{\"a\":{\"n\":1.5e-1}}".to_owned(), missing(1)),
        ("{\"a\":{\"n\":{\"x\":1}}}".to_owned(), missing(1)),
        (format!("{good}\n{{\"a\":\n{{\"n\":1}}}}"), no_json(2, Unpicked::Incomplete)),
        (format!("{good}{good}"), no_json(1, Unpicked::Syntax(13))),
        ("{\"a\":{\"n\":1,\"n\":2}}".to_owned(), no_json(1, Unpicked::KeyTwice)),
        (format!("{{\"a\":{{\"n\":\"{}\"}}}}", "1".repeat(2000)), no_json(1, Unpicked::TooLong)),
        (format!("{{\"a\":{{\"n\":{}}}}}\n", "9".repeat(28)).repeat(100), LinesError::TooLarge),
    ] {
        assert_eq!(of(&["a.n"], &body), Err(why), "{}", &body[..body.len().min(60)]);
    }
}

#[test]
fn what_a_caller_writes_may_correct_other_lines_and_is_spelled_as_it_is_asked_for() {
    let path = ["n".to_owned()];
    let of = |body: &str| {
        let mut lines = Lines::new(Arc::new(WantedMembers::new([&path[..]]).wary()));
        lines.push(body.as_bytes());
        lines.end()
    };
    assert_eq!(of("{\"n\":100}\n{\"n\":-99}\n"), Ok(field(2, vec![("n", Field::integer(1))])));
    let why = Unpicked::LikeKey;
    assert_eq!(of("{\"n\":1}\n{\"n\":1,\"N\":100}"), Err(LinesError::NoJson { line: 2, why }));
}

#[test]
fn a_hundred_thousand_lines_and_one_of_a_megabyte_take_no_memory() {
    let mut lines = lines(&["quantity"]);
    for _ in 0..100_000 {
        lines.push(b"{\"sku\":\"a\",\"quantity\":2}\n");
    }
    lines.push(b"{\"note\":\"");
    for _ in 0..1000 {
        lines.push(&[b'x'; 1000]);
    }
    lines.push(b"\",\"quantity\":5}");
    assert_eq!(lines.end(), Ok(field(100_001, vec![("quantity", Field::integer(200_005))])));
}

proptest! {
    #[test]
    fn where_the_body_is_cut_makes_no_difference(
        rows in prop::collection::vec((any::<i32>(), 0_u32..4, "[ a\"\\\\é]{0,6}", "\r?\n{1,2}"), 0..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let mut body = String::new();
        let mut sum = Decimal::ZERO;
        for (value, scale, note, end) in &rows {
            let value = Decimal::new(i64::from(*value), *scale);
            sum += value;
            body += &format!("{}{end}", serde_json::json!({"note": note, "n": value.to_string()}));
        }
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        places.extend([0, body.len()]);
        places.sort_unstable();
        let mut lines = lines(&["n"]);
        for piece in places.windows(2) {
            lines.push(&body.as_bytes()[piece[0]..piece[1]]);
        }
        let count = i64::try_from(rows.len()).unwrap();
        prop_assert_eq!(lines.end(), Ok(field(count, vec![("n", Field::exact(sum))])));
    }
}
