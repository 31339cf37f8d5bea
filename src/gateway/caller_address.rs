//! Where a call comes from, which is looked at before who makes it: without a [`CallerAddress`] no call is authorized, and none is made
//! but by asking the route.

use std::net::IpAddr;

use super::witness::{Question, Witness};
use crate::domain::refusal::{Narrowed, Refusal};
use crate::policy::snapshot::{Route, RouteNetworks};

/// An address from which the route that is called may be called.
#[derive(Debug, Clone, Copy)]
pub struct CallerAddress(IpAddr);

impl CallerAddress {
    /// That of a call to `route`, whoever makes it.
    ///
    /// # Errors
    /// [`Refusal::AddressNotAllowed`].
    pub fn of(witness: &mut impl Witness, route: &Route, address: IpAddr) -> Result<Self, Refusal> {
        let Some(RouteNetworks { networks, source }) = &route.addresses else { return Ok(Self(address)) };
        let told = || format!("a route for {networks}, called from {address}");
        witness.asked(Question::Address, Some(source), told);
        if networks.contains(address) {
            Ok(Self(address))
        } else {
            Err(Refusal::AddressNotAllowed(Narrowed::Route, address))
        }
    }

    /// The address.
    #[must_use]
    pub fn get(self) -> IpAddr {
        self.0
    }
}
