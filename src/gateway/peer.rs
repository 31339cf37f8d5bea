//! The connection that a request came on.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};

use super::certificate::ConnectionCertificate;
use super::fields::ConnectionFields;
use super::raw_head::RawHead;
use super::trusted_proxies::{self, TrustedProxies};
use crate::domain::door::Door;
use crate::domain::refusal::Refusal;

/// The connection that a request came on.
#[derive(Debug)]
pub struct Peer {
    /// The client's address.
    pub address: IpAddr,
    /// What it adds to each request.
    pub fields: ConnectionFields,
    /// The trusted proxies, if it is one of them: then its requests say who calls.
    pub passes_on: Option<Arc<TrustedProxies>>,
    /// What proves who calls without another credential, if it showed a certificate.
    certificate: Option<ConnectionCertificate>,
    /// Is told what becomes of request bodies.
    pub raw_head: Rc<RawHead>,
}

impl Peer {
    /// A client at `address` that speaks `scheme` and came by `door`.
    #[must_use]
    pub fn new(
        proxies: &Arc<TrustedProxies>,
        (address, scheme, door): (IpAddr, HeaderValue, Door),
        raw_head: Rc<RawHead>,
    ) -> Self {
        let passes_on = proxies.are_at(address).then(|| proxies.clone());
        let certificate = match &door {
            // A proxy's own proves the proxy, and not who calls through it.
            Door::Machines(Some(shown)) if passes_on.is_none() => {
                Some(ConnectionCertificate::new(shown.clone()))
            }
            Door::Machines(_) | Door::Front => None,
        };
        let fields = ConnectionFields::new(address, scheme, door);
        Self { address, fields, passes_on, certificate, raw_head }
    }

    /// Who calls by a request of these fields: who has the connection, but for a trusted proxy that says who else.
    pub(super) fn caller(self: Rc<Self>, headers: &HeaderMap) -> Rc<Self> {
        let Some(proxies) = &self.passes_on else { return self };
        let address = proxies.caller(self.address, headers);
        let told = trusted_proxies::scheme(headers).map(HeaderValue::from_static);
        let scheme = told.unwrap_or_else(|| self.fields.forwarded_proto.clone());
        let fields = ConnectionFields::new(address, scheme, self.fields.door.clone());
        let raw_head = self.raw_head.clone();
        Rc::new(Self { address, fields, passes_on: None, certificate: None, raw_head })
    }

    /// The certificate that proves who calls without another credential.
    pub(super) fn certificate(&self) -> Option<&ConnectionCertificate> {
        self.certificate.as_ref()
    }

    /// Why a call is refused on this connection: if it is for want of a credential, why the certificate is none.
    pub(super) fn explain(&self, refusal: Refusal) -> Refusal {
        match (&refusal, &self.certificate) {
            (Refusal::CredentialMissing, Some(certificate)) => certificate.why_nobody().unwrap_or(refusal),
            _ => refusal,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;
    use crate::domain::client_certificate::ClientCertificate;
    use crate::domain::confirmation::Thumbprint;
    use crate::domain::shown_certificate::{ShownCertificate, Vouching};
    use crate::domain::time::Timestamp;

    #[derive(Debug)]
    struct Nobody;

    impl Vouching for Nobody {
        fn version(&self) -> u64 {
            1
        }

        fn look_at(&self, _: &[Box<[u8]>], now: Timestamp) -> Option<ClientCertificate> {
            let (thumbprint, is_revoked, vouched) = (Thumbprint([7; 32]), false, None);
            let (not_before, not_after, holds) = (now, now, now..=now);
            Some(ClientCertificate { thumbprint, not_before, not_after, is_revoked, vouched, holds })
        }
    }

    #[test]
    fn a_trusted_proxys_certificate_is_no_callers() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let proxies = Arc::new(TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]));
        let peer = |address: &str, door: Door| {
            let who = (address.parse().unwrap(), HeaderValue::from_static("https"), door);
            Rc::new(Peer::new(&proxies, who, Rc::default()))
        };
        let shown = Arc::new(ShownCertificate::new(Box::default(), Arc::new(Nobody), now).unwrap());
        let machine = || Door::Machines(Some(shown.clone()));
        assert!(peer("192.0.2.1", machine()).certificate().is_some());
        assert!(peer("192.0.2.1", Door::Machines(None)).certificate().is_none());
        let proxy = peer("10.0.0.1", machine());
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("192.0.2.1"));
        let caller = proxy.clone().caller(&headers);
        assert_eq!(caller.address.to_string(), "192.0.2.1");
        for peer in [proxy, caller] {
            assert!(peer.certificate().is_none(), "{}", peer.address);
            // What is bound to it still is.
            assert!(peer.fields.door.certificate(now).is_some());
        }
    }
}
