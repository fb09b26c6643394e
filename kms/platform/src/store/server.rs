//! A store in PostgreSQL: the address, the way in, and the rights of the role that a service connects as.
//!
//! Two roles: the owner makes the schema (named after the service), the service's role only uses it. It may not change or
//! delete where a trigger says that nothing changes or goes, and never alters a table; what it must not be able to do is
//! checked at every opening. A password stands in a file of mode 0600 (`passfile=`, in libpq's form), never in the address
//! nor in the environment; over a socket the database asks the system who is there.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, AssertSqlSafe, Row as _};
use zeroize::Zeroizing;

use super::{Conn, StoreError};
use crate::identity::secret_file;

/// A service works with few: writers take turns.
const CONNECTIONS: u32 = 8;
/// Waiting for a connection, at most: the database is gone, or all are busy.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Each connection: the schema, no waiting for ever, and a commit that is on the disk. An instance that hangs inside a
/// transaction gives the write lock back after a minute.
///
/// Everything is looked up by its key. What PostgreSQL assumes of a disk that turns makes it read a table of ten thousand
/// chips whole for each thirty that are asked for, and planning statements anew whose plan never changes costs more than
/// running them.
const SESSION: &str = "SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s';
  SET synchronous_commit = on; SET client_min_messages = warning; SET bytea_output = hex;
  SET random_page_cost = 1.1; SET plan_cache_mode = force_generic_plan;";
/// What may stand in an address behind the question mark.
const OPTIONS: [&str; 8] = [
    "host",
    "port",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "application_name",
    "passfile",
];

/// A database and the role to use it as.
#[derive(Clone)]
pub struct Server {
    options: AnyConnectOptions,
    passfile: Option<PathBuf>,
    owner: Option<Box<Server>>,
}

impl Server {
    pub(super) fn parse(address: &str) -> Result<Self, StoreError> {
        let wrong = || StoreError::Address(without_password(address));
        let mut options = AnyConnectOptions::from_str(address).map_err(|_| wrong())?;
        let url = &mut options.database_url;
        let given: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        if url.password().is_some() || given.iter().any(|(name, _)| name == "password") {
            return Err(StoreError::Password(without_password(address)));
        }
        if url.username().is_empty()
            || url.path().trim_matches('/').is_empty()
            || given
                .iter()
                .any(|(name, _)| !OPTIONS.contains(&name.as_str()))
        {
            return Err(wrong());
        }
        let passfile = given.iter().find(|(name, _)| name == "passfile");
        let passfile = passfile.map(|(_, path)| PathBuf::from(path));
        let kept = given.iter().filter(|(name, _)| name != "passfile");
        let kept: Vec<_> = kept.cloned().collect();
        url.set_query(None);
        if !kept.is_empty() {
            url.query_pairs_mut().extend_pairs(&kept);
        }
        let server = Self {
            options,
            passfile,
            owner: None,
        };
        Ok(server.sure_of_its_peer())
    }

    /// Over a network the server proves itself by its certificate unless the address says otherwise.
    fn sure_of_its_peer(mut self) -> Self {
        let url = &mut self.options.database_url;
        let says = url.query_pairs().any(|(name, _)| name == "sslmode");
        if !says && !self.is_socket() {
            let url = &mut self.options.database_url;
            url.query_pairs_mut().append_pair("sslmode", "verify-full");
        }
        self
    }

    fn host(&self) -> String {
        let url = &self.options.database_url;
        let named = url.query_pairs().find(|(name, _)| name == "host");
        named.map_or_else(
            || url.host_str().unwrap_or_default().replace("%2F", "/"),
            |(_, host)| host.into_owned(),
        )
    }

    fn is_socket(&self) -> bool {
        self.host().starts_with('/')
    }

    pub(super) fn owned_by(self, owner: Self) -> Self {
        Self {
            owner: Some(Box::new(owner)),
            ..self
        }
    }

    pub(super) fn owner(&self) -> Result<&Self, StoreError> {
        self.owner.as_deref().ok_or(StoreError::NoOwner)
    }

    /// The role to connect as.
    pub(super) fn role(&self) -> &str {
        self.options.database_url.username()
    }

    /// Connects; the schema need not be there yet.
    pub(super) async fn connect(&self, schema: &str) -> Result<AnyPool, StoreError> {
        if std::env::var_os("PGPASSWORD").is_some() {
            return Err(StoreError::Password("PGPASSWORD".into()));
        }
        let session = format!("SET search_path = {}, pg_temp; {SESSION}", quoted(schema));
        let mut options = self.options.clone();
        if let Some(password) = self.password()? {
            let _ = options.database_url.set_password(Some(&password));
        }
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(CONNECT_WITHIN)
            .after_connect(move |conn, _| {
                let session = session.clone();
                Box::pin(async move {
                    sqlx::raw_sql(AssertSqlSafe(session)).execute(conn).await?;
                    Ok(())
                })
            });
        Ok(pool.connect_with(options).await?)
    }

    /// The password that the file has for this host, port, database and role.
    fn password(&self) -> Result<Option<Zeroizing<String>>, StoreError> {
        let Some(path) = &self.passfile else {
            return Ok(None);
        };
        let text = secret_file::read(path).map_err(crate::identity::IdentityError::from)?;
        let text = std::str::from_utf8(&text).map_err(|_| StoreError::Passfile(path.clone()))?;
        let url = &self.options.database_url;
        let host = if self.is_socket() {
            "localhost".to_owned()
        } else {
            self.host()
        };
        let port = url.query_pairs().find(|(name, _)| name == "port");
        let port = port.map(|(_, port)| port.into_owned());
        let port = port.unwrap_or_else(|| url.port().unwrap_or(5432).to_string());
        let wanted = [
            &host,
            &port,
            url.path().trim_start_matches('/'),
            self.role(),
        ];
        let found = text.lines().find_map(|line| {
            let parts: Vec<&str> = line.splitn(5, ':').collect();
            let (password, named) = parts.split_last()?;
            let fits = named.len() == wanted.len()
                && named.iter().zip(&wanted).all(|(a, b)| *a == "*" || a == b);
            fits.then(|| Zeroizing::new((*password).to_owned()))
        });
        found
            .map(Some)
            .ok_or_else(|| StoreError::Passfile(path.clone()))
    }
}

impl PartialEq for Server {
    fn eq(&self, other: &Self) -> bool {
        self.options.database_url == other.options.database_url && self.passfile == other.passfile
    }
}

impl Eq for Server {}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.options.database_url.clone();
        if let Some(path) = &self.passfile {
            url.query_pairs_mut()
                .append_pair("passfile", &path.to_string_lossy());
        }
        url.fmt(f)
    }
}

/// For an error message.
fn without_password(address: &str) -> String {
    match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        _ => address.to_owned(),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The schema, empty, for this role.
pub(super) async fn make_schema(
    conn: &mut Conn,
    schema: &str,
    role: &str,
) -> Result<(), sqlx::Error> {
    let (schema, role) = (quoted(schema), quoted(role));
    let sql = format!(
        "CREATE SCHEMA IF NOT EXISTS {schema}; REVOKE ALL ON SCHEMA {schema} FROM PUBLIC;
         GRANT USAGE ON SCHEMA {schema} TO {role}; {}",
        super::dialect::REFUSE
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(conn).await?;
    Ok(())
}

/// Whether the schema has our tables already.
pub(super) async fn has_store(conn: &mut Conn) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT to_regclass('meta') IS NOT NULL")
        .fetch_one(conn)
        .await
}

/// Gives the role what the triggers leave: read and add everywhere, change and delete where no trigger refuses it for every
/// row; of what is fixed at birth and of the schema's history, reading.
pub(super) async fn grant(conn: &mut Conn, schema: &str, role: &str) -> Result<(), sqlx::Error> {
    let rows = sqlx::query(
        "SELECT c.relname::text,
                coalesce(bool_or(t.tgtype & 16 <> 0 AND t.tgqual IS NULL AND t.tgattr::text = ''), false),
                coalesce(bool_or(t.tgtype & 8 <> 0 AND t.tgqual IS NULL), false)
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal
              AND t.tgfoid = to_regproc('rhc_refuse')
         WHERE n.nspname = $1 AND c.relkind = 'r' GROUP BY c.relname",
    )
    .bind(schema)
    .fetch_all(&mut *conn)
    .await?;
    let (space, role) = (quoted(schema), quoted(role));
    let mut sql = format!("REVOKE ALL ON ALL TABLES IN SCHEMA {space} FROM PUBLIC, {role};");
    for row in rows {
        let (table, no_change, no_delete): (String, bool, bool) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let mut rights = vec!["SELECT"];
        if table != "meta" && table != "migrations" {
            rights.push("INSERT");
            rights.extend((!no_change).then_some("UPDATE"));
            rights.extend((!no_delete).then_some("DELETE"));
        }
        let (rights, table) = (rights.join(", "), quoted(&table));
        sql += &format!("GRANT {rights} ON {space}.{table} TO {role};");
    }
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(conn).await?;
    Ok(())
}

/// Refuses a role that could change the record, now or by becoming somebody else.
pub(super) async fn check_rights(conn: &mut Conn) -> Result<(), StoreError> {
    let sql = "SELECT bool_or(pg_has_role(current_user, c.relowner, 'MEMBER')
              OR has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER')
              OR has_any_column_privilege(c.oid, 'UPDATE'))
         FROM pg_class c WHERE c.oid IN (to_regclass('audit'), to_regclass('meta'))";
    let could: Option<bool> = sqlx::query_scalar(sql).fetch_one(conn).await?;
    match could {
        Some(false) => Ok(()),
        Some(true) => Err(StoreError::Rights),
        None => Err(StoreError::NotOurs),
    }
}
