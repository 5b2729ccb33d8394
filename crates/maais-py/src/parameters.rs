//! The parameters of a guarded callable: which name each argument of a call is judged under.
//!
//! Read once, when the guard is made. Python's own `Signature.bind` would do, but it can be replaced, and
//! whoever replaces it could have one thing judged and another one run.

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

/// How a parameter takes its argument.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    PositionalOnly,
    PositionalOrKeyword,
    VarPositional,
    KeywordOnly,
    VarKeyword,
}

/// The argument of a parameter.
pub(crate) struct Argument<'py> {
    pub(crate) name: Bound<'py, PyString>,
    pub(crate) value: Bound<'py, PyAny>,
    /// The function's own object: whoever called said nothing.
    pub(crate) is_default: bool,
}

struct Parameter {
    name: Py<PyString>,
    kind: Kind,
    default: Option<Py<PyAny>>,
}

/// The parameters in their order.
pub(crate) struct Parameters(Vec<Parameter>);

impl Parameters {
    /// What an `inspect.Signature` says.
    pub(crate) fn read(signature: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = signature.py();
        let empty = signature.getattr(intern!(py, "empty"))?;
        let all = signature.getattr(intern!(py, "parameters"))?.call_method0(intern!(py, "values"))?;
        all.try_iter()?
            .map(|parameter| Parameter::read(&parameter?, &empty))
            .collect::<PyResult<_>>()
            .map(Self)
    }

    /// The name of the parameter that takes the positional argument at this place.
    pub(crate) fn name_at(&self, py: Python<'_>, place: usize) -> Option<String> {
        let positional = self.0.iter().take_while(|parameter| {
            matches!(parameter.kind, Kind::PositionalOnly | Kind::PositionalOrKeyword)
        });
        let rest = self.0.iter().find(|parameter| parameter.kind == Kind::VarPositional);
        let parameter = positional.into_iter().nth(place).or(rest)?;
        Some(parameter.name.bind(py).to_string())
    }

    /// The arguments of a call under the names of the parameters, in their order, defaults included. What
    /// `**kwargs` collects stands under its own names: a rule on a parameter does not ask how it was taken.
    pub(crate) fn bind<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: &Bound<'py, PyDict>,
    ) -> PyResult<Vec<Argument<'py>>> {
        let py = args.py();
        let named = kwargs.copy()?;
        let mut taken = 0;
        let mut bound = Vec::with_capacity(self.0.len());
        for parameter in &self.0 {
            let name = parameter.name.bind(py);
            let positional = matches!(parameter.kind, Kind::PositionalOnly | Kind::PositionalOrKeyword);
            let mut is_default = false;
            let mut default = || {
                is_default = true;
                parameter.default(py)
            };
            let value = match parameter.kind {
                Kind::VarPositional => {
                    let rest = args.get_slice(taken, args.len());
                    taken = args.len();
                    rest.into_any()
                }
                Kind::VarKeyword => continue,
                _ if positional && taken < args.len() => {
                    taken += 1;
                    args.get_item(taken - 1)?
                }
                Kind::PositionalOnly => default()?,
                _ => match named.get_item(name)? {
                    Some(value) => {
                        named.del_item(name)?;
                        value
                    }
                    None => default()?,
                },
            };
            bound.push(Argument { name: name.clone(), value, is_default });
        }
        if taken < args.len() {
            return Err(PyTypeError::new_err("too many positional arguments"));
        }
        self.rest(named, &mut bound)?;
        Ok(bound)
    }

    /// What no parameter took by its name.
    fn rest<'py>(&self, named: Bound<'py, PyDict>, bound: &mut Vec<Argument<'py>>) -> PyResult<()> {
        let py = named.py();
        let takes_all = self.0.iter().any(|parameter| parameter.kind == Kind::VarKeyword);
        if takes_all {
            for (name, value) in named {
                bound.push(Argument { name: name.cast_into::<PyString>()?, value, is_default: false });
            }
            return Ok(());
        }
        let Some(name) = named.keys().iter().next() else { return Ok(()) };
        let text = name.to_string();
        let known = self.0.iter().any(|parameter| parameter.name.bind(py).to_string() == text);
        Err(PyTypeError::new_err(if known {
            format!("multiple values for argument '{text}', or it is positional only")
        } else {
            format!("got an unexpected keyword argument '{text}'")
        }))
    }
}

impl Parameter {
    fn read(parameter: &Bound<'_, PyAny>, empty: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = parameter.py();
        let kind: u8 = parameter.getattr(intern!(py, "kind"))?.extract()?;
        let default = parameter.getattr(intern!(py, "default"))?;
        Ok(Self {
            name: parameter.getattr(intern!(py, "name"))?.cast_into::<PyString>()?.unbind(),
            // The numbers of `inspect.Parameter`'s kinds.
            kind: match kind {
                0 => Kind::PositionalOnly,
                1 => Kind::PositionalOrKeyword,
                2 => Kind::VarPositional,
                3 => Kind::KeywordOnly,
                _ => Kind::VarKeyword,
            },
            default: (!default.is(empty)).then(|| default.unbind()),
        })
    }

    fn default<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let missing =
            || PyTypeError::new_err(format!("missing a required argument: '{}'", self.name.bind(py)));
        self.default.as_ref().map(|value| value.bind(py).clone()).ok_or_else(missing)
    }
}
