//! A fresh store for a test: a SQLite file in a temporary folder, or a schema of its own in a PostgreSQL server that is
//! there already (`TOLLGATE_TEST_POSTGRES`, by default the one at [`DEFAULT_POSTGRES`]). Both go away with the test.

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use tollgate::store::Store;
use uuid::Uuid;

const DEFAULT_POSTGRES: &str = "postgres://postgres@127.0.0.1:5432/postgres";

/// Where a fresh store is; removes it when dropped.
pub(crate) enum Place {
    Folder(TempDir),
    Schema(String),
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        Self::Folder(tempfile::tempdir().unwrap())
    }

    /// Fails, with a sentence, if the server can't be reached: a store that was not tested is no success.
    pub(crate) async fn postgres() -> Self {
        let schema = format!("tollgate_test_{}", Uuid::now_v7().simple());
        execute(&format!("create schema {schema}")).await;
        Self::Schema(schema)
    }

    /// The address for [`Store::open`].
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Folder(folder) => format!("sqlite:{}", folder.path().join("store.db").display()),
            Self::Schema(schema) => {
                let server = server();
                let separator = if server.contains('?') { '&' } else { '?' };
                format!("{server}{separator}options[search_path]={schema}")
            }
        }
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.address()).await.unwrap()
    }

    /// What a query finds, behind the store's back: a text a row.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        let rows: Vec<(String,)> = match self {
            Self::Folder(_) => {
                let mut file = sqlx::SqliteConnection::connect(&self.address()).await.unwrap();
                sqlx::query_as(sql).fetch_all(&mut file).await.unwrap()
            }
            Self::Schema(_) => {
                let mut server = PgConnection::connect(&self.address()).await.unwrap();
                sqlx::query_as(sql).fetch_all(&mut server).await.unwrap()
            }
        };
        rows.into_iter().map(|(text,)| text).collect()
    }

    /// Runs a statement behind the store's back.
    pub(crate) async fn tamper(&self, sql: &str) {
        self.try_tamper(sql).await.unwrap();
    }

    /// Tries a statement behind the store's back.
    pub(crate) async fn try_tamper(&self, sql: &str) -> Result<(), sqlx::Error> {
        match self {
            Self::Folder(_) => tamper_with_file(&self.address(), sql).await,
            Self::Schema(schema) => try_execute(&format!("set search_path to {schema}; {sql}")).await,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Self::Schema(schema) = self else { return };
        let drop_schema = format!("drop schema {schema} cascade");
        // A test's runtime may be gone, or busy with the panic that failed it.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(execute(&drop_schema));
        })
        .join();
        assert!(dropped.is_ok() || std::thread::panicking(), "{schema} could not be dropped");
    }
}

/// Runs a statement behind the back of the store in a SQLite file.
pub(crate) async fn tamper_with_file(address: &str, sql: &str) -> Result<(), sqlx::Error> {
    let mut file = sqlx::SqliteConnection::connect(address).await?;
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut file).await;
    file.close().await?;
    done.map(|_| ())
}

fn server() -> String {
    std::env::var("TOLLGATE_TEST_POSTGRES").unwrap_or_else(|_| DEFAULT_POSTGRES.to_owned())
}

async fn execute(sql: &str) {
    try_execute(sql).await.unwrap();
}

async fn try_execute(sql: &str) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(&server()).await.unwrap_or_else(|error| {
        panic!(
            "These tests need a PostgreSQL server, and none answers: {error}. Start one, or name another in \
             TOLLGATE_TEST_POSTGRES (now {}).",
            server()
        )
    });
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await;
    connection.close().await?;
    done.map(|_| ())
}
