//! `tollgate statement explain`: why a line is what it is, and why a call got its cent.

use clap::Args;
use serde_json::{Value, json};

use super::CHARGES;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::node::Node;
use crate::cli::query::{segment, with_query};
use crate::cli::screen::{Column, Format, Screen};
use crate::domain::time::Period;

/// Most charges that people are shown.
const MOST_SHOWN: usize = 20;

#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    /// A line of a final statement, by the statement's number and the line's place on it, such as 41.3; with --app and --period
    /// the id of a line, of a draft too
    #[arg(value_name = "LINE")]
    line: String,
    /// The app whose line it is, if that is given by its id
    #[arg(long, value_name = "ID", requires = "period")]
    app: Option<String>,
    /// The period of its statement, such as 2026-11
    #[arg(long, value_name = "MONTH", requires = "app")]
    period: Option<Period>,
    /// Say why this call adds to the line what it does
    #[arg(long, value_name = "USAGE RECORD")]
    usage: Option<String>,
}

impl ExplainArguments {
    fn path(&self) -> String {
        let usage = ("usage", self.usage.as_deref());
        match (&self.app, self.period) {
            (Some(app), Some(period)) => {
                let path = format!("/admin/statements/{period}/{}/explanation", segment(app));
                with_query(&path, &[("line", Some(self.line.as_str())), usage])
            }
            (Some(_), None) | (None, _) => {
                with_query(&format!("/admin/statement-lines/{}", segment(&self.line)), &[usage])
            }
        }
    }
}

const LINE: &[Column] = &[
    ("line", "/name"),
    ("statement", "/statement/status"),
    ("app", "/statement/app"),
    ("partner", "/statement/partner"),
    ("billed in", "/statement/period"),
    ("used in", "/line/service_period"),
    ("corrects", "/line/corrects"),
    ("kind", "/line/kind"),
    ("product", "/line/product"),
    ("plan", "/plan/version"),
    ("in force since", "/plan/effective_from"),
    ("item", "/line/item"),
    ("rule", "/rule/place"),
    ("which says", "/rule/source"),
    ("each", "/line/unit_price"),
    ("percent", "/line/percent"),
    ("price", "/line/price"),
    ("of", "/line/base"),
    ("days", "/line/days"),
    ("amount", "/line/amount"),
    ("currency", "/line/currency"),
];

const STEPS: &[Column] =
    &[("of", "/of"), ("units", "/times"), ("each", "/each"), ("once", "/flat"), ("comes to", "/exact")];

const PLACE: &[Column] = &[
    ("", "/when"),
    ("units", "/units"),
    ("free", "/free_units"),
    ("come to", "/exact"),
    ("rounded", "/rounded"),
];

/// Shows why a line is what it is. It ends as `ledger check` does if the books do not agree about it.
pub(super) fn run(arguments: &ExplainArguments, node: &Node, screen: &Screen) -> Outcome {
    let explanation = node.get(&arguments.path())?;
    let shown = match screen.format() {
        Format::Json => screen.json(&explanation),
        Format::Human => show(&explanation, screen),
    };
    if explanation["sums"]["agree"] == true {
        return shown;
    }
    let wrong = "tollgate: the books do not agree about this line: see tollgate ledger check";
    Err(Failure::Invalid(wrong.to_owned()).beside(shown))
}

fn show(explanation: &Value, screen: &Screen) -> Outcome {
    screen.entry(&without_nothing(explanation), LINE)?;
    reckoning(explanation, screen)?;
    screen.text(&format!("\n{}", sums(explanation)))?;
    call(&explanation["call"], screen)?;
    let charges = list(&explanation["charges"]["items"]);
    screen.text("")?;
    screen.list(charges.get(..MOST_SHOWN).unwrap_or(charges), CHARGES, "Nothing is charged on it.")?;
    match charges.len() > MOST_SHOWN {
        true => screen.note("There are more: `--output json` has a page, `tollgate statement charges` all."),
        false => Ok(()),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Without the fields that say nothing of a line of its kind.
fn without_nothing(explanation: &Value) -> Value {
    let mut told = explanation.clone();
    for part in ["line", "plan", "rule"] {
        if let Some(fields) = told[part].as_object_mut() {
            fields.retain(|_, value| !value.is_null());
        }
    }
    if told["name"].is_null() {
        told["name"] = told["line"]["id"].clone();
    }
    told
}

/// The steps, what they come to, and what is taken off.
fn reckoning(explanation: &Value, screen: &Screen) -> Outcome {
    let line = &explanation["line"];
    if line["steps"].is_null() {
        return Ok(());
    }
    let step = |step: &Value| {
        let mut step = step.clone();
        step["times"] =
            if step["packages"].is_null() { step["units"].clone() } else { step["packages"].clone() };
        step
    };
    let mut steps: Vec<Value> = list(&line["steps"]).iter().map(step).collect();
    let rounding = line["rounding"].as_str().unwrap_or_default();
    for (of, exact) in [
        ("all units until then".to_owned(), &line["exact"]),
        (format!("rounded {rounding}, less what other statements have"), &line["billed_before"]),
        (with_others(&line["with"]), &line["amount"]),
    ] {
        steps.push(json!({ "of": of, "times": "", "each": "", "flat": "", "exact": exact }));
    }
    screen.text("")?;
    screen.list(&steps, STEPS, "")
}

/// What the rest is: the line, or it with others.
fn with_others(places: &Value) -> String {
    let places: Vec<String> = list(places).iter().map(ToString::to_string).collect();
    match places.is_empty() {
        true => "this line".to_owned(),
        false => format!("this line, which comes to the rest together with line {}", places.join(", ")),
    }
}

/// Whether the books agree about it.
fn sums(explanation: &Value) -> String {
    let sums = &explanation["sums"];
    let text = |name: &str| sums[name].as_str().unwrap_or("–");
    let (count, postings) = (&sums["count"], &explanation["postings"]["count"]);
    let verdict = if sums["agree"] == true { "they agree" } else { "they do not agree" };
    format!(
        "{count} charges come to {}, {postings} ledger transactions to {}, the line to {}: {verdict}.",
        text("charges"),
        text("postings"),
        text("line")
    )
}

/// Why a call adds what it does.
fn call(call: &Value, screen: &Screen) -> Outcome {
    let Some(usage) = call["usage"].as_str() else { return Ok(()) };
    screen.text("")?;
    let adds: Vec<&str> =
        list(&call["charges"]).iter().filter_map(|charge| charge["posted"].as_str()).collect();
    screen.lines(&format!("Call {usage} adds {}:", adds.join(" and ")))?;
    let place = &call["place"];
    if place.is_null() {
        return screen
            .text("what it adds does not follow from its place among other calls, or that is not known.");
    }
    let row = |when: &str, reckoning: &Value| {
        let mut row = reckoning.clone();
        row["when"] = json!(when);
        row
    };
    screen.list(&[row("before it", &place["before"]), row("with it", &place["with"])], PLACE, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_a_line_says_whether_the_books_agree() {
        let explanation = |agree: bool| {
            json!({
                "sums": {"count": 2, "charges": "0.05", "postings": "0.05", "line": "0.05", "agree": agree},
                "postings": {"count": 1},
            })
        };
        let told = "2 charges come to 0.05, 1 ledger transactions to 0.05, the line to 0.05: they agree.";
        assert_eq!(sums(&explanation(true)), told);
        assert!(sums(&explanation(false)).ends_with("they do not agree."));
        assert_eq!(with_others(&json!([])), "this line");
        assert!(with_others(&json!([2, 5])).ends_with("together with line 2, 5"));
    }

    #[test]
    fn a_line_without_a_name_goes_by_its_id() {
        let draft = json!({"name": null, "line": {"id": "CNY …", "base": null}, "plan": {"version": "a@1"}});
        let told = without_nothing(&draft);
        assert_eq!((&told["name"], told["line"].get("base")), (&json!("CNY …"), None));
    }
}
