//! The address by which the world knows this gateway. It is the OAuth2 issuer (RFC 8414, section 2), which clients compare
//! byte by byte and append paths to: so it is kept in one form, without anything after the host.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;
use http::uri::Authority;

/// An `https` origin, or an `http` one; whether that is safe tells [`PublicUrl::is_secure`].
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

    /// Whether nobody between can read or change what is sent to it: by `https`, or within this machine.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        match self.0.strip_prefix("http://") {
            None => true,
            Some(authority) => {
                authority.parse::<Authority>().is_ok_and(|authority| is_loopback(authority.host()))
            }
        }
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
            return wrong("it must have no query and no fragment");
        }
        let Ok(uri) = text.parse::<Uri>() else { return wrong("it must be a URL") };
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return wrong("it must begin with https://");
        };
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return wrong("it must name a host, with no user before it");
        }
        if !matches!(uri.path(), "" | "/") {
            return wrong("it has no path: the gateway has a host of its own");
        }
        let host = authority.host().to_ascii_lowercase();
        if address(&host).is_some_and(|address| address.is_unspecified()) {
            return wrong("its host is an address to listen on, which nobody can call");
        }
        let own_port = match scheme {
            "https" => 443_u16,
            "http" => 80,
            _ => return wrong("it must begin with https://"),
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

/// Whether a host, in lower case, is this machine itself.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || address(host).is_some_and(|address| address.is_loopback())
}

fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
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
            ("http://Gateway:80/", "http://gateway"),
        ] {
            assert_eq!(text.parse::<PublicUrl>().unwrap().as_str(), form, "{text}");
        }
    }

    #[test]
    fn only_https_and_this_machine_are_safe_from_those_between() {
        for (text, is_secure) in [
            ("https://api.example.com", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080", true),
            ("http://LocalHost", true),
            ("http://api.example.com", false),
            ("http://gateway:8080", false),
            ("http://10.0.0.1", false),
            ("http://127.0.0.1.example.com", false),
            ("http://localhost.example.com:8080", false),
        ] {
            assert_eq!(text.parse::<PublicUrl>().unwrap().is_secure(), is_secure, "{text}");
        }
    }

    #[test]
    fn what_clients_could_not_use_is_refused() {
        for text in [
            "",
            "api.example.com",
            "https://",
            "https:///",
            "http://0.0.0.0:8080",
            "http://[::]:8080",
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
