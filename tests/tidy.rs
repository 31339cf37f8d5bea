//! Keeps the source in the shape that `src/ARCHITECTURE.md` describes. Each rule is a table and a small function; each
//! violation is printed as `file:line: what is wrong`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};

/// Folders of `src` by tier. A module imports from lower tiers only: never upwards, never sideways.
const TIERS: &[&[&str]] = &[
    &["domain", "json"],
    &["config", "telemetry", "masking"],
    &["policy", "store", "cluster", "limit", "cache", "upstream", "journal", "outbound"],
    &["credential", "metering", "billing", "events"],
    &["gateway", "oauth", "admin", "console", "portal", "notify", "sandbox"],
    &["server"],
    &["cli"],
];

/// Imports within one tier that are meant, each with its reason.
const SIDEWAYS: &[(&str, &str, &str)] = &[
    ("upstream", "policy", "the snapshot's endpoints are what a pool connects to"),
    ("json", "domain", "which names readers take for one another is the domain's to say"),
    ("policy", "limit", "a policy asks for no rate that the limiter cannot keep to"),
    ("outbound", "policy", "the snapshot says where an upstream's token comes from"),
    ("billing", "metering", "what metering drains from the journal is what billing records"),
];

/// Everything that lies at the top of the repository.
const TOP_LEVEL: &[&str] = &[
    ".ci",
    ".clippy.toml",
    ".gitignore",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "Makefile",
    "README.md",
    "benches",
    "deploy",
    "policies",
    "rustfmt.toml",
    "src",
    "tests",
];

/// What git does not keep: each developer has his own.
const UNTRACKED: &[&str] = &[".git", ".cargo", "target", "data"];

/// Longest file, in lines; [`LONG_FILES`] may be longer.
const MAX_LINES: usize = 400;

/// Files that may be longer: how long, and why.
const LONG_FILES: &[(&str, usize, &str)] = &[];

/// Where money is counted: no binary fractions there.
const MONEY: &[&str] = &[
    "src/billing/",
    "src/metering/",
    "src/domain/charge.rs",
    "src/domain/curve.rs",
    "src/domain/curve/",
    "src/domain/exact.rs",
    "src/domain/ladder.rs",
    "src/domain/ledger.rs",
    "src/domain/manual_posting.rs",
    "src/domain/money.rs",
    "src/domain/pending.rs",
    "src/domain/period_charge.rs",
    "src/domain/plan.rs",
    "src/domain/recurring.rs",
    "src/domain/split.rs",
    "src/domain/statement.rs",
    "src/domain/tariff.rs",
    "src/domain/tariff/",
    "src/domain/usage.rs",
    "src/domain/working.rs",
    "src/policy/compare/",
];

/// Names that have one home.
const HOMES: &[(&str, &[&str])] = &[
    ("sqlx", &["src/store/"]),
    ("arc_swap", &["src/policy/live.rs"]),
    ("cel", &["src/policy/expression.rs", "src/policy/expression/"]),
    ("governor", &["src/limit/"]),
    ("rustls", &["src/server/tls/", "src/outbound/authorities.rs", "src/outbound/client.rs"]),
    ("hyper_rustls", &["src/outbound/client.rs"]),
    ("oauth2", &["src/outbound/token_request.rs", "src/oauth/federation/exchange.rs"]),
    ("tokio_rustls", &["src/server/tls/", "src/server/socket.rs"]),
    (
        "x509_parser",
        &["src/server/tls/", "src/credential/public_key_text.rs", "src/credential/verifying_key.rs"],
    ),
    ("serde_saphyr", &["src/policy/tree.rs"]),
    ("zstd", &["src/journal/archive.rs"]),
    ("anyhow", &["src/cli/", "src/main.rs"]),
    ("clap", &["src/cli/", "src/main.rs"]),
    ("comfy_table", &["src/cli/"]),
    ("indicatif", &["src/cli/progress.rs"]),
];

/// Where status codes stand: the one place of each surface, and what names one without answering a refusal.
const STATUS_CODES: &[(&str, &str)] = &[
    ("src/gateway/respond.rs", "refusals of the data plane"),
    ("src/oauth/error/", "refusals of the OAuth2 server"),
    ("src/admin/problem.rs", "refusals of the admin API"),
    ("src/admin/answer.rs", "201 for what was made, 202 for what goes on"),
    ("src/upstream/answer_head.rs", "which answers have no body"),
    ("src/sandbox/", "upstreams of their own"),
];

/// A file with its path from the top of the repository.
struct File {
    path: String,
    text: String,
}

impl File {
    /// Its lines of code with their numbers: comments and blank lines left out.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line.trim()))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with("//"))
    }

    fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `folder` with one of these endings, in order.
fn files(folder: &str, endings: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() && !is_untracked(&path) {
                folders.push(path);
            } else if endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)) {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                found.push(File { path, text });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn is_untracked(path: &Path) -> bool {
    path.parent() == Some(&root()) && UNTRACKED.iter().any(|name| path.ends_with(name))
}

#[track_caller]
fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

/// The names in `text` that `before` precedes, such as `store` in `crate::store::Page`; of `crate::{a, b}` each.
fn names_after<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let mut names = Vec::new();
    for (at, _) in text.match_indices(before) {
        if text[..at].ends_with(is_word) {
            continue;
        }
        let rest = &text[at + before.len()..];
        let list = rest.strip_prefix('{').map(|list| list.split_once("};").map_or(list, |(list, _)| list));
        let parts: Vec<&str> = match list {
            Some(list) => top_level_parts(list),
            None => vec![rest],
        };
        names.extend(parts.into_iter().map(|part| part.trim().split(|c| !is_word(c)).next().unwrap_or("")));
    }
    names
}

/// `a::{b, c}, d` in `a::{b, c}` and `d`.
fn top_level_parts(list: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    for (at, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[start..]);
    parts
}

fn tier(module: &str) -> Option<usize> {
    TIERS.iter().position(|modules| modules.contains(&module))
}

fn may_import(from: &str, to: &str) -> bool {
    let is_listed = SIDEWAYS.iter().any(|(listed, target, _)| (*listed, *target) == (from, to));
    from == to || is_listed || tier(to) < tier(from)
}

#[test]
fn a_module_imports_from_lower_tiers_only() {
    let mut violations = Vec::new();
    for file in files("src", &[".rs"]) {
        let parts: Vec<&str> = file.path.split('/').collect();
        let [_, module, _, ..] = parts[..] else { continue };
        if tier(module).is_none() {
            violations.push(file.at(1, &format!("{module} has no tier: give it one in tests/tidy.rs")));
            continue;
        }
        // A grouped import may go over several lines, so the whole text is read from each line on.
        for (number, line) in file.code().filter(|(_, line)| line.contains("crate::")) {
            let text: String = file.text.lines().skip(number - 1).take(30).collect::<Vec<_>>().join("\n");
            let text = if line.contains("crate::{") { text.as_str() } else { line };
            for name in names_after(text, "crate::").into_iter().filter(|name| tier(name).is_some()) {
                if !may_import(module, name) {
                    violations.push(file.at(number, &format!("{module} may not import {name}")));
                }
            }
        }
    }
    violations.dedup();
    assert_none(&violations);
}

#[test]
fn main_knows_the_command_line_alone() {
    let main = &files("src", &["main.rs"])[0];
    let others = main.code().flat_map(|(number, line)| {
        names_after(line, "tollgate::").into_iter().filter(|name| *name != "cli").map(move |_| number)
    });
    assert_none(&others.map(|number| main.at(number, "main may import cli only")).collect::<Vec<_>>());
}

#[test]
fn the_top_level_is_fixed() {
    let names = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let unknown =
        names.filter(|name| !TOP_LEVEL.contains(&name.as_str()) && !UNTRACKED.contains(&name.as_str()));
    assert_none(&unknown.map(|name| format!("{name}:1: has no place at the top level")).collect::<Vec<_>>());
}

#[test]
fn a_mod_file_is_a_table_of_contents() {
    let mut violations = Vec::new();
    for file in files("src", &["/mod.rs"]) {
        let mut in_list = false;
        for (number, line) in file.code() {
            let starts =
                ["mod ", "pub mod ", "pub(crate) mod ", "pub(super) mod ", "use ", "pub use ", "pub(", "#["];
            let is_entry = in_list || starts.iter().any(|start| line.starts_with(start));
            if !is_entry || line.starts_with("mod ") && line.ends_with('{') {
                violations.push(file.at(number, "a mod.rs is only a table of contents"));
            }
            in_list = is_entry && !line.ends_with(';') && !line.ends_with(']');
        }
    }
    assert_none(&violations);
}

#[test]
fn every_source_file_says_what_it_is_for() {
    let silent = files("src", &[".rs"]).into_iter().filter(|file| !file.text.starts_with("//!"));
    assert_none(
        &silent.map(|file| file.at(1, "a file begins with what it is for (//!)")).collect::<Vec<_>>(),
    );
}

#[test]
fn a_file_has_at_most_400_lines() {
    let mut violations = Vec::new();
    for file in ["src", "tests", "benches"].iter().flat_map(|folder| files(folder, &[".rs"])) {
        let lines = file.text.lines().count();
        let listed = LONG_FILES.iter().find(|(path, ..)| *path == file.path);
        let most = listed.map_or(MAX_LINES, |(_, most, _)| *most);
        if lines > most {
            violations.push(file.at(most, &format!("{lines} lines; at most {most}: split it")));
        }
        if listed.is_some() && lines <= MAX_LINES {
            violations.push(file.at(1, "is short again: take it off the list in tests/tidy.rs"));
        }
    }
    assert_none(&violations);
}

#[test]
fn what_is_allowed_has_a_reason() {
    let mut violations = Vec::new();
    for file in ["src", "tests", "benches"].iter().flat_map(|folder| files(folder, &[".rs"])) {
        for (at, _) in file.text.match_indices("[allow(").chain(file.text.match_indices("[expect(")) {
            let attribute = file.text[at..].split(']').next().unwrap();
            let number = file.text[..at].lines().count();
            let line = file.text.lines().nth(number.saturating_sub(1)).unwrap_or("").trim();
            if line.starts_with('#') && !attribute.contains("reason = \"") {
                violations.push(file.at(number, "say why: reason = \"…\""));
            }
        }
    }
    assert_none(&violations);
}

#[test]
fn money_never_touches_a_float() {
    let mut violations = Vec::new();
    for file in files("src", &[".rs"]) {
        if !MONEY.iter().any(|place| file.path.starts_with(place)) {
            continue;
        }
        for (number, line) in file.code() {
            let mut words = line.split(|character: char| !character.is_alphanumeric() && character != '_');
            if words
                .any(|word| matches!(word, "f32" | "f64") || word.ends_with("_f64") || word.ends_with("_f32"))
            {
                violations.push(file.at(number, "a float in a place where money is counted"));
            }
        }
    }
    assert_none(&violations);
}

#[test]
fn a_name_with_a_home_is_used_there_alone() {
    let mut violations = Vec::new();
    for file in files("src", &[".rs"]) {
        for (name, homes) in HOMES {
            if homes.iter().any(|home| file.path.starts_with(home)) {
                continue;
            }
            let path = format!("{name}::");
            let used = file.code().filter(|(_, line)| !names_after(line, &path).is_empty());
            violations
                .extend(used.map(|(number, _)| file.at(number, &format!("{name} belongs to {homes:?}"))));
        }
    }
    assert_none(&violations);
}

#[test]
fn status_codes_stand_in_their_places_alone() {
    let mut violations = Vec::new();
    for file in files("src", &[".rs"]) {
        if STATUS_CODES.iter().any(|(place, _)| file.path.starts_with(place)) {
            continue;
        }
        let named = file.code().filter(|(_, line)| !names_after(line, "StatusCode::").is_empty());
        violations
            .extend(named.map(|(number, _)| file.at(number, "a status code: refuse by the surface's error")));
    }
    assert_none(&violations);
}

#[test]
fn no_file_names_a_folder_of_somebodys_machine() {
    // In two pieces each, so that this file does not name them.
    let folders =
        [["/wo", "rk/"], ["/ho", "me/"], ["/ro", "ot/"], ["/Us", "ers/"]].map(|parts| parts.concat());
    let endings = [
        ".rs", ".toml", ".md", ".yaml", ".json", ".sh", ".sql", ".html", ".css", ".py", ".service",
        "Makefile",
    ];
    let mut violations = Vec::new();
    for file in files("", &endings).into_iter().chain(files(".ci", &[""])) {
        for (at, line) in file.text.lines().enumerate() {
            if let Some(folder) = folders.iter().find(|folder| line.contains(folder.as_str())) {
                violations.push(file.at(at + 1, &format!("names {folder}: the project knows no such place")));
            }
        }
    }
    assert_none(&violations);
}

#[test]
fn names_are_read_from_single_and_grouped_imports() {
    assert_eq!(names_after("use crate::store::Page;", "crate::"), ["store"]);
    assert_eq!(names_after("use crate::{domain::{id, time}, store};", "crate::"), ["domain", "store"]);
    assert_eq!(names_after("fn f(a: crate::policy::X, b: crate::store::Y)", "crate::"), ["policy", "store"]);
    assert_eq!(names_after("$crate::store::arm", "crate::"), ["store"]);
    assert!(!may_import("admin", "oauth") && !may_import("store", "billing") && may_import("admin", "store"));
}
