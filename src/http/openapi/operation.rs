//! One route as the document tells it.

use serde_json::{Map, Value, json};

use super::read;
use super::refusals::{self, Proof};
use super::schemas::Schema;
use crate::http::problem::Kind;

const JSON: &str = "application/json";

/// What one route takes and gives: a row of constants, made by the verbs below in the order in which it is read.
#[derive(Clone, Copy)]
pub(super) struct Operation {
    /// The method and the path, with `{id}` for `<id>`.
    route: &'static str,
    proof: Proof,
    tag: &'static str,
    id: &'static str,
    summary: &'static str,
    note: &'static str,
    in_path: &'static [&'static str],
    asked: &'static [Asked],
    body: Option<Body>,
    answer: Option<Answer>,
    other_answer: Option<Answer>,
    refuses: &'static [Kind],
    never: &'static [Kind],
}

/// What may come with a request beside its path and body.
#[derive(Clone, Copy)]
pub(super) enum Asked {
    /// A value in the query: its name, what it is about, what fits.
    Query(&'static str, &'static str, Schema),
    /// A header that counts: its name, what it is about.
    Header(&'static str, &'static str),
}

#[derive(Clone, Copy)]
struct Body {
    is_required: bool,
    content: Content,
}

#[derive(Clone, Copy)]
struct Answer {
    status: u16,
    about: &'static str,
    content: Option<Content>,
    headers: &'static [&'static str],
}

#[derive(Clone, Copy)]
struct Content {
    media: &'static str,
    schema: &'static str,
    example: Example,
}

#[derive(Clone, Copy)]
enum Example {
    /// JSON.
    Text(&'static str),
    /// An object with this message.
    Message(&'static str),
}

/// A reference to a part of the document.
pub(super) fn at(part: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{part}/{name}")})
}

impl Operation {
    /// A route that needs this proof. `id` names it for those who generate code.
    pub const fn new(route: &'static str, proof: Proof, tag: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self {
            route,
            proof,
            tag,
            id,
            summary,
            note: "",
            in_path: &[],
            asked: &[],
            body: None,
            answer: None,
            other_answer: None,
            refuses: &[],
            never: &[],
        }
    }

    /// One sentence more, or two.
    pub const fn note(self, note: &'static str) -> Self {
        Self { note, ..self }
    }

    /// It can be answered from memory, whatever the storage does.
    pub const fn without_storage(self) -> Self {
        self.never(&[Kind::StorageUnavailable])
    }

    /// It cannot refuse so.
    pub const fn never(self, never: &'static [Kind]) -> Self {
        Self { never, ..self }
    }

    /// What it refuses beside what its proof, its path and its body do.
    pub const fn refuses(self, refuses: &'static [Kind]) -> Self {
        Self { refuses, ..self }
    }

    /// Values in its path that the document knows by these names.
    pub const fn of(self, in_path: &'static [&'static str]) -> Self {
        Self { in_path, ..self }
    }

    /// What may be in its query and its head.
    pub const fn asked(self, asked: &'static [Asked]) -> Self {
        Self { asked, ..self }
    }

    /// A JSON body that must be there.
    pub const fn takes(self, schema: &'static str, example: &'static str) -> Self {
        self.body(true, JSON, schema, example)
    }

    /// A JSON body, or none.
    pub const fn may_take(self, schema: &'static str, example: &'static str) -> Self {
        self.body(false, JSON, schema, example)
    }

    /// A form.
    pub const fn takes_form(self, schema: &'static str, example: &'static str) -> Self {
        self.body(true, "application/x-www-form-urlencoded", schema, example)
    }

    const fn body(self, is_required: bool, media: &'static str, schema: &'static str, example: &'static str) -> Self {
        let content = Content { media, schema, example: Example::Text(example) };
        Self { body: Some(Body { is_required, content }), ..self }
    }

    /// A JSON answer.
    pub const fn gives(self, status: u16, about: &'static str, schema: &'static str, example: &'static str) -> Self {
        self.gives_as(JSON, status, about, schema, example)
    }

    /// A JSON answer of a media type of its own.
    pub const fn gives_as(
        self,
        media: &'static str,
        status: u16,
        about: &'static str,
        schema: &'static str,
        example: &'static str,
    ) -> Self {
        let content = Content { media, schema, example: Example::Text(example) };
        Self { answer: Some(Answer { status, about, content: Some(content), headers: &[] }), ..self }
    }

    /// 200 with a message.
    pub const fn says(self, message: &'static str) -> Self {
        let content = Content { media: JSON, schema: "Message", example: Example::Message(message) };
        Self { answer: Some(Answer { status: 200, about: "It is done.", content: Some(content), headers: &[] }), ..self }
    }

    /// 200 with what the row does not say.
    pub const fn gives_some(self, about: &'static str) -> Self {
        Self { answer: Some(Answer { status: 200, about, content: None, headers: &[] }), ..self }
    }

    /// Headers of the answer.
    pub const fn with(self, headers: &'static [&'static str]) -> Self {
        match self.answer {
            Some(answer) => Self { answer: Some(Answer { headers, ..answer }), ..self },
            None => self,
        }
    }

    /// An answer in place of that, without a body.
    pub const fn or(self, status: u16, about: &'static str, headers: &'static [&'static str]) -> Self {
        Self { other_answer: Some(Answer { status, about, content: None, headers }), ..self }
    }

    /// Lower case, as the document wants it.
    pub fn method(&self) -> String {
        self.route.split(' ').next().unwrap_or_default().to_lowercase()
    }

    pub fn path(&self) -> &'static str {
        self.route.split(' ').next_back().unwrap_or_default()
    }

    /// As the document has it. What it refuses goes into `responses`, for most routes refuse alike.
    pub fn value(&self, responses: &mut Map<String, Value>) -> Value {
        let mut answers = Map::new();
        for answer in [self.answer, self.other_answer].iter().flatten() {
            answers.insert(answer.status.to_string(), answer.value());
        }
        for (status, kinds) in refusals::by_status(&self.refused()) {
            let (name, response) = refusals::response(status, &kinds);
            answers.insert(status.to_string(), at("responses", &name));
            responses.insert(name, response);
        }
        let mut value = json!({
            "tags": [self.tag], "operationId": self.id, "summary": self.summary, "description": self.description(),
            "security": self.proof.security(),
        });
        let in_path = self.in_path.iter().map(|name| at("parameters", name));
        let parameters: Vec<_> = in_path.chain(self.asked.iter().map(Asked::value)).collect();
        if !parameters.is_empty() {
            value["parameters"] = parameters.into();
        }
        if let Some(Body { is_required, content }) = self.body {
            value["requestBody"] = json!({"required": is_required, "content": content.value()});
        }
        value["responses"] = answers.into();
        value
    }

    fn description(&self) -> String {
        let says = self.proof.says();
        if self.note.is_empty() { says.to_owned() } else { format!("{says} {}", self.note) }
    }

    fn refused(&self) -> Vec<Kind> {
        let of_path: &[_] = if self.in_path.is_empty() { &[] } else { &[Kind::NotFound] };
        let of_body: &[_] = match self.body {
            Some(body) if body.content.media == JSON => &[Kind::MalformedJson, Kind::ValidationFailed],
            _ => &[],
        };
        let mut refused = [refusals::OF_ANY, &[Kind::StorageUnavailable], self.proof.refuses(), of_path, of_body, self.refuses].concat();
        refused.retain(|kind| !self.never.contains(kind));
        refused
    }
}

impl Asked {
    fn value(&self) -> Value {
        let (place, name, about, schema) = match self {
            Self::Query(name, about, schema) => ("query", name, about, *schema),
            Self::Header(name, about) => ("header", name, about, Schema::Json(r#"{"type": "string"}"#)),
        };
        json!({"name": name, "in": place, "description": about, "schema": schema.value()})
    }
}

impl Answer {
    fn value(&self) -> Value {
        let mut headers = refusals::standard_headers();
        for header in self.headers {
            headers[header] = at("headers", header);
        }
        let mut value = json!({"description": self.about, "headers": headers});
        if let Some(content) = self.content {
            value["content"] = content.value();
        }
        value
    }
}

impl Content {
    fn value(&self) -> Value {
        let example = match self.example {
            Example::Text(text) => read(text),
            Example::Message(message) => json!({"message": message}),
        };
        json!({(self.media): {"schema": at("schemas", self.schema), "example": example}})
    }
}
