//! The gateway's own cookies. They prove a merchant to the gateway alone: they end at it, and no upstream can set one.

/// The cookie of a login session.
pub const SESSION: &str = "tollgate";
/// The cookie of a browser that sees the login page: what its form must come back with.
pub const LOGIN: &str = "tollgate-login";
/// The cookie of a browser whose login waits for the second factor.
pub const PENDING: &str = "tollgate-pending";
/// The cookie of a browser in which a merchant has logged in before.
pub const DEVICE: &str = "tollgate-device";
/// Before the names of all where the gateway is reached by HTTPS: such a cookie cannot come from another host.
pub const HOST_PREFIX: &str = "__Host-";

/// Whether a cookie of that name is the gateway's own.
#[must_use]
pub fn is_own(name: &[u8]) -> bool {
    let name = name.strip_prefix(HOST_PREFIX.as_bytes()).unwrap_or(name);
    [SESSION, LOGIN, PENDING, DEVICE].iter().any(|own| name == own.as_bytes())
}
