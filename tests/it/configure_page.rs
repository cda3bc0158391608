//! The table of `docs/configure.md` is what `doorward config show --explain` says where nothing is set.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const BEGIN: &str = "<!-- settings -->\n";
const END: &str = "<!-- /settings -->";

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configure.md")
}

/// The table as it should be.
fn table() -> String {
    let nothing_set = tempfile::TempDir::new().unwrap();
    let out = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(["config", "show", "--explain", "--json"])
        .current_dir(&nothing_set)
        .env_clear()
        .output()
        .unwrap();
    let settings: Vec<Value> = serde_json::from_slice(&out.stdout).unwrap();
    assert!(settings.len() > 20, "only {} settings", settings.len());
    let text = |setting: &Value, key: &str| setting[key].as_str().unwrap().replace('|', "\\|");
    let rows = settings.iter().filter(|setting| setting["what"].as_str().is_some()).map(|setting| {
        let value = match text(setting, "value") {
            value if value.is_empty() || value == "-" => String::new(),
            value => format!("`{value}`"),
        };
        format!("| `{}` | {value} | {} |\n", text(setting, "key"), text(setting, "what"))
    });
    format!("| Setting | Built in | What it is |\n|---|---|---|\n{}", rows.collect::<String>())
}

#[test]
fn the_page_of_settings_has_each_with_what_is_built_in() {
    let written = std::fs::read_to_string(page()).unwrap();
    let (before, rest) = written.split_once(BEGIN).unwrap();
    let (between, after) = rest.split_once(END).unwrap();
    let table = table();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(page(), format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert_eq!(between, table, "UPDATE_DOCS=1 cargo test --test it configure_page writes it anew");
    }
}
