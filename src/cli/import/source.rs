//! Where users come from: a database of the template's shape, or a file of lines. Each row is judged as far as it can be here.

use std::collections::HashMap;
use std::path::Path;

use clap::ValueEnum;
use serde_json::{Map, json};

use super::sqlite::{self, Value};
use crate::auth::user::Username;
use crate::cli::Failure;

/// The columns, in each kind of file.
const COLUMNS: [&str; 3] = ["id", "username", "password"];
/// Longest row that is sent, in bytes of JSON: every name and hash that can be taken is shorter.
const MAX_ROW: usize = 4096;

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[value(help = "A SQLite database")]
    Sqlite,
    /// Comma-separated, with the names of the columns in the first line
    Csv,
    /// One JSON object a line
    Jsonl,
}

/// A row as it was found.
pub struct Row {
    /// Its number in the table, or its line in the file.
    pub place: i64,
    /// For the report.
    pub id: serde_json::Value,
    /// For the report.
    pub username: serde_json::Value,
    /// What is sent, or why it cannot be.
    pub user: Result<serde_json::Value, String>,
}

/// All rows. The same name or id a second time is refused here, whatever the server says to the first.
///
/// # Errors
/// The file cannot be read.
pub fn read(file: &Path, format: Format, table: &str) -> Result<Vec<Row>, Failure> {
    let refused = |why: &dyn std::fmt::Display| Failure::Refused(format!("{}: {why}", file.display()));
    let found = match format {
        Format::Sqlite => sqlite::rows(file, table, COLUMNS).map_err(|fault| {
            let is_other = fault.to_string().starts_with("it is no SQLite");
            let hint = if is_other { "; if it is of another kind, say so with --from csv or --from jsonl" } else { "" };
            refused(&format_args!("{fault}{hint}"))
        })?,
        Format::Csv => csv(file).map_err(|why| refused(&why))?,
        Format::Jsonl => jsonl(file).map_err(|why| refused(&why))?,
    };
    let mut rows: Vec<_> = found.into_iter().map(|(place, values)| row(place, values)).collect();
    refuse_repeated(&mut rows);
    Ok(rows)
}

fn row(place: i64, values: [Value; 3]) -> Row {
    let shown = |value: &Value| match value {
        Value::Integer(number) => json!(number),
        Value::Text(text) => json!(text.chars().take(80).collect::<String>()),
        Value::Null | Value::Other => serde_json::Value::Null,
    };
    let [id, username, password] = values;
    let (shown_id, shown_name) = (shown(&id), shown(&username));
    let user = match (id, username, password) {
        (Value::Integer(id), Value::Text(username), Value::Text(hash)) => {
            let user = json!({"id": id, "username": username, "password_hash": hash});
            if user.to_string().len() <= MAX_ROW { Ok(user) } else { Err("The row is longer than any that can be taken.") }
        }
        (Value::Integer(_), Value::Text(_), _) => Err("The password is no text."),
        (Value::Integer(_), _, _) => Err("The username is no text."),
        _ => Err("The id is no whole number."),
    };
    Row { place, id: shown_id, username: shown_name, user: user.map_err(str::to_owned) }
}

/// After mapping, as the server would find it: so that a trial says what the import will do.
fn refuse_repeated(rows: &mut [Row]) {
    let (mut ids, mut names) = (HashMap::new(), HashMap::new());
    for row in rows {
        let Ok(user) = &row.user else { continue };
        let id = user["id"].as_i64().unwrap_or_default();
        let name = Username::parse(user["username"].as_str().unwrap_or_default());
        // What is no name is the server's to refuse.
        let Ok(name) = name else { continue };
        let repeated = match (ids.get(&id), names.get(&name)) {
            (Some(first), _) => Some(format!("The same id as in row {first}.")),
            (_, Some(first)) => Some(format!("The same name as in row {first}: letters count the same in either case.")),
            _ => None,
        };
        if let Some(reason) = repeated {
            row.user = Err(reason);
        } else {
            ids.insert(id, row.place);
            names.insert(name, row.place);
        }
    }
}

fn csv(file: &Path) -> Result<Vec<(i64, [Value; 3])>, String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(file).map_err(|error| error.to_string())?;
    let headings = reader.headers().map_err(|error| error.to_string())?.clone();
    let mut places = [0; 3];
    for (place, name) in places.iter_mut().zip(COLUMNS) {
        // Some programs begin a file with a mark of its encoding.
        let position = headings.iter().position(|heading| heading.trim_start_matches('\u{feff}').trim() == name);
        *place = position.ok_or_else(|| format!("its first line names no column {name}"))?;
    }
    let mut rows = Vec::new();
    for record in reader.byte_records() {
        let record = record.map_err(|error| error.to_string())?;
        let line = record.position().map_or(0, |position| i64::try_from(position.line()).unwrap_or_default());
        let text = |place: usize| match record.get(place).map(std::str::from_utf8) {
            Some(Ok(text)) => Value::Text(text.to_owned()),
            Some(Err(_)) => Value::Other,
            None => Value::Null,
        };
        let [id, username, password] = places.map(text);
        let id = match &id {
            Value::Text(digits) => digits.parse().map_or(id, Value::Integer),
            _ => id,
        };
        rows.push((line, [id, username, password]));
    }
    Ok(rows)
}

fn jsonl(file: &Path) -> Result<Vec<(i64, [Value; 3])>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            let fields: Map<_, _> = serde_json::from_str(line).map_err(|_| format!("line {number} is no JSON object"))?;
            let value = |name: &str| match fields.get(name) {
                Some(serde_json::Value::String(text)) => Value::Text(text.clone()),
                Some(number) if number.is_i64() => Value::Integer(number.as_i64().unwrap_or_default()),
                None | Some(serde_json::Value::Null) => Value::Null,
                Some(_) => Value::Other,
            };
            Ok((number, COLUMNS.map(value)))
        })
        .collect()
}
