//! Apps as far as their calls are concerned, alone or with credentials of theirs: all that a first call rests on, by one statement.

use super::balance::PaidFromColumns;
use super::error::StoreError;
use super::open::Store;
use super::row::{Parts, known, parse, time};
use crate::domain::calling::CallingApp;
use crate::domain::id::AppId;
use crate::domain::identity::{Environment, Standing};
use crate::domain::principal::{AppFacts, Subscribed};
use crate::domain::time::Timestamp;
use crate::domain::token_rules::{Binding, TokenRules};

/// The text that selects columns of something, one of them `app`, with that app; first in the order of columns of `k`, if it selects
/// several. Of each there is a row for each subscription of the app with each balance that pays for it, which nearly always none does.
/// PostgreSQL finds by an index only what is compared in its collation: settings and subscriptions by the app as `k` names it, not as
/// the app itself does.
macro_rules! select_calling {
    ($columns:expr, $from:expr) => {
        select_calling!($columns, $from, by: "")
    };
    ($columns:expr, $from:expr, by: $order:literal) => {
        concat!(
            "select k.*, a.partner, a.environment, a.scopes as app_scopes, a.standing as app_standing, \
             p.standing as partner_standing, a.tokens_valid_from, c.dpop_bound_tokens, c.certificate_bound_tokens, \
             s.id as subscription, s.product, s.plan, s.plan_version, s.starts_at, s.ends_at, \
             b.id as balance, b.kind as balance_kind, b.amount_limit, b.currency, b.used_up_until from (select ",
            $columns,
            " from ",
            $from,
            ") k join app a on a.id = k.app join partner p on p.id = a.partner \
             left join client_settings c on c.app = k.app left join subscription s on s.app = k.app \
             left join balance b on b.owner in (a.id, a.partner) and b.ended_at is null \
             and b.owner = case b.owner_kind when 'app' then a.id when 'partner' then a.partner end order by ",
            $order,
            "case when s.ends_at is null then 0 else 1 end, s.starts_at desc, s.id, b.owner_kind, b.id"
        )
    };
}

row! {
    pub(super) AppColumns {
        app: String,
        partner: String,
        environment: String,
        app_scopes: String,
        app_standing: String,
        partner_standing: String,
        tokens_valid_from: Option<i64>,
        dpop_bound_tokens: Option<bool>,
        certificate_bound_tokens: Option<bool>,
        subscription: Option<String>,
        product: Option<String>,
        plan: Option<String>,
        plan_version: Option<i64>,
        starts_at: Option<i64>,
        ends_at: Option<i64>,
    }
}

/// A row of what `select_calling!` selects.
pub(super) type CallingRow<C> = Parts<C, Parts<AppColumns, PaidFromColumns>>;

impl AppColumns {
    /// The app, without subscriptions and balances.
    fn app(&self) -> Result<CallingApp, StoreError> {
        let facts = AppFacts {
            id: parse("app.id", &self.app)?,
            partner: parse("app.partner", &self.partner)?,
            environment: known("app.environment", Environment::named(&self.environment))?,
            scopes: parse("app.scopes", &self.app_scopes)?,
            subscriptions: Vec::new(),
            balances: Vec::new(),
        };
        let standing = known("app.standing", Standing::named(&self.app_standing))?;
        let of_partner = known("partner.standing", Standing::named(&self.partner_standing))?;
        Ok(CallingApp { token_rules: self.token_rules(), ..CallingApp::new(facts, standing, of_partner) })
    }

    fn token_rules(&self) -> TokenRules {
        let binding = match (self.dpop_bound_tokens, self.certificate_bound_tokens) {
            (_, Some(true)) => Some(Binding::Certificate),
            (Some(true), _) => Some(Binding::Key),
            (None | Some(false), None | Some(false)) => None,
        };
        TokenRules { valid_from: time(self.tokens_valid_from), binding }
    }

    fn subscribed(&self) -> Result<Option<Subscribed>, StoreError> {
        let (Some(product), Some(plan), Some(from)) = (&self.product, &self.plan, self.starts_at) else {
            return Ok(None);
        };
        Ok(Some(Subscribed {
            product: parse("subscription.product", product)?,
            plan: parse("subscription.plan", plan)?,
            version: super::subscription::version(self.plan_version)?,
            from: Timestamp::from_micros(from),
            until: time(self.ends_at),
        }))
    }
}

/// The app of rows that are all of the same; of its subscriptions those that last come first, and then the newest. Of its balances
/// there is one for each currency: its own comes before its partner's.
pub(super) fn app_of<C>(rows: &[CallingRow<C>]) -> Result<Option<CallingApp>, StoreError> {
    let Some(Parts(_, Parts(first, first_balance))) = rows.first() else { return Ok(None) };
    let mut app = first.app()?;
    for Parts(_, Parts(row, balance)) in rows {
        if balance.balance == first_balance.balance {
            app.facts.subscriptions.extend(row.subscribed()?);
        }
        if row.subscription == first.subscription
            && let Some(pays) = balance.paid_from(None)?
            && app.facts.balances.iter().all(|other| other.currency != pays.currency)
        {
            app.facts.balances.push(pays);
        }
    }
    Ok(Some(app))
}

/// What was selected, if there was such a thing, with its app.
pub(super) fn with_app<C>(rows: Vec<CallingRow<C>>) -> Result<Option<(C, CallingApp)>, StoreError> {
    let app = app_of(&rows)?;
    Ok(rows.into_iter().next().map(|Parts(what, _)| what).zip(app))
}

impl Store {
    /// The app of that id, as far as its calls are concerned.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
    pub async fn calling_app(&self, id: &AppId) -> Result<Option<CallingApp>, StoreError> {
        let rows: Vec<CallingRow<()>> = on!(self.reader(), db => {
            sqlx::query_as(select_calling!("$1 as app", "app where id = $1"))
                .bind(id.as_str())
                .fetch_all(db)
                .await
        })?;
        app_of(&rows)
    }
}
