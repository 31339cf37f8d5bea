//! Personal data in a route's answers.

use super::super::file::routes::{MaskEntry, RouteEntry};
use super::super::mask::Mask;
use super::super::source::Kind;
use super::routes::{One, Scopes};
use crate::domain::scope::Scope;
use crate::masking::fields::{FieldPath, MAX_PATHS, MAX_RULES};

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
        for (place, entry) in route.mask.iter().enumerate() {
            let Some(scope) = self.lifting_scope(route, scopes, (place, entry)) else { continue };
            let scope = lifting.iter().position(|known| *known == scope).unwrap_or_else(|| {
                lifting.push(scope);
                lifting.len() - 1
            });
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
        let paths: Vec<_> = known.into_iter().map(|known| (known.path, known.scope)).collect();
        (!paths.is_empty()).then(|| Mask::new(&paths, lifting))
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
                let help = "write names of members with points between them, such as receiver.name; arrays are \
                     walked through, and a backslash makes any sign a part of a name";
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
