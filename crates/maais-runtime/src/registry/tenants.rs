//! Tenants: each with its own policies, settings, owners and approvers.
//!
//! The tenant `default` is there from the start, with the policies of the engine's own configuration.

use std::path::PathBuf;

use jiff::Timestamp;
use maais_audit::Kind;
use rusqlite::{OptionalExtension as _, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::names::{self, TEXT_BYTES_MAX};
use super::{Noted, Part, Registry, RegistryError, millis, store, time_of};
use crate::snapshot::Snapshot;

/// The tenant of agents that belong to none.
pub const DEFAULT: &str = "default";
/// Tenants that are kept; the log holds no more.
pub const TENANTS_MAX: u64 = 50_000;
/// Bytes of a tenant's row beside its name.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// Owners or approvers of a tenant.
const PEOPLE_MAX: usize = 1_000;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tenant {
    /// What it is known by: small letters, digits, hyphens.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Its actions are denied.
    pub suspended: bool,
    /// Since when it is there.
    pub created: Timestamp,
    /// What it consists of.
    #[serde(flatten)]
    pub body: TenantBody,
    /// Counts its changes.
    #[serde(skip)]
    pub(crate) revision: i64,
}

/// What a tenant consists of.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TenantBody {
    /// What it is.
    pub description: String,
    /// Its policy files, folders or packs; none: those of its settings, or else `baseline`.
    pub policies: Vec<PathBuf>,
    /// Its settings file.
    pub settings: Option<PathBuf>,
    /// Who answers for it.
    pub owners: Vec<String>,
    /// Who may approve: names, or `role:name`, which stands for the role that a rule asks for.
    pub approvers: Vec<String>,
    /// Requests a second, as the Python API takes them.
    pub rate_limits: Value,
}

/// A tenant to be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NewTenant {
    /// What people call it; its id is made of it.
    pub name: String,
    /// What it consists of.
    pub body: TenantBody,
}

/// What of a tenant becomes otherwise; `None` stays.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TenantChange {
    /// What it is.
    pub description: Option<String>,
    /// Its policies.
    pub policies: Option<Vec<PathBuf>>,
    /// Its settings file.
    pub settings: Option<PathBuf>,
    /// Who answers for it.
    pub owners: Option<Vec<String>>,
    /// Who may approve.
    pub approvers: Option<Vec<String>>,
    /// Requests a second.
    pub rate_limits: Option<Value>,
}

impl Registry {
    /// Makes a tenant, whose policies must load.
    ///
    /// # Errors
    /// When there is one of that name, or something of it cannot be used.
    pub fn create_tenant(&self, new: NewTenant) -> Result<Tenant, RegistryError> {
        names::shown(&new.name)?;
        let body = checked(new.body)?;
        let created = self.now();
        self.change(|transaction| {
            let count: i64 = transaction
                .query_row("SELECT count(*) FROM tenant", [], |row| row.get(0))
                .map_err(self.failed())?;
            if count.unsigned_abs() >= TENANTS_MAX {
                return Err(RegistryError::Full { what: "tenants", max: TENANTS_MAX });
            }
            let sql = "SELECT count(*) FROM tenant WHERE name = ?1";
            let taken: i64 =
                transaction.query_row(sql, [&new.name], |row| row.get(0)).map_err(self.failed())?;
            if taken > 0 {
                return Err(RegistryError::Exists { what: "tenant", name: new.name });
            }
            let id = self.free_id(transaction, &new.name)?;
            let text = serde_json::to_string(&body).map_err(|error| self.not_ours(error))?;
            transaction
                .execute(
                    "INSERT INTO tenant VALUES(?1, ?2, 0, 1, ?3, ?4)",
                    (&id, &new.name, millis(created), text),
                )
                .map_err(self.failed())?;
            let tenant = Tenant { id, name: new.name, suspended: false, created, body, revision: 1 };
            let noted = noted(&tenant, "tenant.created");
            Ok((tenant, noted))
        })
    }

    /// An id that no tenant has, nor had: whoever comes later does not continue another one's records.
    fn free_id(&self, transaction: &Transaction<'_>, name: &str) -> Result<String, RegistryError> {
        let random = uuid::Uuid::new_v4().simple().to_string();
        let random = random.get(..8).unwrap_or(&random);
        let id = match names::id_of(name) {
            id if id.is_empty() => format!("tenant-{random}"),
            id => id,
        };
        let sql = "SELECT count(*) FROM tenant WHERE id = ?1";
        let taken: i64 = transaction.query_row(sql, [&id], |row| row.get(0)).map_err(self.failed())?;
        Ok(if taken > 0 { format!("{id}-{random}") } else { id })
    }

    /// All tenants, by id.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn tenants(&self) -> Result<Vec<Tenant>, RegistryError> {
        let db = store::open(&self.home)?;
        self.tenants_in(&db)
    }

    pub(super) fn tenants_in(&self, db: &rusqlite::Connection) -> Result<Vec<Tenant>, RegistryError> {
        let sql = "SELECT id, name, suspended, revision, created, body FROM tenant ORDER BY id";
        let mut statement = db.prepare(sql).map_err(self.failed())?;
        let rows = statement.query_map([], row).map_err(self.failed())?;
        rows.map(|row| self.tenant_of(row.map_err(self.failed())?)).collect()
    }

    /// One tenant.
    ///
    /// # Errors
    /// When it is not there.
    pub fn tenant(&self, id: &str) -> Result<Tenant, RegistryError> {
        let mut db = store::open(&self.home)?;
        let transaction = db.transaction().map_err(self.failed())?;
        self.tenant_in(&transaction, id)
    }

    pub(super) fn tenant_in(&self, db: &Transaction<'_>, id: &str) -> Result<Tenant, RegistryError> {
        let sql = "SELECT id, name, suspended, revision, created, body FROM tenant WHERE id = ?1";
        let found = db.query_row(sql, [id], row).optional().map_err(self.failed())?;
        let found = found.ok_or_else(|| RegistryError::Missing { what: "tenant", name: short(id) })?;
        self.tenant_of(found)
    }

    /// Changes a tenant. Its policies must load; those of the engine's configuration stay the default tenant's.
    ///
    /// # Errors
    /// When it is not there, or something of the change cannot be used.
    pub fn update_tenant(&self, id: &str, change: TenantChange) -> Result<Tenant, RegistryError> {
        if id == DEFAULT && (change.policies.is_some() || change.settings.is_some()) {
            let why = "the default tenant has the policies and settings that the engine is opened with";
            return Err(RegistryError::Refused { why: why.to_owned() });
        }
        self.change(|transaction| {
            let mut tenant = self.tenant_in(transaction, id)?;
            apply(&mut tenant.body, change);
            tenant.body = checked(tenant.body)?;
            let noted = self.put(transaction, &mut tenant, "tenant.updated")?;
            Ok((tenant, noted))
        })
    }

    /// Denies all actions of a tenant from now on, or no longer.
    ///
    /// # Errors
    /// When it is not there.
    pub fn suspend_tenant(&self, id: &str, suspended: bool) -> Result<Tenant, RegistryError> {
        self.change(|transaction| {
            let mut tenant = self.tenant_in(transaction, id)?;
            tenant.suspended = suspended;
            let what = if suspended { "tenant.suspended" } else { "tenant.resumed" };
            let noted = self.put(transaction, &mut tenant, what)?;
            Ok((tenant, noted))
        })
    }

    /// Takes a tenant away; its agents, if it has any, only when that is forced.
    ///
    /// # Errors
    /// When it is not there, or has agents, or is the default one.
    pub fn delete_tenant(&self, id: &str, forced: bool) -> Result<Tenant, RegistryError> {
        if id == DEFAULT {
            let why = "the default tenant stays; it can be suspended".to_owned();
            return Err(RegistryError::Refused { why });
        }
        self.change(|transaction| {
            let tenant = self.tenant_in(transaction, id)?;
            let sql = "SELECT count(*) FROM agent WHERE tenant = ?1";
            let agents: i64 = transaction.query_row(sql, [id], |row| row.get(0)).map_err(self.failed())?;
            if agents > 0 && !forced {
                return Err(RegistryError::InUse { tenant: id.to_owned(), agents: agents.unsigned_abs() });
            }
            for sql in [
                "DELETE FROM agent WHERE tenant = ?1",
                "DELETE FROM approval WHERE tenant = ?1",
                "DELETE FROM tenant WHERE id = ?1",
            ] {
                transaction.execute(sql, [id]).map_err(self.failed())?;
            }
            let mut noted = noted(&tenant, "tenant.deleted");
            noted.body.insert("agents".into(), agents.into());
            Ok((tenant, noted))
        })
    }

    fn put(
        &self,
        transaction: &Transaction<'_>,
        tenant: &mut Tenant,
        what: &'static str,
    ) -> Result<Noted, RegistryError> {
        tenant.revision += 1;
        let text = serde_json::to_string(&tenant.body).map_err(|error| self.not_ours(error))?;
        let sql = "UPDATE tenant SET suspended = ?2, revision = ?3, body = ?4 WHERE id = ?1";
        transaction
            .execute(sql, (&tenant.id, tenant.suspended, tenant.revision, text))
            .map_err(self.failed())?;
        Ok(noted(tenant, what))
    }

    fn tenant_of(&self, row: Row) -> Result<Tenant, RegistryError> {
        let Row(id, name, suspended, revision, created, body) = row;
        let body = serde_json::from_str(&body).map_err(|error| self.not_ours(error))?;
        Ok(Tenant { id, name, suspended, revision, created: time_of(created), body })
    }
}

struct Row(String, String, bool, i64, i64, String);

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row(row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
}

fn apply(body: &mut TenantBody, change: TenantChange) {
    let TenantChange { description, policies, settings, owners, approvers, rate_limits } = change;
    body.description = description.unwrap_or_else(|| std::mem::take(&mut body.description));
    body.policies = policies.unwrap_or_else(|| std::mem::take(&mut body.policies));
    body.settings = settings.or_else(|| body.settings.take());
    body.owners = owners.unwrap_or_else(|| std::mem::take(&mut body.owners));
    body.approvers = approvers.unwrap_or_else(|| std::mem::take(&mut body.approvers));
    body.rate_limits = rate_limits.unwrap_or_else(|| body.rate_limits.take());
}

/// What may stand in a row, with absolute paths and policies that load.
fn checked(mut body: TenantBody) -> Result<TenantBody, RegistryError> {
    names::text("description", &body.description, TEXT_BYTES_MAX)?;
    body.policies = names::paths(&body.policies)?;
    body.settings = body.settings.map(|path| names::path(&path)).transpose()?;
    for people in [&body.owners, &body.approvers] {
        if people.len() > PEOPLE_MAX {
            return Err(RegistryError::Full { what: "people of a tenant", max: PEOPLE_MAX as u64 });
        }
        people.iter().try_for_each(|name| names::account("person's name", name))?;
    }
    Snapshot::load(body.settings.as_deref(), &body.policies)?;
    match serde_json::to_vec(&body).map(|bytes| bytes.len()) {
        Ok(bytes) if bytes <= BODY_BYTES_MAX => Ok(body),
        _ => Err(RegistryError::Full { what: "bytes of a tenant", max: BODY_BYTES_MAX as u64 }),
    }
}

/// What the log says of it: names and places, not long lists.
fn noted(tenant: &Tenant, what: &'static str) -> Noted {
    let body = &tenant.body;
    let policies: Vec<&PathBuf> = body.policies.iter().take(20).collect();
    let few = |people: &[String]| people.iter().take(20).cloned().collect::<Vec<_>>();
    let told = json!({
        "approvers": few(&body.approvers), "id": tenant.id, "name": tenant.name, "owners": few(&body.owners),
        "policies": policies, "settings": body.settings, "suspended": tenant.suspended,
    });
    let body = match told {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    Noted { kind: Kind::Config, tenant: tenant.id.clone(), what, body, part: Part::Registered }
}

/// As much of a name as an error needs.
pub(super) fn short(name: &str) -> String {
    name.chars().take(100).collect()
}
