//! The README is true: its tour runs, and its table of codes is that of the program.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tollgate::domain::authentication::Step;
use tollgate::domain::balance::{BalanceKind, PaidFrom};
use tollgate::domain::beyond_plan::BeyondPlan;
use tollgate::domain::ended::Ended;
use tollgate::domain::kill_switch::{KillSwitch, SwitchKey, SwitchKind};
use tollgate::domain::merchant_field::MerchantField;
use tollgate::domain::refusal::{Narrowed, Refusal, Subject};
use tollgate::domain::refusal_code;
use tollgate::domain::scope::ScopeSet;
use tollgate::domain::signature_mistake::{SignatureError, SignatureMistake};
use tollgate::domain::time::Timestamp;
use tollgate::gateway::respond;

use super::{finished, process::Process, run, tollgate};
use crate::support::folder;

const START: &str = "<!-- codes: written by a test, see tests/integration/cli/readme.rs -->\n";
const END: &str = "<!-- end of codes -->";
const ADMIN: &str =
    "<!-- codes of the admin API: written by a test, see tests/integration/cli/readme.rs -->\n";
const ADMIN_END: &str = "<!-- end of codes of the admin API -->";
const FIGURES: &str = "<!-- figures: written by a test, see tests/integration/cli/readme.rs -->\n";
const FIGURES_END: &str = "<!-- end of figures -->";

fn readme() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The lines that the README tells a newcomer to type.
fn tour() -> String {
    let readme = readme();
    let blocks = readme.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_tour_runs_from_its_first_line_to_its_last() {
    let folder = folder::copy_of_policies_in_a_project();
    let mut dev = tollgate(&["dev", "--port", "0", "--admin-port", "0", "--ready-file", "target/ready.json"]);
    dev.current_dir(folder.path());
    let dev = Process::start(dev, &folder.path().join("target/ready.json"));
    let program = Path::new(env!("CARGO_BIN_EXE_tollgate")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &tour()]).current_dir(folder.path());
    bash.env("PATH", path).env("TMPDIR", folder.path()).env_remove("TOLLGATE_READY_FILE");
    let done = finished(bash.output().unwrap());
    assert_eq!(done.status, 0, "{}\n{}", done.out, done.err);
    assert_eq!(dev.stop().code(), Some(0));
    for part in [
        "\"sku\"",
        "ratelimit: \"calls\"",
        "\"total_amount\":\"100.00\"",
        "place-order",
        "revenue_share",
        "plans/standard.yaml:",
        "balanced",
        "policies/ is right",
        "exit status 3",
        "\"code\":\"suspended\"",
        "per_unit: 0.01",
        "they agree",
        "2.50",
        "\"stock\":1200",
    ] {
        assert!(done.out.contains(part), "no {part:?} in what the tour shows:\n{}\n{}", done.out, done.err);
    }
}

/// The first cells of the table whose head is that row, each with its texts in code.
pub(super) fn table_of(head: &str) -> Vec<Vec<String>> {
    let readme = readme();
    let rows = readme.split(head).nth(1).unwrap().lines().skip(2);
    let cells = rows.take_while(|row| row.starts_with('|')).map(|row| {
        // `\\|` stands for a bar within a cell.
        let row = row.replace("\\|", "\u{1}");
        let cell = row.split('|').nth(1).unwrap().replace('\u{1}', "|");
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    });
    cells.collect()
}

/// The commands below `command` that its help lists.
fn commands_of(command: &[&str]) -> Vec<String> {
    let done = run(&[command, &["--help"]].concat());
    let list =
        done.out.split("Commands:\n").nth(1).unwrap_or_default().split("\n\n").next().unwrap_or_default();
    let lines = list.lines().filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    let names = lines.filter_map(|line| line.split(' ').next()).filter(|name| *name != "help");
    names.map(str::to_owned).collect()
}

#[test]
fn each_command_stands_in_the_readme_and_there_are_no_others() {
    let mut known = BTreeSet::new();
    for command in commands_of(&[]) {
        let below = commands_of(&[&command]);
        for name in &below {
            let last = commands_of(&[&command, name]);
            known.extend(last.iter().map(|last| format!("{command} {name} {last}")));
            if last.is_empty() {
                known.insert(format!("{command} {name}"));
            }
        }
        if below.is_empty() {
            known.insert(command);
        }
    }
    assert!(known.len() > 40, "{known:?}");
    let mut told = BTreeSet::new();
    for text in table_of("| command | what it does |").into_iter().flatten() {
        let text = text.strip_prefix("tollgate ").unwrap_or(&text).to_owned();
        let is_name = |word: &&str| word.starts_with(|first: char| first.is_ascii_lowercase());
        let words: Vec<&str> = text.split(' ').take_while(is_name).collect();
        let (last, before) = words.split_last().unwrap();
        told.extend(last.split('|').map(|last| [before, &[last]].concat().join(" ")));
    }
    let missing: Vec<_> = known.difference(&told).collect();
    // These show something by themselves too.
    let made_up: Vec<_> = told
        .difference(&known)
        .filter(|told| !["usage", "exceptions", "audit"].contains(&told.as_str()))
        .collect();
    assert!(missing.is_empty() && made_up.is_empty(), "missing: {missing:?}, made up: {made_up:?}");
}

#[test]
fn each_path_of_the_admin_api_stands_in_the_readme_and_there_are_no_others() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin/router.rs");
    let source = std::fs::read_to_string(source).unwrap();
    let paths = source.split(".route(").skip(1).map(|rest| rest.split('"').nth(1).unwrap());
    let open = ["/healthz", "/readyz", "/metrics"];
    let served: BTreeSet<_> =
        paths.filter(|path| !open.contains(path)).map(|path| format!("/admin{path}")).collect();
    assert!(served.len() > 40, "{served:?}");
    let mut told = BTreeSet::new();
    for row in table_of("\n| path | |").into_iter().filter(|row| row[0].starts_with("/admin/")) {
        let base = row[0].split('?').next().unwrap().to_owned();
        for text in row.iter().filter(|text| text.starts_with('/')) {
            let text = text.split('?').next().unwrap();
            told.insert(if text.starts_with("/admin/") { text.to_owned() } else { format!("{base}{text}") });
        }
    }
    assert_eq!(told, served);
}

/// `TOLLGATE_WRITE_GENERATED=1 cargo test the_codes` writes them anew.
#[test]
fn the_codes_in_the_readme_are_those_of_the_program() {
    let readme = readme();
    let (before, rest) = readme.split_once(START).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let expected = format!("{before}{START}{}{END}{after}", table());
    let (before, rest) = expected.split_once(ADMIN).unwrap();
    let (_, after) = rest.split_once(ADMIN_END).unwrap();
    let expected = format!("{before}{ADMIN}{}{ADMIN_END}{after}", table_of_admin());
    if std::env::var_os("TOLLGATE_WRITE_GENERATED").is_some() {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"), &expected).unwrap();
    }
    assert!(
        readme == expected || std::env::var_os("TOLLGATE_WRITE_GENERATED").is_some(),
        "the table of codes differs from the program; see the comment on this test"
    );
}

#[test]
fn the_codes_that_a_command_takes_are_those_of_the_program() {
    assert_eq!(each().iter().map(Refusal::code).collect::<Vec<_>>(), refusal_code::ALL);
}

/// `TOLLGATE_WRITE_GENERATED=1 cargo test the_figures` writes them anew.
#[test]
fn the_figures_in_the_readme_are_those_of_the_last_measurement() {
    let readme = readme();
    let (before, rest) = readme.split_once(FIGURES).unwrap();
    let (_, after) = rest.split_once(FIGURES_END).unwrap();
    let expected = format!("{before}{FIGURES}{}{FIGURES_END}{after}", figures());
    if std::env::var_os("TOLLGATE_WRITE_GENERATED").is_some() {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"), &expected).unwrap();
    } else {
        assert_eq!(readme, expected, "the figures differ from benches/results; see the comment on this test");
    }
}

/// A row for each case in which CPU time or memory is set against a yardstick, one for each with latency, and which cases there are.
fn figures() -> String {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/results/peers.json");
    let results: Value = serde_json::from_str(&std::fs::read_to_string(results).unwrap()).unwrap();
    let cases: Vec<_> = results["cases"].as_object().unwrap().values().collect();
    let compared = cases.iter().filter_map(|case| compared(case)).collect::<String>();
    let mut told = format!("{}{compared}", head("case, figure", "Tollgate's ratio"));
    let paced = cases.iter().filter_map(|case| paced(case)).collect::<String>();
    if !paced.is_empty() {
        told.push_str(&format!("\n{}{paced}", head("latency, p50 / p99 / p99.9 ms", "requests/s")));
    }
    let titles: Vec<_> = cases.iter().filter_map(|case| case["title"].as_str()).collect();
    told.push_str(&format!("\nMeasured: {}.\n", titles.join("; ")));
    told
}

const PROXIES: [&str; 6] = ["HAProxy", "nginx", "Envoy", "Envoy, JWT cache", "Traefik", "Tollgate"];

/// The highest of a figure's runs is so many times the lowest where the range is shown.
const WIDE: f64 = 1.5;

fn head(first: &str, last: &str) -> String {
    format!("| {first} | {} | {last} |\n|{}\n", PROXIES.join(" | "), " --- |".repeat(PROXIES.len() + 2))
}

fn compared(case: &Value) -> Option<String> {
    let figure = case["figures"].as_array()?.iter().find(|figure| figure["is_compared"] == true)?;
    let (name, title) = (figure["name"].as_str()?, figure["title"].as_str()?);
    let cell = |proxy: &str| spread(case, proxy, name, 1);
    let ratios = case["yardsticks"].as_array()?.iter().filter_map(|yardstick| {
        let yardstick = yardstick.as_str()?;
        let of = |figure: &str| {
            case["summary"]["Tollgate"][format!("{figure}_ratios")][yardstick]["median"].as_f64()
        };
        let serving = of("serving_us").map(|ratio| format!(", serving {ratio:.2}")).unwrap_or_default();
        of(name).map(|ratio| format!("{ratio:.2} × {yardstick}{serving}"))
    });
    let ratios = ratios.collect::<Vec<_>>().join("; ");
    Some(row(&format!("{} ({title})", case["title"].as_str()?), cell, &ratios))
}

fn paced(case: &Value) -> Option<String> {
    let rate = case["samples"].as_array()?.iter().find_map(|sample| sample["facts"]["rate"].as_f64())?;
    let cell = |proxy: &str| {
        let of = |name| spread(case, proxy, name, 2);
        Some([of("p50_ms")?, of("p99_ms")?, of("p999_ms")?].join(" / "))
    };
    Some(row(case["title"].as_str()?, cell, &format!("{rate:.0}")))
}

fn row(first: &str, cell: impl Fn(&str) -> Option<String>, last: &str) -> String {
    let cells = PROXIES.map(|proxy| cell(proxy).unwrap_or_else(|| "–".to_owned()));
    format!("| {first} | {} | {last} |\n", cells.join(" | "))
}

/// The median, with the lowest and the highest where they are far apart.
fn spread(case: &Value, proxy: &str, figure: &str, digits: usize) -> Option<String> {
    let found = &case["summary"][proxy][figure];
    let (median, low, high) = (found["median"].as_f64()?, found["low"].as_f64()?, found["high"].as_f64()?);
    let range =
        if high > low * WIDE { format!(" ({low:.digits$}–{high:.digits$})") } else { String::new() };
    Some(format!("{median:.digits$}{range}"))
}

fn table() -> String {
    let mut table =
        "| code | status | what happened | who can do something about it |\n| --- | --- | --- | --- |\n"
            .to_owned();
    for refusal in each() {
        let (status, fault) = match &refusal {
            Refusal::AnswerWithheld { .. } => ("the upstream's".to_owned(), "of 4xx caller, of 5xx upstream"),
            refusal => (respond::status(refusal).as_u16().to_string(), refusal.fault().name()),
        };
        let (code, title) = (refusal.code(), refusal.title());
        table.push_str(&format!("| `{code}` | {status} | {title} | {fault} |\n"));
    }
    table
}

/// What the admin API refuses by. A code that the gateway has too is titled alike.
fn table_of_admin() -> String {
    let titles: BTreeMap<_, _> = each().iter().map(|refusal| (refusal.code(), refusal.title())).collect();
    let mut table = "| code | status | what happened |\n| --- | --- | --- |\n".to_owned();
    for (code, status, title) in tollgate::admin::codes() {
        assert_eq!(titles.get(code).unwrap_or(&title), &title);
        table.push_str(&format!("| `{code}` | {status} | {title} |\n"));
    }
    table
}

/// One of each. A new one does not compile here until it stands in the list.
fn each() -> Vec<Refusal> {
    let (limit, reason, off_since) = (|| "calls".parse().unwrap(), String::new(), Timestamp::default());
    let key = SwitchKey { kind: SwitchKind::Route, name: String::new() };
    let switch = Arc::new(KillSwitch { key, reason, message: None, off_since });
    let signature = |mistake: &SignatureMistake| Refusal::from(SignatureError::new(*mistake, ""));
    let exhausted = |kind, merchant: Option<&str>| {
        let (balance, currency) = ("bal_1".parse().unwrap(), "CNY".parse().unwrap());
        let (merchant, used_up_until) = (merchant.map(|id| id.parse().unwrap()), None);
        Refusal::BalanceExhausted(Box::new(PaidFrom { balance, kind, currency, merchant, used_up_until }))
    };
    let beyond = |plan| Refusal::BeyondPlan(Box::new(plan));
    let mut all = vec![
        Refusal::MessageMalformed(""),
        Refusal::TransferCodingUnsupported,
        Refusal::UpgradeUnsupported,
        Refusal::PathAmbiguous(""),
        Refusal::HeadersTooLarge { limit: 0 },
        Refusal::BodyTooLarge { limit: 0 },
        Refusal::BodyTooSlow,
        Refusal::MethodNotServed,
        Refusal::RouteUnknown,
        Refusal::MethodNotAllowed { allow: String::new() },
        Refusal::CredentialMissing,
        Refusal::CredentialRepeated,
        Refusal::CredentialInvalid(""),
        Refusal::CertificateInvalid(""),
        Refusal::ProofInvalid(String::new()),
        Refusal::ProofNonceNeeded(String::new()),
        Refusal::AuthenticationInsufficient(Step::default()),
        Refusal::Suspended(Subject::App),
        Refusal::NotSubscribed,
        Refusal::ProductNotAllowed { product: "a".parse().unwrap(), allowed: "b".parse().unwrap() },
        Refusal::AddressNotAllowed(Narrowed::Credential, IpAddr::from([192, 0, 2, 1])),
        Refusal::EnvironmentMismatch,
        Refusal::ScopeMissing { missing: ScopeSet::none(), required: ScopeSet::none() },
        Refusal::MerchantMissing,
        Refusal::OwnCredentialNeeded,
        Refusal::MerchantMismatch(MerchantField::Query("a".into()).into()),
        Refusal::MerchantUnclear(MerchantField::Query("a".into()).into(), ""),
        Refusal::ConditionUnmet(None),
        Refusal::SwitchedOff(switch.clone()),
        Refusal::Ended(Ended::revoked(Refusal::CredentialMissing)),
        Refusal::Ended(Ended::Suspended(Subject::App)),
        Refusal::Ended(Ended::SwitchedOff(switch)),
        Refusal::Ended(Ended::Unclear),
        Refusal::LimitReached { limit: limit(), retry_after: Duration::ZERO },
        beyond(BeyondPlan::CallTooLarge { limit: limit(), units: 2, most: 1 }),
        beyond(BeyondPlan::QuotaUsedUp { quota: limit(), units: 1, retry_after: Duration::ZERO }),
        exhausted(BalanceKind::Prepaid, None),
        exhausted(BalanceKind::Credit(0), None),
        exhausted(BalanceKind::Budget(0), None),
        exhausted(BalanceKind::Budget(0), Some("merchant_1")),
        Refusal::UpstreamUnreachable,
        Refusal::UpstreamTimeout,
        Refusal::UpstreamBroken,
        Refusal::AnswerUnmaskable(""),
        Refusal::AnswerWithheld { status: 0, why: "" },
        Refusal::UpstreamTokenMissing { upstream: "order".parse().unwrap() },
        Refusal::UpstreamTokenRefused { upstream: "order".parse().unwrap() },
        Refusal::Unavailable(""),
        Refusal::Unrecorded,
    ];
    let after = all.iter().position(|refusal| matches!(refusal, Refusal::AuthenticationInsufficient(_)));
    all.splice(after.unwrap()..after.unwrap(), SignatureMistake::ALL.iter().map(signature));
    for refusal in &all {
        match refusal {
            Refusal::MessageMalformed(_)
            | Refusal::TransferCodingUnsupported
            | Refusal::UpgradeUnsupported
            | Refusal::PathAmbiguous(_)
            | Refusal::HeadersTooLarge { .. }
            | Refusal::BodyTooLarge { .. }
            | Refusal::BodyTooSlow
            | Refusal::MethodNotServed
            | Refusal::RouteUnknown
            | Refusal::MethodNotAllowed { .. }
            | Refusal::CredentialMissing
            | Refusal::CredentialRepeated
            | Refusal::CredentialInvalid(_)
            | Refusal::CertificateInvalid(_)
            | Refusal::ProofInvalid(_)
            | Refusal::ProofNonceNeeded(_)
            | Refusal::SignatureInvalid(_)
            | Refusal::AuthenticationInsufficient(_)
            | Refusal::Suspended(_)
            | Refusal::NotSubscribed
            | Refusal::ProductNotAllowed { .. }
            | Refusal::AddressNotAllowed(..)
            | Refusal::EnvironmentMismatch
            | Refusal::ScopeMissing { .. }
            | Refusal::MerchantMissing
            | Refusal::OwnCredentialNeeded
            | Refusal::MerchantMismatch(_)
            | Refusal::MerchantUnclear(..)
            | Refusal::ConditionUnmet(_)
            | Refusal::SwitchedOff(_)
            | Refusal::Ended(
                Ended::Revoked(_) | Ended::Suspended(_) | Ended::SwitchedOff(_) | Ended::Unclear,
            )
            | Refusal::LimitReached { .. }
            | Refusal::BeyondPlan(_)
            | Refusal::BalanceExhausted(_)
            | Refusal::UpstreamUnreachable
            | Refusal::UpstreamTimeout
            | Refusal::UpstreamBroken
            | Refusal::AnswerUnmaskable(_)
            | Refusal::AnswerWithheld { .. }
            | Refusal::UpstreamTokenMissing { .. }
            | Refusal::UpstreamTokenRefused { .. }
            | Refusal::Unavailable(_)
            | Refusal::Unrecorded => {}
        }
    }
    all
}
