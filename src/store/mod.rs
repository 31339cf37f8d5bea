//! What must survive a restart, in SQLite or PostgreSQL. The only module that names sqlx.
