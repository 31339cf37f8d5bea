//! What earlier steps of the schema left is carried on by the later ones.

use std::path::PathBuf;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, SqlSafeStr};
use tollgate::domain::admin_access::AdminAccess;
use tollgate::domain::api_key::KeyHash;
use tollgate::domain::id::{AppId, MerchantId, SignatureKeyId};
use tollgate::domain::narrowing::Narrowing;
use tollgate::domain::secret_hash::AdminTokenHash;
use tollgate::domain::signature_key::{SignatureKeyMaterial, SignatureKeyRecord, StoredSignatureKey};
use tollgate::domain::time::Timestamp;
use tollgate::store::Page;
use tollgate::store::admin_token::AdminTokenRecord;
use tollgate::store::audit::AuditFilter;
use tollgate::store::personal_data_read::ReadsOf;

use super::contract_key::key;
use super::contract_signature_key::key as signature_key;
use super::seed::{START, later};
use crate::support::stores::Place;

/// The schema as the step of that number left it.
pub(super) async fn step(place: &Place, last: i64) {
    let store = match place {
        Place::Folder(_) => "sqlite",
        Place::Schema(_) => "postgres",
    };
    let folder = format!("{}/src/store/migrations/{store}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.collect();
    files.sort_unstable();
    let step = |(file, number): (PathBuf, i64)| {
        let text = AssertSqlSafe(std::fs::read_to_string(file).unwrap()).into_sql_str();
        Migration::new(number, "step".into(), MigrationType::Simple, text, false)
    };
    let steps = files.into_iter().zip(1..=last).map(step).collect();
    let mut migrator = Migrator::with_migrations(steps);
    migrator.set_locking(false);
    match place {
        Place::Folder(_) => {
            let options: SqliteConnectOptions = place.address().parse().unwrap();
            let mut file = options.create_if_missing(true).connect().await.unwrap();
            migrator.run_direct(None, &mut file, false).await.unwrap();
            file.close().await.unwrap();
        }
        Place::Schema(_) => {
            let mut server = PgConnection::connect(&place.address()).await.unwrap();
            migrator.run_direct(None, &mut server, false).await.unwrap();
            server.close().await.unwrap();
        }
    }
}

async fn books_of_the_third_step_are_carried_on(place: Place) {
    step(&place, 3).await;
    place.tamper(include_str!("books_of_the_third_step.sql")).await;
    place.open().await.close().await;
    let mut seen = Vec::new();
    for sql in [
        "select id || ' ' || usage || ' ' || share || ' ' || coalesce(cast(rule_line as text), 'none') from sale order by id",
        "select id || ' ' || sale || ' ' || usage || ' ' || (amount - beyond) from sale_event where kind = 'refund'",
        "select id || ' ' || sale || ' ' || usage || ' ' || amount from waiting_transaction where kind = 'refund'",
        "select id || ' ' || partner || ' ' || at || ' ' || base || ' ' || earned || ' ' || refunded || ' ' || returned || ' ' \
         || pending || ' ' || item || ' ' || is_older from sale order by id",
        "select kind || ' ' || id || ' ' || own_earned || ' ' || pending from sale_event order by kind desc, id",
        "select units || ' ' || free || ' ' || item || promotion from fee_total",
        "select id || ' ' || node || ' ' || sequence || ' ' || app || ' ' || units || ' ' || outcome || ' ' || calls from usage_record \
         where sequence in (1, 4) order by id",
        "select usage || ' ' || kind || ' ' || quantity || ' ' || free || ' ' || rate || ' ' || minor || ' ' || cause || ' ' \
         || rule_line from charge order by usage, kind desc",
        "select t.cause || ' ' || p.account || ' ' || p.minor from ledger_posting p \
         join ledger_transaction t on t.number = p.number where p.minor > 0 order by t.cause",
        "select a.app || ' ' || r.day || ' ' || r.first || '-' || r.last from usage_run r join usage_app a on a.number = r.app",
        "select node || ' ' || first || '-' || last || ' ' || first_usage || '-' || last_usage from usage_batch where head is null",
        "select distinct coalesce(period, 'none') || ' ' || is_moved from usage_run where root is null",
    ] {
        seen.extend(place.texts(sql).await);
    }
    assert_eq!(
        seen,
        [
            "o-1 u1 250 14",
            "s-1 u4 0 none",
            "r-1 o-1 u2 4000",
            "r-5 o-9 u5 300",
            "o-1 p 0 10000 on-sale 8000 200 0 share 1",
            "s-1 p 0 700 on-sale 0 0 0 share 1",
            "sale o-1 250 0",
            "sale s-1 0 0",
            "refund r-1 -100 0",
            "5 3 0",
            "u1 n 1 a 5 billable 1",
            "u4 n 4 a 0 billable 1",
            "u1 service_fee 2 3 0.01 2 c1 12",
            "u1 revenue_share 1 0 2.5 250 c2 14",
            "u2 share_reversal 1 0 2.5 -100 c3 14",
            "u3 share_reversal 1 0 2.5 -100 c4 14",
            "c1 partner:p:receivable 2",
            "c2 partner:p:receivable 250",
            "c3 platform:revenue:share 100",
            "c4 platform:revenue:share 100",
            "a 0 1-5",
            "n 1-5 1-5",
            "none 0",
        ]
    );
}

#[tokio::test]
async fn books_of_the_third_step_are_carried_on_in_sqlite() {
    books_of_the_third_step_are_carried_on(Place::sqlite()).await;
}

#[tokio::test]
async fn books_of_the_third_step_are_carried_on_in_postgres() {
    books_of_the_third_step_are_carried_on(Place::postgres().await).await;
}

/// Records as older programs left them, the number of each being its place.
const OLDER_RECORDS: &[(&str, &str, &str, &str, &str)] = &[
    (
        "merchant:mer_1",
        "grant.give",
        "app_1",
        r#"{"grant":"gr_1","scopes":"a"}"#,
        r#"{"app":"app_1","scopes":"a b"}"#,
    ),
    (
        "merchant:mer_1",
        "grant.revoke",
        "gr_1",
        r#"{"app":"app_1","revoked":false}"#,
        r#"{"app":"app_1","revoked":true}"#,
    ),
    ("administrator:node", "session.end", "ses_1", r#"{"id":"ses_1","merchant":"mer_1"}"#, ""),
    ("administrator:node", "app.create", "app_1", "", r#"{"id":"app_1","partner":"partner_1"}"#),
    ("administrator:node", "app.update", "app_1", r#"{"partner":"partner_1"}"#, r#"{"partner":"partner_1"}"#),
    ("administrator:node", "key.create", "key_1", "", r#"{"id":"key_1","app":"app_1"}"#),
    ("administrator:node", "app.add_secret", "app_1", "", r#"{"secret":{"id":"sec_1"},"others":"stay"}"#),
    (
        "administrator:node",
        "app.revoke_secret",
        "app_1",
        r#"{"id":"sec_1","app":"app_1"}"#,
        r#"{"id":"sec_1","app":"app_1"}"#,
    ),
    ("merchant:mer_1", "merchant.link", "mer_1", "", r#"{"issuer":"https://a","subject":"mer_2"}"#),
];

async fn records_of_older_programs_are_found_by_what_they_are_about(place: Place) {
    step(&place, 19).await;
    for (actor, action, subject, before, after) in OLDER_RECORDS {
        place
            .tamper(&format!(
                "insert into audit_record (at, actor, action, subject, before, after) \
                 values (0, '{actor}', '{action}', '{subject}', nullif('{before}', ''), nullif('{after}', ''))"
            ))
            .await;
    }
    let store = place.open().await;
    let known = "select number || ' ' || id from audit_about order by number, id";
    assert_eq!(
        place.texts(known).await,
        [
            "1 gr_1",
            "1 mer_1",
            "2 app_1",
            "2 mer_1",
            "3 mer_1",
            "4 partner_1",
            "6 app_1",
            "7 sec_1",
            "8 sec_1",
        ]
    );
    let filter = AuditFilter { subject: Some("mer_1".to_owned()), ..AuditFilter::default() };
    let found = store.audit_records(&filter, &Page::first()).await.unwrap();
    assert_eq!(found.iter().map(|record| record.number).collect::<Vec<_>>(), [9, 3, 2, 1]);
    store.close().await;
}

/// The hash of a token as statements have it.
fn hash_in(place: &Place, token: &str) -> String {
    let hash: String = AdminTokenHash::of(token).0.iter().map(|byte| format!("{byte:02x}")).collect();
    match place {
        Place::Folder(_) => format!("x'{hash}'"),
        Place::Schema(_) => format!("decode('{hash}', 'hex')"),
    }
}

/// How a program before the one that knew of other narrowing than by scopes looks for a key.
async fn keys_of_an_older_program(place: &Place) -> Vec<String> {
    let hash = |number: u8| format!("{number:02x}").repeat(32);
    let hashes = (1..=3).map(|number| match place {
        Place::Folder(_) => format!("x'{}'", hash(number)),
        Place::Schema(_) => format!("decode('{}', 'hex')", hash(number)),
    });
    let hashes: Vec<_> = hashes.collect();
    place.texts(&format!("select id from api_key where hash in ({}) order by id", hashes.join(", "))).await
}

async fn a_key_that_is_narrowed_is_none_to_an_older_program(place: Place) {
    step(&place, 21).await;
    place.tamper(ONE_APP).await;
    let older = match &place {
        Place::Folder(_) => format!("x'{}'", "01".repeat(32)),
        Place::Schema(_) => format!("decode('{}', 'hex')", "01".repeat(32)),
    };
    place
        .tamper(&format!(
            "insert into api_key (id, hash, app, scopes, created_at) values ('key_1', {older}, 'app_1', 'a', 0)"
        ))
        .await;
    let store = place.open().await;
    let app = AppId::new("app_1").unwrap();
    let narrow = Narrowing { products: None, addresses: Some("192.0.2.0/24".parse().unwrap()) };
    for (number, narrowing) in [(2, Narrowing::default()), (3, narrow)] {
        let (record, hash) = key(number, &app, narrowing);
        store.create_key(&record, &hash).await.unwrap();
    }
    for number in 1..=3 {
        let found = store.key_by_hash(&KeyHash([number; 32])).await.unwrap().unwrap();
        assert_eq!(found.id.as_str(), format!("key_{number}"));
        assert_eq!(found.narrowing.is_none(), number != 3);
    }
    assert_eq!(keys_of_an_older_program(&place).await, ["key_1", "key_2"]);
    store.close().await;
}

/// A signature key that is narrowed has ended for a program before the one that knew of other narrowing than by scopes.
async fn a_signature_key_that_is_narrowed_has_ended_to_an_older_program(place: Place) {
    step(&place, 28).await;
    place.tamper(ONE_APP).await;
    place
        .tamper(
            "insert into signature_key (id, app, algorithm, style, weak_methods, public_key, created_at, expires_at) \
             values ('sgk_1', 'app_1', 'ed25519', 'http', '', '{}', 0, 9000000000000000)",
        )
        .await;
    let store = place.open().await;
    let app = AppId::new("app_1").unwrap();
    let narrow = Narrowing { products: None, addresses: Some("192.0.2.0/24".parse().unwrap()) };
    let (wide, end) = (Narrowing::default(), Some(later(3600)));
    for (id, narrowing, expires_at) in
        [("sgk_2", &wide, None), ("sgk_3", &narrow, None), ("sgk_4", &narrow, end)]
    {
        let key = signature_key(id, &app, SignatureKeyMaterial::Public("{}".to_owned()));
        let record = SignatureKeyRecord { narrowing: narrowing.clone(), expires_at, ..key.record };
        store.create_signature_key(&StoredSignatureKey { record, ..key }).await.unwrap();
    }
    let ids = ["sgk_1", "sgk_2", "sgk_3", "sgk_4"].map(|id| SignatureKeyId::new(id).unwrap());
    let check = async |expected: [Option<Timestamp>; 4]| {
        for (id, end) in ids.iter().zip(expected) {
            assert_eq!(store.credential(id).await.unwrap().unwrap().expires_at, end, "{id}");
        }
        let works =
            "select id from signature_key where revoked_at is null and (expires_at is null or expires_at > ";
        let works = format!("{works}{}) order by id", START.as_micros());
        assert_eq!(place.texts(&works).await, ["sgk_1", "sgk_2"], "to an older program");
    };
    check([Some(Timestamp::from_micros(9_000_000_000_000_000)), None, None, end]).await;
    // What has another in its place ends, and no later than it would have.
    for (at, of_last) in [(7_200, 3_600), (60, 60)] {
        let mut transaction = store.begin().await.unwrap();
        for id in &ids {
            transaction.end_credential(id, later(at)).await.unwrap();
        }
        transaction.commit().await.unwrap();
        let end = Some(later(at));
        check([end, end, end, Some(later(of_last))]).await;
    }
    store.close().await;
}

/// A partner and its app as older programs left them.
pub(super) const ONE_APP: &str = "insert into partner values ('partner_1', 'P', 'active', 0); \
    insert into app (id, partner, name, environment, kind, redirect_uris, scopes, default_scopes, requires_pkce, \
    standing, created_at) values ('app_1', 'partner_1', 'A', 'live', 'confidential', '[]', 'a', 'a', false, 'active', 0);";

/// How a program before the one that knew tokens that only read looks for one.
async fn found_by_an_older_program(place: &Place, token: &str) -> usize {
    let hash = hash_in(place, token);
    place.texts(&format!("select id from admin_token where hash = {hash}")).await.len()
}

async fn a_token_that_only_reads_is_none_to_an_older_program(place: Place) {
    step(&place, 20).await;
    for (name, access) in [("old-reader", "read"), ("old-writer", "write")] {
        let hash = hash_in(&place, name);
        place
            .tamper(&format!(
                "insert into admin_token (id, name, hash, access, created_at) \
                 values ('adm_{name}', '{name}', {hash}, '{access}', 0)"
            ))
            .await;
    }
    let store = place.open().await;
    for (name, access) in [("reader", AdminAccess::Read), ("writer", AdminAccess::Write)] {
        let token = AdminTokenRecord {
            id: format!("adm_{name}"),
            name: name.to_owned(),
            access,
            created_at: START,
            expires_at: None,
            revoked_at: None,
        };
        store.create_admin_token(&token, &AdminTokenHash::of(name)).await.unwrap();
    }
    for (name, access) in [
        ("old-reader", AdminAccess::Read),
        ("old-writer", AdminAccess::Write),
        ("reader", AdminAccess::Read),
        ("writer", AdminAccess::Write),
    ] {
        let found = store.admin_token_by_hash(&AdminTokenHash::of(name)).await.unwrap().unwrap();
        assert_eq!((found.name.as_str(), found.access), (name, access));
        let expected = usize::from(access == AdminAccess::Write);
        assert_eq!(found_by_an_older_program(&place, name).await, expected, "{name}");
    }
    store.close().await;
}

/// Two calls of an app for a merchant, and that personal data left by the first, as older programs left them.
const ONE_READ: &str = "insert into usage_app (number, app) values (1, 'app_1'); \
    insert into usage_context (number, node, snapshot, app, partner, credential, credential_id, merchant, method, status, outcome) \
    values (1, 'n', 's', 'app_1', 'partner_1', 'access_token', 't', 'mer_1', 'GET', 200, 'free'); \
    insert into usage (number, id, context, sequence, at, latency, bytes_in, bytes_out, units) \
    values (1, 'u1', 1, 1, 0, 0, 0, 0, 0), (2, 'u2', 1, 2, 0, 0, 0, 0, 0); \
    insert into personal_data_read (merchant, usage, scopes) values ('mer_1', 1, 'order:pii');";

async fn reads_that_an_older_program_keeps_are_listed_by_app(place: Place) {
    step(&place, 28).await;
    place.tamper(ONE_READ).await;
    let store = place.open().await;
    place
        .tamper("insert into personal_data_read (merchant, usage, scopes) values ('mer_1', 2, 'a order:pii')")
        .await;
    let (app, merchant) = (AppId::new("app_1").unwrap(), MerchantId::new("mer_1").unwrap());
    for of in [ReadsOf::App(&app), ReadsOf::Merchant(&merchant)] {
        let reads = store.personal_data_reads(of, &Page::first()).await.unwrap();
        let told: Vec<_> = reads.iter().map(|read| (read.usage.as_str(), read.scopes.to_string())).collect();
        assert_eq!(told, [("u2", "a order:pii".to_owned()), ("u1", "order:pii".to_owned())], "{of:?}");
        assert!(reads.iter().all(|read| read.app == app && read.merchant.as_ref() == Some(&merchant)));
    }
    let known = "select usage || ' ' || merchant || ' ' || scopes from personal_data_read order by usage";
    assert_eq!(place.texts(known).await, ["1 mer_1 order:pii", "2 mer_1 a order:pii"]);
    store.close().await;
}

macro_rules! in_both {
    ($($name:ident: $sqlite:ident, $postgres:ident;)+) => {$(
        #[tokio::test]
        async fn $sqlite() {
            $name(Place::sqlite()).await;
        }

        #[tokio::test]
        async fn $postgres() {
            $name(Place::postgres().await).await;
        }
    )+};
}

in_both! {
    records_of_older_programs_are_found_by_what_they_are_about:
        records_of_older_programs_are_found_in_sqlite, records_of_older_programs_are_found_in_postgres;
    a_key_that_is_narrowed_is_none_to_an_older_program:
        a_key_that_is_narrowed_is_none_to_an_older_program_in_sqlite,
        a_key_that_is_narrowed_is_none_to_an_older_program_in_postgres;
    a_signature_key_that_is_narrowed_has_ended_to_an_older_program:
        a_signature_key_that_is_narrowed_has_ended_to_an_older_program_in_sqlite,
        a_signature_key_that_is_narrowed_has_ended_to_an_older_program_in_postgres;
    a_token_that_only_reads_is_none_to_an_older_program:
        a_token_that_only_reads_is_none_to_an_older_program_in_sqlite,
        a_token_that_only_reads_is_none_to_an_older_program_in_postgres;
    reads_that_an_older_program_keeps_are_listed_by_app:
        reads_that_an_older_program_keeps_are_listed_in_sqlite, reads_that_an_older_program_keeps_are_listed_in_postgres;
}
