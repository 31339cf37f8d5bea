//! Why a credential is refused, and whose it is, if that is known. The log is told of both, the caller of the first alone.

use crate::domain::id::AppId;
use crate::domain::refusal::Refusal;

/// Why a credential is refused, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// The app that it is surely of: its key is in the store, or its token was signed here.
    pub app: Option<AppId>,
}

impl Refused {
    /// Of a credential of that app.
    pub(super) fn of(app: &AppId, refusal: Refusal) -> Self {
        Self { refusal, app: Some(app.clone()) }
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, app: None }
    }
}
