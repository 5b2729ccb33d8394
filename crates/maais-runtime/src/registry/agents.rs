//! Agents: which tenant they belong to, who answers for them, and what they may ask for at all.

use maais_audit::Kind;
use maais_core::glob::Glob;
use maais_core::request::parse_action_type;
use rusqlite::{Connection, OptionalExtension as _, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::names;
use super::tenants::short;
use super::{Noted, Part, Registry, RegistryError, store};

/// Agents that are kept.
pub const AGENTS_MAX: u64 = 100_000;
/// Globs of one agent.
const GLOBS_MAX: usize = 100;

/// An agent. Its id is its own in the whole registry: an action names nothing else.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Agent {
    /// Who acts.
    pub id: String,
    /// Whose it is.
    pub tenant: String,
    /// Who answers for it, and may therefore not approve what it does.
    pub owner: Option<String>,
    /// The types of action that it may ask for; none: all.
    pub action_types: Vec<String>,
    /// Globs of targets that it may ask for; none: all.
    pub targets: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct Body {
    owner: Option<String>,
    action_types: Vec<String>,
    targets: Vec<String>,
}

impl Registry {
    /// Registers an agent to a tenant, or changes what it may do. An agent moves to another tenant only by being removed
    /// first.
    ///
    /// # Errors
    /// When the tenant is not there, another one has the agent, or something of it cannot be used.
    pub fn register_agent(&self, agent: Agent) -> Result<Agent, RegistryError> {
        check(&agent)?;
        self.change(|transaction| {
            self.tenant_in(transaction, &agent.tenant)?;
            self.make_room(transaction, &agent)?;
            let (owner, action_types) = (agent.owner.clone(), agent.action_types.clone());
            let body = Body { owner, action_types, targets: agent.targets.clone() };
            let text = serde_json::to_string(&body).map_err(|error| self.not_ours(error))?;
            let sql = "INSERT INTO agent VALUES(?1, ?2, ?3, ?4) ON CONFLICT(id) DO UPDATE SET body = ?4";
            let folded = agent.id.to_ascii_lowercase();
            transaction.execute(sql, (&agent.id, folded, &agent.tenant, text)).map_err(self.failed())?;
            let noted = noted(&agent, "agent.registered");
            Ok((agent, noted))
        })
    }

    fn make_room(&self, transaction: &Transaction<'_>, agent: &Agent) -> Result<(), RegistryError> {
        let sql = "SELECT id, tenant FROM agent WHERE folded = ?1";
        let pair = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
        let same = transaction.query_row(sql, [agent.id.to_ascii_lowercase()], pair);
        match same.optional().map_err(self.failed())? {
            // Whose it is otherwise is no other tenant's business.
            Some(same) if same != (agent.id.clone(), agent.tenant.clone()) => {
                return Err(RegistryError::Exists { what: "agent", name: short(&agent.id) });
            }
            Some(_) => return Ok(()),
            None => {}
        }
        let sql = "SELECT count(*) FROM agent";
        let count: i64 = transaction.query_row(sql, [], |row| row.get(0)).map_err(self.failed())?;
        match count.unsigned_abs() < AGENTS_MAX {
            true => Ok(()),
            false => Err(RegistryError::Full { what: "agents", max: AGENTS_MAX }),
        }
    }

    /// Removes an agent: from then on it is unknown.
    ///
    /// # Errors
    /// When it is not there.
    pub fn remove_agent(&self, id: &str) -> Result<Agent, RegistryError> {
        self.change(|transaction| {
            let missing = || RegistryError::Missing { what: "agent", name: short(id) };
            let agent = self.agent_in(transaction, id)?.ok_or_else(missing)?;
            transaction.execute("DELETE FROM agent WHERE id = ?1", [id]).map_err(self.failed())?;
            let noted = noted(&agent, "agent.removed");
            Ok((agent, noted))
        })
    }

    /// The agents of a tenant, or all, by id.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn agents(&self, tenant: Option<&str>) -> Result<Vec<Agent>, RegistryError> {
        let mut agents = self.agents_in(&store::open(&self.home)?)?;
        agents.retain(|agent| tenant.is_none_or(|tenant| agent.tenant == tenant));
        Ok(agents)
    }

    pub(super) fn agents_in(&self, db: &Connection) -> Result<Vec<Agent>, RegistryError> {
        let sql = "SELECT id, tenant, body FROM agent ORDER BY id";
        let mut statement = db.prepare(sql).map_err(self.failed())?;
        let rows = statement.query_map([], row).map_err(self.failed())?;
        rows.map(|row| self.agent_of(row.map_err(self.failed())?)).collect()
    }

    pub(super) fn agent_in(&self, db: &Connection, id: &str) -> Result<Option<Agent>, RegistryError> {
        let sql = "SELECT id, tenant, body FROM agent WHERE id = ?1";
        let found = db.query_row(sql, [id], row).optional().map_err(self.failed())?;
        found.map(|row| self.agent_of(row)).transpose()
    }

    fn agent_of(&self, (id, tenant, body): (String, String, String)) -> Result<Agent, RegistryError> {
        let Body { owner, action_types, targets } =
            serde_json::from_str(&body).map_err(|error| self.not_ours(error))?;
        Ok(Agent { id, tenant, owner, action_types, targets })
    }
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<(String, String, String)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn check(agent: &Agent) -> Result<(), RegistryError> {
    names::account("agent's id", &agent.id)?;
    if let Some(owner) = &agent.owner {
        names::account("owner", owner)?;
    }
    let refused = |why: String| RegistryError::Name { what: "agent", why };
    for kind in &agent.action_types {
        parse_action_type(kind).map_err(|error| refused(error.to_string()))?;
    }
    if agent.targets.len() > GLOBS_MAX {
        return Err(RegistryError::Full { what: "globs of an agent", max: GLOBS_MAX as u64 });
    }
    for glob in &agent.targets {
        Glob::new(glob).map_err(|error| refused(error.to_string()))?;
    }
    Ok(())
}

fn noted(agent: &Agent, what: &'static str) -> Noted {
    let body = match serde_json::to_value(agent) {
        // Globs may be long; the table has them.
        Ok(Value::Object(mut map)) => {
            map.insert("targets".into(), agent.targets.iter().take(20).map(|glob| short(glob)).collect());
            map
        }
        _ => Map::new(),
    };
    Noted { kind: Kind::Config, tenant: agent.tenant.clone(), what, body, part: Part::Registered }
}
