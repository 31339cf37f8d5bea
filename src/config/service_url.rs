//! The address of another server that the control plane calls: a token server, an identity provider. What is sent there may be
//! a secret, and what comes from there is believed; so it is `https`, or `http` within this machine.

use std::fmt;
use std::str::FromStr;

use http::Uri;

use super::public_url::is_loopback;

/// Longest such address, in bytes.
const MAX_LENGTH: usize = 2048;

/// An address by `https`, or by `http` of this machine itself, such as a sidecar's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceUrl {
    text: String,
    uri: Uri,
}

/// A text that is no such address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; write it like https://login.example.com/token")]
pub struct InvalidServiceUrl(&'static str);

impl ServiceUrl {
    /// The address as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The address for a request.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Whether it has a query, which an issuer must not have (OpenID Connect Discovery, section 3).
    #[must_use]
    pub fn has_query(&self) -> bool {
        self.uri.query().is_some()
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for ServiceUrl {
    type Err = InvalidServiceUrl;

    fn from_str(text: &str) -> Result<Self, InvalidServiceUrl> {
        let wrong = |why| Err(InvalidServiceUrl(why));
        if text.len() > MAX_LENGTH {
            return wrong("it is too long");
        }
        // RFC 6749, section 3.2.
        if text.contains('#') {
            return wrong("it has no fragment");
        }
        let Ok(uri) = text.parse::<Uri>() else { return wrong("it is no URL") };
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return wrong("it begins with https://");
        };
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return wrong("it names a host, with no user before it");
        }
        let has_port = authority.as_str().len() > authority.host().len();
        if has_port && authority.port_u16().is_none_or(|port| port == 0) {
            return wrong("its port is no port");
        }
        match scheme {
            "https" => {}
            "http" if is_loopback(&authority.host().to_ascii_lowercase()) => {}
            "http" => return wrong("beyond this machine it begins with https://"),
            _ => return wrong("it begins with https://"),
        }
        Ok(Self { text: text.to_owned(), uri })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_by_https_or_of_this_machine() {
        for text in [
            "https://login.example.com/token",
            "https://login.example.com:8443/realms/a/token?x=1",
            "https://login.example.com",
            "http://127.0.0.1:9000/token",
            "http://[::1]:9000/token",
            "http://localhost/token",
        ] {
            assert_eq!(text.parse::<ServiceUrl>().unwrap().as_str(), text);
        }
        for text in [
            "",
            "login.example.com/token",
            "/token",
            "ftp://login.example.com/token",
            "http://login.example.com/token",
            "http://10.0.0.1/token",
            "http://127.0.0.1.example.com/token",
            "http://localhost.example.com/token",
            "https://user:secret@login.example.com/token",
            "http://127.0.0.1@login.example.com/token",
            "https:///token",
            "https://login.example.com:0/token",
            "https://login.example.com:99999/token",
            "https://login.example.com:/token",
            "https://login.example.com/token#x",
            "https://login.example.com/to ken",
        ] {
            assert!(text.parse::<ServiceUrl>().is_err(), "{text:?} was taken");
        }
        assert!("https://a/b?c".parse::<ServiceUrl>().unwrap().has_query());
    }
}
