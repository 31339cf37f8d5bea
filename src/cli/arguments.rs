//! The command line as clap parses it. Each command's own arguments stand in its file.

use clap::{Parser, Subcommand};

use super::screen::Format;
use super::{
    app, audit, balance, client_certificate, dev, exceptions, grant, journal, key, ledger, merchant, partner,
    plan, policy, proof_key, sale, sandbox, serve, signature_key, signing_key, statement, subscription,
    switch, token, usage,
};

const AFTER_HELP: &str = "\
To look around:
  tollgate dev                                  everything in one process, with a demo partner
  tollgate policy check policies/               is this set of policies right?

To administer a running node (its address and token come from TOLLGATE_ADMIN_URL and TOLLGATE_ADMIN_TOKEN):
  tollgate app list                             who calls
  tollgate usage --period 2026-11               what they used
  tollgate statement close --period 2026-10     what they owe

Exit status: 0 done, 1 it failed, 2 bad usage, 3 the input was invalid.";

/// API gateway and open-platform proxy for e-commerce: identity, limits, routing, metering and money in one binary.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, after_help = AFTER_HELP, propagate_version = true)]
pub(super) struct Arguments {
    /// How results are written: tables for people, or one JSON value for programs
    #[arg(long, global = true, value_enum, default_value = "human", value_name = "FORMAT")]
    pub output: Format,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start everything in one process: gateway, admin API, sandbox upstreams, a demo partner
    Dev(dev::DevArguments),
    /// Start a production node
    Serve(serve::ServeArguments),
    /// Start the sandbox upstreams alone: catalog, order, logistics, payment
    Sandbox(sandbox::SandboxArguments),
    /// Check policy files, or write their JSON Schemas
    Policy(policy::PolicyArguments),
    /// Outside organisations: ISVs, suppliers, carriers
    Partner(partner::PartnerArguments),
    /// Partners' registered clients, their secrets and subscriptions
    App(app::AppArguments),
    /// API keys of apps
    Key(key::KeyArguments),
    /// Client certificates by which apps prove themselves
    ClientCertificate(client_certificate::ClientCertificateArguments),
    /// Merchants, on whose behalf apps act
    Merchant(merchant::MerchantArguments),
    /// Merchants' consents to apps
    Grant(grant::GrantArguments),
    /// The keys by which apps sign their requests
    SignatureKey(signature_key::SignatureKeyArguments),
    /// The keys that sign access tokens: rotate them, or take trust from one
    SigningKey(signing_key::SigningKeyArguments),
    /// The keys that sign what a closed period came to: rotate them, or take trust from one
    ProofKey(proof_key::ProofKeyArguments),
    /// Which app uses which API product under which plan
    Subscription(subscription::SubscriptionArguments),
    /// Plans that the policies in force offer
    Plan(plan::PlanArguments),
    /// What was called, and what it is worth
    Usage(usage::UsageArguments),
    /// Closed billing periods
    Statement(statement::StatementArguments),
    /// What apps and partners may still spend on fees: paid ahead, on credit, or within a budget
    Balance(balance::BalanceArguments),
    /// Sales whose share waits for their settlement
    Sale(sale::SaleArguments),
    /// The double-entry books
    Ledger(ledger::LedgerArguments),
    /// A node's journal of usage records on its disk: is it what was written?
    Journal(journal::JournalArguments),
    /// Billable calls that could not be rated, and what is decided about them
    Exceptions(exceptions::ExceptionsArguments),
    /// Turn a route or an upstream off at once
    Switch(switch::SwitchArguments),
    /// Named admin tokens, one for each administrator
    Token(token::TokenArguments),
    /// Who changed what, when and from where
    ///
    /// They come by their numbers, the last first. When it was is told by the clock of the node that made the change: of changes on two
    /// nodes it may differ from that order.
    Audit(audit::AuditArguments),
}
