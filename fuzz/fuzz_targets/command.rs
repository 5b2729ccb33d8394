//! Text as a command line: bounded, never a panic; what is quoted is one argument.
#![no_main]

use libfuzzer_sys::fuzz_target;
use maais_core::view::command::{self, COMMANDS_MAX, CommandOutcome};

fuzz_target!(|text: &str| {
    if let CommandOutcome::Parsed(view) = command::view(text) {
        assert!(view.commands.len() <= COMMANDS_MAX);
        assert!(view.dynamic || !view.commands.iter().any(|command| command.dynamic));
        assert!(view.commands.iter().all(|command| command.dynamic || !command.hidden));
    }
    let _ = command::argv(&text.split(' ').collect::<Vec<_>>());
    if !text.contains(['\'', '\0']) && text.len() < command::LENGTH_MAX / 2 {
        let CommandOutcome::Parsed(view) = command::view(&format!("echo '{text}'")) else {
            panic!("{text:?}");
        };
        assert_eq!(view.commands.len(), 1);
        assert_eq!(view.commands[0].args, [text]);
    }
});
