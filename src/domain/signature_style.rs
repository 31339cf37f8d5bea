//! What the signatures of a key are of: whole messages (RFC 9421), or sorted parameters as the platforms TOP and Alipay have them.

use std::fmt;

use super::signature_key::SignatureAlgorithm;
use super::time::Zone;

/// How the parameters of a call are signed, which a route says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParameterStyle {
    /// As the Taobao Open Platform has it: by a shared secret, over `name1value1name2value2…`.
    Top,
    /// As Alipay has it: by RSA with SHA-256, over `name1=value1&name2=value2…`.
    Alipay,
}

impl ParameterStyle {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Top, Self::Alipay];

    /// The name in policies, the store, the admin API and commands.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Top => "top",
            Self::Alipay => "alipay",
        }
    }

    /// The style of that [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|style| style.name() == name)
    }

    /// The parameter that names the key.
    #[must_use]
    pub fn key_name(self) -> &'static str {
        match self {
            Self::Top => "app_key",
            Self::Alipay => "app_id",
        }
    }

    /// How its keys sign, as they are registered.
    #[must_use]
    pub fn algorithm(self) -> SignatureAlgorithm {
        match self {
            Self::Top => SignatureAlgorithm::HmacSha256,
            Self::Alipay => SignatureAlgorithm::RsaV15Sha256,
        }
    }
}

/// What the signatures of a key are of. It is the key's, so that what was signed in one style is never taken in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignatureStyle {
    /// HTTP messages (RFC 9421).
    Http,
    /// Sorted parameters, as TOP has them.
    Top {
        /// Where the app's clock stands by which it writes `timestamp`.
        zone: Zone,
        /// Older methods that the key may be used with.
        weak: WeakMethods,
    },
    /// Sorted parameters, as Alipay has them.
    Alipay {
        /// Where the app's clock stands by which it writes `timestamp`.
        zone: Zone,
    },
}

/// The name of the style of HTTP messages.
const HTTP: &str = "http";

impl SignatureStyle {
    /// The style of that [`Self::name`]; `None` if there is none, or if it does not go with the other two.
    #[must_use]
    pub fn of(name: &str, zone: Option<Zone>, weak: WeakMethods) -> Option<Self> {
        match (ParameterStyle::named(name), zone) {
            (None, None) if name == HTTP && weak.is_empty() => Some(Self::Http),
            (Some(ParameterStyle::Top), Some(zone)) => Some(Self::Top { zone, weak }),
            (Some(ParameterStyle::Alipay), Some(zone)) if weak.is_empty() => Some(Self::Alipay { zone }),
            _ => None,
        }
    }

    /// The name in the store, the admin API and commands.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.parameters().map_or(HTTP, ParameterStyle::name)
    }

    /// How parameters are signed, if it is they.
    #[must_use]
    pub fn parameters(&self) -> Option<ParameterStyle> {
        match self {
            Self::Http => None,
            Self::Top { .. } => Some(ParameterStyle::Top),
            Self::Alipay { .. } => Some(ParameterStyle::Alipay),
        }
    }

    /// Where the app's clock stands, if signatures tell the time by it.
    #[must_use]
    pub fn zone(&self) -> Option<&Zone> {
        match self {
            Self::Http => None,
            Self::Top { zone, .. } | Self::Alipay { zone } => Some(zone),
        }
    }

    /// Older methods that the key may be used with.
    #[must_use]
    pub fn weak(&self) -> WeakMethods {
        match self {
            Self::Http | Self::Alipay { .. } => WeakMethods::default(),
            Self::Top { weak, .. } => *weak,
        }
    }

    /// Whether keys of that algorithm sign so.
    #[must_use]
    pub fn takes(&self, algorithm: SignatureAlgorithm) -> bool {
        self.parameters().is_none_or(|style| style.algorithm() == algorithm)
    }
}

/// A method of TOP that rests on MD5: taken of keys alone that say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeakMethod {
    /// MD5 of the parameters between two copies of the secret.
    Md5,
    /// HMAC with MD5.
    Hmac,
}

impl WeakMethod {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Md5, Self::Hmac];

    /// The name, as `sign_method` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Hmac => "hmac",
        }
    }

    /// The method of that [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

/// A set of [`WeakMethod`]s. As text their names in order, a blank between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WeakMethods {
    md5: bool,
    hmac: bool,
}

impl WeakMethods {
    /// Whether there is none in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Whether `method` is in it.
    #[must_use]
    pub fn has(self, method: WeakMethod) -> bool {
        match method {
            WeakMethod::Md5 => self.md5,
            WeakMethod::Hmac => self.hmac,
        }
    }

    /// Those in it, in order.
    pub fn iter(self) -> impl Iterator<Item = WeakMethod> {
        WeakMethod::ALL.into_iter().filter(move |method| self.has(*method))
    }

    /// Those that a text names; `None` if it names another.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        text.split(' ').filter(|name| !name.is_empty()).map(WeakMethod::named).collect()
    }
}

impl FromIterator<WeakMethod> for WeakMethods {
    fn from_iter<I: IntoIterator<Item = WeakMethod>>(methods: I) -> Self {
        methods.into_iter().fold(Self::default(), |set, method| match method {
            WeakMethod::Md5 => Self { md5: true, ..set },
            WeakMethod::Hmac => Self { hmac: true, ..set },
        })
    }
}

impl fmt::Display for WeakMethods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(WeakMethod::name).collect();
        f.write_str(&names.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_comes_back_by_its_parts() {
        let (zone, md5) = (Zone::default(), WeakMethods::from_iter([WeakMethod::Md5]));
        for style in [
            SignatureStyle::Http,
            SignatureStyle::Top { zone: Zone::utc(), weak: WeakMethods::default() },
            SignatureStyle::Top { zone: zone.clone(), weak: md5 },
            SignatureStyle::Alipay { zone: zone.clone() },
        ] {
            let again = SignatureStyle::of(style.name(), style.zone().cloned(), style.weak());
            assert_eq!(again, Some(style));
        }
        for (name, zone, weak) in [
            ("http", Some(zone.clone()), WeakMethods::default()),
            ("http", None, md5),
            ("top", None, md5),
            ("alipay", Some(zone.clone()), md5),
            ("TOP", Some(zone), md5),
            ("", None, WeakMethods::default()),
        ] {
            assert_eq!(SignatureStyle::of(name, zone, weak), None, "{name}");
        }
    }

    #[test]
    fn weak_methods_are_written_and_read() {
        for (text, names) in [("", vec![]), ("md5", vec!["md5"]), ("md5 hmac", vec!["md5", "hmac"])] {
            let set = WeakMethods::named(text).unwrap();
            assert_eq!((set.to_string().as_str(), set.is_empty()), (text, text.is_empty()));
            assert_eq!(set.iter().map(WeakMethod::name).collect::<Vec<_>>(), names);
        }
        assert_eq!(WeakMethods::named("hmac md5"), WeakMethods::named("md5 hmac"));
        for text in ["hmac-sha256", "MD5", "md5,hmac", "sha1"] {
            assert_eq!(WeakMethods::named(text), None, "{text}");
        }
    }
}
