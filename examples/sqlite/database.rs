//! Connections to the database, and the limits of a statement.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mcp_runtime::{Cancel, ToolError};
use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::{ToSqlOutput, Value as Sql, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement, ToSql};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value, json};

/// The maximum number of rows in a result.
const ROWS: usize = 1000;

/// The maximum size of the rows in a result, in bytes.
const BYTES: usize = 1 << 20;

/// The time limit of a statement.
const TIME: Duration = Duration::from_secs(10);

/// The time for which a statement waits for a lock of another process.
const LOCK: Duration = Duration::from_secs(5);

/// The number of steps of SQLite's virtual machine between two checks of the time.
const STEPS: i32 = 1000;

/// Limits of SQLite itself: the size of a value and of a query, and the number of attached files.
const LIMITS: [(Limit, i32); 5] = [
    (Limit::SQLITE_LIMIT_LENGTH, 16 << 20),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 256 << 10),
    (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000),
    (Limit::SQLITE_LIMIT_ATTACHED, 0),
    (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
];

/// The pragmas that describe tables. Others are settings, or show paths of the machine.
const PRAGMAS: [&str; 7] = [
    "table_info",
    "table_xinfo",
    "table_list",
    "index_list",
    "index_info",
    "index_xinfo",
    "foreign_key_list",
];

/// A value of a query: a string, a number, true, false or null.
#[derive(JsonSchema)]
#[schemars(extend("type" = ["string", "number", "boolean", "null"]))]
pub(crate) struct Parameter(Value);

impl<'de> Deserialize<'de> for Parameter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Array(_) | Value::Object(_) => Err(D::Error::custom(
                "a value is a string, a number, true, false or null",
            )),
            value => Ok(Self(value)),
        }
    }
}

impl From<String> for Parameter {
    fn from(text: String) -> Self {
        Self(Value::String(text))
    }
}

impl ToSql for Parameter {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match &self.0 {
            Value::Null => Sql::Null,
            Value::Bool(value) => Sql::Integer(i64::from(*value)),
            Value::String(text) => {
                return Ok(ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())));
            }
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Sql::Integer(integer),
                (None, Some(real)) => Sql::Real(real),
                (None, None) => Sql::Text(number.to_string()),
            },
            other => Sql::Text(other.to_string()),
        };
        Ok(ToSqlOutput::Owned(value))
    }
}

/// The rows of a query.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Rows {
    /// A member for each column. A BLOB is a text such as `x'00ff'`.
    pub(crate) rows: Vec<Map<String, Value>>,
    /// `true` if there are more rows than a result may have.
    pub(crate) is_cut: bool,
}

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

/// The file of the database.
pub(crate) struct Database {
    path: PathBuf,
    can_write: bool,
    time: Duration,
}

impl Database {
    /// Opens the file once, to report a mistake when the server starts.
    pub(crate) fn open(path: &Path, can_write: bool) -> Result<Self, ToolError> {
        let database = Self {
            path: std::path::absolute(path)?,
            can_write,
            time: TIME,
        };
        let access = if can_write {
            Access::Write
        } else {
            Access::Read
        };
        let connection = database.connect(access, &Cancel::default())?;
        // Only the first query reads the file.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(database)
    }

    #[cfg(test)]
    pub(crate) fn time_limit(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// Runs a query that reads.
    pub(crate) fn read(
        &self,
        query: &str,
        parameters: &[Parameter],
        cancel: &Cancel,
    ) -> Result<Rows, ToolError> {
        let connection = self.connect(Access::Read, cancel)?;
        let mut statement = self.prepare(&connection, query, parameters)?;
        rows(&mut statement, parameters).map_err(|error| self.explain(&error))
    }

    /// Runs a statement that changes the database, and returns the number of changed rows.
    pub(crate) fn write(
        &self,
        query: &str,
        parameters: &[Parameter],
        cancel: &Cancel,
    ) -> Result<u64, ToolError> {
        if !self.can_write {
            return Err(ToolError::new(
                "the database is read-only: start the server with `--write` to change it",
            ));
        }
        let connection = self.connect(Access::Write, cancel)?;
        let mut statement = self.prepare(&connection, query, parameters)?;
        if statement.readonly() {
            return Err(ToolError::new(
                "this statement changes nothing: use `read_query`",
            ));
        }
        // A statement with RETURNING has rows.
        let run = statement
            .query(rusqlite::params_from_iter(parameters))
            .and_then(|mut rows| {
                while rows.next()?.is_some() {}
                Ok(())
            });
        run.map_err(|error| self.explain(&error))?;
        Ok(connection.changes())
    }

    fn prepare<'c>(
        &self,
        connection: &'c Connection,
        query: &str,
        parameters: &[Parameter],
    ) -> Result<Statement<'c>, ToolError> {
        let statement = connection
            .prepare(query)
            .map_err(|error| self.explain(&error))?;
        let (wanted, given) = (statement.parameter_count(), parameters.len());
        if wanted != given {
            return Err(ToolError::new(format!(
                "the query has {wanted} parameters (`?`), but `parameters` has {given} values"
            )));
        }
        Ok(statement)
    }

    /// Opens a connection with all limits.
    fn connect(&self, access: Access, cancel: &Cancel) -> Result<Connection, ToolError> {
        let mode = match access {
            Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        };
        // Without the flag for URIs, a path has no options.
        let connection =
            Connection::open_with_flags(&self.path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(LOCK)?;
        for (limit, value) in LIMITS {
            connection.set_limit(limit, value)?;
        }
        // The schema of a file from elsewhere is not trusted, and cannot be damaged.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.authorizer(Some(move |context: AuthContext<'_>| {
            authorize(access, &context.action)
        }))?;
        let (end, cancel) = (Instant::now() + self.time, cancel.clone());
        let is_over = move || Instant::now() > end || cancel.is_cancelled();
        connection.progress_handler(STEPS, Some(is_over))?;
        Ok(connection)
    }

    /// Returns an error that a model can understand.
    fn explain(&self, error: &rusqlite::Error) -> ToolError {
        let text = match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) => {
                let seconds = self.time.as_secs_f32();
                format!("the statement ran for more than {seconds} s and was stopped: select less")
            }
            Some(ErrorCode::AuthorizationForStatementDenied) => format!(
                "{error}: this server allows neither other files, nor settings (PRAGMA), nor transactions, and \
                 `read_query` changes nothing"
            ),
            _ if matches!(error, rusqlite::Error::MultipleStatement) => {
                "give one statement per call".to_owned()
            }
            _ => error.to_string(),
        };
        ToolError::new(text)
    }
}

/// Decides about an operation of a statement.
fn authorize(access: Access, action: &AuthAction<'_>) -> Authorization {
    let is_allowed = match action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => true,
        AuthAction::Function { function_name } => {
            !function_name.eq_ignore_ascii_case("load_extension")
        }
        AuthAction::Pragma { pragma_name, .. } => PRAGMAS
            .iter()
            .any(|name| name.eq_ignore_ascii_case(pragma_name)),
        AuthAction::Attach { .. }
        | AuthAction::Detach { .. }
        | AuthAction::Transaction { .. }
        | AuthAction::Savepoint { .. }
        | AuthAction::Unknown { .. } => false,
        _ => access == Access::Write,
    };
    if is_allowed {
        Authorization::Allow
    } else {
        Authorization::Deny
    }
}

fn rows(statement: &mut Statement<'_>, parameters: &[Parameter]) -> rusqlite::Result<Rows> {
    let columns: Vec<String> = statement
        .column_names()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let mut found = statement.query(rusqlite::params_from_iter(parameters))?;
    let mut rows = Vec::new();
    let mut left = BYTES;
    while let Some(row) = found.next()? {
        let mut members = Map::new();
        let mut size = 0;
        for (index, column) in columns.iter().enumerate() {
            let value = row.get_ref(index)?;
            size += column.len() + size_of(value);
            members.insert(column.clone(), to_json(value));
        }
        if rows.len() == ROWS || size > left {
            return Ok(Rows { rows, is_cut: true });
        }
        left -= size;
        rows.push(members);
    }
    Ok(Rows {
        rows,
        is_cut: false,
    })
}

fn size_of(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::Text(bytes) => bytes.len(),
        ValueRef::Blob(bytes) => 2 * bytes.len(),
        _ => 8,
    }
}

fn to_json(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(integer) => json!(integer),
        // JSON has no infinite numbers.
        ValueRef::Real(real) if real.is_finite() => json!(real),
        ValueRef::Real(real) => Value::from(real.to_string()),
        ValueRef::Text(bytes) => Value::from(String::from_utf8_lossy(bytes)),
        ValueRef::Blob(bytes) => {
            let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Value::from(format!("x'{}'", digits.concat()))
        }
    }
}
