//! Installs what the system lacks, through the distribution's own package manager, and says so.

use std::process::Command;

use crate::workspace::{answers, stream};

/// Installs the packages as root or through a `sudo` that asks no question; otherwise says what a person should run.
pub(crate) fn install(why: &str, packages: &[&str]) -> Result<(), String> {
    let by_hand = format!("{why}; install {} and run again", packages.join(" "));
    if !answers(Command::new("apt-get").arg("--version")) {
        return Err(by_hand);
    }
    let prefix: &[&str] = if answers(Command::new("sh").args(["-c", "test $(id -u) = 0"])) {
        &["env"]
    } else if answers(Command::new("sudo").args(["-n", "true"])) {
        &["sudo", "-n", "env"]
    } else {
        return Err(by_hand);
    };
    println!("{why}: installing {} with apt-get", packages.join(" "));
    let apt = |arguments: &[&str]| {
        let mut words = prefix.iter().copied();
        let mut command = Command::new(words.next().unwrap_or("env"));
        command.args(words).arg("DEBIAN_FRONTEND=noninteractive").arg("apt-get").args(arguments);
        stream(&mut command)
    };
    apt(&["update", "-qq"])?;
    apt(&[["install", "-y", "-qq", "--no-install-recommends"].as_slice(), packages].concat())
}
