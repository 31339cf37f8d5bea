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
    ] {
        seen.extend(place.texts(sql).await);
    }
    assert_eq!(seen, ["o-1 u1 250 14", "s-1 u4 0 none", "r-1 o-1 u2 4000", "r-5 o-9 u5 300", "5 3"]);
}

#[tokio::test]
async fn books_of_the_third_step_are_carried_on_in_sqlite() {
    books_of_the_third_step_are_carried_on(Place::sqlite()).await;
}

#[tokio::test]
async fn books_of_the_third_step_are_carried_on_in_postgres() {
    books_of_the_third_step_are_carried_on(Place::postgres().await).await;
}
