//! `maais tenant`, `agent`, `contain`, `release`, `approvals`, `permit`: the registry on the command line.
//!
//! Works without an engine and without policies that load: an agent can be stopped whatever else is broken.

use std::io::Read as _;
use std::process::ExitCode;

use jiff::Timestamp;
use maais_runtime::core::json::BYTES_MAX;
use maais_runtime::core::request::{ActionRequest, Defaults};
use maais_runtime::permit::{self, PermitError};
use maais_runtime::registry::{self, NewTenant, Registry, RegistryError, TenantBody, TenantChange};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Done, print_json, verdict};
use crate::cli::{Agent, Approvals, Contain, Home, Permit, Tenant, TenantParts};
use crate::term::{GOOD, paint, printable, say, table};

fn open(at: &Home) -> Result<Registry, RegistryError> {
    Registry::open(&at.home, "maais")
}

/// `maais tenant`.
pub(crate) fn tenant(command: &Tenant) -> Done {
    match command {
        Tenant::Create { name, parts, at } => {
            let body = body_of(parts);
            let made = open(at)?.create_tenant(NewTenant { name: name.clone(), body })?;
            told(at, &made, &format!("created {}", made.id))
        }
        Tenant::List { at } => {
            let tenants = open(at)?.tenants()?;
            listed(at, &tenants, &["id", "name", "suspended", "policies"], |tenant| {
                let policies = tenant.body.policies.iter().map(|path| path.display().to_string());
                let suspended = if tenant.suspended { "yes" } else { "" }.to_owned();
                vec![
                    tenant.id.clone(),
                    tenant.name.clone(),
                    suspended,
                    policies.collect::<Vec<_>>().join(" "),
                ]
            })
        }
        Tenant::Update { id, parts, at } => {
            let changed = open(at)?.update_tenant(id, change_of(parts))?;
            told(at, &changed, &format!("updated {id}"))
        }
        Tenant::Suspend { id, at } => {
            told(at, &open(at)?.suspend_tenant(id, true)?, &format!("suspended {id}"))
        }
        Tenant::Resume { id, at } => {
            told(at, &open(at)?.suspend_tenant(id, false)?, &format!("resumed {id}"))
        }
        Tenant::Delete { id, force, at } => {
            told(at, &open(at)?.delete_tenant(id, *force)?, &format!("deleted {id}"))
        }
    }
}

fn body_of(parts: &TenantParts) -> TenantBody {
    let TenantParts { description, policies, settings, owners, approvers } = parts.clone();
    let description = description.unwrap_or_default();
    TenantBody { description, policies, settings, owners, approvers, rate_limits: Value::Null }
}

fn change_of(parts: &TenantParts) -> TenantChange {
    let TenantParts { description, policies, settings, owners, approvers } = parts.clone();
    fn said<T>(given: Vec<T>) -> Option<Vec<T>> {
        (!given.is_empty()).then_some(given)
    }
    TenantChange {
        description,
        policies: said(policies),
        settings,
        owners: said(owners),
        approvers: said(approvers),
        rate_limits: None,
    }
}

/// `maais agent`.
pub(crate) fn agent(command: &Agent) -> Done {
    match command {
        Agent::Register { id, tenant, owner, action_types, targets, at } => {
            let agent = registry::Agent {
                id: id.clone(),
                tenant: tenant.clone(),
                owner: owner.clone(),
                action_types: action_types.clone(),
                targets: targets.clone(),
            };
            told(at, &open(at)?.register_agent(agent)?, &format!("registered {id} to {tenant}"))
        }
        Agent::List { tenant, at } => {
            let agents = open(at)?.agents(tenant.as_deref())?;
            listed(at, &agents, &["id", "tenant", "owner", "types", "targets"], |agent| {
                let owner = agent.owner.clone().unwrap_or_default();
                let (types, targets) = (agent.action_types.join(" "), agent.targets.join(" "));
                vec![agent.id.clone(), agent.tenant.clone(), owner, types, targets]
            })
        }
        Agent::Remove { id, at } => told(at, &open(at)?.remove_agent(id)?, &format!("removed {id}")),
    }
}

/// `maais contain` and `maais release`.
pub(crate) fn contain(args: &Contain, release: bool) -> Done {
    let Contain { what, name, tenant, reason, by, at } = args;
    let registry = open(at)?;
    let Some(scope) = what.scope() else {
        return listed(at, &registry.contained()?, &["what", "name", "by", "since", "reason"], |mark| {
            let time = mark.time.to_string();
            vec![mark.scope.to_string(), mark.name.clone(), mark.by.clone(), time, mark.reason.clone()]
        });
    };
    let tenant = tenant.as_deref();
    let (mark, word) = match release {
        true => (registry.release(scope, name, tenant, reason, by)?, "released"),
        false => (registry.contain(scope, name, tenant, reason, by)?, "contained"),
    };
    told(at, &mark, &format!("{word} {scope} {name}"))
}

/// `maais approvals`.
pub(crate) fn approvals(command: &Approvals) -> Done {
    match command {
        Approvals::List { tenant, all, at } => {
            let found = open(at)?.approvals(tenant.as_deref(), *all)?;
            listed(at, &found, &["id", "state", "agent", "target", "expires"], |approval| {
                let target = approval.action.get("target").and_then(Value::as_str).unwrap_or_default();
                let (state, expires) = (approval.state.as_str().to_owned(), approval.expires.to_string());
                vec![approval.id.clone(), state, approval.agent.clone(), target.to_owned(), expires]
            })
        }
        Approvals::Show { id, at } => {
            print_json(&serde_json::to_value(open(at)?.approval(id)?)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Approvals::Approve { answer } => answered(answer, true),
        Approvals::Deny { answer } => answered(answer, false),
    }
}

fn answered(answer: &crate::cli::Answer, yes: bool) -> Done {
    let crate::cli::Answer { id, by, comment, at } = answer;
    let approval = open(at)?.answer(id, by, yes, comment)?;
    told(at, &approval, &format!("{id} is {}", approval.state.as_str()))
}

/// `maais permit`.
pub(crate) fn permit(command: &Permit) -> Done {
    let Permit::Verify { permit, key, spend, at } = command;
    let key = permit::public_key(&key.clone().unwrap_or_else(|| at.home.join(permit::PUBLIC_FILE)))?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(BYTES_MAX).unwrap_or(u64::MAX) + 1;
    std::io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
    // Neither belongs to what a permit is for.
    let defaults = Defaults { action_id: "unnamed".to_owned(), timestamp: Timestamp::UNIX_EPOCH };
    let verified = match ActionRequest::from_json(&bytes, defaults) {
        Err(error) => return refused(at, &error.to_string()),
        Ok(request) if *spend => permit::spend(permit, &request, &key, &open(at)?),
        Ok(request) => permit::verify(permit, &request, &key, Timestamp::now()),
    };
    match verified {
        Ok(permit) => told(at, &json!({"permitted": true, "permit": permit}), "permitted"),
        Err(error @ (PermitError::Registry(_) | PermitError::Key { .. })) => Err(error.into()),
        Err(error) => refused(at, &error.to_string()),
    }
}

fn refused(at: &Home, why: &str) -> Done {
    match at.json {
        true => print_json(&json!({"permitted": false, "why": why}))?,
        false => say!("{} {}", paint(crate::term::BAD, "not permitted:"), printable(why, 500)),
    }
    Ok(verdict(false))
}

fn told(at: &Home, what: &impl Serialize, words: &str) -> Done {
    match at.json {
        true => print_json(&serde_json::to_value(what)?)?,
        false => say!("{}", paint(GOOD, printable(words, 400))),
    }
    Ok(ExitCode::SUCCESS)
}

fn listed<T: Serialize>(at: &Home, items: &[T], header: &[&str], row: impl Fn(&T) -> Vec<String>) -> Done {
    if at.json {
        print_json(&serde_json::to_value(items)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut shown = table(header);
    for item in items {
        shown.add_row(row(item).iter().map(|text| printable(text, 200)));
    }
    say!("{shown}");
    Ok(ExitCode::SUCCESS)
}
