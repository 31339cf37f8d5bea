//! Who calls through a proxy that is trusted to say so, as by `X-Forwarded-For`.
//!
//! Whether a connection is from such a proxy is decided once; of any other connection these fields count for nothing. What a proxy
//! adds stands on the right, so that from there on each address is believed as long as the one after it is a trusted proxy's.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

use super::fields::{X_FORWARDED_FOR, X_FORWARDED_PROTO};

/// Where proxies stand that say who calls through them.
#[derive(Debug, Default, Clone)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Those in `networks`.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Whether one stands there.
    #[must_use]
    pub fn are_at(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Who called the trusted proxy at `proxy` with a request of these fields: the rightmost address that is no trusted proxy's,
    /// or the last that can be read before one that cannot. Empty elements of the list are passed over (RFC 9110, section 5.6.1).
    #[must_use]
    pub fn caller(&self, proxy: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
        let hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        let mut nearest = proxy;
        for hop in hops.map(<[u8]>::trim_ascii).filter(|hop| !hop.is_empty()) {
            let Some(address) = address(hop) else { break };
            nearest = address;
            if !self.are_at(address) {
                break;
            }
        }
        nearest
    }
}

/// What the caller of a trusted proxy spoke with it, if that is told once and is `http` or `https`.
#[must_use]
pub fn scheme(headers: &HeaderMap) -> Option<&'static str> {
    let mut told = headers.get_all(X_FORWARDED_PROTO).iter();
    let (Some(scheme), None) = (told.next(), told.next()) else { return None };
    ["https", "http"].into_iter().find(|known| scheme.as_bytes().eq_ignore_ascii_case(known.as_bytes()))
}

/// An address as proxies write it: some with a port, and IPv6 in brackets.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?;
    let bare =
        text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).filter(|text| text.contains(':'));
    let address = bare.unwrap_or(text).parse::<IpAddr>().ok();
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn trusted() -> TrustedProxies {
        TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()])
    }

    const PROXY: &str = "10.0.0.1";

    fn caller(lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        trusted().caller(PROXY.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn the_rightmost_address_that_is_no_trusted_proxys_is_the_callers() {
        for (lines, expected) in [
            (&[][..], PROXY),
            (&["192.0.2.1"], "192.0.2.1"),
            (&["203.0.113.9, 192.0.2.1"], "192.0.2.1"),
            (&["203.0.113.9", "192.0.2.1"], "192.0.2.1"),
            (&["203.0.113.9, 192.0.2.1, 10.0.0.2"], "192.0.2.1"),
            (&["192.0.2.1 ,fd00::2,, 10.0.0.2,"], "192.0.2.1"),
            (&["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (&["192.0.2.1:4711"], "192.0.2.1"),
            (&["[2001:db8::1]:4711"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["::ffff:192.0.2.1"], "192.0.2.1"),
            (&["192.0.2.1, ::ffff:10.0.0.2"], "192.0.2.1"),
            // What cannot be read hides what stands before it.
            (&["192.0.2.1, unknown"], PROXY),
            (&["192.0.2.1, unknown, 10.0.0.2"], "10.0.0.2"),
            (&["192.0.2.1, [10.0.0.2]"], PROXY),
            (&["192.0.2.1, 010.0.0.2"], PROXY),
            (&["\t, ,"], PROXY),
        ] {
            assert_eq!(caller(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_scheme_is_told_once_or_not_at_all() {
        for (told, expected) in [
            (&[][..], None),
            (&["https"], Some("https")),
            (&["HTTP"], Some("http")),
            (&["wss"], None),
            (&["https,http"], None),
            (&["https", "https"], None),
            (&[""], None),
        ] {
            let mut headers = HeaderMap::new();
            for value in told {
                headers.append(X_FORWARDED_PROTO, HeaderValue::from_static(value));
            }
            assert_eq!(scheme(&headers), expected, "{told:?}");
        }
    }

    /// A hop as it is written, and what it says: a trusted proxy's address, another's, or nothing.
    fn hop() -> impl Strategy<Value = (String, Option<IpAddr>)> {
        let address = prop_oneof![
            any::<[u8; 3]>().prop_map(|[b, c, d]| IpAddr::from([10, b, c, d])),
            any::<[u8; 4]>().prop_map(IpAddr::from),
            any::<[u16; 7]>().prop_map(|[b, c, d, e, f, g, h]| IpAddr::from([0xfd00, b, c, d, e, f, g, h])),
            any::<[u16; 8]>().prop_map(|parts| IpAddr::from(parts).to_canonical()),
        ];
        let written = (address, any::<u16>(), 0..3).prop_map(|(address, port, form)| {
            let text = match (form, address) {
                (0, _) => address.to_string(),
                (1, IpAddr::V6(_)) => format!("[{address}]"),
                _ => SocketAddr::new(address, port).to_string(),
            };
            (text, Some(address))
        });
        prop_oneof![8 => written, 1 => "[a-z_:.0-9]{1,9}x".prop_map(|text| (text, None))]
    }

    proptest! {
        #[test]
        fn the_caller_is_whom_a_walk_from_the_right_meets_first(
            hops in prop::collection::vec((hop(), 0..4_u8), 0..8),
        ) {
            let mut lines = vec![String::new()];
            for ((text, _), between) in &hops {
                match between {
                    0 => lines.push(text.clone()),
                    1 => lines.push(format!(" ,{text}\t")),
                    _ => {
                        let line = lines.last_mut().unwrap();
                        line.push_str(&format!(", {text}"));
                    }
                }
            }
            let mut expected: IpAddr = PROXY.parse().unwrap();
            let is_trusted = |address: &IpAddr| match address {
                IpAddr::V4(address) => address.octets()[0] == 10,
                IpAddr::V6(address) => address.octets()[0] == 0xfd,
            };
            for ((_, address), _) in hops.iter().rev() {
                let Some(address) = address else { break };
                expected = *address;
                if !is_trusted(address) {
                    break;
                }
            }
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            prop_assert_eq!(caller(&lines), expected.to_string());
        }

        #[test]
        fn whatever_is_sent_is_read_to_somebody(line in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut headers = HeaderMap::new();
            let Ok(value) = HeaderValue::from_bytes(&line) else { return Ok(()) };
            headers.append(X_FORWARDED_FOR, value.clone());
            headers.append(X_FORWARDED_PROTO, value);
            let _ = (trusted().caller(PROXY.parse().unwrap(), &headers), scheme(&headers));
        }
    }
}
