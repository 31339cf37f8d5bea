//! `tollgate exceptions`: billable calls that could not be rated, and what is decided about each.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::doubted_calls::ResolveAll;
use super::failure::{Failure, Outcome};
use super::node::NodeArguments;
use super::query::segment;
use super::screen::{Column, Format, Screen};

#[derive(Debug, Args)]
pub(super) struct ExceptionsArguments {
    #[command(flatten)]
    node: NodeArguments,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Decide about one: charge nothing more for it, rate it again, or rate it by evidence that you give
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
    /// In which currency, such as CNY
    #[arg(long, value_name = "CODE", requires = "transaction")]
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
    ("app", "/app"),
    ("route", "/route"),
    ("transaction", "/transaction/id"),
    ("amount", "/transaction/amount"),
    ("currency", "/transaction/currency"),
    ("why", "/reason"),
];

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
        None => {}
    }
    let node = arguments.node.node()?;
    match arguments.action {
        None => {
            let exceptions = node.list("/admin/exceptions?limit=500")?;
            screen.list(&exceptions, COLUMNS, "No exceptions: all that was used is rated.")
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
    let charges = resolved["charges"].as_array().map(Vec::as_slice).unwrap_or_default();
    if resolved["outcome"] == "waived" && !charges.is_empty() {
        screen.note(
            "It is waived. What was counted before stays charged: its units, and as much of its transaction as its sale had:",
        )?;
    }
    if resolved["changes_share"] == false {
        screen.note(
            "It changed no share: its sale has none, has nothing left that it could be of, or has counted it already.",
        )?;
    }
    screen.list(charges, CHARGES, "Nothing is charged for its call.")?;
    let pending = &resolved["pending_share"];
    match (pending["amount"].as_str(), pending["currency"].as_str(), pending["sale"].as_str()) {
        (Some(amount), Some(currency), Some(sale)) => screen.lines(&format!(
            "{amount} {currency} of the share of sale {sale} is pending: it stands on no statement until its money moved."
        )),
        _ => Ok(()),
    }
}

impl Resolve {
    fn check(&self) -> Outcome {
        if let Some(name) = self.transaction.party_twice() {
            return Err(Failure::Usage(format!("tollgate: there is one {name}, and --party names two")));
        }
        match self.decision {
            Decision::RateBy if self.units.is_none() && self.transaction.transaction.is_none() => {
                let text = "tollgate: to rate by what you know, give --units, --transaction, or both";
                Err(Failure::Usage(text.to_owned()))
            }
            Decision::RateBy | Decision::RateAgain | Decision::RateAtItsTime | Decision::Waive => Ok(()),
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
