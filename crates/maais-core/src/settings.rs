//! Settings of the checks: whose agents they are, what may leave, what is critical, how much is too much.
//!
//! The defaults are those with which the engine runs when nobody wrote a file. Which files to read is the
//! engine's matter; here is only what is in them.

mod agents;
mod information_flow;

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use crate::decision::Effect;
use crate::diagnostic::{Diagnostics, Level, Source};
use crate::document::{self, Fields, Node, Reader, Yaml};
use crate::glob::Glob;
use crate::policy::quantity::Quantity;
use crate::request::ActionType;

pub use agents::{Agents, Approvals, Permits, Quarantine};

/// Everything that a settings file may say.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Files and folders with policies, relative to the settings file. None: the baseline pack.
    pub policies: Vec<String>,
    /// What follows when no policy matches. The policies may say so, too: the strictest counts, and `DENY` if
    /// nobody says anything.
    pub default_decision: Option<Effect>,
    /// Who answers for which agents, in the order of the file.
    pub owners: Vec<(Glob, String)>,
    /// Who answers for agents that no owner is named for.
    pub default_owner: Option<String>,
    /// Roles of agents, in the order of the file; an agent has those of every glob that matches it.
    pub roles: Vec<(Glob, Vec<String>)>,
    /// What may leave.
    pub confidentiality: Confidentiality,
    /// What must stay as it is.
    pub integrity: Integrity,
    /// How much is too much.
    pub availability: Availability,
    /// What may follow from what was read.
    pub flow: InformationFlow,
    /// How the log is written. Counts when the engine starts.
    pub audit: Audit,
    /// Which agents may act at all.
    pub agents: Agents,
    /// How people approve.
    pub approvals: Approvals,
    /// Whether allowed actions carry a permit.
    pub permits: Permits,
}

pub use information_flow::InformationFlow;

/// How old records may become before something is done with them.
const AGES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(100 * 366 * 86_400);

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audit {
    /// An answer leaves before its record is on the disk, which it is within this time. None: it does not.
    pub buffered_within: Option<Duration>,
    /// How long an action waits for the log before it is denied.
    pub deadline: Duration,
    /// Closed parts of the log are compressed when they are so old. None: they are not.
    pub compress_after: Option<Duration>,
    /// Records are pruned when they are so old, as far as whole segments allow. None: they are kept.
    pub retention: Option<Duration>,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            buffered_within: None,
            deadline: Duration::from_millis(250),
            compress_after: None,
            retention: None,
        }
    }
}

/// What may leave.
#[derive(Debug, Clone)]
pub struct Confidentiality {
    /// Hosts to which data may be sent.
    pub allowed_hosts: Vec<Glob>,
}

/// What must stay as it is.
#[derive(Debug, Clone)]
pub struct Integrity {
    /// Tools that run whatever they are given. Compared without case, whole or after the last dot.
    pub dangerous_tools: Vec<String>,
    /// Further paths that no agent may write.
    pub protected_paths: Vec<Glob>,
}

/// Actions a minute for each agent, action type and target.
#[derive(Debug, Clone)]
pub struct Availability {
    /// By [`ActionType::index`].
    pub max_per_minute: [u32; ActionType::ALL.len()],
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            policies: Vec::new(),
            default_decision: None,
            owners: Vec::new(),
            default_owner: Some("system_admin".to_owned()),
            roles: Vec::new(),
            confidentiality: Confidentiality { allowed_hosts: Vec::new() },
            integrity: Integrity::default(),
            availability: Availability::default(),
            flow: InformationFlow::default(),
            audit: Audit::default(),
            agents: Agents::default(),
            approvals: Approvals::default(),
            permits: Permits::default(),
        }
    }
}

impl Default for Integrity {
    fn default() -> Self {
        let tools = [
            "eval",
            "exec",
            "os.system",
            "subprocess",
            "shell_exec",
            "popen",
            "os.popen",
            "pty.spawn",
            "sudo",
        ];
        Self { dangerous_tools: tools.map(str::to_owned).to_vec(), protected_paths: Vec::new() }
    }
}

impl Default for Availability {
    fn default() -> Self {
        let mut max_per_minute = [100; ActionType::ALL.len()];
        let limits = [
            (ActionType::DatabaseQuery, 50),
            (ActionType::MemoryRead, 100),
            (ActionType::ApiCall, 30),
            (ActionType::NetworkRequest, 10),
        ];
        for (kind, max) in limits {
            if let Some(entry) = max_per_minute.get_mut(kind.index()) {
                *entry = max;
            }
        }
        Self { max_per_minute }
    }
}

impl Availability {
    /// The limit for that kind of action.
    pub fn max_for(&self, kind: ActionType) -> u32 {
        self.max_per_minute.get(kind.index()).copied().unwrap_or(0)
    }
}

impl Settings {
    /// Who answers for an agent: its own name, then the first glob that matches, then the default owner.
    pub fn owner_of(&self, agent: &str) -> Option<&str> {
        let exact = self.owners.iter().find(|(glob, _)| glob.as_str() == agent);
        let named = exact.or_else(|| self.owners.iter().find(|(glob, _)| glob.matches(agent)));
        named.map(|(_, owner)| owner.as_str()).or(self.default_owner.as_deref())
    }

    /// The roles of an agent, each once.
    pub fn roles_of(&self, agent: &str) -> Vec<String> {
        let matching = self.roles.iter().filter(|(glob, _)| glob.matches(agent));
        let mut roles: Vec<String> = matching.flat_map(|(_, roles)| roles.iter().cloned()).collect();
        roles.sort_unstable();
        roles.dedup();
        roles
    }
}

/// How long a buffered record may wait for the disk, if the file does not say.
const WITHIN: Duration = Duration::from_millis(100);

const FIELDS: [&str; 14] = [
    "version",
    "policies",
    "default_decision",
    "owners",
    "default_owner",
    "roles",
    "confidentiality",
    "integrity",
    "availability",
    "information_flow",
    "audit",
    "agents",
    "approvals",
    "permits",
];

/// Settings, and what their author should know.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Mended escapes and the like.
    pub warnings: Diagnostics,
}

/// Reads settings; what the file does not say keeps its default.
///
/// # Errors
/// Everything that is wrong with the file, at once.
pub fn parse(source: &Source) -> Result<Loaded, Diagnostics> {
    let document = document::parse(source)?;
    let mut reader = Reader::new(source);
    let mut settings = Settings::default();
    if document.root.value != Yaml::Null
        && let Some(fields) = reader.map(&document.root, "the settings", &FIELDS)
    {
        read(&mut reader, &fields, &mut settings);
    }
    let mut problems = document.problems;
    problems.extend(reader.into_problems());
    if problems.iter().any(|problem| problem.level == Level::Error) {
        return Err(Diagnostics(problems));
    }
    Ok(Loaded { settings, warnings: Diagnostics(problems) })
}

fn read(reader: &mut Reader<'_>, fields: &Fields<'_>, settings: &mut Settings) {
    if let Some(node) = fields.field("policies") {
        settings.policies = reader.texts(node, "policies").into_iter().map(|(text, _)| text).collect();
    }
    if let Some(node) = fields.field("default_decision") {
        default_decision(reader, node, settings);
    }
    if let Some(node) = fields.field("owners") {
        settings.owners = owners(reader, node);
    }
    match fields.field_or_null("default_owner") {
        Some(node) if node.value == Yaml::Null => settings.default_owner = None,
        Some(node) => settings.default_owner = reader.text(node, "default_owner"),
        None => {}
    }
    if let Some(node) = fields.field("roles") {
        settings.roles = roles(reader, node);
    }
    if let Some(node) = fields.field("confidentiality")
        && let Some(inner) = reader.map(node, "confidentiality", &["allowed_hosts"])
        && let Some(hosts) = inner.field("allowed_hosts")
    {
        settings.confidentiality.allowed_hosts = globs(reader, hosts, "allowed_hosts", Glob::new);
    }
    if let Some(node) = fields.field("integrity") {
        integrity(reader, node, settings);
    }
    if let Some(node) = fields.field("availability") {
        availability(reader, node, settings);
    }
    if let Some(node) = fields.field("information_flow") {
        information_flow::read(reader, node, &mut settings.flow);
    }
    if let Some(node) = fields.field("audit") {
        audit(reader, node, settings);
    }
    if let Some(node) = fields.field("agents") {
        agents::agents(reader, node, &mut settings.agents);
    }
    if let Some(node) = fields.field("approvals") {
        agents::approvals(reader, node, &mut settings.approvals);
    }
    if let Some(node) = fields.field("permits") {
        agents::permits(reader, node, &mut settings.permits);
    }
}

fn audit(reader: &mut Reader<'_>, node: &Node, settings: &mut Settings) {
    let Some(fields) =
        reader.map(node, "audit", &["mode", "within", "deadline", "compress_after", "retention"])
    else {
        return;
    };
    let range = Duration::from_millis(1)..=Duration::from_secs(60);
    let within = fields.field("within").and_then(|node| duration(reader, node, "within", &range));
    if let Some(deadline) =
        fields.field("deadline").and_then(|node| duration(reader, node, "deadline", &range))
    {
        settings.audit.deadline = deadline;
    }
    let mut age = |name| fields.field(name).and_then(|node| duration(reader, node, name, &AGES));
    settings.audit.compress_after = age("compress_after");
    settings.audit.retention = age("retention");
    let Some(mode) = fields.field("mode") else {
        if let Some(node) = fields.field("within") {
            let help = "say `mode: buffered`, too, if answers may leave before their records are on the disk"
                .to_owned();
            reader.error(&node.span, "`within` belongs to `mode: buffered`", "without a mode", Some(help));
        }
        return;
    };
    match reader.text(mode, "mode").as_deref() {
        Some("durable") => {}
        Some("buffered") => settings.audit.buffered_within = Some(within.unwrap_or(WITHIN)),
        Some(other) => {
            let help = "`durable`: on the disk before the answer; or `buffered`".to_owned();
            reader.error(&mode.span, format!("unknown mode `{other}`"), "no mode", Some(help));
        }
        None => {}
    }
}

fn duration(
    reader: &mut Reader<'_>,
    node: &Node,
    name: &str,
    range: &RangeInclusive<Duration>,
) -> Option<Duration> {
    let millis = Quantity::of(&node.to_json()).and_then(|quantity| quantity.millis());
    let found = millis.map(Duration::from_millis).filter(|found| range.contains(found));
    if found.is_none() {
        let (least, most) = (shown(range.start()), shown(range.end()));
        let help = format!("a duration from `{least}` to `{most}`");
        reader.error(&node.span, format!("`{name}` is no such duration"), "here", Some(help));
    }
    found
}

/// A duration as people write it.
fn shown(duration: &Duration) -> String {
    match duration.as_millis() {
        millis if millis % 86_400_000 == 0 => format!("{}d", millis / 86_400_000),
        millis if millis % 1_000 == 0 => format!("{}s", millis / 1_000),
        millis => format!("{millis}ms"),
    }
}

fn default_decision(reader: &mut Reader<'_>, node: &Node, settings: &mut Settings) {
    let Some(text) = reader.text(node, "default_decision") else {
        return;
    };
    match Effect::from_name(&text) {
        Some(effect) => settings.default_decision = Some(effect),
        None => {
            let help = "one of `ALLOW`, `DENY`, `REQUIRE_APPROVAL`".to_owned();
            reader.error(&node.span, format!("unknown effect `{text}`"), "no effect", Some(help));
        }
    }
}

fn owners(reader: &mut Reader<'_>, node: &Node) -> Vec<(Glob, String)> {
    let Some(fields) = reader.open_map(node, "owners") else {
        return Vec::new();
    };
    let mut owners = Vec::new();
    for (key, value) in fields.iter() {
        let owner = reader.text(value, "an owner");
        let glob = glob(reader, &key.text, &key.span, Glob::new);
        owners.extend(glob.zip(owner));
    }
    owners
}

fn roles(reader: &mut Reader<'_>, node: &Node) -> Vec<(Glob, Vec<String>)> {
    let Some(fields) = reader.open_map(node, "roles") else {
        return Vec::new();
    };
    let mut roles = Vec::new();
    for (key, value) in fields.iter() {
        let names = reader.texts(value, "roles").into_iter().map(|(text, _)| text).collect();
        roles.extend(glob(reader, &key.text, &key.span, Glob::new).map(|glob| (glob, names)));
    }
    roles
}

fn integrity(reader: &mut Reader<'_>, node: &Node, settings: &mut Settings) {
    let Some(fields) = reader.map(node, "integrity", &["dangerous_tools", "protected_paths"]) else {
        return;
    };
    if let Some(node) = fields.field_or_null("dangerous_tools") {
        settings.integrity.dangerous_tools = match node.value {
            Yaml::Null => Vec::new(),
            _ => reader.texts(node, "dangerous_tools").into_iter().map(|(text, _)| text).collect(),
        };
    }
    if let Some(node) = fields.field("protected_paths") {
        settings.integrity.protected_paths = globs(reader, node, "protected_paths", Glob::path);
    }
}

fn availability(reader: &mut Reader<'_>, node: &Node, settings: &mut Settings) {
    let Some(fields) = reader.map(node, "availability", &["max_per_minute"]) else {
        return;
    };
    let Some(limits) = fields.field("max_per_minute") else {
        return;
    };
    let names: Vec<&str> = ActionType::ALL.iter().map(|kind| kind.as_str()).chain(["default"]).collect();
    let Some(fields) = reader.map(limits, "max_per_minute", &names) else {
        return;
    };
    let mut limit = |name: &str| fields.field(name).and_then(|node| reader.int(node, name, 0..=1_000_000));
    let default = limit("default").and_then(|max| u32::try_from(max).ok());
    let defaults = Availability::default();
    for kind in ActionType::ALL {
        let own = limit(kind.as_str()).and_then(|max| u32::try_from(max).ok());
        // `default` replaces 100, not the limits that kinds of action have of their own.
        let fallback = match defaults.max_for(kind) {
            100 if kind != ActionType::MemoryRead => default.unwrap_or(100),
            max => max,
        };
        if let Some(entry) = settings.availability.max_per_minute.get_mut(kind.index()) {
            *entry = own.unwrap_or(fallback);
        }
    }
}

type MakeGlob = fn(&str) -> Result<Glob, crate::glob::GlobError>;

fn globs(reader: &mut Reader<'_>, node: &Node, name: &str, make: MakeGlob) -> Vec<Glob> {
    let texts = reader.texts(node, name);
    texts.iter().filter_map(|(text, span)| glob(reader, text, span, make)).collect()
}

fn glob(reader: &mut Reader<'_>, text: &str, span: &Range<usize>, make: MakeGlob) -> Option<Glob> {
    match make(text) {
        Ok(glob) => Some(glob),
        Err(error) => {
            reader.error(span, format!("this glob is not understood: {error}"), "here", None);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, Diagnostics> {
        parse(&Source::new("maais.yaml", text)).map(|loaded| loaded.settings)
    }

    #[test]
    fn the_defaults_are_those_of_the_manual() {
        let settings = read("").unwrap();
        let max = |kind| settings.availability.max_for(kind);
        assert_eq!(max(ActionType::DatabaseQuery), 50);
        assert_eq!(max(ActionType::MemoryRead), 100);
        assert_eq!(max(ActionType::ApiCall), 30);
        assert_eq!(max(ActionType::NetworkRequest), 10);
        assert_eq!(max(ActionType::ToolCall), 100);
        assert_eq!(settings.owner_of("anyone"), Some("system_admin"));
    }

    #[test]
    fn a_buffered_log_is_chosen_by_name() {
        let audit = |text: &str| read(text).map(|settings| settings.audit);
        assert_eq!(audit("").unwrap(), Audit::default());
        assert_eq!(audit("audit: {mode: durable}").unwrap(), Audit::default());
        let buffered = audit("audit: {mode: buffered, within: 20ms, deadline: 1s}").unwrap();
        assert_eq!(buffered.buffered_within, Some(Duration::from_millis(20)));
        assert_eq!(buffered.deadline, Duration::from_secs(1));
        assert_eq!(audit("audit: {mode: buffered}").unwrap().buffered_within, Some(WITHIN));
        let aged = audit("audit: {compress_after: 7d, retention: 400d}").unwrap();
        let days = |days: u64| Some(Duration::from_secs(86_400 * days));
        assert_eq!((aged.compress_after, aged.retention), (days(7), days(400)));
        assert!(read("audit: {retention: 0s}").is_err());
        for wrong in
            ["audit: {within: 20ms}", "audit: {mode: fast}", "audit: {deadline: 2h}", "audit: {sync: off}"]
        {
            assert!(audit(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_exact_owner_goes_before_a_glob_and_a_glob_before_the_default() {
        let settings = read("owners: {'data_*': team, data_x: me}\ndefault_owner: null").unwrap();
        assert_eq!(settings.owner_of("data_x"), Some("me"));
        assert_eq!(settings.owner_of("data_y"), Some("team"));
        assert_eq!(settings.owner_of("other"), None);
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        let problems =
            read("polices: [x]\navailability: {max_per_minute: {databse_query: 1, tool_call: many}}")
                .unwrap_err();
        assert_eq!(problems.0.len(), 3, "{problems}");
        assert!(problems.to_string().contains("did you mean `policies`?"), "{problems}");
    }
}
