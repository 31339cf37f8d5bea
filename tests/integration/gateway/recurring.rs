//! What a subscription costs by the month, over HTTP: expected while the month runs, and charged as it is closed.

use serde_json::{Value, json};

use crate::support::dev::Dev;

/// `standard` costs 99.00 a month, and 500.00 at least.
fn start() -> Dev {
    Dev::with_policies(|policies| {
        let plan = policies.join("plans/standard.yaml");
        let text = std::fs::read_to_string(&plan).unwrap();
        let recurring =
            text.replace("    share:\n", "    monthly_fee: 99.00\n    minimum: 500.00\n    share:\n");
        assert_ne!(text, recurring);
        std::fs::write(&plan, recurring).unwrap();
    })
}

/// The items of a list of the admin API.
fn items(dev: &Dev, path: &str) -> Vec<Value> {
    dev.admin("GET", path, "").json()["items"].as_array().unwrap().clone()
}

#[test]
fn a_month_costs_its_fee_and_what_lacks_of_the_minimum() {
    let dev = start();
    let (app, key) = (dev.told("/app/client_id").to_owned(), dev.told("/app/api_key").to_owned());
    let plan = dev.admin("GET", "/admin/plans/standard", "").json();
    assert_eq!(
        (&plan["current"]["monthly_fee"], &plan["current"]["minimum"]),
        (&json!("99.00"), &json!("500.00"))
    );
    let told = dev.get("/me/usage", &[("X-Api-Key", &key)]).json();
    let kinds = |lines: &Value| {
        let kinds = lines.as_array().unwrap().iter().map(|line| line["kind"].as_str().unwrap().to_owned());
        kinds.collect::<Vec<_>>()
    };
    assert_eq!(kinds(&told["lines"]), ["monthly_fee", "minimum"], "{told}");
    let (fee, minimum) = (&told["lines"][0], &told["lines"][1]);
    assert_eq!((&fee["calls"], &fee["is_expected"]), (&json!(0), &json!(true)));
    assert!((1..=31).contains(&fee["days"].as_u64().unwrap()), "{fee}");
    assert_eq!(fee["days"], minimum["days"]);
    let period = told["period"].as_str().unwrap().to_owned();

    let draft = items(&dev, &format!("/admin/statements?app={app}")).remove(0);
    assert_eq!((&draft["status"], &draft["total"]), (&json!("draft"), &told["totals"][0]["total"]));
    assert_eq!(draft["lines"][1]["is_expected"], true);
    let line = draft["lines"][1]["id"].as_str().unwrap().replace(' ', "%20");
    let charges = format!("/admin/statements/{period}/{app}/charges");
    assert!(items(&dev, &format!("{charges}?line={line}")).is_empty(), "nothing is charged yet");

    let close = json!({"period": period, "early": true}).to_string();
    let closed = dev.admin("POST", "/admin/statements", &close).json();
    assert_eq!((&closed["was_closed"], &closed["state"]), (&json!(false), &json!("final")), "{closed}");
    let of_app = || items(&dev, &format!("/admin/statements?period={period}&app={app}"));
    let statement = of_app().remove(0);
    assert_eq!((&statement["status"], &statement["total"]), (&json!("final"), &draft["total"]));
    assert_eq!(statement["lines"][0]["is_expected"], Value::Null);
    let again = dev.admin("POST", "/admin/statements", &close).json();
    assert_eq!((&again["was_closed"], of_app()), (&json!(true), vec![statement.clone()]));

    let charged = items(&dev, &charges);
    assert_eq!(kinds(&json!(charged)), ["monthly_fee", "minimum"]);
    let subscription = charged[0]["subscription"].as_str().unwrap();
    let cause = format!("monthly:{subscription}:{period}:1");
    assert_eq!((&charged[0]["ledger_cause"], &charged[0]["usage"]), (&json!(cause), &Value::Null));
    assert_eq!(items(&dev, &format!("{charges}?line={line}")).len(), 1);
    let content = dev.admin("GET", &format!("/admin/statements/{period}/{app}/content"), "").json();
    assert_eq!((&content["format"], &content["fees"]), (&json!(4), &statement["fees"]));
    assert_eq!(content["lines"][0]["days"], fee["days"]);
    let checked = dev.admin("GET", "/admin/ledger/check", "").json();
    assert_eq!((&checked["balanced"], &checked["findings"]), (&json!(true), &json!([])));
}
