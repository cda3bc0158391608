//! `doorward man`: the manual pages, from clap's own table, one for each command. Packages bring them.

use std::path::Path;

use clap::CommandFactory as _;

use super::{Cli, Failure};

/// Writes `doorward.1`, `doorward-user-add.1` and so on into a directory, which is made if it is not there.
///
/// # Errors
/// A page cannot be written.
pub fn run(directory: &Path) -> Result<(), Failure> {
    let written = std::fs::create_dir_all(directory).and_then(|()| clap_mangen::generate_to(Cli::command(), directory));
    written.map_err(|source| Failure::File { action: "write the manual pages into", path: directory.into(), source })
}
