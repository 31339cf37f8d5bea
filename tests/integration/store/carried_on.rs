//! What earlier steps of the schema left is carried on by the later ones.

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, SqlSafeStr};

use crate::support::stores::Place;

macro_rules! first_three {
    ($store:literal) => {
        [
            include_str!(concat!("../../../src/store/migrations/", $store, "/0001_identity.sql")),
            include_str!(concat!("../../../src/store/migrations/", $store, "/0002_oauth.sql")),
            include_str!(concat!("../../../src/store/migrations/", $store, "/0003_billing.sql")),
        ]
    };
}

/// The schema as the third step left it.
async fn third_step(place: &Place) {
    let texts = match place {
        Place::Folder(_) => first_three!("sqlite"),
        Place::Schema(_) => first_three!("postgres"),
    };
    let step = |(text, number): (&'static str, i64)| {
        Migration::new(number, "step".into(), MigrationType::Simple, text.into_sql_str(), false)
    };
    let mut migrator = Migrator::with_migrations(texts.into_iter().zip(1..).map(step).collect());
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
    third_step(&place).await;
    place.tamper(include_str!("books_of_the_third_step.sql")).await;
    place.open().await.close().await;
    let mut seen = Vec::new();
    for sql in [
        "select id || ' ' || usage || ' ' || share || ' ' || coalesce(cast(rule_line as text), 'none') from sale order by id",
        "select id || ' ' || sale || ' ' || usage || ' ' || counted from refund",
        "select id || ' ' || sale || ' ' || usage || ' ' || amount from waiting_refund",
        "select units || ' ' || free from unit_total",
        "select id || ' ' || node || ' ' || sequence || ' ' || app || ' ' || units || ' ' || outcome from usage_record \
         where sequence in (1, 4) order by id",
        "select usage || ' ' || kind || ' ' || quantity || ' ' || free || ' ' || rate || ' ' || minor || ' ' || cause || ' ' \
         || rule_line from charge order by usage, kind desc",
        "select t.cause || ' ' || p.account || ' ' || p.minor from ledger_posting p \
         join ledger_transaction t on t.number = p.number where p.minor > 0 order by t.cause",
        "select a.app || ' ' || r.day || ' ' || r.first || '-' || r.last from usage_run r join usage_app a on a.number = r.app",
        "select node || ' ' || first || '-' || last || ' ' || first_usage || '-' || last_usage from usage_batch",
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
            "5 3",
            "u1 n 1 a 5 billable",
            "u4 n 4 a 0 billable",
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
