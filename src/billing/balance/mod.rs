//! Balances on which fees are counted: what is left of one, which units of it nodes may let through, and what is paid in.
//!
//! Invariant: what was spent of a balance, and the most that all leased units can come to, is never more than its bound. A unit
//! is leased by the transaction that has locked the balance, and consumed in that which adds its fee to what was spent. Shares, which no
//! lease is for, are taken behind ([`used_up`]).

pub mod alerts;
pub mod available;
pub mod borne;
pub mod change;
pub(super) mod consumed;
pub mod deposits;
pub mod leases;
pub mod left;
mod merchants;
mod payment;
mod reserved;
pub(super) mod spending;
pub mod used_up;
