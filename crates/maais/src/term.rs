//! How things look on a terminal. Colour is dropped where it does not belong by `anstream`.

use anstyle::{AnsiColor, Style};
use maais_runtime::core::decision::Effect;
use maais_runtime::core::diagnostic::Colour;

/// Exit code when nobody reads what is printed any more: that of a program that SIGPIPE ends.
const BROKEN_PIPE: i32 = 128 + 13;

/// Prints a line, coloured where that belongs.
macro_rules! say {
    ($($arg:tt)*) => { $crate::term::print_line(anstream::stdout(), format_args!($($arg)*)) };
}

/// Prints a line as it is, for programs that read it.
macro_rules! say_raw {
    ($($arg:tt)*) => { $crate::term::print_line(std::io::stdout(), format_args!($($arg)*)) };
}

pub(crate) use {say, say_raw};

/// Prints a line. Whoever closes the pipe early gets neither a panic nor an exit code that means something.
pub(crate) fn print_line(mut to: impl std::io::Write, line: std::fmt::Arguments<'_>) {
    if let Err(error) = writeln!(to, "{line}").and_then(|()| to.flush()) {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            std::process::exit(BROKEN_PIPE);
        }
        eprintln!("error: cannot print: {error}");
        std::process::exit(1);
    }
}

/// Fine.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Not fine.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// In between.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
/// Headings.
pub(crate) const HEAD: Style = AnsiColor::Cyan.on_default().bold();
/// Less important.
pub(crate) const DIM: Style = Style::new().dimmed();

/// The style of an effect.
pub(crate) fn of_effect(effect: Effect) -> Style {
    match effect {
        Effect::Allow => GOOD,
        Effect::RequireApproval => WARN,
        Effect::Deny => BAD,
    }
}

/// The text in that style.
pub(crate) fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{}{text}{}", style.render(), style.render_reset())
}

/// Diagnostics are written coloured; `anstream` takes the colour away again where it must.
pub(crate) const DIAGNOSTICS: Colour = Colour::Terminal;

/// Text from outside, safe to print: no control characters, so no escape sequences.
pub(crate) fn printable(text: &str, max: usize) -> String {
    let mut shown: String =
        text.chars().take(max).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(max).is_some() {
        shown.push('…');
    }
    shown
}

/// Columns that running text may take.
const TEXT_WIDTH: usize = 110;

/// Text that may be long, broken at spaces; lines after the first begin with that many spaces.
pub(crate) fn wrapped(text: &str, indent: usize) -> String {
    let mut lines = String::new();
    let mut column = indent;
    for word in text.split(' ') {
        let width = word.chars().count() + 1;
        if column + width > TEXT_WIDTH && column > indent {
            lines.push('\n');
            lines.push_str(&" ".repeat(indent));
            column = indent;
        } else if !lines.is_empty() {
            lines.push(' ');
        }
        lines.push_str(word);
        column += width;
    }
    lines
}

/// A table without borders.
pub(crate) fn table(header: &[&str]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(110);
    }
    table.set_header(
        header.iter().map(|title| comfy_table::Cell::new(title).add_attribute(comfy_table::Attribute::Dim)),
    );
    table
}
