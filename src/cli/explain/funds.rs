//! What a node knows of what pays for an app's calls, and of what nodes have leased of its quotas.

use serde_json::Value;

use super::recorded::Recorded;
use super::when::When;
use crate::cli::failure::Failure;
use crate::cli::node::Node;
use crate::cli::query::{segment, with_query};
use crate::domain::balance::Part;
use crate::domain::id::{AppId, LimitName, MerchantId, PlanName, ProductName};
use crate::domain::plan::PlanRef;

/// What a node can be asked about an app.
pub(super) struct Funds<'n> {
    node: &'n Node,
    app: &'n AppId,
    /// When the call is made: what was left at another time, nobody knows.
    pub(super) when: When,
    /// The call, if it is on record.
    pub(super) recorded: Option<&'n Recorded>,
}

impl<'n> Funds<'n> {
    pub(super) fn of_node(
        (node, app): (&'n Node, &'n AppId),
        when: When,
        recorded: Option<&'n Recorded>,
    ) -> Self {
        Self { node, app, when, recorded }
    }

    /// The balances that its fees are paid from, or were.
    pub(super) fn paying(&self) -> Result<Vec<Value>, Failure> {
        self.node.list(&self.path("balances"))
    }

    /// The same and the caps of a merchant on it, each with what it says of so many units.
    pub(super) fn asked_about(
        &self,
        (product, plan): (&ProductName, &PlanRef),
        Part { item, promotion }: &Part,
        (units, merchant): (u64, Option<&MerchantId>),
    ) -> Result<Vec<Value>, Failure> {
        // Answers count them from 1.
        let promotion = promotion.map(|place| place.saturating_add(1).to_string());
        let (version, units) = (plan.version.to_string(), units.to_string());
        let query = [
            ("product", Some(product.as_str())),
            ("plan", Some(plan.name.as_str())),
            ("version", Some(version.as_str())),
            ("item", Some(item.as_str())),
            ("promotion", promotion.as_deref()),
            ("units", Some(units.as_str())),
            ("merchant", merchant.map(MerchantId::as_str)),
        ];
        self.node.list(&with_query(&self.path("balances"), &query))
    }

    /// What nodes have leased of its quotas now; none of a call on record.
    pub(super) fn leased_of_quotas(&self) -> Result<Option<Vec<Value>>, Failure> {
        match self.when {
            When::Now(_) => self.node.list(&self.path("quotas")).map(Some),
            When::Then(_) => Ok(None),
        }
    }

    /// The same of one quota of a plan, with how many of it are used.
    pub(super) fn used_of_quota(&self, plan: &PlanName, quota: &LimitName) -> Result<Vec<Value>, Failure> {
        let query = [("plan", Some(plan.as_str())), ("quota", Some(quota.as_str()))];
        self.node.list(&with_query(&self.path("quotas"), &query))
    }

    fn path(&self, what: &str) -> String {
        format!("/admin/apps/{}/{what}", segment(self.app.as_str()))
    }
}
