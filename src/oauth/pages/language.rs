//! Which language a page is in (RFC 9110, section 12.5.4; OpenID Connect Core, section 3.1.2.1).

use axum::http::{HeaderMap, header};

/// The language of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Chinese.
    Chinese,
}

/// Most languages of `ui_locales` that are looked at.
const MAX_LOCALES: usize = 10;

impl Language {
    /// The first of `ui_locales` that there is, else what the browser likes better.
    #[must_use]
    pub fn wanted(headers: &HeaderMap, ui_locales: Option<&str>) -> Self {
        let locales = ui_locales.unwrap_or_default().split(' ').take(MAX_LOCALES);
        locales.filter_map(Self::named).next().unwrap_or_else(|| Self::preferred(headers))
    }

    /// The language of a tag such as `zh-CN` (RFC 5646).
    fn named(tag: &str) -> Option<Self> {
        match tag.split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "zh" => Some(Self::Chinese),
            _ => None,
        }
    }

    /// The language that a browser likes better by the quality values of `Accept-Language`: of two that it likes alike the one
    /// that it names first, and English if it likes neither.
    #[must_use]
    pub fn preferred(headers: &HeaderMap) -> Self {
        let fields = headers.get_all(header::ACCEPT_LANGUAGE);
        let ranges = fields.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
        let (mut english, mut chinese, mut any) = (None, None, None);
        for (place, range) in ranges.enumerate() {
            let (name, weight) = weighed(range);
            let named = match name.split('-').next().unwrap_or_default() {
                "en" => &mut english,
                "zh" => &mut chinese,
                "*" => &mut any,
                _ => continue,
            };
            // What comes first wins among equals.
            let liking = (weight, std::cmp::Reverse(place));
            *named = (*named).max(Some(liking));
        }
        let liking = |named: Option<_>| named.or(any).filter(|(weight, _)| *weight > 0);
        if liking(chinese) > liking(english) { Self::Chinese } else { Self::English }
    }

    /// The value of `lang`.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }

    /// The one of two texts that is in this language.
    #[must_use]
    pub fn pick<'t>(self, en: &'t str, zh: &'t str) -> &'t str {
        match self {
            Self::English => en,
            Self::Chinese => zh,
        }
    }
}

/// A language range in lower case, and its quality in thousandths; none for one that is malformed.
fn weighed(range: &str) -> (String, u16) {
    let mut parts = range.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let weight = match parts.next() {
        None => Some(1_000),
        Some(weight) => weight.strip_prefix("q=").or_else(|| weight.strip_prefix("Q=")).and_then(thousandths),
    };
    (name, weight.unwrap_or(0))
}

/// A `qvalue` (RFC 9110, section 12.4.2).
fn thousandths(text: &str) -> Option<u16> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 3 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = format!("{part:0<3}").parse::<u16>().ok()?;
    match (whole, part) {
        ("0", part) => Some(part),
        ("1", 0) => Some(1_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_language_is_the_one_of_the_higher_quality() {
        use Language::{Chinese, English};
        for (accepted, expected) in [
            (&[][..], English),
            (&["zh-CN,zh;q=0.9"], Chinese),
            (&["zh;q=0.5,en;q=0.8"], English),
            (&["en;q=0.5, zh ; q=0.80"], Chinese),
            (&["zh,en"], Chinese),
            (&["en,zh"], English),
            (&["fr,zh;q=0.2"], Chinese),
            (&["fr"], English),
            (&["en;q=0,*"], Chinese),
            (&["zh;q=0,*"], English),
            (&["*"], English),
            (&["zh;q=0"], English),
            (&["de", "ZH-Hant-TW;Q=0.3"], Chinese),
            (&["zh;q=1.5,en;q=0.1"], English),
            (&["zh;level=1,en;q=0.1"], English),
            (&["zhx,en;q=0.1"], English),
            (&["zh-TW;q=0.1,en;q=0.5,zh;q=0.9"], Chinese),
        ] {
            let mut headers = HeaderMap::new();
            for value in accepted {
                headers.append(header::ACCEPT_LANGUAGE, HeaderValue::from_static(value));
            }
            assert_eq!(Language::preferred(&headers), expected, "{accepted:?}");
        }
    }

    #[test]
    fn the_first_of_the_locales_that_there_is_goes_before_what_the_browser_likes() {
        use Language::{Chinese, English};
        let far = format!("{}zh", "fr ".repeat(MAX_LOCALES));
        for (locales, expected) in [
            (None, English),
            (Some(""), English),
            (Some("zh"), Chinese),
            (Some("fr-CA ZH-Hant-TW en"), Chinese),
            (Some("en-GB zh"), English),
            (Some("zhx fr"), English),
            (Some(far.as_str()), English),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, HeaderValue::from_static("en"))]);
            assert_eq!(Language::wanted(&headers, locales), expected, "{locales:?}");
        }
    }
}
