//! `tollgate exceptions`: billable calls that could not be rated, sales whose money is late, and what is decided about each.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::doubted_calls::ResolveAll;
use super::failure::{Failure, Outcome};
use super::node::NodeArguments;
use super::query::{segment, with_query};
use super::rated;
use super::screen::{Column, Format, Screen};
use crate::store::usage_exception::ExceptionKind;

#[derive(Debug, Args)]
pub(super) struct ExceptionsArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(flatten)]
    wanted: Wanted,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Args)]
struct Wanted {
    /// Only those of this kind
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(ExceptionKind::ALL.map(ExceptionKind::name)))]
    kind: Option<String>,
    /// Only those of this app
    #[arg(long, value_name = "ID")]
    app: Option<String>,
    /// Only those that have been open for so long, such as 7d
    #[arg(long, value_name = "TIME")]
    older_than: Option<String>,
    /// In which order: by the time of their calls, the newest first, or by how long they have been open, the longest first [default: at]
    #[arg(long, value_enum, value_name = "ORDER")]
    sort: Option<Sort>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Sort {
    /// By the time of their calls
    At,
    /// By how long they have been open
    Age,
}

impl Wanted {
    fn is_any_given(&self) -> bool {
        let Self { kind, app, older_than, sort } = self;
        kind.is_some() || app.is_some() || older_than.is_some() || sort.is_some()
    }

    fn path(&self) -> String {
        let sort = self.sort.map(|sort| match sort {
            Sort::At => "at",
            Sort::Age => "age",
        });
        let query = [
            ("kind", self.kind.as_deref()),
            ("app", self.app.as_deref()),
            ("older_than", self.older_than.as_deref()),
            ("sort", sort),
        ];
        with_query("/admin/exceptions?limit=500", &query)
    }
}

#[derive(Debug, Subcommand)]
enum Action {
    /// How many are open of each kind, and for how long
    Summary,
    /// Decide about one: charge nothing more for it, give it up as lost, rate it again, or rate it by evidence that you give
    ///
    /// Who decides and why is kept for ever. What is charged stands on the statement of the call's own period, or of the
    /// one that runs if that is closed.
    Resolve(Box<Resolve>),
    /// Decide about all calls whose time is not believed, or about those that you choose: each by itself, as if by `resolve`
    ResolveAll(ResolveAll),
}

#[derive(Debug, Args)]
struct Resolve {
    /// Its id, as the list names it, or that of its usage record
    id: String,
    /// What is to be done
    #[arg(value_enum)]
    decision: Decision,
    /// Who decides; whose name the admin token has, unless it is given
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// To rate by: how many units the call was; leave it out if they are charged already, and only the transaction is not
    #[arg(long, value_name = "N")]
    units: Option<u64>,
    /// To write off what is no mismatch of a sale: what it may have been worth, such as 100.00, as far as somebody can tell
    #[arg(long, value_name = "AMOUNT", requires = "currency", allow_negative_numbers = true)]
    estimate: Option<String>,
    #[command(flatten)]
    transaction: Transaction,
}

#[derive(Debug, Args)]
struct Transaction {
    /// To rate by: the id of the transaction that passed through
    #[arg(long, value_name = "ID", requires_all = ["kind", "currency"])]
    transaction: Option<String>,
    /// What it means for its sale
    #[arg(long, value_enum, requires = "transaction")]
    kind: Option<Kind>,
    /// Of anything but a sale: the id of the sale that it is of, if that is not its own
    #[arg(long, value_name = "ID", requires = "transaction")]
    of: Option<String>,
    /// Of anything but a sale: the app that made the sale that it is of, if several have one of that id
    #[arg(long, value_name = "APP", requires = "transaction", conflicts_with = "units")]
    sale_app: Option<String>,
    /// What it was worth, such as 100.00; a cancellation or a settlement of all that is left has none
    #[arg(long, value_name = "AMOUNT", requires = "transaction", allow_negative_numbers = true)]
    amount: Option<String>,
    /// In which currency it was, or the estimate is, such as CNY
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// Of a sale: what was sold, if a share goes by that
    #[arg(long, value_name = "NAME", requires = "transaction")]
    category: Option<String>,
    /// Of a sale: the tax that the amount holds, if a share leaves it out
    #[arg(long, value_name = "AMOUNT", requires = "transaction", allow_negative_numbers = true)]
    tax: Option<String>,
    /// Of a sale: the shipping that the amount holds, if a share leaves it out
    #[arg(long, value_name = "AMOUNT", requires = "transaction", allow_negative_numbers = true)]
    shipping: Option<String>,
    /// Of a sale: a partner who gets a part of the share, by what he is to it, such as carrier=ID; once for each
    #[arg(long = "party", value_name = "NAME=PARTNER", requires = "transaction", value_parser = party)]
    parties: Vec<(String, String)>,
}

fn party(text: &str) -> Result<(String, String), String> {
    let (name, partner) = text.split_once('=').ok_or("write what he is to it, =, and the partner's id")?;
    Ok((name.to_owned(), partner.to_owned()))
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Decision {
    /// Charge nothing more for it; if its units are charged already, and only its transaction was not, they stay charged
    Waive,
    /// Give it up as lost: what its sale still waits for is cancelled, and its share goes with it; else nothing more is charged for it
    WriteOff,
    /// Rate it by the evidence that it has: what was missing has come
    RateAgain,
    /// Rate a call whose time was in doubt as of that time: the clock was right, and calls that come then are believed
    RateAtItsTime,
    /// Rate it by evidence that you give: --units, --transaction (with --kind, --amount and --currency), or both
    RateBy,
}

impl Decision {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Waive => "waive",
            Self::WriteOff => "write_off",
            Self::RateAgain => "rate_again",
            Self::RateAtItsTime => "rate_at_its_time",
            Self::RateBy => "rate_by",
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// To the merchant
    Sale,
    /// Back to the buyer
    Refund,
    /// It will not be paid
    Cancellation,
    /// The money moved
    Settlement,
    /// Taken back by the buyer's bank
    Chargeback,
    /// A chargeback that was won
    ChargebackWon,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::Refund => "refund",
            Self::Cancellation => "cancellation",
            Self::Settlement => "settlement",
            Self::Chargeback => "chargeback",
            Self::ChargebackWon => "chargeback-won",
        }
    }
}

const COLUMNS: &[Column] = &[
    ("id", "/id"),
    ("kind", "/kind"),
    ("at", "/at"),
    ("open since", "/noted_at"),
    ("app", "/app"),
    ("route", "/route"),
    ("transaction", "/transaction/id"),
    ("amount", "/transaction/amount"),
    ("currency", "/transaction/currency"),
    ("why", "/reason"),
];

const KINDS: &[Column] = &[
    ("kind", "/kind"),
    ("open", "/open"),
    ("under 1 day", "/under_1d"),
    ("1 to 7 days", "/1d_to_7d"),
    ("7 to 30 days", "/7d_to_30d"),
    ("over 30 days", "/over_30d"),
    ("the oldest since", "/oldest_noted_at"),
];

const NONE: &str = "No exceptions: all that was used is rated.";

const CHARGES: &[Column] = &[
    ("charge", "/kind"),
    ("amount", "/amount"),
    ("currency", "/currency"),
    ("plan", "/plan"),
    ("rule", "/rule"),
    ("billed in", "/period"),
];

pub(super) fn run(arguments: ExceptionsArguments, screen: &Screen) -> Outcome {
    match &arguments.action {
        Some(Action::Resolve(resolve)) => resolve.check()?,
        Some(Action::ResolveAll(resolve)) => resolve.check()?,
        Some(Action::Summary) | None => {}
    }
    if arguments.action.is_some() && arguments.wanted.is_any_given() {
        // One of clap's own kind, so that it ends as bad usage does.
        let message =
            "--kind, --app, --older-than and --sort are of the list, and stand before no other command";
        clap::Error::raw(clap::error::ErrorKind::ArgumentConflict, format!("{message}\n")).exit()
    }
    let node = arguments.node.node()?;
    match arguments.action {
        None => {
            let exceptions = node.list(&arguments.wanted.path())?;
            screen.list(
                &exceptions,
                COLUMNS,
                if arguments.wanted.is_any_given() { "No such exceptions." } else { NONE },
            )
        }
        Some(Action::Summary) => {
            let summary = node.get("/admin/exceptions/summary")?;
            match screen.format() {
                Format::Json => screen.json(&summary),
                Format::Human => screen.list(list(&summary["kinds"]), KINDS, NONE),
            }
        }
        Some(Action::ResolveAll(resolve)) => resolve.run(&node, screen),
        Some(Action::Resolve(resolve)) => {
            let path = format!("/admin/exceptions/{}/resolve", segment(&resolve.id));
            let resolved = node.post(&path, &resolve.body())?;
            match screen.format() {
                Format::Json => screen.json(&resolved),
                Format::Human => told(&resolve.id, &resolved, screen),
            }
        }
    }
}

/// That it is resolved, all that its call is charged, for this or before, and what is pending of the share of its sale.
fn told(id: &str, resolved: &Value, screen: &Screen) -> Outcome {
    let again = if resolved["was_resolved"] == true { " already; nothing has changed" } else { "" };
    screen.note(&format!("{id} is resolved{again}."))?;
    let (charges, lost) = (list(&resolved["charges"]), &resolved["written_off"]);
    let how = match resolved["outcome"].as_str() {
        Some("waived") => Some("waived"),
        Some("written_off") if lost.is_null() => Some("written off"),
        Some(_) | None => None,
    };
    if let Some(how) = how.filter(|_| !charges.is_empty()) {
        screen.note(&format!(
            "It is {how}. What was counted before stays charged: its units, and as much of its transaction as its sale had:",
        ))?;
    }
    if let (Some(amount), Some(currency), Some(sale)) =
        (lost["amount"].as_str(), lost["currency"].as_str(), lost["sale"].as_str())
    {
        screen.lines(&format!(
            "{amount} {currency} of sale {sale} is written off, and its share goes with it."
        ))?;
    }
    if resolved["changes_share"] == false {
        screen.note(
            "It changed no share: its sale has none, has nothing left that it could be of, or has counted it already.",
        )?;
    }
    screen.list(charges, CHARGES, "Nothing is charged for its call.")?;
    match rated::pending_in_words(&resolved["pending_share"]) {
        Some(words) => screen.lines(&words),
        None => Ok(()),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

impl Resolve {
    fn check(&self) -> Outcome {
        if let Some(name) = self.transaction.party_twice() {
            return Err(Failure::Usage(format!("tollgate: there is one {name}, and --party names two")));
        }
        if self.transaction.currency.is_some()
            && self.transaction.transaction.is_none()
            && self.estimate.is_none()
        {
            let text = "tollgate: --currency is that of a --transaction, or of an --estimate";
            return Err(Failure::Usage(text.to_owned()));
        }
        match self.decision {
            Decision::RateBy if self.units.is_none() && self.transaction.transaction.is_none() => {
                let text = "tollgate: to rate by what you know, give --units, --transaction, or both";
                Err(Failure::Usage(text.to_owned()))
            }
            Decision::RateBy
            | Decision::RateAgain
            | Decision::RateAtItsTime
            | Decision::WriteOff
            | Decision::Waive => Ok(()),
        }
    }

    fn body(&self) -> Value {
        json!({
            "decision": self.decision.name(),
            "who": self.who,
            "why": self.why,
            "units": self.units,
            "transaction": self.transaction.body(),
            "sale_app": self.transaction.sale_app,
            "estimate": self.estimate,
            "currency": self.estimate.as_ref().and(self.transaction.currency.as_ref()),
        })
    }
}

impl Transaction {
    /// What two partners are said to be to the sale: of two members of one name only the last would be sent.
    fn party_twice(&self) -> Option<&str> {
        let names = || self.parties.iter().map(|(name, _)| name);
        names()
            .enumerate()
            .find(|(place, name)| names().take(*place).any(|other| other == *name))
            .map(|(_, name)| name.as_str())
    }

    fn body(&self) -> Option<Value> {
        let id = self.transaction.as_ref()?;
        let mut body = json!({
            "id": id,
            "kind": self.kind.map(Kind::name),
            "currency": self.currency,
        });
        let more = [
            ("amount", &self.amount),
            ("of", &self.of),
            ("category", &self.category),
            ("tax", &self.tax),
            ("shipping", &self.shipping),
        ];
        for (name, value) in more {
            if let Some(value) = value {
                body[name] = json!(value);
            }
        }
        for (name, partner) in &self.parties {
            body["parties"][name] = json!(partner);
        }
        Some(body)
    }
}
