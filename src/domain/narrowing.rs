//! To what a credential is narrowed beside its scopes: some of its app's API products, and the networks that it may be used from.
//!
//! What is not narrowed permits all that the app may. An address of IPv4 is the same within IPv6 (RFC 4291, section 2.5.5.2),
//! and in no network of IPv6.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};

use super::id::{InvalidId, ProductName};

/// Most networks of one credential, and most API products.
pub const MAX_NARROWING: usize = 64;
/// Bits of an IPv6 address before the IPv4 address within it.
const MAPPED_BITS: u8 = 96;

/// To what a credential is narrowed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Narrowing {
    /// The API products that it may be used for; `None`: all that its app has subscribed to.
    pub products: Option<Products>,
    /// Where it may be used from; `None`: anywhere.
    pub addresses: Option<Networks>,
}

impl Narrowing {
    /// Whether it narrows nothing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.products.is_none() && self.addresses.is_none()
    }

    /// Whether the credential may be used for that API product.
    #[must_use]
    pub fn permits_product(&self, product: &ProductName) -> bool {
        self.products.as_ref().is_none_or(|products| products.contains(product))
    }

    /// Whether the credential may be used from that address.
    #[must_use]
    pub fn permits_address(&self, address: IpAddr) -> bool {
        self.addresses.as_ref().is_none_or(|networks| networks.contains(address))
    }

    /// What is shared by all who have it; `None` if it narrows nothing.
    #[must_use]
    pub fn shared(self) -> Option<Arc<Self>> {
        (!self.is_none()).then(|| Arc::new(self))
    }
}

/// Some API products: at least one, sorted, without doubles.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Products(Arc<[ProductName]>);

/// Some networks: at least one, sorted, without doubles.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Networks(Arc<[IpNet]>);

/// A list that narrows a key to nothing, or to more than is kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidList {
    /// A key that permits nothing is none.
    #[error("must have at least one entry, or be left out")]
    Empty,
    /// More than [`MAX_NARROWING`].
    #[error("has more than {MAX_NARROWING} entries")]
    TooLong,
}

/// A text that is no network of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNetwork {
    /// No address, or no number of bits after it.
    #[error("{0:?} is no network of addresses such as 192.0.2.0/24, 2001:db8::/32 or 192.0.2.7")]
    Shape(String),
    /// An address with bits beyond the network's prefix: one of the two is mistyped.
    #[error(
        "{given} has an address within a network; the network is {network}, the address by itself {address}"
    )]
    WithinNetwork {
        /// What was given.
        given: IpNet,
        /// Its network.
        network: IpNet,
        /// Its address.
        address: IpAddr,
    },
}

/// What a kept list is that does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNarrowing {
    /// Its length.
    #[error(transparent)]
    List(#[from] InvalidList),
    /// One of its networks.
    #[error(transparent)]
    Network(#[from] InvalidNetwork),
    /// One of its API products.
    #[error(transparent)]
    Product(#[from] InvalidId),
}

impl Products {
    /// These API products.
    ///
    /// # Errors
    /// [`InvalidList`].
    pub fn new(products: Vec<ProductName>) -> Result<Self, InvalidList> {
        listed(products).map(Self)
    }

    /// The API products in order.
    pub fn iter(&self) -> impl Iterator<Item = &ProductName> {
        self.0.iter()
    }

    /// Whether `product` is one of them.
    #[must_use]
    pub fn contains(&self, product: &ProductName) -> bool {
        self.0.binary_search(product).is_ok()
    }
}

impl Networks {
    /// These networks.
    ///
    /// # Errors
    /// [`InvalidList`].
    pub fn new(networks: Vec<IpNet>) -> Result<Self, InvalidList> {
        listed(networks).map(Self)
    }

    /// The networks in order, each with its bits.
    pub fn iter(&self) -> impl Iterator<Item = &IpNet> {
        self.0.iter()
    }

    /// Whether `address` is in one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Reads a network: an address, by itself or with the number of bits that all addresses of the network have in common.
///
/// # Errors
/// [`InvalidNetwork`].
pub fn network(text: &str) -> Result<IpNet, InvalidNetwork> {
    let shape = || InvalidNetwork::Shape(text.chars().take(64).collect());
    let given = match text.contains('/') {
        true => text.parse::<IpNet>().map_err(|_| shape())?,
        false => IpNet::from(text.parse::<IpAddr>().map_err(|_| shape())?),
    };
    let (network, address) = (given.trunc(), given.addr());
    if network.addr() != address {
        return Err(InvalidNetwork::WithinNetwork { given, network, address });
    }
    Ok(canonical(network))
}

/// A network of IPv4 addresses as they are within IPv6 is that of IPv4.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let mapped = v6.prefix_len().checked_sub(MAPPED_BITS).zip(Ipv6Addr::to_ipv4_mapped(&v6.addr()));
    let v4 = mapped.and_then(|(bits, address)| Ipv4Net::new(address, bits).ok());
    v4.map_or(network, IpNet::V4)
}

fn listed<T: Ord>(mut entries: Vec<T>) -> Result<Arc<[T]>, InvalidList> {
    entries.sort_unstable();
    entries.dedup();
    match entries.len() {
        0 => Err(InvalidList::Empty),
        1..=MAX_NARROWING => Ok(entries.into()),
        _ => Err(InvalidList::TooLong),
    }
}

impl FromStr for Products {
    type Err = InvalidNarrowing;

    /// Reads API products with blanks between them.
    fn from_str(text: &str) -> Result<Self, InvalidNarrowing> {
        let products: Result<Vec<_>, _> = text.split_ascii_whitespace().map(ProductName::new).collect();
        Ok(Self::new(products?)?)
    }
}

impl FromStr for Networks {
    type Err = InvalidNarrowing;

    /// Reads networks with blanks between them.
    fn from_str(text: &str) -> Result<Self, InvalidNarrowing> {
        let networks: Result<Vec<_>, _> = text.split_ascii_whitespace().map(network).collect();
        Ok(Self::new(networks?)?)
    }
}

fn separated<T: fmt::Display>(f: &mut fmt::Formatter<'_>, entries: &[T]) -> fmt::Result {
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            f.write_str(" ")?;
        }
        entry.fmt(f)?;
    }
    Ok(())
}

impl fmt::Display for Products {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        separated(f, &self.0)
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        separated(f, &self.0)
    }
}

impl fmt::Debug for Products {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

impl fmt::Debug for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

#[cfg(test)]
mod tests;
