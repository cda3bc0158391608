//! The columns of a table, from the statement that made it.

use super::Fault;

/// What the parts of a definition are.
#[derive(Debug, Clone, PartialEq)]
enum Token {
    /// A word as it stands.
    Word(String),
    /// A name or text in quotes.
    Quoted(String),
    Sign(char),
}

impl Token {
    fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(found) if found.eq_ignore_ascii_case(word))
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Word(name) | Self::Quoted(name) => Some(name),
            Self::Sign(_) => None,
        }
    }
}

/// A table's columns, in the order in which its records have them.
pub struct Columns {
    names: Vec<String>,
    /// The column that stands for the row's own number, which its record does not have.
    rowid: Option<usize>,
}

impl Columns {
    /// Of a `CREATE TABLE` statement.
    ///
    /// # Errors
    /// [`Fault::Other`] for what is not understood.
    pub fn of(statement: &str) -> Result<Self, Fault> {
        let tokens = tokens(statement);
        let start = tokens.iter().position(|token| *token == Token::Sign('(')).ok_or(NOT_UNDERSTOOD)?;
        let (definitions, after) = definitions(&tokens[start + 1..]);
        if after.iter().any(|token| token.is("WITHOUT")) {
            return Err(Fault::Other("its table has no row numbers (WITHOUT ROWID), which is not read here"));
        }
        let (mut names, mut rowid, mut key) = (Vec::new(), None, None);
        for definition in &definitions {
            let Some(first) = definition.first() else { return Err(NOT_UNDERSTOOD) };
            if ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"].iter().any(|word| first.is(word)) {
                key = key.or(key_of(definition));
                continue;
            }
            if outer(definition).any(|token| token.is("GENERATED") || token.is("AS")) {
                return Err(Fault::Other("its table has computed columns, which are not read here"));
            }
            let is_integer = definition.get(1).is_some_and(|kind| kind.name().is_some_and(|name| name.eq_ignore_ascii_case("INTEGER")));
            let name = first.name().ok_or(NOT_UNDERSTOOD)?;
            if is_integer && outer(definition).any(|token| token.is("PRIMARY")) {
                rowid = Some(names.len());
            }
            names.push((name.to_owned(), is_integer));
        }
        let keyed = key.and_then(|key| names.iter().position(|(name, is_integer)| *is_integer && name.eq_ignore_ascii_case(&key)));
        Ok(Self { rowid: rowid.or(keyed), names: names.into_iter().map(|(name, _)| name).collect() })
    }

    /// Where a column is.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|column| column.eq_ignore_ascii_case(name))
    }

    /// Whether a column stands for the row's number.
    pub fn is_rowid(&self, position: usize) -> bool {
        self.rowid == Some(position)
    }
}

const NOT_UNDERSTOOD: Fault = Fault::Other("the definition of its table is not understood");

/// What stands between the commas, and what comes after the closing parenthesis.
fn definitions(tokens: &[Token]) -> (Vec<Vec<Token>>, &[Token]) {
    let (mut definitions, mut depth) = (vec![Vec::new()], 0_usize);
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign(')') if depth == 0 => return (definitions, &tokens[at + 1..]),
            Token::Sign(',') if depth == 0 => {
                definitions.push(Vec::new());
                continue;
            }
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth -= 1,
            _ => {}
        }
        if let Some(last) = definitions.last_mut() {
            last.push(token.clone());
        }
    }
    (definitions, &[])
}

/// What of a definition is not in parentheses.
fn outer(definition: &[Token]) -> impl Iterator<Item = &Token> {
    let mut depth = 0_usize;
    definition.iter().filter(move |token| {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    })
}

/// The one column of a `PRIMARY KEY (…)`.
fn key_of(definition: &[Token]) -> Option<String> {
    let at = definition.iter().position(|token| token.is("PRIMARY"))?;
    match &definition[at..] {
        [_, key, Token::Sign('('), column, Token::Sign(')'), ..] if key.is("KEY") => column.name().map(str::to_owned),
        _ => None,
    }
}

fn tokens(statement: &str) -> Vec<Token> {
    let (mut tokens, mut rest) = (Vec::new(), statement);
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        rest = if first.is_whitespace() {
            after
        } else if let Some(comment) = rest.strip_prefix("--") {
            comment.split_once('\n').map_or("", |(_, after)| after)
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/").map_or("", |(_, after)| after)
        } else if let Some(end) = closing(first) {
            let (name, after) = quoted(after, end);
            tokens.push(Token::Quoted(name));
            after
        } else if is_of_word(first) {
            let (word, after) = rest.split_at(rest.find(|c| !is_of_word(c)).unwrap_or(rest.len()));
            tokens.push(Token::Word(word.to_owned()));
            after
        } else {
            tokens.push(Token::Sign(first));
            after
        };
    }
    tokens
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

fn closing(open: char) -> Option<char> {
    match open {
        '"' | '\'' | '`' => Some(open),
        '[' => Some(']'),
        _ => None,
    }
}

/// What is in quotes, where they are doubled to be meant, and what comes after.
fn quoted(text: &str, end: char) -> (String, &str) {
    let (mut name, mut rest) = (String::new(), text);
    while let Some((part, after)) = rest.split_once(end) {
        name.push_str(part);
        match after.strip_prefix(end).filter(|_| end != ']') {
            Some(more) => {
                name.push(end);
                rest = more;
            }
            None => return (name, after),
        }
    }
    (name, "")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

    use super::*;

    #[test]
    fn columns_are_found_however_the_table_is_written() {
        for (statement, names, rowid) in [
            (
                "CREATE TABLE users (\n\tid INTEGER NOT NULL, \n\tusername VARCHAR(80) NOT NULL, \n\tpassword VARCHAR(80) NOT NULL, \n\tPRIMARY KEY (id), \n\tUNIQUE (username)\n)",
                "id username password",
                Some(0),
            ),
            (
                "CREATE TABLE \"my (users\" (username TEXT CHECK (username <> ','), \"id\" integer primary key autoincrement, [password] text)",
                "username id password",
                Some(1),
            ),
            (
                "CREATE TABLE users(id INT PRIMARY KEY, password -- the, hash\n, username /* ( */ DECIMAL(10,2))",
                "id password username",
                None,
            ),
            ("create table if not exists x (`a``b` text, id INTEGER, CONSTRAINT pk PRIMARY KEY (id, `a``b`))", "a`b id", None),
        ] {
            let columns = Columns::of(statement).unwrap_or_else(|_| panic!("{statement}"));
            assert_eq!((columns.names.join(" ").as_str(), columns.rowid), (names, rowid), "{statement}");
        }
    }

    #[test]
    fn what_would_be_read_wrongly_is_refused() {
        for statement in [
            "CREATE TABLE users (id TEXT PRIMARY KEY) WITHOUT ROWID",
            "CREATE TABLE users (id INTEGER, twice INTEGER GENERATED ALWAYS AS (id * 2) VIRTUAL)",
            "CREATE TABLE users (id INTEGER, twice AS (id * 2))",
            "CREATE VIRTUAL TABLE users USING fts5",
        ] {
            assert!(Columns::of(statement).is_err(), "{statement}");
        }
    }
}
