//! Rego, OPA's language: modules of `allow` and `deny` in the usual form, v0 and v1.

mod lex;
mod meaning;
mod module;
mod parse;
mod place;
mod term;

use maais_runtime::core::diagnostic::{Diagnostics, Source};
use maais_runtime::core::document::Reader;

use super::draft::File;

/// Bytes of a module.
const BYTES_MAX: usize = 1 << 20;

/// The policies that decide as the module does.
///
/// # Errors
/// Everything that has no exact equivalent.
pub(super) fn import(source: &Source, plain_names: bool) -> Result<File, Diagnostics> {
    let mut reader = Reader::new(source);
    if source.text.len() > BYTES_MAX {
        reader.error(
            &(0..1),
            format!("more than {BYTES_MAX} bytes"),
            "too long",
            Some("split the file".into()),
        );
        return Err(Diagnostics(reader.into_problems()));
    }
    let tokens = lex::tokens(&source.text);
    let module = parse::Parser::new(&tokens, &mut reader).module();
    let file = meaning::Meaning::new(&module, &mut reader, plain_names).file();
    let mut problems = reader.into_problems();
    problems.sort_by_key(|problem| problem.span.start);
    if problems.is_empty() { Ok(file) } else { Err(Diagnostics(problems)) }
}
