//! Parameters of OAuth2 requests: form-encoded, none twice, an empty one as good as none (RFC 6749, section 3.1).

use std::collections::HashMap;

/// Parameters by name.
#[derive(Default)]
pub struct Parameters {
    values: HashMap<String, String>,
    repeated: Option<String>,
}

impl Parameters {
    /// Reads a query or a form. Values may be unencoded where no `&`, `+` or `%` is in them.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut parameters = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            if value.is_empty() {
                continue;
            }
            if parameters.values.insert(name.to_string(), value.into_owned()).is_some() {
                parameters.repeated.get_or_insert(name.into_owned());
            }
        }
        parameters
    }

    /// A parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The first parameter that was sent more than once.
    #[must_use]
    pub fn repeated(&self) -> Option<&str> {
        self.repeated.as_deref()
    }
}

impl std::fmt::Debug for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.values.keys()).finish()
    }
}
