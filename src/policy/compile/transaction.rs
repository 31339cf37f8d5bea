//! How a meter reads the transaction that passes through.

use std::collections::BTreeMap;

use super::super::expression::{Declared, Expression, Wanted};
use super::super::file::routes::{ReachName, TransactionEntry, TransactionKindName};
use super::super::snapshot::TransactionMeter;
use super::routes::One;
use crate::domain::id::PartyName;
use crate::domain::share::Receiver;
use crate::domain::transaction::{Reach, TransactionKind};

const AT: &str = "/meter/transaction";

impl One<'_, '_> {
    pub(super) fn transaction(
        &mut self,
        entry: &TransactionEntry,
        declared: &Declared,
    ) -> Option<TransactionMeter> {
        let kind = match entry.kind {
            TransactionKindName::Sale => TransactionKind::Sale,
            TransactionKindName::Refund => TransactionKind::Refund,
            TransactionKindName::Cancellation => TransactionKind::Cancellation,
            TransactionKindName::Settlement => TransactionKind::Settlement,
            TransactionKindName::Chargeback => TransactionKind::Chargeback,
            TransactionKindName::ChargebackWon => TransactionKind::ChargebackWon,
        };
        let reach = match entry.sale_of {
            None | Some(ReachName::OwnApp) => Reach::OwnApp,
            Some(ReachName::AnyApp) => Reach::AnyApp,
        };
        self.check_kind(entry, kind);
        let id = self.expression(&format!("{AT}/id"), &entry.id, (declared, Wanted::Identifier));
        let currency =
            self.expression(&format!("{AT}/currency"), &entry.currency, (declared, Wanted::Currency));
        let mut optional = |name: &str, text: &Option<String>, wanted| {
            self.optional(&format!("{AT}/{name}"), text.as_deref(), (declared, wanted))
        };
        let of = optional("of", &entry.of, Wanted::Identifier);
        let amount = optional("amount", &entry.amount, Wanted::Amount);
        let tax = optional("tax", &entry.tax, Wanted::OptionalAmount);
        let shipping = optional("shipping", &entry.shipping, Wanted::OptionalAmount);
        let category = optional("category", &entry.category, Wanted::OptionalIdentifier);
        let parties = self.parties(&entry.parties, declared);
        Some(TransactionMeter {
            id: id?,
            of: of?,
            amount: amount?,
            currency: currency?,
            kind,
            reach,
            tax: tax?,
            shipping: shipping?,
            category: category?,
            parties: parties?,
        })
    }

    /// Whether a transaction of that kind can have what it is said to have, and has what it needs.
    fn check_kind(&mut self, entry: &TransactionEntry, kind: TransactionKind) {
        let is_sale = kind == TransactionKind::Sale;
        for (name, is_there) in [("of", entry.of.is_some()), ("sale_of", entry.sale_of.is_some())] {
            if is_sale && is_there {
                let message = "a sale is of no other transaction".to_owned();
                self.wrong(&format!("{AT}/{name}"), message, None);
            }
        }
        let of_sales = [
            ("tax", entry.tax.is_some()),
            ("shipping", entry.shipping.is_some()),
            ("category", entry.category.is_some()),
            ("parties", !entry.parties.is_empty()),
        ];
        for (name, is_there) in of_sales {
            if !is_sale && is_there {
                let message = format!("only a sale has this: a {} goes by what its sale had", kind.name());
                self.wrong(&format!("{AT}/{name}"), message, None);
            }
        }
        if entry.amount.is_none() && !kind.may_be_of_the_rest() {
            let message = format!("the amount of a {} is missing", kind.name());
            self.wrong(AT, message, Some("write it like amount: response.body.total_amount".to_owned()));
        }
    }

    fn parties(
        &mut self,
        entries: &BTreeMap<String, String>,
        declared: &Declared,
    ) -> Option<Vec<(PartyName, Expression)>> {
        let mut parties = Vec::with_capacity(entries.len());
        for (name, text) in entries {
            let part = format!("{AT}/parties/{name}");
            let partner = self.expression(&part, text, (declared, Wanted::OptionalIdentifier));
            let party = match Receiver::named(name) {
                Some(Receiver::Named(party)) => Some(party),
                Some(Receiver::Platform | Receiver::Partner | Receiver::Merchant) => {
                    let message = format!("{name} is known without evidence: it is no name of a party");
                    self.wrong(&part, message, None);
                    None
                }
                None => {
                    self.wrong(&part, format!("{name:?} is no name of a party"), None);
                    None
                }
            };
            parties.extend(party.zip(partner));
        }
        (parties.len() == entries.len()).then_some(parties)
    }
}
