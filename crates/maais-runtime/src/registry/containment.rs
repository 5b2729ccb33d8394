//! The kill switch: an agent, a session, a tenant or everything is stopped with its next action, by a person or by
//! the engine; only a person releases.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use maais_audit::Kind;
use rusqlite::{Connection, OptionalExtension as _};
use serde::Serialize;
use serde_json::{Map, Value};

use super::names::{self, TEXT_BYTES_MAX};
use super::tenants::short;
use super::{DEFAULT, Noted, Part, Registry, RegistryError, millis, store, time_of};

/// Marks that are kept.
pub const CONTAINED_MAX: u64 = 100_000;
/// Marks that the engine itself makes: whoever makes up names leaves room for people's.
pub const AUTOMATIC_MAX: u64 = 50_000;
/// Bytes of what is contained.
const NAME_BYTES_MAX: usize = 256;

/// What is contained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Everything.
    All,
    /// A tenant.
    Tenant,
    /// An agent.
    Agent,
    /// A session of a tenant.
    Session,
}

impl Scope {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Tenant => "tenant",
            Self::Agent => "agent",
            Self::Session => "session",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = RegistryError;

    fn from_str(word: &str) -> Result<Self, RegistryError> {
        let all = [Self::All, Self::Tenant, Self::Agent, Self::Session];
        all.into_iter().find(|scope| scope.as_str() == word).ok_or_else(|| RegistryError::Name {
            what: "scope",
            why: format!("`{}` is none of `all`, `tenant`, `agent`, `session`", short(word)),
        })
    }
}

/// One thing that is contained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// What kind of thing.
    pub scope: Scope,
    /// Whose session, or whose agent as far as it is known; else empty.
    pub tenant: String,
    /// Which; empty for everything.
    pub name: String,
    /// Why.
    pub reason: String,
    /// Who did it.
    pub by: String,
    /// The engine did it.
    pub automatic: bool,
    /// Since when.
    pub time: Timestamp,
}

impl Registry {
    /// Contains an agent, a session (of `tenant`, or the default one), a tenant or everything.
    ///
    /// # Errors
    /// When that cannot be written down; then nothing is contained.
    pub fn contain(
        &self,
        scope: Scope,
        name: &str,
        tenant: Option<&str>,
        reason: &str,
        by: &str,
    ) -> Result<Mark, RegistryError> {
        names::account("person's name", by)?;
        self.mark(scope, name, tenant, reason, by, false)
    }

    /// Contains an agent since it does what nobody should do so often.
    pub(crate) fn quarantine(&self, agent: &str, tenant: &str, reason: &str) -> Result<Mark, RegistryError> {
        self.mark(Scope::Agent, agent, Some(tenant), reason, "maais", true)
    }

    fn mark(
        &self,
        scope: Scope,
        name: &str,
        tenant: Option<&str>,
        reason: &str,
        by: &str,
        automatic: bool,
    ) -> Result<Mark, RegistryError> {
        let (tenant, name) = keyed(scope, name, tenant)?;
        names::text("reason", reason, TEXT_BYTES_MAX)?;
        let (reason, by, time) = (reason.to_owned(), by.to_owned(), self.now());
        let mark = Mark { scope, tenant, name, reason, by, automatic, time };
        self.change(|transaction| {
            self.tenant_in(transaction, &mark.tenant)?;
            let max = if automatic { AUTOMATIC_MAX } else { CONTAINED_MAX };
            let count: i64 = transaction
                .query_row("SELECT count(*) FROM contained", [], |row| row.get(0))
                .map_err(self.failed())?;
            if count.unsigned_abs() >= max {
                return Err(RegistryError::Full { what: "contained things", max });
            }
            // What a person said stays; what the engine said, a person may say again.
            let sql = "INSERT INTO contained VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET
                reason = ?4, by = ?5, automatic = ?6, time = ?7 WHERE NOT ?6";
            let Mark { scope, name, reason, by, automatic, time, .. } = &mark;
            transaction
                .execute(sql, (scope.as_str(), key_of(&mark), name, reason, by, automatic, millis(*time)))
                .map_err(self.failed())?;
            let noted = noted(&mark, "contained");
            Ok((mark, noted))
        })
    }

    /// Releases what is contained. Only a person does.
    ///
    /// # Errors
    /// When it is not contained, or an agent asks.
    pub fn release(
        &self,
        scope: Scope,
        name: &str,
        tenant: Option<&str>,
        reason: &str,
        by: &str,
    ) -> Result<Mark, RegistryError> {
        let (tenant, name) = keyed(scope, name, tenant)?;
        names::account("person's name", by)?;
        names::text("reason", reason, TEXT_BYTES_MAX)?;
        self.change(|transaction| {
            if self.agent_in(transaction, by)?.is_some() || by == name {
                let why = format!("`{by}` is an agent; only a person releases");
                return Err(RegistryError::Refused { why });
            }
            let mut asked = Mark {
                scope,
                tenant,
                name,
                reason: reason.to_owned(),
                by: by.to_owned(),
                automatic: false,
                time: self.now(),
            };
            let sql =
                "DELETE FROM contained WHERE scope = ?1 AND tenant = ?2 AND name = ?3 RETURNING automatic";
            let found: Option<bool> = transaction
                .query_row(sql, (scope.as_str(), key_of(&asked), &asked.name), |row| row.get(0))
                .optional()
                .map_err(self.failed())?;
            let missing = || RegistryError::Missing { what: "contained thing", name: short(&asked.name) };
            asked.automatic = found.ok_or_else(missing)?;
            let noted = noted(&asked, "released");
            Ok((asked, noted))
        })
    }

    /// Everything that is contained, the newest first.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn contained(&self) -> Result<Vec<Mark>, RegistryError> {
        self.contained_in(&store::open(&self.home)?)
    }

    pub(super) fn contained_in(&self, db: &Connection) -> Result<Vec<Mark>, RegistryError> {
        let sql =
            "SELECT scope, tenant, name, reason, by, automatic, time FROM contained ORDER BY time DESC, name";
        let mut statement = db.prepare(sql).map_err(self.failed())?;
        let rows = statement
            .query_map([], |row| {
                let scope: String = row.get(0)?;
                let mark = Mark {
                    scope: Scope::All,
                    tenant: row.get(1)?,
                    name: row.get(2)?,
                    reason: row.get(3)?,
                    by: row.get(4)?,
                    automatic: row.get(5)?,
                    time: time_of(row.get(6)?),
                };
                Ok((scope, mark))
            })
            .map_err(self.failed())?;
        let marks = rows.map(|row| {
            let (scope, mark) = row.map_err(self.failed())?;
            // A mark that cannot be understood may not be overlooked.
            Ok(Mark { scope: scope.parse().map_err(|error| self.not_ours(error))?, ..mark })
        });
        marks.collect()
    }
}

/// Which row it is: sessions are a tenant's, everything else has one name.
fn keyed(scope: Scope, name: &str, tenant: Option<&str>) -> Result<(String, String), RegistryError> {
    let refused = |why: &str| Err(RegistryError::Name { what: "contained thing", why: why.to_owned() });
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control);
    if scope != Scope::All && !fits {
        return refused("its name must have 1 to 256 bytes and no control characters");
    }
    let tenant = tenant.unwrap_or(DEFAULT).to_owned();
    Ok(match scope {
        Scope::All => (DEFAULT.to_owned(), String::new()),
        Scope::Tenant => (name.to_owned(), name.to_owned()),
        Scope::Agent | Scope::Session => (tenant, name.to_owned()),
    })
}

fn key_of(mark: &Mark) -> &str {
    if mark.scope == Scope::Session { &mark.tenant } else { "" }
}

fn noted(mark: &Mark, what: &'static str) -> Noted {
    let body = match serde_json::to_value(mark) {
        Ok(Value::Object(map)) => map,
        _ => Map::new(),
    };
    Noted { kind: Kind::Config, tenant: mark.tenant.clone(), what, body, part: Part::Contained }
}
