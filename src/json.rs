//! Strict JSON objects, for request bodies and JWS parts alike: what RFC 8259 leaves open is refused.
//!
//! An object, not an array (serde would take one for a struct); no name twice, at any depth (RFC 8259 §4 leaves the
//! meaning open, and two parsers that read it differently are an attack); UTF-8 without a byte order mark.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Map, Number, Value};

/// Why bytes are not a strict JSON object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not JSON, or more than one value, or nested too deeply.
    #[error("not JSON")]
    Syntax,
    /// JSON, but not an object.
    #[error("not an object")]
    NotAnObject,
    /// A name is there twice.
    #[error("a name is there twice: {0}")]
    Duplicate(String),
}

/// Reads one object.
///
/// # Errors
/// [`Fault`]
pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, Fault> {
    let Noted { fields, duplicates } = noted(bytes)?;
    match duplicates.into_iter().next() {
        Some(name) => Err(Fault::Duplicate(name)),
        None => Ok(fields),
    }
}

/// Reads one object and only notes the names that are there twice, for an answer that tells all that is wrong. Who goes on
/// with the fields in spite of them is back at two parsers that differ.
///
/// # Errors
/// [`Fault::Syntax`], [`Fault::NotAnObject`]
pub fn noted(bytes: &[u8]) -> Result<Noted, Fault> {
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Data => Fault::NotAnObject,
        Category::Syntax | Category::Eof | Category::Io => Fault::Syntax,
    })
}

/// An object, and what is there twice in it.
#[derive(Debug, PartialEq)]
pub struct Noted {
    /// Its fields; of those with the same name the last.
    pub fields: Map<String, Value>,
    /// The names that are there twice, at any depth.
    pub duplicates: BTreeSet<String>,
}

impl<'de> Deserialize<'de> for Noted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;

        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Noted;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Noted, A::Error> {
                let (mut fields, mut duplicates) = (Map::new(), BTreeSet::new());
                while let Some((name, mut nested)) = access.next_entry::<String, Nested>()? {
                    duplicates.append(&mut nested.duplicates);
                    if fields.contains_key(&name) {
                        duplicates.insert(name.clone());
                    }
                    fields.insert(name, nested.value);
                }
                Ok(Noted { fields, duplicates })
            }
        }

        deserializer.deserialize_any(ObjectVisitor)
    }
}

/// Any value below the outermost object.
struct Nested {
    value: Value,
    duplicates: BTreeSet<String>,
}

impl From<Value> for Nested {
    fn from(value: Value) -> Self {
        Self { value, duplicates: BTreeSet::new() }
    }
}

impl<'de> Deserialize<'de> for Nested {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NestedVisitor)
    }
}

struct NestedVisitor;

impl<'de> Visitor<'de> for NestedVisitor {
    type Value = Nested;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Nested, E> {
        Ok(Value::Bool(value).into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Nested, E> {
        Ok(Value::Number(value.into()).into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Nested, E> {
        Ok(Value::Number(value.into()).into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Nested, E> {
        Number::from_f64(value).map(|number| Value::Number(number).into()).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Nested, E> {
        Ok(Value::String(value.to_owned()).into())
    }

    fn visit_string<E>(self, value: String) -> Result<Nested, E> {
        Ok(Value::String(value).into())
    }

    fn visit_unit<E>(self) -> Result<Nested, E> {
        Ok(Value::Null.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Nested, A::Error> {
        let (mut items, mut duplicates) = (Vec::new(), BTreeSet::new());
        while let Some(mut nested) = access.next_element::<Nested>()? {
            duplicates.append(&mut nested.duplicates);
            items.push(nested.value);
        }
        Ok(Nested { value: Value::Array(items), duplicates })
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Nested, A::Error> {
        let Noted { fields, duplicates } = Noted::deserialize(serde::de::value::MapAccessDeserializer::new(access))?;
        Ok(Nested { value: Value::Object(fields), duplicates })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_read_as_serde_json_reads_it() {
        let text = r#" {"a":[1,-2,3.5,null,true,{"b":"c\u00e9"}],"\u0062":{}} "#;
        assert_eq!(Value::Object(object(text.as_bytes()).unwrap()), serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn a_number_is_the_same_when_it_was_printed_and_read_again() {
        for text in [r#"{"a":1.0715660391167205e21}"#, r#"{"a":31.245270191439438}"#, r#"{"a":5e-324}"#, r#"{"a":18446744073709551615}"#] {
            let read = object(text.as_bytes()).unwrap();
            assert_eq!(object(Value::Object(read.clone()).to_string().as_bytes()).unwrap(), read, "{text}");
        }
    }

    #[test]
    fn a_name_that_is_there_twice_is_refused_at_any_depth_and_in_any_spelling() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"{"b":{"a":1,"a":2}}"#, r#"{"b":[[{"a":1,"a":2}]]}"#] {
            assert_eq!(object(text.as_bytes()), Err(Fault::Duplicate("a".into())), "{text}");
        }
    }

    #[test]
    fn noting_what_is_there_twice_keeps_the_fields() {
        let Noted { fields, duplicates } = noted(br#"{"a":1,"b":[{"c":1,"c":2}],"a":2}"#).unwrap();
        assert_eq!(Value::Object(fields), serde_json::json!({"a": 2, "b": [{"c": 2}]}));
        assert_eq!(duplicates.into_iter().collect::<Vec<_>>(), ["a", "c"]);
    }

    #[test]
    fn anything_but_one_object_is_refused() {
        for text in ["[]", "null", "1", "true", "\"x\"", r#"["alice","good password"]"#] {
            assert_eq!(object(text.as_bytes()), Err(Fault::NotAnObject), "{text}");
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
        for text in [
            "",
            "{",
            "{\"a\":1",
            "{\"a\":1}x",
            "{}{}",
            "{\"a\":1,}",
            "{'a':1}",
            "{\"a\":NaN}",
            "{\"a\":1e999}",
            "{\"a\":{",
            "{\"a\":{\"b\":1,}}",
            "{\"a\":{\"b\" 1}}",
            "{\"a\":{'b':1}}",
            "{\"a\":[{\"b\":nul}]}",
            "{\"a\":{\"b\":\"\\ud800\"}}",
            "\u{feff}{}",
            "{\"a\":\"\\ud800\"}",
            &deep,
        ] {
            assert_eq!(object(text.as_bytes()), Err(Fault::Syntax), "{text}");
        }
        let deep = format!("{}1{}", "{\"a\":".repeat(200), "}".repeat(200));
        assert_eq!(object(deep.as_bytes()), Err(Fault::Syntax));
        assert_eq!(object(b"{\"a\":\"\xc0\x80\"}"), Err(Fault::Syntax));
    }
}
