//! The executable: runs the command line and leaves with its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    doorward::cli::main()
}
