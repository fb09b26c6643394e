//! A store as text, row by row, and back: one form for both engines, so that a backup of the one can be put into the other.
//!
//! A line of JSON names a table and its columns; the lines after it are rows. Bytes are `{"b": "hex"}`. Reading sees one
//! moment; writing is one transaction, and a store that is only half there cannot be.

use std::io::{BufRead, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AnyPool, AssertSqlSafe, Column as _, Row as _, TypeInfo as _, ValueRef as _};

use super::{Conn, Engine, Migration, Place, Store, StoreError, birth, file, server};
use crate::audit;
use crate::clock::SharedClock;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Line {
    Table(String, Vec<String>),
    Row(Vec<Value>),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Value {
    Null,
    Number(i64),
    Text(String),
    Bytes { b: String },
}

/// Why a copy cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the copy cannot be written or read: {0}")]
    Io(#[from] std::io::Error),
    #[error("line {0} of the copy is not right")]
    Line(usize),
    #[error("the copy is of another schema: use the program that made it, then upgrade")]
    Schema,
}

impl From<sqlx::Error> for CopyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Writes every row out; how many.
    ///
    /// # Errors
    /// The store or the copy failed.
    pub async fn copy_out(&self, out: &mut (impl Write + Send)) -> Result<u64, CopyError> {
        let begin = match self.engine {
            Engine::Sqlite => "BEGIN DEFERRED",
            Engine::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        let mut tx = self.pool.begin_with(begin).await?;
        let mut count = 0;
        for table in tables(&mut tx, self.engine).await? {
            let sql = format!("SELECT * FROM {table} ORDER BY 1");
            let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *tx).await?;
            let Some(first) = rows.first() else { continue };
            let columns = first.columns().iter().map(|c| c.name().to_owned());
            write(out, &Line::Table(table, columns.collect()))?;
            for row in &rows {
                write(out, &Line::Row(values(row)?))?;
                count += 1;
            }
        }
        Ok(count)
    }

    /// Makes a store of a copy, where none is; `finish` is in the same transaction.
    ///
    /// # Errors
    /// There is a store, the copy is not right or of another schema, or `finish` failed.
    pub async fn copy_in(
        place: &Place,
        service: &str,
        migrations: &[Migration],
        clock: SharedClock,
        copy: impl BufRead + Send,
        finish: impl AsyncFnOnce(&mut Conn) -> Result<(), StoreError>,
    ) -> Result<Self, CopyError> {
        sqlx::any::install_default_drivers();
        let (pool, engine, role) = open_empty(place, service).await?;
        let made = async {
            let mut tx = super::begin(&pool, engine).await?;
            if engine == Engine::Postgres {
                server::make_schema(&mut tx, service, role).await?;
            }
            let schema = engine.schema(birth::META);
            sqlx::raw_sql(AssertSqlSafe(schema))
                .execute(&mut *tx)
                .await?;
            audit::make_table(&mut tx, engine)
                .await
                .map_err(StoreError::from)?;
            super::migrate(&mut tx, engine, migrations, &clock).await?;
            take_rows(&mut tx, copy, role, migrations).await?;
            finish(&mut tx).await?;
            if engine == Engine::Postgres {
                renumber(&mut tx).await?;
                server::grant(&mut tx, service, role).await?;
            }
            Ok::<_, CopyError>(tx.commit().await?)
        };
        let made = made.await;
        pool.close().await;
        if let (Err(_), Place::File(path)) = (&made, place) {
            // It was made empty just now.
            let _ = std::fs::remove_file(path);
        }
        made?;
        Ok(Self::open(place, service, migrations, clock).await?)
    }
}

async fn open_empty<'p>(
    place: &'p Place,
    service: &str,
) -> Result<(AnyPool, Engine, &'p str), StoreError> {
    match place {
        Place::File(path) => {
            file::make(path)?;
            Ok((file::connect(path as &Path).await?, Engine::Sqlite, ""))
        }
        Place::Server(server) => {
            let pool = server.owner()?.connect(service).await?;
            let mut conn = pool.acquire().await?;
            if server::has_store(&mut conn).await? {
                return Err(StoreError::Exists {
                    path: place.to_string(),
                });
            }
            drop(conn);
            Ok((pool, Engine::Postgres, server.role()))
        }
    }
}

async fn tables(conn: &mut Conn, engine: Engine) -> Result<Vec<String>, sqlx::Error> {
    let sql = match engine {
        Engine::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        }
        Engine::Postgres => {
            "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = current_schema() AND c.relkind = 'r' ORDER BY c.relname::text COLLATE \"C\""
        }
    };
    sqlx::query_scalar(sql).fetch_all(conn).await
}

fn values(row: &AnyRow) -> Result<Vec<Value>, sqlx::Error> {
    (0..row.columns().len())
        .map(|at| {
            let raw = row.try_get_raw(at)?;
            if raw.is_null() {
                return Ok(Value::Null);
            }
            Ok(match raw.type_info().name() {
                "TEXT" => Value::Text(row.try_get(at)?),
                "BLOB" => {
                    let bytes: Vec<u8> = row.try_get(at)?;
                    Value::Bytes {
                        b: hex::encode(bytes),
                    }
                }
                _ => Value::Number(row.try_get(at)?),
            })
        })
        .collect()
}

fn write(out: &mut impl Write, line: &Line) -> Result<(), CopyError> {
    serde_json::to_writer(&mut *out, line).map_err(std::io::Error::from)?;
    Ok(out.write_all(b"\n")?)
}

async fn take_rows(
    conn: &mut Conn,
    copy: impl BufRead,
    role: &str,
    migrations: &[Migration],
) -> Result<(), CopyError> {
    let mut table: Option<(String, Vec<String>)> = None;
    let mut newest = 0;
    for (number, line) in copy.lines().enumerate() {
        let wrong = || CopyError::Line(number + 1);
        match serde_json::from_str(&line?).map_err(|_| wrong())? {
            Line::Table(name, columns) => {
                let plain = |name: &String| {
                    !name.is_empty()
                        && name
                            .bytes()
                            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
                };
                if !plain(&name) || !columns.iter().all(plain) {
                    return Err(wrong());
                }
                table = Some((name, columns));
            }
            Line::Row(mut row) => {
                let (name, columns) = table.as_ref().ok_or_else(wrong)?;
                if row.len() != columns.len() {
                    return Err(wrong());
                }
                if name == "migrations" {
                    if let Some(Value::Number(version)) = row.first() {
                        newest = newest.max(*version);
                    }
                    continue;
                }
                if let (true, [Value::Text(key), value]) = (name == "meta", row.as_mut_slice())
                    && key == "role"
                {
                    *value = Value::Text(role.to_owned());
                }
                add(conn, name, columns, row).await?;
            }
        }
    }
    let known = migrations.iter().map(|step| step.version).max();
    if Some(newest) == known {
        Ok(())
    } else {
        Err(CopyError::Schema)
    }
}

async fn add(
    conn: &mut Conn,
    table: &str,
    columns: &[String],
    row: Vec<Value>,
) -> Result<(), CopyError> {
    let filled = columns
        .iter()
        .zip(row)
        .filter(|(_, value)| !matches!(value, Value::Null));
    let (columns, row): (Vec<&String>, Vec<Value>) = filled.unzip();
    let names: Vec<&str> = columns.iter().map(|name| name.as_str()).collect();
    let places: Vec<String> = (1..=row.len()).map(|n| format!("${n}")).collect();
    let sql = format!(
        "INSERT INTO {table} ({}) VALUES ({})",
        names.join(", "),
        places.join(", ")
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for value in row {
        query = match value {
            Value::Number(number) => query.bind(number),
            Value::Text(text) => query.bind(text),
            Value::Bytes { b } => query.bind(hex::decode(b).map_err(|_| CopyError::Line(0))?),
            Value::Null => query,
        };
    }
    query.execute(conn).await?;
    Ok(())
}

/// What numbers itself goes on behind the highest.
async fn renumber(conn: &mut Conn) -> Result<(), sqlx::Error> {
    let numbered: Vec<(String, String)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text FROM information_schema.columns
         WHERE table_schema = current_schema() AND is_identity = 'YES'",
    )
    .fetch_all(&mut *conn)
    .await?;
    for (table, column) in numbered {
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence('{table}', '{column}'), coalesce((SELECT max({column}) FROM {table}), 0) + 1, false)"
        );
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *conn).await?;
    }
    Ok(())
}
