//! The address by which the world knows this gateway. It is the OAuth2 issuer (RFC 8414, section 2), which clients compare
//! byte by byte and append paths to: so it is kept in one form, without anything after the host.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;

/// An `https` origin, or an `http` one of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

/// A text that is no public address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; write it like https://api.example.com")]
pub struct InvalidPublicUrl(&'static str);

impl PublicUrl {
    /// The address: scheme, host, and port unless it is the scheme's own; no slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PublicUrl {
    type Err = InvalidPublicUrl;

    fn from_str(text: &str) -> Result<Self, InvalidPublicUrl> {
        let wrong = |why| Err(InvalidPublicUrl(why));
        if text.contains('#') || text.contains('?') {
            return wrong("it has no query and no fragment");
        }
        let Ok(uri) = text.parse::<Uri>() else { return wrong("it is no URL") };
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return wrong("it begins with https://");
        };
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return wrong("it names a host, with no user before it");
        }
        if !matches!(uri.path(), "" | "/") {
            return wrong("it has no path: the gateway has a host of its own");
        }
        let host = authority.host().to_ascii_lowercase();
        let own_port = match scheme {
            "https" => 443_u16,
            "http" if is_loopback(&host) => 80,
            "http" => {
                return wrong("it begins with https:// unless its host is this machine, as 127.0.0.1 is");
            }
            _ => return wrong("it begins with https://"),
        };
        let port = match authority.as_str()[host.len()..].strip_prefix(':') {
            None => own_port,
            Some(port) => port.parse().unwrap_or(0),
        };
        match port {
            0 => wrong("its port is no port"),
            port if port == own_port => Ok(Self(format!("{scheme}://{host}"))),
            port => Ok(Self(format!("{scheme}://{host}:{port}"))),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_form() {
        for (text, form) in [
            ("https://api.example.com", "https://api.example.com"),
            ("https://API.example.com/", "https://api.example.com"),
            ("HTTPS://api.example.com:443/", "https://api.example.com"),
            ("https://api.example.com:8443", "https://api.example.com:8443"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
            ("http://[::1]:80", "http://[::1]"),
            ("http://localhost:8080", "http://localhost:8080"),
        ] {
            assert_eq!(text.parse::<PublicUrl>().unwrap().as_str(), form, "{text}");
        }
    }

    #[test]
    fn what_clients_could_not_use_is_refused() {
        for text in [
            "",
            "api.example.com",
            "https://",
            "https:///",
            "http://api.example.com",
            "http://0.0.0.0:8080",
            "http://127.0.0.1.example.com",
            "ftp://api.example.com",
            "https://api.example.com/base",
            "https://api.example.com//",
            "https://api.example.com?x=1",
            "https://api.example.com/?",
            "https://api.example.com#x",
            "https://user@api.example.com",
            "https://api.example.com:0",
            "https://api.example.com:99999",
            "https://a b",
        ] {
            assert!(text.parse::<PublicUrl>().is_err(), "{text:?} was taken");
        }
    }
}
