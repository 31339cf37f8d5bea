//! What the platform asks of all, beside what it asked: how apps must authorize, how merchants log in, and whose tokens are taken.

use std::collections::BTreeSet;
use std::time::Duration;

use super::change::{Change, Class, Subject};
use super::offer::at_once;
use crate::domain::confirmation::NonceRule;
use crate::domain::location::Location;
use crate::policy::issuer::ForeignIssuer;
use crate::policy::snapshot::{Platform, Snapshot};

/// Notes what holds for all.
pub(super) fn compare((old, new): (&Snapshot, &Snapshot), changes: &mut Vec<Change>) {
    let place = Location { file: "platform.yaml".into(), line: 1, column: 1 };
    let mut found = at_once(Subject::Platform, changes);
    let (before, after) = (&old.platform, &new.platform);
    for (part, is_asked) in ASKED {
        let class = if is_asked(after) { Class::NarrowsScope } else { Class::WidensScope };
        let words =
            |platform: &Platform| (if is_asked(platform) { "required" } else { "not required" }).to_owned();
        found.note_if(class, part, (words(before), words(after)), (&place, &place));
    }
    let window = |platform: &Platform| format!("{:?}", platform.signature_window);
    let is_shorter = after.signature_window < before.signature_window;
    let class = if is_shorter { Class::NarrowsScope } else { Class::WidensScope };
    found.note_if(class, "signature_window", (window(before), window(after)), (&place, &place));
    let notice = |platform: &Platform| platform.changes.notice.unwrap_or_default();
    let class = if notice(after) < notice(before) { Class::NarrowsScope } else { Class::WidensScope };
    let words = |platform: &Platform| format!("{:?}", notice(platform));
    found.note_if(class, "changes.notice", (words(before), words(after)), (&place, &place));
    for (part, of) in OTHERS {
        found.note_if(Class::Other, part, (of(before), of(after)), (&place, &place));
    }
    issuers((before, after), changes);
}

/// A part by its name, and what there is of it.
type Part<Is> = (&'static str, fn(&Platform) -> Is);

/// What may be asked of all.
const ASKED: &[Part<bool>] = &[
    ("pkce", |platform| platform.requires_pkce),
    ("pushed authorization requests", |platform| platform.requires_par),
    ("nonces at the OAuth2 endpoints", |platform| platform.proof_nonces.at_oauth == NonceRule::Required),
    ("nonces at the APIs", |platform| platform.proof_nonces.at_api == NonceRule::Required),
    ("another login than by password", |platform| !platform.login.by_password),
    ("another login than by a provider", |platform| platform.login.provider.is_none()),
];

/// What nobody is refused by.
const OTHERS: &[Part<String>] = &[
    ("name", |platform| platform.name.clone()),
    ("time_zone", |platform| platform.zone.name().to_owned()),
    ("access_token_lifetime", |platform| span(Some(platform.access_token_lifetime))),
    ("refresh_token_lifetime", |platform| span(Some(platform.refresh_token_lifetime))),
    ("refresh_family_lifetime", |platform| span(platform.refresh_family_lifetime)),
    ("code_lifetime", |platform| span(Some(platform.code_lifetime))),
    ("changes.second_signature", |platform| format!("{:?}", platform.changes.second_signature)),
    ("changes.approvers", |platform| {
        // A key by its first bytes, which tell that it is another.
        let key = |key: &[u8]| key.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<String>();
        let approvers =
            platform.changes.approvers.iter().map(|one| format!("{} {}", one.name, key(&one.key)));
        approvers.collect::<Vec<_>>().join(", ")
    }),
];

fn span(span: Option<Duration>) -> String {
    span.map_or_else(|| "for ever".to_owned(), |span| format!("{span:?}"))
}

/// Notes whose tokens are taken no more, or now; what else is said of one may be narrower.
fn issuers((before, after): (&Platform, &Platform), changes: &mut Vec<Change>) {
    let all = before.issuers.iter().chain(&after.issuers);
    for name in all.map(|issuer| issuer.issuer.as_str()).collect::<BTreeSet<&str>>() {
        let [old, new] = [before, after].map(|platform| {
            let issuer = platform.issuers.iter().find(|one| one.issuer.as_str() == name);
            issuer.map(|issuer| (said(issuer), &issuer.source))
        });
        let class = if old.is_none() { Class::WidensScope } else { Class::NarrowsScope };
        if old.as_ref().map(|side| &side.0) != new.as_ref().map(|side| &side.0) {
            at_once(Subject::Issuer(name.to_owned()), changes).note(class, "tokens", (old, new));
        }
    }
}

/// All that is said of an issuer's tokens.
fn said(issuer: &ForeignIssuer) -> String {
    let ForeignIssuer { keys, audience, algorithms, types, max_lifetime, app, merchant, scopes, .. } = issuer;
    let merchant = merchant.as_ref().map_or("none", |merchant| merchant.text());
    format!(
        "keys {}; audience {audience}; {algorithms:?}; {}; at most {max_lifetime:?}; app {}; merchant {merchant}; scopes {}",
        keys.as_str(),
        types.join(" "),
        app.text(),
        scopes.text()
    )
}
