//! What API keys, signature keys and client certificates have in common: whose they are, to what they are narrowed, and when they
//! work. One may take another's place.

use super::id::AppId;
use super::narrowing::Narrowing;
use super::scope::ScopeSet;
use super::time::Timestamp;

/// How a credential stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialState {
    /// It works.
    Active,
    /// It works until its end, and another that works has taken its place.
    Rotated,
    /// It has ended.
    Expired,
    /// It was revoked.
    Revoked,
}

impl CredentialState {
    /// The name in the admin API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Rotated => "rotated",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// A credential of an app: `I` is its id, and `O` what only those of its kind have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppCredential<I, O> {
    /// Its id, safe to show.
    pub id: I,
    /// The app that it proves.
    pub app: AppId,
    /// What only those of its kind have.
    pub own: O,
    /// A narrower set than the app's, if it has one.
    pub scopes: Option<ScopeSet>,
    /// To which API products and networks it is narrowed.
    pub narrowing: Narrowing,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when it no longer works.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// The one whose place it took.
    pub rotated_from: Option<I>,
    /// The hour in which it last proved the app, by its beginning.
    pub last_used_at: Option<Timestamp>,
}

impl<I, O> AppCredential<I, O> {
    /// One that is as wide as its app and never ends, made at `created_at`.
    #[must_use]
    pub fn new(id: I, app: AppId, own: O, created_at: Timestamp) -> Self {
        Self {
            id,
            app,
            own,
            scopes: None,
            narrowing: Narrowing::default(),
            created_at,
            expires_at: None,
            revoked_at: None,
            rotated_from: None,
            last_used_at: None,
        }
    }

    /// Whether it works at `now`.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expiry| now < expiry)
    }

    /// How it stands at `now`, if `successor` was the last to take its place: one that works no longer stands for nothing.
    #[must_use]
    pub fn state(&self, successor: Option<&Self>, now: Timestamp) -> CredentialState {
        if self.revoked_at.is_some() {
            return CredentialState::Revoked;
        }
        match (self.is_valid(now), successor.is_some_and(|successor| successor.is_valid(now))) {
            (false, _) => CredentialState::Expired,
            (true, true) => CredentialState::Rotated,
            (true, false) => CredentialState::Active,
        }
    }

    /// Of an app's scopes those that it permits.
    #[must_use]
    pub fn scopes_of(&self, app: &ScopeSet) -> ScopeSet {
        self.scopes.as_ref().map_or_else(|| app.clone(), |narrow| narrow.intersection(app))
    }
}

impl<I: Clone, O: Clone> AppCredential<I, O> {
    /// The same, revoked at `at` unless it was before.
    #[must_use]
    pub fn revoked(&self, at: Timestamp) -> Self {
        Self { revoked_at: self.revoked_at.or(Some(at)), ..self.clone() }
    }

    /// The same, that ends at `end` unless it ends before.
    #[must_use]
    pub fn ended(&self, end: Timestamp) -> Self {
        Self { expires_at: Some(self.expires_at.map_or(end, |known| known.min(end))), ..self.clone() }
    }

    /// One that takes its place at `now`, as narrow as this.
    #[must_use]
    pub fn successor(&self, id: I, own: O, now: Timestamp) -> Self {
        let (rotated_from, scopes, narrowing) =
            (Some(self.id.clone()), self.scopes.clone(), self.narrowing.clone());
        Self { scopes, narrowing, rotated_from, ..Self::new(id, self.app.clone(), own, now) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> AppCredential<&'static str, u8> {
        let app = AppId::new("app_1").unwrap();
        let scopes = "order:read order:write".parse().ok();
        AppCredential { scopes, ..AppCredential::new("old", app, 1, Timestamp::from_seconds(100)) }
    }

    #[test]
    fn it_works_until_it_ends_or_is_revoked_and_neither_is_put_off() {
        let at = Timestamp::from_seconds;
        let one = one();
        assert!(one.is_valid(at(1_000)));
        let ended = one.ended(at(200));
        assert!(ended.is_valid(at(199)) && !ended.is_valid(at(200)));
        assert_eq!((ended.ended(at(300)), ended.ended(at(150))), (ended.clone(), one.ended(at(150))));
        let revoked = one.revoked(at(120));
        assert!(!revoked.is_valid(at(110)));
        assert_eq!(revoked.revoked(at(130)), revoked);
    }

    #[test]
    fn what_takes_its_place_is_as_narrow() {
        let at = Timestamp::from_seconds;
        let narrowing = Narrowing { products: "supply".parse().ok(), addresses: None };
        let old = AppCredential { narrowing, expires_at: Some(at(160)), last_used_at: Some(at(0)), ..one() };
        let new = old.successor("new", 2, at(1_000));
        assert_eq!((&new.scopes, &new.narrowing, &new.app), (&old.scopes, &old.narrowing, &old.app));
        assert_eq!((new.id, new.own, new.rotated_from), ("new", 2, Some("old")));
        assert_eq!((new.created_at, new.expires_at, new.last_used_at), (at(1_000), None, None));
    }

    #[test]
    fn it_is_active_until_another_takes_its_place_or_it_ends() {
        type One = AppCredential<&'static str, u8>;
        let at = Timestamp::from_seconds;
        let one = one();
        let next = one.successor("next", 2, at(110));
        let state = |one: &One, next: Option<&One>| one.state(next, at(150)).name();
        for (one, alone, with_next) in [
            (one.clone(), "active", "rotated"),
            (one.ended(at(151)), "active", "rotated"),
            (one.ended(at(150)), "expired", "expired"),
            (one.ended(at(150)).revoked(at(140)), "revoked", "revoked"),
        ] {
            assert_eq!((state(&one, None), state(&one, Some(&next))), (alone, with_next));
            for dead in [next.revoked(at(150)), next.ended(at(150))] {
                assert_eq!(state(&one, Some(&dead)), alone, "what works no longer stands for nothing");
            }
        }
    }

    #[test]
    fn it_permits_no_more_than_its_app() {
        let app: ScopeSet = "order:read catalog:read".parse().unwrap();
        assert_eq!(one().scopes_of(&app), "order:read".parse().unwrap());
        assert_eq!(AppCredential { scopes: None, ..one() }.scopes_of(&app), app);
    }
}
