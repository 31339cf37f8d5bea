//! Addresses to listen on, as people type them.

use std::net::SocketAddr;

const FORM: &str = "write an address and a port, such as 127.0.0.1:8080 for this machine alone, 0.0.0.0:8080 for every \
                    IPv4 address of it, or [::]:8080 for every address";

/// Reads an address to listen on.
///
/// # Errors
/// What it should be.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| match text.rsplit_once(':') {
        Some(("localhost", port)) if port.parse::<u16>().is_ok() => {
            format!("names are not looked up: write 127.0.0.1:{port}")
        }
        _ => FORM.to_owned(),
    })
}

/// Options that say where to listen, by the addresses that they gave.
pub(super) type Doors = Vec<(SocketAddr, &'static str)>;

/// The options that gave `address`, or could have.
pub(super) fn option_of(doors: &Doors, address: &str) -> String {
    let named = |(known, _): &&(SocketAddr, &'static str)| known.to_string() == address;
    let mut options: Vec<&str> = doors.iter().filter(named).map(|(_, option)| *option).collect();
    if options.is_empty() {
        options = doors.iter().map(|(_, option)| *option).collect();
    }
    options.join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_answered_with_one_that_is() {
        assert!(address("127.0.0.1:8080").is_ok() && address("[::1]:0").is_ok());
        assert!(address("localhost:18080").is_err_and(|told| told.contains("127.0.0.1:18080")));
        for wrong in ["18080", ":18080", "localhost", "example.com:80", "127.0.0.1", "::1:8080x", "[::]"] {
            assert!(address(wrong).is_err_and(|told| told.contains("0.0.0.0:8080")), "{wrong}");
        }
    }
}
