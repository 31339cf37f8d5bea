//! Sales and what becomes of them, drawn at random, and what fractions of any size say that stands on each account then.

use std::collections::BTreeMap;

use num_rational::BigRational;
use proptest::prelude::*;
use tollgate::domain::id::{AppId, MerchantId, PartnerId, ProductName};
use tollgate::domain::money::{Amount, Currency, Rounding};
use tollgate::domain::plan::PlanRef;
use tollgate::domain::share::{Base, Earned, Held, Receiver, SaleRate, Share, ShareItem, ShareRate};
use tollgate::domain::split::Split;
use tollgate::domain::transaction::{Details, Extent, Reach, Transaction, TransactionKind};
use tollgate::domain::usage::UsageRecord;

use super::oracle::{decimal, rounded, whole};
use super::priced::{Number, any_percent, decimal_of};
use super::seed::{app, plan, rule, sale, usage};

/// Minor units on each account, by its name and currency; nothing else of those that are at zero.
pub(super) type Accounts = BTreeMap<String, i128>;

/// One of many in the same books: apps, parties, plan and ids are its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) number: u32,
    /// How many versions its plan has.
    pub(super) versions: usize,
    pub(super) currency: Currency,
    pub(super) rounding: Rounding,
}

impl Case {
    pub(super) fn app(self) -> AppId {
        app(&format!("app_{}", self.number))
    }

    /// The app of a payment provider, which says what became of the sales of others.
    pub(super) fn provider(self) -> AppId {
        app(&format!("provider_{}", self.number))
    }

    /// The partner that is this to the case: `partner`, whose app it is, `provider`, or `haulier`.
    pub(super) fn partner(self, role: &str) -> PartnerId {
        PartnerId::new(&format!("{role}_{}", self.number)).unwrap()
    }

    pub(super) fn plan(self, version: usize) -> PlanRef {
        plan(&format!("plan-{}", self.number), u32::try_from(version).unwrap() + 1)
    }

    /// A call of its app.
    pub(super) fn call(
        self,
        number: usize,
        (version, units): (usize, u64),
        transaction: Option<Transaction>,
    ) -> UsageRecord {
        let id = (u128::from(self.number) << 32) + 1 + number as u128;
        UsageRecord {
            app: self.app(),
            partner: self.partner("partner"),
            merchant: Some(MerchantId::new(&format!("merchant_{}", self.number)).unwrap()),
            subscribed: Some((ProductName::new("storefront").unwrap(), self.plan(version % self.versions))),
            ..usage(id, units, transaction)
        }
    }

    pub(super) fn add(self, accounts: &mut Accounts, account: &str, minor: i64) {
        *accounts.entry(format!("{account} {}", self.currency)).or_default() += i128::from(minor);
    }
}

/// What plans take, and what became of the sales under them.
#[derive(Debug, Clone)]
pub(super) struct History {
    /// By version, as often as there are versions: of books, if that is something else, and of all other sales.
    shares: Vec<(Option<Taken>, Taken)>,
    sales: Vec<Sold>,
    events: Vec<Event>,
}

/// What an item of a share takes of a sale.
#[derive(Debug, Clone)]
struct Taken {
    percent: Number,
    fixed: i64,
    floor: Option<i64>,
    cap: Option<i64>,
    without_tax: bool,
    without_shipping: bool,
    earned: Earned,
    /// Weights of the platform, the partner, the carrier and the merchant.
    split: Option<[u64; 4]>,
}

#[derive(Debug, Clone)]
struct Sold {
    version: usize,
    amount: i64,
    /// How many thousandths of it are tax, and how many are shipping.
    tax: i64,
    shipping: i64,
    is_book: bool,
    /// Whether the upstream answers it again to another call.
    is_again: bool,
}

#[derive(Debug, Clone)]
struct Event {
    of: usize,
    kind: TransactionKind,
    /// None of all that is left.
    amount: Option<i64>,
    by_provider: bool,
    is_again: bool,
}

fn any_taken() -> impl Strategy<Value = Taken> {
    let amounts = (
        prop_oneof![Just(0_i64), 0..500_i64],
        prop::option::of(0..300_i64),
        prop::option::of(300..5_000_i64),
    );
    let earned = prop_oneof![Just(Earned::OnSale), Just(Earned::OnSettlement)];
    let split = prop::option::of([1..100_u64, 0..100_u64, 0..100_u64, 0..100_u64]);
    (any_percent(), amounts, any::<(bool, bool)>(), earned, split).prop_map(
        |(percent, (fixed, floor, cap), (without_tax, without_shipping), earned, split)| Taken {
            percent,
            fixed,
            floor,
            cap,
            without_tax,
            without_shipping,
            earned,
            split,
        },
    )
}

fn any_sale() -> impl Strategy<Value = Sold> {
    let amount = prop_oneof![0..50_i64, 0..100_000_i64, 0..1_000_000_000_000_i64];
    (0..3_usize, amount, 0..=300_i64, 0..=300_i64, any::<(bool, bool)>()).prop_map(
        |(version, amount, tax, shipping, (is_book, is_again))| Sold {
            version,
            amount,
            tax,
            shipping,
            is_book,
            is_again,
        },
    )
}

pub(super) fn any_history() -> impl Strategy<Value = History> {
    let shares = prop::collection::vec((prop::option::of(any_taken()), any_taken()), 1..=3);
    let kinds = prop::sample::select(TransactionKind::ALL[1..].to_vec());
    let event = (0..4_usize, kinds, 0..=1_200_i64, any::<(bool, bool, bool)>());
    (shares, prop::collection::vec(any_sale(), 1..5), prop::collection::vec(event, 0..16)).prop_map(
        |(shares, sales, drawn)| {
            let event = |(of, kind, thousandths, (is_rest, by_provider, is_again)): (usize, _, i64, _)| {
                let of = of % sales.len();
                let is_rest = is_rest && TransactionKind::may_be_of_the_rest(kind);
                let amount = (!is_rest).then_some(sales[of].amount * thousandths / 1_000);
                Event { of, kind, amount, by_provider, is_again }
            };
            let events = drawn.into_iter().map(event).collect();
            History { shares, sales, events }
        },
    )
}

impl Taken {
    fn item(&self, name: &str, categories: &[&str]) -> ShareItem {
        let held = |without: bool| if without { Held::Out } else { Held::In };
        let split = self.split.map(|weights| {
            let named = Receiver::named("carrier").unwrap();
            let receivers = [Receiver::Platform, Receiver::Partner, named, Receiver::Merchant];
            Split::new(receivers.into_iter().zip(weights).collect()).unwrap()
        });
        let (percent, fixed) = (decimal_of(self.percent), self.fixed);
        let rate = ShareRate::PerSale(SaleRate { percent, fixed, floor: self.floor, cap: self.cap });
        ShareItem {
            categories: categories.iter().map(|name| name.parse().unwrap()).collect(),
            base: Base { tax: held(self.without_tax), shipping: held(self.without_shipping) },
            split,
            earned: self.earned,
            ..ShareItem::new(name.parse().unwrap(), rate, rule(14))
        }
    }
}

impl Sold {
    fn part(&self, thousandths: i64) -> i64 {
        self.amount * thousandths / 1_000
    }

    fn transaction(&self, case: Case, number: usize) -> Transaction {
        let details = Details {
            tax: Some(self.part(self.tax)),
            shipping: Some(self.part(self.shipping)),
            category: Some(if self.is_book { "book" } else { "pen" }.parse().unwrap()),
            parties: vec![("carrier".parse().unwrap(), case.partner("haulier"))],
            ..Details::default()
        };
        let amount = Amount { minor: self.amount, currency: case.currency };
        Transaction { amount, details, ..sale(&id_of(case, number), self.amount) }
    }
}

fn id_of(case: Case, number: usize) -> String {
    format!("o-{}-{number}", case.number)
}

impl History {
    /// The share of a version of the plan.
    pub(super) fn share(&self, version: usize) -> Share {
        let (books, rest) = &self.shares[version % self.shares.len()];
        let books = books.as_ref().map(|taken| taken.item("books", &["book"]));
        Share { items: books.into_iter().chain([rest.item("goods", &[])]).collect() }
    }

    fn taken(&self, sold: &Sold, case: Case) -> &Taken {
        let (books, rest) = &self.shares[sold.version % case.versions % self.shares.len()];
        books.as_ref().filter(|_| sold.is_book).unwrap_or(rest)
    }

    /// The calls that made all of it. Each has an own number from `first` on.
    pub(super) fn records(&self, case: Case, first: usize) -> Vec<UsageRecord> {
        let mut records = Vec::new();
        let mut call = |(version, is_again): (usize, bool), transaction: &Transaction, is_providers: bool| {
            for _ in 0..=usize::from(is_again) {
                let number = first + records.len();
                let mut record = case.call(number, (version, 1), Some(transaction.clone()));
                if is_providers {
                    (record.app, record.partner) = (case.provider(), case.partner("provider"));
                }
                records.push(record);
            }
        };
        for (number, sold) in self.sales.iter().enumerate() {
            call((sold.version, sold.is_again), &sold.transaction(case, number), false);
        }
        for (number, event) in self.events.iter().enumerate() {
            let details = Details {
                extent: if event.amount.is_some() { Extent::Amount } else { Extent::Rest },
                reach: if event.by_provider { Reach::AnyApp } else { Reach::OwnApp },
                ..Details::default()
            };
            let transaction = Transaction {
                id: format!("e-{number}"),
                of: Some(id_of(case, event.of)),
                kind: event.kind,
                amount: Amount { minor: event.amount.unwrap_or(0), currency: case.currency },
                details,
            };
            // Under whichever version: the sale's own rate holds.
            call((number, event.is_again), &transaction, event.by_provider);
        }
        records
    }

    /// What shares come to, by fractions.
    pub(super) fn add_to(&self, accounts: &mut Accounts, case: Case) {
        let parties = [
            "platform".to_owned(),
            format!("partner:{}", case.partner("partner")),
            format!("partner:{}", case.partner("haulier")),
            format!("merchant:merchant_{}", case.number),
        ];
        for (number, sold) in self.sales.iter().enumerate() {
            let (earned, pending) = self.standing(number, sold, case);
            case.add(accounts, &format!("{}:receivable", parties[1]), earned);
            case.add(accounts, &format!("{}:pending", parties[1]), pending);
            let weights = self.taken(sold, case).split.unwrap_or([1, 0, 0, 0]);
            let (of_earned, of_left) = (parts(earned, weights), parts(earned + pending, weights));
            for (place, party) in parties.iter().enumerate() {
                let purpose = if place == 0 { "revenue:share" } else { "payable" };
                case.add(accounts, &format!("{party}:{purpose}"), -of_earned[place]);
                case.add(accounts, &format!("{party}:pending"), of_earned[place] - of_left[place]);
            }
        }
    }

    /// What of a sale's share is earned, and what is pending.
    fn standing(&self, number: usize, sold: &Sold, case: Case) -> (i64, i64) {
        let (amount, taken) = (sold.amount, self.taken(sold, case));
        let tax = if taken.without_tax { sold.part(sold.tax) } else { 0 };
        let shipping = if taken.without_shipping { sold.part(sold.shipping) } else { 0 };
        let base = amount - tax - shipping;
        let (digits, scale) = taken.percent;
        let share = decimal(digits.into(), scale + 2) * whole(base) + whole(taken.fixed);
        let share = rounded(&share, case.rounding).unwrap().max(taken.floor.unwrap_or(0));
        let share = share.min(taken.cap.unwrap_or(i64::MAX)).min(base);
        let became: Vec<Became> =
            self.events.iter().filter(|one| one.of == number).map(|one| (one.kind, one.amount)).collect();
        let (gone, paid) = gone_and_paid(amount, &became);
        let is_settled =
            taken.earned == Earned::OnSale || became.contains(&(TransactionKind::Settlement, None));
        let settled = if is_settled { amount } else { paid };
        let portion = |part: i64| match amount {
            0 => 0,
            amount => rounded(&(whole(share) * whole(part) / whole(amount)), case.rounding).unwrap(),
        };
        let left = share - portion(gone);
        let earned = if gone + settled >= amount { left } else { portion(settled).min(left) };
        (earned, left - earned)
    }
}

/// What became of a sale: what it was, and of how much; none of all that was left.
pub(super) type Became = (TransactionKind, Option<i64>);

/// Step by step, in the order in which it happened: what of a sale is gone, and what was paid by amounts. All that is ever paid cannot be
/// cancelled with the rest, whenever it is paid; what is charged back was paid.
pub(super) fn gone_and_paid(amount: i64, became: &[Became]) -> (i64, i64) {
    let sum = |wanted| became.iter().filter(|(kind, _)| *kind == wanted).filter_map(|one| one.1).sum::<i64>();
    let paid = sum(TransactionKind::Settlement).min(amount);
    let mut gone = 0;
    for (kind, minor) in became {
        match (kind, minor) {
            (TransactionKind::Refund | TransactionKind::Cancellation, Some(minor)) => gone += minor,
            (TransactionKind::Cancellation, None) => gone = gone.max(amount - paid),
            _ => {}
        }
    }
    let charged_back = sum(TransactionKind::Chargeback) - sum(TransactionKind::ChargebackWon);
    ((gone + charged_back.max(0)).min(amount), paid)
}

/// Parts by the largest remainders, one minor unit after another.
fn parts(minor: i64, weights: [u64; 4]) -> [i64; 4] {
    let all = weights.iter().fold(whole(0), |sum, weight| sum + whole(*weight));
    let dues = weights.map(|weight| whole(minor) * whole(weight) / &all);
    let floor = |due: &BigRational| i64::try_from(due.floor().to_integer()).unwrap();
    let mut parts = [0, 1, 2, 3].map(|place| floor(&dues[place]));
    let mut was_raised = [false; 4];
    while parts.iter().sum::<i64>() < minor {
        let loss = |place: usize| &dues[place] - whole(floor(&dues[place]));
        let largest = (0..4).filter(|place| !was_raised[*place]);
        // Of equals the first.
        let largest = largest.rev().max_by(|one, other| loss(*one).cmp(&loss(*other))).unwrap();
        (parts[largest], was_raised[largest]) = (parts[largest] + 1, true);
    }
    parts
}
