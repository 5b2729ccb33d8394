//! Rego by regorus: as bytecode, its fastest way, and interpreted, for rule sets that the bytecode refuses.
//! Its limits are raised and its cache of regexes holds them all.

use std::borrow::Cow;
use std::num::{NonZeroU32, NonZeroUsize};

use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{PolicyLengthConfig, Value, cache};

use crate::Failure;
use crate::engine::Engine;
use crate::workload::{Request, Workload};

const ENTRY: &str = "data.maais.decision";

struct Bytecode {
    machine: RegoVM,
    requests: Vec<Value>,
}

struct Interpreter {
    engine: regorus::Engine,
    requests: Vec<Value>,
}

pub(crate) fn load_bytecode(workload: &Workload) -> Result<impl Engine + use<>, Failure> {
    let policy = engine(workload)?.compile_with_entrypoint(&ENTRY.into())?;
    let program = Compiler::compile_from_policy(&policy, &[ENTRY])?;
    let mut machine = RegoVM::new();
    machine.set_max_instructions(usize::MAX);
    machine.load_program(program);
    Ok(Bytecode { machine, requests: Vec::new() })
}

pub(crate) fn load_interpreter(workload: &Workload) -> Result<impl Engine + use<>, Failure> {
    Ok(Interpreter { engine: engine(workload)?, requests: Vec::new() })
}

fn engine(workload: &Workload) -> Result<regorus::Engine, Failure> {
    cache::configure(cache::Config { regex: cache::Config::MAX_CAPACITY, ..Default::default() });
    let mut engine = regorus::Engine::new();
    engine.set_policy_length_config(PolicyLengthConfig {
        max_col: NonZeroU32::MAX,
        max_file_bytes: NonZeroUsize::MAX,
        max_lines: NonZeroUsize::MAX,
    });
    engine.add_policy("rules.rego".into(), workload.rego.clone())?;
    Ok(engine)
}

impl Engine for Bytecode {
    fn prepare(&mut self, requests: &[Request]) -> Result<(), Failure> {
        self.requests = requests.iter().map(input).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn decide(&mut self, request: usize) -> Option<Cow<'_, str>> {
        self.machine.set_input(self.requests[request].clone());
        rule(self.machine.execute_entry_point_by_index(0))
    }
}

impl Engine for Interpreter {
    fn prepare(&mut self, requests: &[Request]) -> Result<(), Failure> {
        self.requests = requests.iter().map(input).collect::<Result<_, _>>()?;
        // Analyses the rules once; later calls find them prepared.
        self.requests.first().and_then(|first| {
            self.engine.set_input(first.clone());
            self.engine.eval_rule(ENTRY.into()).ok()
        });
        Ok(())
    }

    fn decide(&mut self, request: usize) -> Option<Cow<'_, str>> {
        self.engine.set_input(self.requests[request].clone());
        rule(self.engine.eval_rule(ENTRY.into()))
    }
}

fn input(request: &Request) -> Result<Value, Failure> {
    let input = serde_json::json!({
        "action_type": request.action_type,
        "target": request.target,
        "parameters": request.parameters,
    });
    Ok(Value::from_json_str(&input.to_string())?)
}

/// An error is no rule, which the comparison then counts as a mismatch.
fn rule<E>(answer: Result<Value, E>) -> Option<Cow<'static, str>> {
    answer.ok()?.as_string().ok().map(|id| Cow::Owned(id.to_string()))
}
