//! Which names are asked for of a map that a caller writes, such as a query, and whether every server finds the same under them. What
//! else the caller writes is no question.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::alike;

/// The names that are asked for of a map, found when policies load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AskedNames {
    /// None: it is not read.
    #[default]
    None,
    /// These.
    These(Arc<[String]>),
    /// Any: only a call tells which.
    Any,
}

/// Why it is not clear what stands under a name that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// It is there twice, or by another spelling, which some servers take for it.
    #[error("{name} is there twice, or by another spelling")]
    Like {
        /// The name, which the policies ask for.
        name: String,
    },
    /// All names are asked for, and one is there twice, or another one that some servers take for it.
    #[error("a name is there twice, or one that some servers take for another")]
    Twice,
    /// A percent sign that escapes nothing, which servers read in many ways.
    #[error("a percent sign stands before no two hexadecimal digits")]
    Escape,
}

impl AskedNames {
    /// These names; any, if it is not known which.
    #[must_use]
    pub fn of(names: Option<BTreeSet<String>>) -> Self {
        match names {
            None => Self::Any,
            Some(names) if names.is_empty() => Self::None,
            Some(names) => Self::These(names.into_iter().collect()),
        }
    }

    /// Whether this very name is asked for.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::None => false,
            Self::These(names) => names.iter().any(|asked| asked == name),
            Self::Any => true,
        }
    }

    /// The name that is known to be asked for, and for which some server takes `found`.
    #[must_use]
    pub fn like(&self, found: &str) -> Option<&str> {
        match self {
            Self::None | Self::Any => None,
            Self::These(names) => {
                names.iter().map(String::as_str).find(|asked| alike::may_be_taken_for(found, asked))
            }
        }
    }

    /// Checks that each name that is asked for is there once at most, and by its own spelling.
    ///
    /// # Errors
    /// [`Unclear`].
    pub fn check(&self, found: impl IntoIterator<Item = impl AsRef<str>>) -> Result<(), Unclear> {
        match self {
            Self::None => Ok(()),
            Self::Any => match alike::are_parameters_unlike(found) {
                true => Ok(()),
                false => Err(Unclear::Twice),
            },
            Self::These(names) => {
                let mut were_found = vec![false; names.len()];
                for found in found {
                    let found = found.as_ref();
                    for (name, was_found) in names.iter().zip(&mut were_found) {
                        let is_like = alike::may_be_taken_for(found, name);
                        if is_like && (found != name || std::mem::replace(was_found, true)) {
                            return Err(Unclear::Like { name: name.clone() });
                        }
                    }
                }
                Ok(())
            }
        }
    }

    /// What of a query is asked for, as a query.
    ///
    /// # Errors
    /// [`Unclear`].
    pub fn of_query(&self, query: &str) -> Result<String, Unclear> {
        match self {
            Self::None => Ok(String::new()),
            _ if query.is_empty() => Ok(String::new()),
            Self::Any if !alike::is_well_escaped(query) => Err(Unclear::Escape),
            Self::Any => self.check(alike::names(query)).map(|()| query.to_owned()),
            Self::These(_) => {
                let is_readable = |piece: &str| self.is_readable(piece);
                if !alike::is_well_escaped(query) && !query.split(['&', ';']).all(is_readable) {
                    return Err(Unclear::Escape);
                }
                self.check(alike::names(query))?;
                let asked = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| self.has(name));
                Ok(form_urlencoded::Serializer::new(String::new()).extend_pairs(asked).finish())
            }
        }
    }

    /// Whether every server reads the same name in a piece of a query, and the same value, if that is asked for.
    fn is_readable(&self, piece: &str) -> bool {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        let is_asked = || alike::names(name).any(|name| self.has(&name));
        alike::is_well_escaped(name) && (alike::is_well_escaped(value) || !is_asked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn these(names: &[&str]) -> AskedNames {
        AskedNames::of(Some(names.iter().map(|name| (*name).to_owned()).collect()))
    }

    #[test]
    fn only_what_is_asked_for_of_a_query_is_looked_at() {
        let asked = these(&["units", "dry_run"]);
        for (query, of_it) in [
            ("", ""),
            ("units=1&note=a", "units=1"),
            ("page[size]=10&page[number]=2&units=3", "units=3"),
            ("metadata[a]=1&metadata[b]=2", ""),
            ("tag=a&tag=b&Tag=c&units=1", "units=1"),
            ("note=a;b&units=1", "units=1"),
            ("note=100%&units=1", "units=1"),
            ("dry_run=a+b&units=%31", "dry_run=a+b&units=1"),
        ] {
            assert_eq!(asked.of_query(query).as_deref(), Ok(of_it), "{query}");
        }
        for (query, name) in [
            ("units=1&units=2", "units"),
            ("Units=1", "units"),
            ("units[]=1", "units"),
            ("note=a;units=2&units=1", "units"),
            ("dryRun=1&units=1", "dry_run"),
        ] {
            assert_eq!(asked.of_query(query), Err(Unclear::Like { name: name.to_owned() }), "{query}");
        }
        for query in ["%u006enits=1", "units=%u0031", "units=%"] {
            assert_eq!(asked.of_query(query), Err(Unclear::Escape), "{query}");
        }
        assert_eq!(these(&[]).of_query("a=1&a=%").as_deref(), Ok(""));
    }

    #[test]
    fn where_any_name_may_be_asked_for_none_is_like_another() {
        let any = AskedNames::of(None);
        assert_eq!(any.of_query("a=1&b[x]=2").as_deref(), Ok("a=1&b[x]=2"));
        assert_eq!(any.of_query("a=1&A=2"), Err(Unclear::Twice));
        assert_eq!(any.of_query("a=%"), Err(Unclear::Escape));
        assert!(any.has("a") && any.like("a").is_none());
    }
}
