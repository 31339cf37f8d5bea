//! Why an app has not proved itself. The log has it; whoever asked is told only once it is sure that it is the app.

use super::super::client_auth::WrongAssertion;
use crate::domain::client::AuthMethod;

/// Why an app has not proved itself.
#[derive(Debug, thiserror::Error)]
pub enum Unproven {
    /// Nothing says which app asks.
    #[error("nothing was sent that says which app asks")]
    Missing,
    /// Something says it, but it cannot be read.
    #[error("{0} cannot be read")]
    Unreadable(&'static str),
    /// There is no such app.
    #[error("there is no such app")]
    UnknownApp,
    /// In a way that the app does not prove itself by.
    #[error("the app is not registered for {}", .0.name())]
    Method(AuthMethod),
    /// With nothing but its word.
    #[error("neither secret nor assertion was sent, and the app is not public")]
    Nothing,
    /// The app shows certificates, and has shown none.
    #[error("the app proves itself by a certificate, and connected without one: is it at the mTLS door?")]
    NoCertificate,
    /// By a certificate that has ended, perhaps since its connection began.
    #[error("the certificate is not valid now")]
    CertificateTime,
    /// By a certificate that its authority took back.
    #[error("the certificate was revoked by its authority")]
    CertificateRevoked,
    /// By another certificate.
    #[error("the certificate is none of the app's")]
    Certificate,
    /// By a secret that is none of its own, or no longer.
    #[error("the secret is wrong, expired or revoked")]
    Secret,
    /// By an assertion that it may not have signed.
    #[error("client_assertion: {0}")]
    Assertion(WrongAssertion),
    /// By an assertion that it signed.
    #[error("client_assertion: {0}")]
    OwnAssertion(WrongAssertion),
    /// It says to be an app that is suspended.
    #[error("the app is suspended, and anybody could say to be it")]
    SuspendedPublic,
    /// It is that app, which is suspended.
    #[error("the app is suspended")]
    Suspended,
    /// It is public, and this is not for public apps.
    #[error("a public app cannot prove itself, and only who does may ask about tokens")]
    Public,
}

impl Unproven {
    /// What whoever asked is told: the reason if that is the app itself, and else nothing that tells which apps there are, or
    /// how they prove themselves.
    pub(super) fn told(&self) -> String {
        match self {
            Self::OwnAssertion(_) | Self::Suspended => self.to_string(),
            Self::Missing
            | Self::Unreadable(_)
            | Self::UnknownApp
            | Self::Method(_)
            | Self::Nothing
            | Self::NoCertificate
            | Self::CertificateTime
            | Self::CertificateRevoked
            | Self::Certificate
            | Self::Secret
            | Self::Assertion(_)
            | Self::SuspendedPublic
            | Self::Public => "the client is unknown or did not authenticate".to_owned(),
        }
    }
}
