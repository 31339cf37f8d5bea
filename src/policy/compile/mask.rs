//! Personal data in a route's answers.

use http::HeaderName;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, TRANSFER_ENCODING, VARY,
};

use super::super::file::routes::{MaskEntry, RouteEntry};
use super::super::mask::Mask;
use super::super::source::Kind;
use super::routes::{One, Scopes};
use crate::domain::scope::Scope;
use crate::masking::fields::{FieldPath, MAX_ANYWHERE, MAX_PATHS, MAX_RULES};

/// Whether callers need a field to read the answer, or caches to keep it.
fn is_of_the_message(name: &HeaderName) -> bool {
    const OF_THE_MESSAGE: [HeaderName; 7] =
        [CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, DATE, TRANSFER_ENCODING, VARY];
    OF_THE_MESSAGE.contains(name)
}

/// A path as it is written, and the place of its scope.
struct Known<'e> {
    text: &'e str,
    path: FieldPath,
    scope: usize,
}

impl One<'_, '_> {
    pub(super) fn mask(&mut self, route: &RouteEntry, scopes: &Scopes) -> Option<Mask> {
        let mut lifting: Vec<Scope> = Vec::new();
        let mut known: Vec<Known<'_>> = Vec::new();
        let mut headers: Vec<(HeaderName, usize)> = Vec::new();
        for (place, entry) in route.mask.iter().enumerate() {
            let Some(scope) = self.lifting_scope(route, scopes, (place, entry)) else { continue };
            let scope = lifting.iter().position(|known| *known == scope).unwrap_or_else(|| {
                lifting.push(scope);
                lifting.len() - 1
            });
            for (number, text) in entry.headers.iter().enumerate() {
                let part = format!("/mask/{place}/headers/{number}");
                if let Some(name) = self.masked_header(&part, text, (scope, &headers)) {
                    headers.push((name, scope));
                }
            }
            for (number, text) in entry.fields.iter().enumerate() {
                let part = format!("/mask/{place}/fields/{number}");
                if let Some(path) = self.masked_field(&part, text, (scope, &known)) {
                    known.push(Known { text, path, scope });
                }
            }
        }
        if lifting.len() > MAX_RULES || known.len() > MAX_PATHS {
            let message = format!("a route can have {MAX_RULES} scopes and {MAX_PATHS} fields to mask");
            self.wrong("/mask", message, None);
        }
        if known.iter().filter(|known| known.path.is_anywhere()).count() > MAX_ANYWHERE {
            self.wrong("/mask", format!("a route can have {MAX_ANYWHERE} fields that begin with **"), None);
        }
        let paths: Vec<_> = known.into_iter().map(|known| (known.path, known.scope)).collect();
        let is_empty = paths.is_empty() && headers.is_empty();
        let source = self.document.key_location(&format!("{}/mask", self.pointer));
        (!is_empty).then(|| Mask::new(paths, headers, lifting, source))
    }

    fn masked_header(
        &mut self,
        part: &str,
        text: &str,
        (scope, known): (usize, &[(HeaderName, usize)]),
    ) -> Option<HeaderName> {
        let Ok(name) = HeaderName::from_bytes(text.as_bytes()) else {
            self.wrong(part, format!("{text:?} is no name of a header field"), None);
            return None;
        };
        if is_of_the_message(&name) {
            self.wrong(
                part,
                format!("{name} says how the answer is to be read, and nothing of a person"),
                None,
            );
        }
        if known.iter().any(|(other, of)| *other == name && *of == scope) {
            self.wrong(part, format!("{name} is named twice; its case makes no difference"), None);
        }
        Some(name)
    }

    fn lifting_scope(
        &mut self,
        route: &RouteEntry,
        scopes: &Scopes,
        (place, entry): (usize, &MaskEntry),
    ) -> Option<Scope> {
        let part = format!("/mask/{place}/scope");
        let scope = entry.scope.parse::<Scope>().ok().filter(|scope| scopes.contains_key(scope));
        if scope.is_none() {
            self.dangling(&part, Kind::Scopes, &entry.scope);
        } else if route.access.scopes.contains(&entry.scope) {
            let message = format!("whoever may call this route has {}: nothing would be masked", entry.scope);
            let help = "take it away from the scopes under `access`, or here name another one".to_owned();
            self.wrong(&part, message, Some(help));
        }
        scope
    }

    fn masked_field(
        &mut self,
        part: &str,
        text: &str,
        (scope, known): (usize, &[Known<'_>]),
    ) -> Option<FieldPath> {
        let path = match text.parse::<FieldPath>() {
            Ok(path) => path,
            Err(why) => {
                let help = "write names of members with points between them, such as receiver.name, or **.phone for \
                     one at any depth; arrays are walked through, and a backslash makes any sign a part of a name";
                self.wrong(part, format!("{text:?} leads to no member: {why}"), Some(help.to_owned()));
                return None;
            }
        };
        let overlaps = |known: &&Known<'_>| path.is_within(&known.path) || known.path.is_within(&path);
        if let Some(other) = known.iter().filter(|known| known.scope == scope).find(overlaps) {
            let (inner, outer) =
                if path.is_within(&other.path) { (text, other.text) } else { (other.text, text) };
            self.wrong(part, format!("{inner} is masked with {outer}"), Some("leave one of them".to_owned()));
        }
        Some(path)
    }
}
