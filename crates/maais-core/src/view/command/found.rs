//! What was found so far, and how much more may be.

use super::script::Reader;
use super::{COMMANDS_MAX, CommandOutcome, CommandView, DEPTH_MAX, LENGTH_MAX, Redirect, SimpleCommand, Why};

/// Bytes read in all, those of quoted scripts counted again for each level.
const READ_MAX: usize = 16 * LENGTH_MAX;

/// Redirections kept in all; those of a compound command count for each command in it.
const REDIRECTS_MAX: usize = 4 * COMMANDS_MAX;

/// What a program does with its standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Reads {
    /// It is data, or nothing.
    #[default]
    Data,
    /// It is a shell script.
    Shell,
    /// It is code in another language.
    Code,
}

/// What is known of a command besides what is shown.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Note {
    pub(super) reads: Reads,
    /// It only passes on to the command listed after it.
    pub(super) wraps: bool,
}

#[derive(Debug, Default)]
pub(super) struct Found {
    view: CommandView,
    notes: Vec<Note>,
    depth: usize,
    read: usize,
    redirects: usize,
}

impl Found {
    pub(super) fn outcome(mut self, read: Result<(), Why>) -> CommandOutcome {
        if let Err(why) = read {
            return CommandOutcome::Unparseable(why);
        }
        self.view.dynamic |= self.view.commands.iter().any(|command| command.dynamic);
        CommandOutcome::Parsed(self.view)
    }

    /// Reads a script; returns the commands that read its input and write its output.
    pub(super) fn script(&mut self, text: &str, fed: bool) -> Result<Vec<usize>, Why> {
        if text.contains('\0') {
            return Err("has a NUL");
        }
        self.count(text.len())?;
        self.deeper()?;
        let main = Reader::new(text, self).all(fed)?;
        self.higher();
        Ok(main)
    }

    /// Notes that so many bytes are read once more.
    pub(super) fn count(&mut self, bytes: usize) -> Result<(), Why> {
        self.read = self.read.saturating_add(bytes);
        if self.read > READ_MAX { Err("has too many scripts in scripts") } else { Ok(()) }
    }

    pub(super) fn deeper(&mut self) -> Result<(), Why> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err("is nested too deeply") } else { Ok(()) }
    }

    pub(super) fn higher(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    pub(super) fn push(&mut self, command: SimpleCommand) -> Result<usize, Why> {
        if self.view.commands.len() >= COMMANDS_MAX {
            return Err("has more than 1,000 commands");
        }
        self.count_redirects(command.redirects.len())?;
        self.view.commands.push(command);
        self.notes.push(Note::default());
        Ok(self.view.commands.len() - 1)
    }

    pub(super) fn command(&mut self, at: usize) -> Option<&mut SimpleCommand> {
        self.view.commands.get_mut(at)
    }

    pub(super) fn note(&mut self, at: usize) -> Option<&mut Note> {
        self.notes.get_mut(at)
    }

    pub(super) fn reads(&self, at: usize) -> Reads {
        self.notes.get(at).map(|note| note.reads).unwrap_or_default()
    }

    /// What that command runs cannot be known.
    pub(super) fn hide(&mut self, at: usize) {
        if let Some(command) = self.command(at) {
            command.dynamic = true;
            command.hidden = true;
        }
    }

    /// Something that is no command's own changes what commands mean.
    pub(super) fn taint(&mut self) {
        self.view.dynamic = true;
    }

    /// Gives the redirections of a compound command to all in it.
    pub(super) fn redirect(&mut self, main: &[usize], redirects: &[Redirect]) -> Result<(), Why> {
        self.count_redirects(main.len().saturating_mul(redirects.len()))?;
        let feeds = redirects.iter().any(|redirect| redirect.operator.starts_with('<'));
        for at in main {
            if let Some(command) = self.command(*at) {
                command.redirects.extend_from_slice(redirects);
            }
            if feeds && self.reads(*at) != Reads::Data {
                self.hide(*at);
            }
        }
        Ok(())
    }

    fn count_redirects(&mut self, count: usize) -> Result<(), Why> {
        self.redirects = self.redirects.saturating_add(count);
        if self.redirects > REDIRECTS_MAX { Err("has too many redirections") } else { Ok(()) }
    }

    /// Notes a pipeline: the output of each stage goes into the next.
    pub(super) fn pipe(&mut self, stages: &[Vec<usize>]) {
        let before_last = stages.len().saturating_sub(1);
        for at in stages.iter().take(before_last).flatten() {
            if let Some(command) = self.command(*at) {
                command.piped = true;
            }
        }
        self.note_pipeline(&stages.concat());
    }

    /// Notes that the output of some commands becomes the code of another.
    pub(super) fn feed(&mut self, sources: &[usize], into: usize) {
        if !sources.is_empty() {
            self.note_pipeline(&[sources, &[into]].concat());
        }
    }

    fn note_pipeline(&mut self, chain: &[usize]) {
        let shown = chain.iter().filter(|at| !self.notes.get(**at).is_some_and(|note| note.wraps));
        let names: Vec<&str> = shown
            .filter_map(|at| self.view.commands.get(*at).map(|command| command.program.as_str()))
            .filter(|name| !name.is_empty())
            .collect();
        if names.len() > 1 {
            let pipeline = names.join(" | ");
            self.view.pipelines.push(pipeline);
        }
    }
}
