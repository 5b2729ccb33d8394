//! How the engine is, in numbers and in words.

use serde_json::{Value, json};

use crate::memo::CacheStats;

/// How the engine is.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    /// Nothing is degraded.
    pub healthy: bool,
    /// What is.
    pub reasons: Vec<String>,
    /// Decisions since the start: allowed, put to a person, denied.
    pub decisions: [u64; 3],
    /// Records in this log.
    pub log_size: u64,
    /// The log's name.
    pub log_origin: String,
    /// The snapshot in force.
    pub snapshot: String,
    /// Rules in force.
    pub rules: usize,
    /// Tenants.
    pub tenants: usize,
    /// Registered agents.
    pub agents: usize,
    /// Agents, sessions and tenants that are contained.
    pub contained: usize,
    /// Counts that are kept for limits.
    pub limit_cells: usize,
    /// Sessions that are remembered.
    pub sessions: usize,
    /// Events that subscribers were too slow for.
    pub events_dropped: u64,
    /// How often the detector cache helped.
    pub cache: CacheStats,
}

impl Health {
    /// Every field under its public name.
    pub fn to_json(&self) -> Value {
        let [allowed, approvals, denied] = self.decisions;
        json!({
            "agents": self.agents,
            "cache_hit_rate": self.cache.hit_rate(),
            "contained": self.contained,
            "decisions": {"ALLOW": allowed, "DENY": denied, "REQUIRE_APPROVAL": approvals},
            "events_dropped": self.events_dropped,
            "limit_cells": self.limit_cells,
            "log": {"origin": self.log_origin, "size": self.log_size},
            "reasons": self.reasons,
            "rules": self.rules,
            "sessions": self.sessions,
            "snapshot": self.snapshot,
            "status": if self.healthy { "healthy" } else { "degraded" },
            "tenants": self.tenants,
        })
    }
}
