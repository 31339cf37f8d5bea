//! Host, method and path → route, by a radix tree: the cost does not grow with the number of routes.
//!
//! One tree for each host that routes name, and one for any host; a tree's leaves hold a path's methods.

use std::collections::HashMap;

use http::Method;

/// Why routes cannot stand in one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableError {
    /// The pattern is malformed.
    Pattern(String),
    /// Another route's pattern matches the same paths under another form.
    Conflict(String),
    /// Another route has the same host, method and path.
    Duplicate {
        /// The other route's place.
        other: usize,
    },
}

/// The routes by host, method and path; a route is a place in the snapshot's list.
#[derive(Debug, Default)]
pub struct RouteTable {
    any_host: Tree,
    hosts: HashMap<String, Tree>,
}

#[derive(Debug, Default)]
struct Tree {
    paths: matchit::Router<usize>,
    leaves: Vec<Leaf>,
    by_pattern: HashMap<String, usize>,
}

/// The methods of one path.
#[derive(Debug, Default)]
struct Leaf {
    methods: Vec<(Method, usize)>,
}

/// What a look-up found.
#[derive(Debug)]
pub enum Lookup<'t, 'p> {
    /// A route's place, and the path's parameters.
    Found(usize, PathParameters<'t, 'p>),
    /// The path is known, but not with this method; those that it has, for `Allow`.
    MethodNotAllowed(String),
    /// No such path.
    NotFound,
}

/// The path's parameters: parts of the path as it came, still percent-encoded.
#[derive(Debug, Clone, Default)]
pub struct PathParameters<'t, 'p>(Option<matchit::Params<'t, 'p>>);

impl<'p> PathParameters<'_, 'p> {
    /// The parameter of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'p str> {
        self.0.as_ref().and_then(|parameters| parameters.get(name))
    }

    /// Names and values in the order of the path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'p str)> {
        self.0.iter().flat_map(|parameters| parameters.iter())
    }
}

impl RouteTable {
    /// Whether a path is a pattern by itself.
    ///
    /// # Errors
    /// Why it is not.
    pub fn check(pattern: &str) -> Result<(), String> {
        matchit::Router::new().insert(pattern, ()).map_err(|error| error.to_string())
    }

    /// Adds the route at `place` for each of its hosts (any host if there is none) and methods.
    ///
    /// # Errors
    /// [`TableError`] if the pattern is malformed or meets another's.
    pub fn insert(
        &mut self,
        hosts: &[String],
        methods: &[Method],
        pattern: &str,
        place: usize,
    ) -> Result<(), TableError> {
        if hosts.is_empty() {
            return self.any_host.insert(methods, pattern, place);
        }
        for host in hosts {
            self.hosts.entry(host.clone()).or_default().insert(methods, pattern, place)?;
        }
        Ok(())
    }

    /// Finds the route for a normalised path; `host` in lower case without port. `HEAD` is served by `GET`.
    #[must_use]
    pub fn find<'t, 'p>(&'t self, host: &str, method: &Method, path: &'p str) -> Lookup<'t, 'p> {
        if !self.hosts.is_empty()
            && let Some(tree) = self.hosts.get(host)
        {
            match tree.find(method, path) {
                Lookup::NotFound => {}
                found => return found,
            }
        }
        self.any_host.find(method, path)
    }
}

impl Tree {
    fn insert(&mut self, methods: &[Method], pattern: &str, place: usize) -> Result<(), TableError> {
        let leaf = match self.by_pattern.get(pattern) {
            Some(leaf) => *leaf,
            None => {
                let leaf = self.leaves.len();
                self.paths.insert(pattern, leaf).map_err(|error| match error {
                    matchit::InsertError::Conflict { with } => TableError::Conflict(with),
                    other => TableError::Pattern(other.to_string()),
                })?;
                self.leaves.push(Leaf::default());
                self.by_pattern.insert(pattern.to_owned(), leaf);
                leaf
            }
        };
        let leaf = &mut self.leaves[leaf];
        for method in methods {
            if let Some((_, other)) = leaf.methods.iter().find(|(known, _)| known == method) {
                return Err(TableError::Duplicate { other: *other });
            }
            leaf.methods.push((method.clone(), place));
        }
        Ok(())
    }

    fn find<'t, 'p>(&'t self, method: &Method, path: &'p str) -> Lookup<'t, 'p> {
        let Ok(found) = self.paths.at(path) else { return Lookup::NotFound };
        let leaf = &self.leaves[*found.value];
        let place_of =
            |wanted: &Method| leaf.methods.iter().find(|(known, _)| known == wanted).map(|(_, place)| *place);
        let place =
            place_of(method).or_else(|| (*method == Method::HEAD).then(|| place_of(&Method::GET)).flatten());
        match place {
            Some(place) => Lookup::Found(place, PathParameters(Some(found.params))),
            None => Lookup::MethodNotAllowed(leaf.allow()),
        }
    }
}

impl Leaf {
    fn allow(&self) -> String {
        let mut methods: Vec<&str> = self.methods.iter().map(|(method, _)| method.as_str()).collect();
        if methods.contains(&"GET") && !methods.contains(&"HEAD") {
            methods.push("HEAD");
        }
        methods.sort_unstable();
        methods.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Matches segment by segment; a literal beats a parameter at the first place where two patterns differ.
    fn naive(patterns: &[String], path: &str) -> Option<usize> {
        let segments: Vec<&str> = path.split('/').collect();
        let fits = |pattern: &String| {
            let parts: Vec<&str> = pattern.split('/').collect();
            parts.len() == segments.len()
                && parts.iter().zip(&segments).all(|(part, segment)| {
                    if part.starts_with('{') { !segment.is_empty() } else { part == segment }
                })
        };
        let specificity = |pattern: &String| -> Vec<bool> {
            pattern.split('/').map(|part| !part.starts_with('{')).collect()
        };
        (0..patterns.len())
            .filter(|place| fits(&patterns[*place]))
            .max_by_key(|place| specificity(&patterns[*place]))
    }

    fn pattern() -> impl Strategy<Value = String> {
        prop::collection::vec(prop_oneof!["[ab]{1,2}", Just("{x}".to_owned())], 1..4).prop_map(|parts| {
            let named = parts
                .iter()
                .enumerate()
                .map(|(place, part)| if part == "{x}" { format!("{{x{place}}}") } else { part.clone() });
            format!("/{}", named.collect::<Vec<_>>().join("/"))
        })
    }

    proptest! {
        #[test]
        fn the_table_agrees_with_a_naive_matcher(
            patterns in prop::collection::hash_set(pattern(), 1..12),
            paths in prop::collection::vec("/[ab]{1,2}(/[ab]{1,2}){0,3}", 1..20),
        ) {
            let patterns: Vec<String> = patterns.into_iter().collect();
            let mut table = RouteTable::default();
            for (place, pattern) in patterns.iter().enumerate() {
                table.insert(&[], &[Method::GET], pattern, place).unwrap();
            }
            for path in &paths {
                let found = match table.find("any", &Method::GET, path) {
                    Lookup::Found(place, _) => Some(place),
                    Lookup::MethodNotAllowed(_) | Lookup::NotFound => None,
                };
                prop_assert_eq!(found, naive(&patterns, path), "{} in {:?}", path, patterns);
            }
        }
    }

    #[test]
    fn hosts_methods_and_parameters_are_told_apart() {
        let mut table = RouteTable::default();
        table.insert(&[], &[Method::GET], "/orders/{id}", 0).unwrap();
        table.insert(&[], &[Method::POST, Method::PUT], "/orders/{id}", 1).unwrap();
        table.insert(&["b.example".to_owned()], &[Method::GET], "/orders/{id}", 2).unwrap();
        let Lookup::Found(0, parameters) = table.find("a.example", &Method::HEAD, "/orders/7%20") else {
            panic!("not found");
        };
        assert_eq!(parameters.get("id"), Some("7%20"));
        assert!(matches!(table.find("b.example", &Method::GET, "/orders/7"), Lookup::Found(2, _)));
        let Lookup::MethodNotAllowed(allow) = table.find("a.example", &Method::DELETE, "/orders/7") else {
            panic!("DELETE was allowed");
        };
        assert_eq!(allow, "GET, HEAD, POST, PUT");
        assert!(matches!(table.find("a.example", &Method::GET, "/orders"), Lookup::NotFound));
        let twice = table.insert(&[], &[Method::GET], "/orders/{id}", 3);
        assert_eq!(twice, Err(TableError::Duplicate { other: 0 }));
        let other_name = table.insert(&[], &[Method::GET], "/orders/{number}", 3);
        assert!(matches!(other_name, Err(TableError::Conflict(_))));
    }
}
