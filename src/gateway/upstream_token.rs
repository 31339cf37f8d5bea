//! The gateway's own access token for an upstream that asks for one, as a core has it at hand: read without a lock, waited for
//! only while there is none, replaced once if the upstream refuses it. It goes to that upstream and nowhere else.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use tokio::sync::watch;

use super::recording::Call;
use super::standing;
use super::upload::Upload;
use super::worker::Worker;
use crate::domain::ended::Ended;
use crate::domain::refusal::Refusal;
use crate::outbound::token_cell::{Published, TokenCell};
use crate::policy::snapshot::Route;
use crate::upstream::request::{Request, RequestHead};

/// How long a call waits for a token while the first one, or the next, is being asked for.
const PATIENCE: Duration = Duration::from_secs(5);
/// The status by which an upstream refuses a token (RFC 6750, section 3.1).
pub(super) const UNAUTHORIZED: u16 = 401;

/// An upstream's token on one core.
pub struct CoreToken {
    cell: Arc<TokenCell>,
    published: RefCell<watch::Receiver<Published>>,
    at_hand: RefCell<Option<Rc<AtHand>>>,
}

/// A token that a core has at hand; a copy of its own, so that cores share no count of who holds it.
struct AtHand {
    number: u64,
    authorization: Box<[u8]>,
    ends_at: Duration,
}

/// What a call was sent with.
pub struct Sent {
    /// The number of the token.
    number: u64,
    /// The head without the token, of a call that may be sent once more.
    again: Option<RequestHead>,
}

impl CoreToken {
    /// A core's view of an upstream's token.
    #[must_use]
    pub fn new(cell: Arc<TokenCell>) -> Self {
        let published = RefCell::new(cell.subscribe());
        Self { cell, published, at_hand: RefCell::default() }
    }

    /// The token that is good at `now`. Compares one version, and takes a lock only if there is another.
    fn at_hand(&self, now: Duration) -> Option<Rc<AtHand>> {
        if self.published.borrow().has_changed().unwrap_or(false) {
            let published = self.published.borrow_mut().borrow_and_update().token.clone();
            *self.at_hand.borrow_mut() = published.map(|token| {
                let authorization = token.authorization.as_bytes().into();
                Rc::new(AtHand { number: token.number, authorization, ends_at: token.ends_at })
            });
        }
        self.at_hand.borrow().clone().filter(|token| now < token.ends_at)
    }

    /// Waits until what is published `is_so`, for as long as a call may.
    async fn wait(&self, within: Duration, is_so: impl FnMut(&Published) -> bool) {
        let mut published = self.cell.subscribe();
        let _ = tokio::time::timeout(within.min(PATIENCE), published.wait_for(is_so)).await;
    }

    /// The token, waited for if it is only just being asked for.
    async fn token(&self, worker: &Worker, at: Duration, route: &Route) -> Result<Rc<AtHand>, Refusal> {
        if let Some(token) = self.at_hand(at) {
            return Ok(token);
        }
        let clock = &worker.shared.clock;
        let is_over =
            |published: &Published| published.is_failing || published.good(clock.monotonic()).is_some();
        self.wait(route.timeout, is_over).await;
        let missing = || Refusal::UpstreamTokenMissing { upstream: self.cell.upstream().clone() };
        self.at_hand(clock.monotonic()).ok_or_else(missing)
    }
}

/// Ends the head of a request that goes on `at` a monotonic time with the token, if its upstream asks for one.
///
/// # Errors
/// [`Refusal::UpstreamTokenMissing`], or why the call may not go on.
pub(super) async fn add(
    worker: &Worker,
    call: &mut Call,
    route: &Route,
    (head, upload, at): (&mut RequestHead, &Upload, Duration),
) -> Result<(), Refusal> {
    let view = call.view.clone();
    let Some(token) = view.token(route) else { return Ok(()) };
    let waiting = standing::unless_ended(worker, call, token.token(worker, at, route));
    let at_hand = waiting.await.map_err(Ended::before_it_was_sent)??;
    let may_repeat = call.method.is_safe() && matches!(upload, Upload::Empty);
    let again = may_repeat.then(|| head.clone());
    head.field(&AUTHORIZATION, &at_hand.authorization);
    call.token = Some(Box::new(Sent { number: at_hand.number, again }));
    Ok(())
}

/// Has the token replaced that the upstream refused, if it may be again. Gives the request to be sent once more, at most once
/// for a call, if that is safe and there is another token.
pub(super) async fn renew(worker: &Worker, call: &mut Call, route: &Route) -> Option<Request<Upload>> {
    let sent = call.token.take()?;
    let view = call.view.clone();
    let token = view.token(route)?;
    let before = token.cell.subscribe().borrow().clone();
    token.cell.refuse(sent.number);
    let mut head = sent.again?;
    let now = worker.shared.clock.monotonic();
    let is_newer =
        |published: &Published| published.token.as_ref().is_some_and(|token| token.number > sent.number);
    if !is_newer(&before) && !before.is_renewing && now < before.renewable_from {
        return None;
    }
    let is_over = |published: &Published| is_newer(published) || published.requests > before.requests;
    token.wait(route.timeout, is_over).await;
    let another =
        token.at_hand(worker.shared.clock.monotonic()).filter(|token| token.number > sent.number)?;
    head.field(&AUTHORIZATION, &another.authorization);
    Some(head.end(&call.method, Upload::Empty))
}
