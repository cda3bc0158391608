//! `doorward completions`: what makes a shell complete our commands and flags.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Cli, Failure, table};

/// Prints the script.
pub fn run(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "doorward", &mut script);
    table::line(String::from_utf8_lossy(&script).trim_end())
}
