//! The queue of actions that wait for a person.
//!
//! A request is bound to the digest of the exact action, the policies that asked for a person, and the tenant; the
//! digest holds the session. Whoever approves is neither the agent nor who answers for it, and counts once. An
//! approval is spent once, in one transaction, before the action's record is written: a crash in between costs the
//! approval, never a second action.

use jiff::{SignedDuration, Timestamp};
use maais_audit::Kind;
use rusqlite::{OptionalExtension as _, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::names;
use super::tenants::short;
use super::{Noted, Part, Registry, RegistryError, millis, store, time_of};

/// Requests of one agent that wait at the same time.
pub const PENDING_AGENT_MAX: u64 = 100;
/// Requests of one tenant that wait at the same time.
pub const PENDING_TENANT_MAX: u64 = 1_000;
/// Requests of one tenant that are kept, answered or not.
const KEPT_TENANT_MAX: u64 = 20_000;
/// How long a request is kept after its end; the log keeps what came of it for ever.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Bytes of a comment.
pub const COMMENT_BYTES_MAX: usize = 4 * 1024;

/// How a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalState {
    /// It waits for people.
    Pending,
    /// Enough of them said yes; the action may be asked for again, once.
    Approved,
    /// One of them said no.
    Denied,
    /// It was used.
    Spent,
    /// Nobody answered, or nobody used it, in time: it is no longer worth anything.
    Expired,
}

impl ApprovalState {
    const STORED: [(Self, &'static str); 4] = [
        (Self::Pending, "pending"),
        (Self::Approved, "approved"),
        (Self::Denied, "denied"),
        (Self::Spent, "spent"),
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        Self::STORED.iter().find(|(state, _)| *state == self).map_or("expired", |(_, word)| word)
    }
}

/// What a person said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Who.
    pub by: String,
    /// Yes or no.
    pub yes: bool,
    /// In their words.
    pub comment: String,
    /// When.
    pub time: Timestamp,
}

/// A request for a person's approval.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Approval {
    /// Which.
    pub id: String,
    /// Whose agent asks.
    pub tenant: String,
    /// Who asks.
    pub agent: String,
    /// Of exactly which action.
    pub digest: String,
    /// The policies that asked for a person.
    pub snapshot: String,
    /// How it is.
    pub state: ApprovalState,
    /// How many people have to say yes.
    pub quorum: u32,
    /// Since when it waits.
    pub created: Timestamp,
    /// Until when it may be answered and used.
    pub expires: Timestamp,
    /// The action that it was spent on.
    pub spent_by: Option<String>,
    /// Who answers for the agent, and may not approve.
    pub owner: Option<String>,
    /// Who may approve; nobody named: whoever is neither the agent nor its owner.
    pub approvers: Vec<String>,
    /// Why a person is asked.
    pub reason: String,
    /// The action, without what is secret.
    pub action: Value,
    /// What people said.
    pub answers: Vec<Answer>,
}

#[derive(Serialize, Deserialize)]
struct Body {
    owner: Option<String>,
    approvers: Vec<String>,
    reason: String,
    action: Value,
}

/// An action for which a person is asked.
pub(crate) struct Asked {
    pub(crate) tenant: String,
    pub(crate) agent: String,
    pub(crate) action_id: String,
    pub(crate) digest: String,
    pub(crate) snapshot: String,
    pub(crate) owner: Option<String>,
    /// Whom the rule names.
    pub(crate) approvers: Vec<String>,
    pub(crate) quorum: u32,
    pub(crate) valid: std::time::Duration,
    pub(crate) reason: String,
    pub(crate) action: Value,
}

/// What there is for an action.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sought {
    /// An approval, which is spent now.
    Spent(String),
    /// A person's no.
    Denied(String),
    /// A request that waits, perhaps since just now.
    Waiting { id: String, expires: Timestamp },
    /// No room for another request.
    Full,
}

impl Registry {
    /// Spends the approval of an action if there is one, or else puts the action into the queue.
    pub(crate) fn seek(&self, asked: Asked) -> Result<Sought, RegistryError> {
        let now = self.now();
        self.write(|transaction| {
            let sql = "SELECT id, state, expires FROM approval WHERE digest = ?1 AND tenant = ?2 AND snapshot = ?3
                AND expires > ?4 AND state != 'spent' ORDER BY created DESC, rowid DESC LIMIT 1";
            let key = (&asked.digest, &asked.tenant, &asked.snapshot, millis(now));
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            let found: Option<(String, String, i64)> =
                transaction.query_row(sql, key, row).optional().map_err(self.failed())?;
            match found.as_ref().map(|(id, state, expires)| (id, state.as_str(), *expires)) {
                Some((id, "approved", _)) => {
                    let sql =
                        "UPDATE approval SET state = 'spent', spent_by = ?2 WHERE id = ?1 AND state = 'approved'";
                    let spent =
                        transaction.execute(sql, (id, &asked.action_id)).map_err(self.failed())?;
                    if spent != 1 {
                        return Err(self.not_ours("an approval could not be spent"));
                    }
                    Ok(Sought::Spent(id.clone()))
                }
                Some((id, "pending", expires)) => {
                    Ok(Sought::Waiting { id: id.clone(), expires: time_of(expires) })
                }
                Some((id, _, _)) => Ok(Sought::Denied(id.clone())),
                None => self.queue(transaction, asked, now),
            }
        })
    }

    fn queue(
        &self,
        transaction: &Transaction<'_>,
        asked: Asked,
        now: Timestamp,
    ) -> Result<Sought, RegistryError> {
        let kept = now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN);
        transaction
            .execute("DELETE FROM approval WHERE expires < ?1", [millis(kept)])
            .map_err(self.failed())?;
        let count = |sql: &str, key: &[&dyn rusqlite::ToSql]| -> Result<u64, RegistryError> {
            let count: i64 = transaction.query_row(sql, key, |row| row.get(0)).map_err(self.failed())?;
            Ok(count.unsigned_abs())
        };
        let now_ms = millis(now);
        let waiting =
            "SELECT count(*) FROM approval WHERE tenant = ?1 AND state = 'pending' AND expires > ?2";
        let of_agent = format!("{waiting} AND agent = ?3");
        let kept = "SELECT count(*) FROM approval WHERE tenant = ?1";
        if count(&of_agent, &[&asked.tenant, &now_ms, &asked.agent])? >= PENDING_AGENT_MAX
            || count(waiting, &[&asked.tenant, &now_ms])? >= PENDING_TENANT_MAX
            || count(kept, &[&asked.tenant])? >= KEPT_TENANT_MAX
        {
            return Ok(Sought::Full);
        }
        let tenant = self.tenant_in(transaction, &asked.tenant)?;
        let id = uuid::Uuid::now_v7().to_string();
        let valid = SignedDuration::try_from(asked.valid).unwrap_or(SignedDuration::from_hours(1));
        let expires = now.saturating_add(valid).unwrap_or(Timestamp::MAX);
        let approvers = eligible(&asked.approvers, &tenant.body.approvers);
        let body = Body { owner: asked.owner, approvers, reason: asked.reason, action: asked.action };
        let body = serde_json::to_string(&body).map_err(|error| self.not_ours(error))?;
        let sql = "INSERT INTO approval VALUES(?1, ?2, ?3, ?4, ?5, 'pending', ?6, ?7, ?8, NULL, ?9)";
        let row = (
            &id,
            &asked.tenant,
            &asked.agent,
            &asked.digest,
            &asked.snapshot,
            asked.quorum,
            now_ms,
            millis(expires),
            body,
        );
        transaction.execute(sql, row).map_err(self.failed())?;
        Ok(Sought::Waiting { id, expires })
    }

    /// The requests of a tenant, or of all, the newest first; only those that wait, or all that are kept.
    ///
    /// # Errors
    /// When the registry cannot be read.
    pub fn approvals(&self, tenant: Option<&str>, all: bool) -> Result<Vec<Approval>, RegistryError> {
        let mut db = store::open(&self.home)?;
        let transaction = db.transaction().map_err(self.failed())?;
        let sql = "SELECT id FROM approval WHERE (?1 IS NULL OR tenant = ?1)
            AND (?2 OR (state = 'pending' AND expires > ?3)) ORDER BY created DESC, rowid DESC";
        let mut statement = transaction.prepare(sql).map_err(self.failed())?;
        let rows = statement.query_map((tenant, all, millis(self.now())), |row| row.get::<_, String>(0));
        let ids = rows.and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>).map_err(self.failed())?;
        ids.iter().map(|id| self.approval_in(&transaction, id)).collect()
    }

    /// One request.
    ///
    /// # Errors
    /// When it is not there.
    pub fn approval(&self, id: &str) -> Result<Approval, RegistryError> {
        let mut db = store::open(&self.home)?;
        let transaction = db.transaction().map_err(self.failed())?;
        self.approval_in(&transaction, id)
    }

    fn approval_in(&self, transaction: &Transaction<'_>, id: &str) -> Result<Approval, RegistryError> {
        let sql = "SELECT tenant, agent, digest, snapshot, state, quorum, created, expires, spent_by, body
            FROM approval WHERE id = ?1";
        let read = |row: &rusqlite::Row<'_>| {
            let (state, body): (String, String) = (row.get(4)?, row.get(9)?);
            let approval = Approval {
                id: id.to_owned(),
                tenant: row.get(0)?,
                agent: row.get(1)?,
                digest: row.get(2)?,
                snapshot: row.get(3)?,
                state: ApprovalState::Expired,
                quorum: row.get(5)?,
                created: time_of(row.get(6)?),
                expires: time_of(row.get(7)?),
                spent_by: row.get(8)?,
                owner: None,
                approvers: Vec::new(),
                reason: String::new(),
                action: Value::Null,
                answers: Vec::new(),
            };
            Ok((approval, state, body))
        };
        let found = transaction.query_row(sql, [id], read).optional().map_err(self.failed())?;
        let missing = || RegistryError::Missing { what: "approval", name: short(id) };
        let (approval, state, body) = found.ok_or_else(missing)?;
        let Body { owner, approvers, reason, action } =
            serde_json::from_str(&body).map_err(|error| self.not_ours(error))?;
        let stored = ApprovalState::STORED.into_iter().find(|(_, word)| *word == state);
        let (stored, _) = stored.ok_or_else(|| self.not_ours("an approval has no state"))?;
        let answers = self.answers_in(transaction, id)?;
        let over = stored != ApprovalState::Spent && approval.expires <= self.now();
        let state = if over { ApprovalState::Expired } else { stored };
        Ok(Approval { state, owner, approvers, reason, action, answers, ..approval })
    }

    fn answers_in(&self, transaction: &Transaction<'_>, id: &str) -> Result<Vec<Answer>, RegistryError> {
        let sql = "SELECT by, yes, comment, time FROM answer WHERE approval = ?1 ORDER BY time, folded";
        let mut statement = transaction.prepare(sql).map_err(self.failed())?;
        let rows = statement.query_map([id], |row| {
            let time = time_of(row.get(3)?);
            Ok(Answer { by: row.get(0)?, yes: row.get(1)?, comment: row.get(2)?, time })
        });
        rows.and_then(Iterator::collect).map_err(self.failed())
    }

    /// Says yes or no to a request. The log has it before it counts.
    ///
    /// # Errors
    /// When the request does not wait, or this one may not answer it.
    pub fn answer(&self, id: &str, by: &str, yes: bool, comment: &str) -> Result<Approval, RegistryError> {
        names::account("person's name", by)?;
        names::text("comment", comment, COMMENT_BYTES_MAX)?;
        self.change(|transaction| {
            let mut approval = self.approval_in(transaction, id)?;
            let is_agent = self.agent_in(transaction, by)?.is_some();
            may_answer(&approval, by, is_agent).map_err(|why| RegistryError::Refused { why })?;
            let (by, comment, time) = (by.to_owned(), comment.to_owned(), self.now());
            let row = (id, folded(&by), &by, yes, &comment, millis(time));
            transaction
                .execute("INSERT INTO answer VALUES(?1, ?2, ?3, ?4, ?5, ?6)", row)
                .map_err(self.failed())?;
            approval.answers.push(Answer { by, yes, comment, time });
            let said_yes = approval.answers.iter().filter(|answer| answer.yes).count();
            approval.state = match yes {
                false => ApprovalState::Denied,
                true if said_yes >= approval.quorum as usize => ApprovalState::Approved,
                true => ApprovalState::Pending,
            };
            let sql = "UPDATE approval SET state = ?2 WHERE id = ?1";
            transaction.execute(sql, (id, approval.state.as_str())).map_err(self.failed())?;
            let noted = noted(&approval);
            Ok((approval, noted))
        })
    }
}

/// Whether this one may answer, or why not.
fn may_answer(approval: &Approval, by: &str, is_agent: bool) -> Result<(), String> {
    if approval.state != ApprovalState::Pending {
        return Err(format!("the request is {} already", approval.state.as_str()));
    }
    let same = |other: &str| folded(other) == folded(by);
    if is_agent || same(&approval.agent) {
        return Err(format!("`{by}` is an agent; a person has to answer"));
    }
    if approval.owner.as_deref().is_some_and(same) {
        return Err(format!("`{by}` answers for the agent, so somebody else has to approve"));
    }
    if approval.answers.iter().any(|answer| same(&answer.by)) {
        return Err(format!("`{by}` has answered already"));
    }
    if !approval.approvers.is_empty() && !approval.approvers.iter().any(|name| same(name)) {
        return Err(format!("`{by}` is none of those who may approve this"));
    }
    Ok(())
}

/// The people whom a rule's names stand for: `security` is itself, and whoever the tenant lists as
/// `security:name`. A rule that names nobody leaves it to the tenant's approvers.
fn eligible(rule: &[String], tenant: &[String]) -> Vec<String> {
    let name = |entry: &String| entry.split_once(':').map_or(entry.clone(), |(_, name)| name.to_owned());
    if rule.is_empty() {
        return tenant.iter().map(name).collect();
    }
    let mut people = rule.to_vec();
    for role in rule {
        let of_role = tenant.iter().filter_map(|entry| entry.strip_prefix(role.as_str())?.strip_prefix(':'));
        people.extend(of_role.map(str::to_owned));
    }
    people
}

/// `Ann` and `ann` are one person.
fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

fn noted(approval: &Approval) -> Noted {
    let Approval { id, tenant, agent, digest, snapshot, state, quorum, answers, .. } = approval;
    let body = json!({
        "agent": agent, "answer": answers.last(), "digest": digest, "id": id, "quorum": quorum,
        "snapshot": snapshot, "state": state,
    });
    let body = match body {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    let what = "approval.answered";
    Noted { kind: Kind::Approval, tenant: tenant.clone(), what, body, part: Part::Neither }
}
