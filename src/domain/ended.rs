//! Why a call ends that was under way: what it rests on was revoked or suspended since it was let through, or what it goes to was
//! switched off. The upstream may have acted on it, so these have codes of their own.

use std::sync::Arc;

use super::fault::Fault;
use super::kill_switch::KillSwitch;
use super::refusal::{Refusal, Subject};

/// Why a call ends that was under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The credential no longer proves what it proved, or lacks by now what its route asks for: what a new call is refused for.
    Revoked(Box<Refusal>),
    /// App, partner or merchant was suspended.
    Suspended(Subject),
    /// Its route, or the upstream, was switched off.
    SwitchedOff(Arc<KillSwitch>),
    /// Something has changed that the credential rests on, and for too long nobody can be asked whether it still holds.
    Unclear,
}

impl Ended {
    /// What a call ends with that would be refused so if it came now.
    #[must_use]
    pub fn revoked(refusal: Refusal) -> Self {
        Self::Revoked(Box::new(refusal))
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Revoked(_) => "revoked_under_way",
            Self::Suspended(_) => "suspended_under_way",
            Self::SwitchedOff(_) => "switched_off_under_way",
            Self::Unclear => "unclear_under_way",
        }
    }

    /// What happened, the same for each occurrence.
    #[must_use]
    pub fn title(&self) -> &'static str {
        match self {
            Self::Revoked(_) => "The credential was revoked while the call was under way",
            Self::Suspended(_) => "The app, partner or merchant was suspended while the call was under way",
            Self::SwitchedOff(_) => "The platform has switched this off while the call was under way",
            Self::Unclear => "Whether the credential still holds could not be found out",
        }
    }

    /// What has changed, and what that means for the call.
    #[must_use]
    pub fn detail(&self) -> String {
        let what = match self {
            Self::Revoked(refusal) => refusal.detail(),
            Self::Suspended(who) => {
                format!("The {} is suspended; ask the platform's administrators.", who.name())
            }
            Self::SwitchedOff(switch) => match &switch.message {
                Some(message) => message.clone(),
                None => "It is off for the time being.".to_owned(),
            },
            Self::Unclear => "Something has changed of what it rests on; try again shortly.".to_owned(),
        };
        format!("{what} The call was under way, and may or may not have had an effect.")
    }

    /// Who can do something about it.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Revoked(_) | Self::Suspended(_) => Fault::Caller,
            Self::SwitchedOff(_) | Self::Unclear => Fault::Platform,
        }
    }

    /// What a call is refused for of which the upstream has seen nothing.
    #[must_use]
    pub fn before_it_was_sent(self) -> Refusal {
        match self {
            Self::Revoked(refusal) => *refusal,
            Self::Suspended(who) => Refusal::Suspended(who),
            Self::SwitchedOff(switch) => Refusal::SwitchedOff(switch),
            Self::Unclear => {
                Refusal::Unavailable("Whether the credential still holds could not be found out")
            }
        }
    }
}
