//! `tollgate ledger`: the double-entry books.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::failure::{Failure, Outcome};
use super::node::{Node, NodeArguments};
use super::query::{segment, with_query};
use super::screen::{Column, Format, Screen};
use crate::domain::account::{Account, Party};
use crate::domain::money::Currency;
use crate::domain::time::Timestamp;

#[derive(Debug, Args)]
pub(super) struct LedgerArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Do the books balance, and agree with the statements and the usage? Exit status 3 if not
    Check,
    /// All accounts with their balances: above zero is owed to the platform, below zero is what it earned, or owes
    Accounts {
        #[command(flatten)]
        at: AsOf,
        /// Only this one's: platform, partner:ID or merchant:ID
        #[arg(long, value_name = "PARTY")]
        party: Option<Party>,
        #[command(flatten)]
        form: Form,
    },
    /// What was posted to one account, with what it came to before and after each
    History(History),
    /// What accounts are debited and credited with, by currency: the two are alike, if all is right
    TrialBalance {
        #[command(flatten)]
        at: AsOf,
    },
    /// Post by hand, such as a payment, a deposit or a correction; it is recorded who did
    ///
    /// A cause is posted once: the same again changes nothing, and another posting by the same cause is refused. Nothing that was
    /// posted ever changes; what was wrong is set right by another posting.
    Post(Post),
    /// What was posted with --pending, and waits until it is resolved or its time has run out; then it goes back
    Pending,
    /// Post what waits, whole or in part, or void it: then what is left goes back
    ///
    /// The same again changes nothing.
    Resolve(Resolve),
}

#[derive(Debug, Args)]
struct AsOf {
    /// By what had happened until then, as far as it is known now, such as 2026-11-30T16:00:00Z [default: all]
    #[arg(long, value_name = "TIME")]
    as_of: Option<Timestamp>,
}

#[derive(Debug, Args)]
struct Form {
    /// As CSV, for a spreadsheet
    #[arg(long)]
    csv: bool,
}

#[derive(Debug, Args)]
struct History {
    /// The account, such as partner:partner_1:receivable or platform:revenue:fees
    account: Account,
    /// In which currency, if there are postings in more than one
    #[arg(long, value_name = "CODE")]
    currency: Option<Currency>,
    /// What follows this entry, by its number; or where an earlier list ended, as it says
    #[arg(long, value_name = "NUMBER")]
    after: Option<String>,
    /// How many entries, 1 to 500 [default: 100; as CSV all]
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u32>,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Args)]
struct Post {
    /// What it goes by, such as payment-2026-11-acme: the same is posted once
    #[arg(long, value_name = "NAME")]
    cause: String,
    /// The account that is debited, such as platform:cash
    #[arg(long, value_name = "ACCOUNT")]
    debit: Account,
    /// The account that is credited, such as partner:partner_1:receivable
    #[arg(long, value_name = "ACCOUNT")]
    credit: Account,
    /// How much, such as 100.00
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    amount: String,
    /// In which currency, such as CNY
    #[arg(long, value_name = "CODE")]
    currency: Currency,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Have it wait until it is resolved: it is debited now, and credited once it is posted
    #[arg(long)]
    pending: bool,
    /// For how long it waits; then it goes back
    #[arg(long, value_name = "TIME", default_value = "7d", requires = "pending")]
    expires_in: String,
}

#[derive(Debug, Args)]
struct Resolve {
    /// The cause of what waits
    #[arg(value_name = "CAUSE")]
    waiting: String,
    /// What becomes of it
    #[arg(value_enum)]
    resolution: Resolution,
    /// How much of it is posted, such as 100.00; the rest waits on [default: all that is left]
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true, requires = "cause")]
    amount: Option<String>,
    /// What this goes by, if it is of a part: the same is done once
    #[arg(long, value_name = "NAME")]
    cause: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Resolution {
    /// It is credited to the account for which it waits
    Post,
    /// All that is left goes back
    Void,
}

const CHECKED: &[Column] =
    &[("balanced", "/balanced"), ("accounts", "/accounts"), ("trial balance", "/trial_balance")];

const ACCOUNTS: &[Column] = &[("account", "/account"), ("balance", "/balance"), ("currency", "/currency")];

const SUMS: &[Column] = &[
    ("currency", "/currency"),
    ("debits", "/debits"),
    ("credits", "/credits"),
    ("difference", "/difference"),
    ("accounts", "/accounts"),
];

const ENTRIES: &[Column] = &[
    ("number", "/number"),
    ("at", "/at"),
    ("cause", "/cause"),
    ("app", "/app"),
    ("period", "/period"),
    ("why", "/reason"),
    ("amount", "/amount"),
    ("balance", "/balance"),
];

const PAGE: &[Column] = &[
    ("account", "/account"),
    ("currency", "/currency"),
    ("before", "/opening_balance"),
    ("after", "/closing_balance"),
];

const POSTED: &[Column] = &[
    ("cause", "/cause"),
    ("debit", "/debit"),
    ("credit", "/credit"),
    ("amount", "/amount"),
    ("currency", "/currency"),
    ("why", "/reason"),
    ("who", "/poster"),
    ("at", "/at"),
    ("waits until", "/expires_at"),
    ("left", "/left"),
];

pub(super) fn run(arguments: LedgerArguments, screen: &Screen) -> Outcome {
    let node = arguments.node.node()?;
    match arguments.action {
        Action::Check => check(&node, screen),
        Action::Accounts { at, party, form } => {
            let (as_of, party) = (at.text(), party.map(|party| party.to_string()));
            let query = [("as_of", as_of.as_deref()), ("party", party.as_deref()), ("limit", Some("500"))];
            let path = with_query("/admin/ledger/accounts", &query);
            match form.csv {
                true => sheet(&node, &path, screen),
                false => screen.list(&node.list(&path)?, ACCOUNTS, "Nothing was posted yet."),
            }
        }
        Action::History(history) if history.form.csv && history.limit.is_none() => {
            sheet(&node, &history.path(), screen)
        }
        Action::History(history) if history.form.csv => {
            screen.bytes(&node.download(&history.path(), "text/csv")?)
        }
        Action::History(history) => show(&node.get(&history.path())?, screen),
        Action::TrialBalance { at } => {
            let path = with_query("/admin/ledger/trial-balance", &[("as_of", at.text().as_deref())]);
            screen.list(&node.list(&path)?, SUMS, "Nothing was posted yet.")
        }
        Action::Post(post) => {
            let posted = node.post("/admin/ledger/postings", &post.body())?;
            screen.entry(&posted, POSTED)?;
            if let Some(warning) = posted["warning"].as_str() {
                screen.note(&format!("Warning: {warning}."))?;
            }
            match posted["was_posted"] == true {
                true => screen.note("It was posted before; nothing has changed."),
                false => Ok(()),
            }
        }
        Action::Pending => screen.list(&node.list("/admin/ledger/pending")?, POSTED, "Nothing waits."),
        Action::Resolve(resolve) => {
            let path = format!("/admin/ledger/pending/{}/resolve", segment(&resolve.waiting));
            let resolved = node.post(&path, &resolve.body())?;
            screen.entry(&resolved, POSTED)?;
            match resolved["was_resolved"] == true {
                true => screen.note("That was done before; nothing has changed."),
                false => Ok(()),
            }
        }
    }
}

/// All pages of a sheet, with the heading of the first.
fn sheet(node: &Node, path: &str, screen: &Screen) -> Outcome {
    let mut is_first = true;
    node.download_pages(path, "text/csv", |page| {
        let heading =
            page.iter().position(|byte| *byte == b'\n').map_or(page.len(), |end| end.saturating_add(1));
        let from = if std::mem::take(&mut is_first) { 0 } else { heading };
        screen.bytes(page.get(from..).unwrap_or_default())
    })
}

fn check(node: &Node, screen: &Screen) -> Outcome {
    let checked = node.get("/admin/ledger/check")?;
    let shown = screen.entry(&checked, CHECKED);
    if checked["balanced"] == true {
        return shown;
    }
    let findings = checked["findings"].as_array().into_iter().flatten();
    let findings: Vec<String> =
        findings.map(|finding| format!("\n  {}", finding.as_str().unwrap_or_default())).collect();
    let verdict = Failure::Invalid(format!("tollgate: the books are not right:{}", findings.concat()));
    Err(verdict.beside(shown))
}

/// A page of an account's history; where it goes on is told beside it.
fn show(page: &Value, screen: &Screen) -> Outcome {
    if screen.format() == Format::Json {
        return screen.json(page);
    }
    let entries = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    screen.list(entries, ENTRIES, "Nothing more was posted to it.")?;
    screen.text("")?;
    screen.entry(page, PAGE)?;
    match page["next"].as_str() {
        Some(next) => screen.note(&format!("There may be more: --after {next}")),
        None => Ok(()),
    }
}

impl AsOf {
    fn text(&self) -> Option<String> {
        self.as_of.map(|at| at.to_string())
    }
}

impl History {
    fn path(&self) -> String {
        let path = format!("/admin/ledger/accounts/{}/history", segment(&self.account.to_string()));
        let limit = self.limit.or(self.form.csv.then_some(500)).map(|limit| limit.to_string());
        let query = [
            ("currency", self.currency.as_ref().map(Currency::code)),
            ("after", self.after.as_deref()),
            ("limit", limit.as_deref()),
        ];
        with_query(&path, &query)
    }
}

impl Post {
    fn body(&self) -> Value {
        json!({
            "cause": self.cause,
            "debit": self.debit.to_string(),
            "credit": self.credit.to_string(),
            "amount": self.amount,
            "currency": self.currency.code(),
            "reason": self.reason,
            "expires_in": self.pending.then_some(&self.expires_in),
        })
    }
}

impl Resolve {
    fn body(&self) -> Value {
        let resolution = match self.resolution {
            Resolution::Post => "post",
            Resolution::Void => "void",
        };
        json!({
            "resolution": resolution,
            "amount": self.amount,
            "cause": self.cause,
            "reason": self.reason,
        })
    }
}
