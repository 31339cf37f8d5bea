//! Whether a call that is under way may go on. It was let through by what was known then; what is revoked, suspended or switched off
//! since ends it, wherever it is: before its answer, within it, or while its body comes.
//!
//! A call remembers how many changes its core had noticed and compares one number; only where that has risen is its credential
//! compared with what changed, and only where that touches it is the directory asked. Calls that wait are woken for it.
//!
//! That policies change, or that a credential expires, ends no call that is under way.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use tokio::task::JoinHandle;

use super::recording::{Call, End};
use super::worker::Worker;
use crate::credential::directory::Identity;
use crate::domain::door::Door;
use crate::domain::ended::Ended;
use crate::domain::refusal::Refusal;
use crate::domain::scope::ScopeSet;
use crate::domain::shown_certificate::ShownCertificate;
use crate::policy::snapshot::Access;

const GRANT_GONE: Refusal = Refusal::CredentialInvalid("The merchant's grant was revoked.");
const ANOTHERS: Refusal =
    Refusal::CertificateInvalid("The client certificate of this connection is registered otherwise by now.");

/// Up to which change a call is known to stand.
#[derive(Default)]
pub struct Standing {
    noticed: Cell<u64>,
    /// The certificate of its connection, if it was let through by that, or by what is bound to it.
    certificate: Option<Arc<ShownCertificate>>,
    asked: RefCell<Option<Box<Asked>>>,
}

/// Finds out whether an identity still holds; gives it as it is now.
type Finding = JoinHandle<Result<Arc<Identity>, Ended>>;

/// What a call is asked again, once something has changed of its credential.
struct Asked {
    /// The identity as it was found last.
    identity: Arc<Identity>,
    /// Finds out whether it still holds, as of that many changes.
    asking: Option<(Finding, u64)>,
}

impl Standing {
    /// Of a call that has just arrived.
    #[must_use]
    pub fn begin(worker: &Worker) -> Self {
        Self { noticed: Cell::new(worker.noticed()), ..Self::default() }
    }

    /// It was let through by that identity, on a connection that came by that door.
    pub(super) fn rests_on(&mut self, identity: &Identity, door: &Door) {
        if let Door::Machines(Some(shown)) = door
            && identity.rests_on_certificate()
        {
            self.certificate = Some(shown.clone());
        }
    }

    /// Whether others vouch for what it rests on, or some of that was taken back.
    fn is_certificate_touched(&self, worker: &Worker) -> bool {
        self.certificate.is_some() && self.noticed.get() < worker.vouching_noticed()
    }

    /// Whether it is to be asked whether the call may go on: something has changed.
    #[inline]
    #[must_use]
    pub fn is_to_be_asked(&self, worker: &Worker) -> bool {
        self.noticed.get() != worker.noticed()
    }
}

/// Whether a call may go on; pending while that is being found out, when it goes on for the time being.
#[cold]
pub(super) fn poll(worker: &Worker, call: &Call, context: &mut Context<'_>) -> Poll<Result<(), Ended>> {
    let (shared, standing) = (&worker.shared, &call.standing);
    loop {
        let noticed = worker.noticed();
        let switch = call.route.and_then(|route| call.view.switched_off(route, &shared.kill_switches));
        if let Some(switch) = switch {
            return Poll::Ready(Err(Ended::SwitchedOff(switch)));
        }
        let mut asked = standing.asked.borrow_mut();
        if let Some(Asked { identity, asking }) = asked.as_deref_mut()
            && let Some((finding, as_of)) = asking
        {
            let found = ready!(Pin::new(finding).poll(context));
            standing.noticed.set(*as_of);
            *asking = None;
            // None: the control plane ends, and the core with it.
            if let Ok(found) = found {
                *identity = found?;
                compare(call, identity)?;
            }
        }
        let identity = asked.as_ref().map(|asked| &asked.identity).or(call.identity.as_ref());
        let is_touched = |identity: &&Arc<Identity>| {
            standing.is_certificate_touched(worker) || !shared.directory.is_untouched(identity)
        };
        match identity.filter(is_touched) {
            Some(identity) if standing.noticed.get() != noticed => {
                let identity = identity.clone();
                let shown = standing.certificate.clone().map(|certificate| (certificate, call.at));
                let asking = Some((shared.directory.ask_again(identity.clone(), shown), noticed));
                *asked = Some(Box::new(Asked { identity, asking }));
            }
            Some(_) | None => {
                standing.noticed.set(noticed);
                return Poll::Ready(Ok(()));
            }
        }
    }
}

/// Whether a caller is still the same, and has the grant that it had, the scopes that its route asks for, and those by which it sees what
/// others see masked.
fn compare(call: &Call, now: &Identity) -> Result<(), Ended> {
    let (Some(route), Some(before)) = (call.route(), &call.identity) else { return Ok(()) };
    // Only a certificate has several by which it may be known, also of several apps.
    if before.caller.credential_id != now.caller.credential_id {
        return Err(Ended::revoked(ANOTHERS));
    }
    if before.caller.grant != now.caller.grant {
        return Err(Ended::revoked(GRANT_GONE));
    }
    let (had, has) = (&before.caller.scopes, &now.caller.scopes);
    if let Access::App(requirements) = &route.access
        && !has.covers(&requirements.scopes)
    {
        return Err(scope_gone(has, requirements.scopes.clone()));
    }
    match &route.mask {
        Some(mask) if !mask.rules_for(had).covers(mask.rules_for(has)) => {
            Err(scope_gone(has, has.missing(had)))
        }
        Some(_) | None => Ok(()),
    }
}

fn scope_gone(has: &ScopeSet, required: ScopeSet) -> Ended {
    Ended::revoked(Refusal::ScopeMissing { missing: has.missing(&required), required })
}

impl From<&Ended> for End {
    fn from(ended: &Ended) -> Self {
        match ended {
            Ended::Revoked(_) | Ended::Suspended(_) => Self::Revoked,
            Ended::SwitchedOff(_) | Ended::Unclear => Self::Stopped,
        }
    }
}

/// Finds out whether a call may go on before anything of it is sent on.
///
/// # Errors
/// Why it may not.
pub(super) async fn check(worker: &Worker, call: &Call) -> Result<(), Ended> {
    poll_fn(|context| poll(worker, call, context)).await
}

/// What comes of a wait, unless the call has to end before.
///
/// # Errors
/// Why it has to end.
pub(super) async fn unless_ended<T>(
    worker: &Worker,
    call: &Call,
    wait: impl Future<Output = T>,
) -> Result<T, Ended> {
    let mut wait = pin!(wait);
    let mut watch = None;
    poll_fn(|context| {
        if let Poll::Ready(ended) = poll_end(worker, call, context) {
            return Poll::Ready(Err(ended));
        }
        if let Poll::Ready(done) = wait.as_mut().poll(context) {
            return Poll::Ready(Ok(done));
        }
        watch.get_or_insert_with(|| worker.watches.watch_call()).remember(context.waker());
        Poll::Pending
    })
    .await
}

/// Why a call has to end of whose answer nothing has left; pending while it may go on. One that is durable, and that the upstream has
/// all of, goes on without its caller, who is told alone: what the upstream does is recorded as it is.
#[inline]
pub(super) fn poll_end(worker: &Worker, call: &Call, context: &mut Context<'_>) -> Poll<Ended> {
    if !call.standing.is_to_be_asked(worker) {
        return Poll::Pending;
    }
    poll_end_slowly(worker, call, context)
}

#[cold]
fn poll_end_slowly(worker: &Worker, call: &Call, context: &mut Context<'_>) -> Poll<Ended> {
    if call.upload.borrow().farewell.is_said() {
        return Poll::Pending;
    }
    let Poll::Ready(Err(ended)) = poll(worker, call, context) else { return Poll::Pending };
    let mut upload = call.upload.borrow_mut();
    if !call.is_durable() || !upload.is_whole() {
        return Poll::Ready(ended);
    }
    let caller = upload.farewell.say(ended);
    // Outside the borrow, as all that is woken or dropped with it.
    drop(upload);
    caller.into_iter().for_each(Waker::wake);
    Poll::Pending
}

/// What the caller of a durable call is told that goes on without it.
#[derive(Debug, Default)]
pub struct Farewell {
    why: Option<Ended>,
    caller: Option<Waker>,
}

impl Farewell {
    /// Gives who is to be woken for it.
    fn say(&mut self, why: Ended) -> Option<Waker> {
        self.why = Some(why);
        self.caller.take()
    }

    /// Why the call has ended for its caller, if it has.
    #[must_use]
    pub fn said(&self) -> Option<&Ended> {
        self.why.as_ref()
    }

    fn is_said(&self) -> bool {
        self.why.is_some()
    }

    /// Why the call ends for its caller, who is woken once it does.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Ended> {
        if let Some(why) = &self.why {
            return Poll::Ready(why.clone());
        }
        if self.caller.as_ref().is_none_or(|caller| !caller.will_wake(context.waker())) {
            self.caller = Some(context.waker().clone());
        }
        Poll::Pending
    }
}
