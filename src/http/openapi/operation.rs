//! One route as the document tells it.

use serde_json::{Map, Value, json};

use super::refusals::{self, Proof};
use crate::http::problem::Kind;

/// What one route takes and gives. Made by the verbs below, in the order in which it is read.
#[derive(Clone)]
pub(super) struct Operation {
    /// Lower case, as the document wants it.
    pub method: &'static str,
    /// With `{id}` for `<id>`.
    pub path: String,
    tag: &'static str,
    id: String,
    summary: &'static str,
    description: String,
    proof: Proof,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: Vec<(u16, Value)>,
    refuses: Vec<Kind>,
}

/// A reference to a part of the document.
pub(super) fn at(part: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{part}/{name}")})
}

impl Operation {
    /// A route that needs this proof. `id` names it for those who generate code.
    pub fn new(route: &str, proof: Proof, tag: &'static str, id: &str, summary: &'static str) -> Self {
        let (method, path) = match route.split_once(' ') {
            Some(("GET", path)) => ("get", path),
            Some(("POST", path)) => ("post", path),
            Some(("PUT", path)) => ("put", path),
            Some(("PATCH", path)) => ("patch", path),
            Some(("DELETE", path)) => ("delete", path),
            _ => ("options", route),
        };
        let refuses = [refusals::OF_ANY, proof.refuses(), &[Kind::StorageUnavailable]].concat();
        Self {
            method,
            path: path.to_owned(),
            tag,
            id: id.to_owned(),
            summary,
            description: proof.says().to_owned(),
            proof,
            parameters: Vec::new(),
            body: None,
            answers: Vec::new(),
            refuses,
        }
    }

    /// One sentence more.
    pub fn note(mut self, text: &str) -> Self {
        if !text.is_empty() {
            self.description = format!("{} {text}", self.description);
        }
        self
    }

    /// It can be answered from memory, whatever the storage does.
    pub fn without_storage(self) -> Self {
        self.never(Kind::StorageUnavailable)
    }

    /// It cannot refuse so.
    pub fn never(mut self, kind: Kind) -> Self {
        self.refuses.retain(|refused| *refused != kind);
        self
    }

    /// What it refuses beside what its proof and its body do.
    pub fn refuses(mut self, kinds: &[Kind]) -> Self {
        self.refuses.extend(kinds);
        self
    }

    /// A value in its path that the document knows by this name.
    pub fn of(mut self, parameter: &str) -> Self {
        self.parameters.push(at("parameters", parameter));
        self.refuses(&[Kind::NotFound])
    }

    /// A value that may be in its query.
    pub fn query(mut self, name: &str, about: &str, schema: &Value) -> Self {
        self.parameters.push(json!({"name": name, "in": "query", "description": about, "schema": schema}));
        self
    }

    /// A header that counts.
    pub fn header(mut self, name: &str, about: &str) -> Self {
        self.parameters.push(json!({"name": name, "in": "header", "description": about, "schema": {"type": "string"}}));
        self
    }

    /// A JSON body that must be there.
    pub fn takes(self, schema: &str, example: &Value) -> Self {
        self.body(true, "application/json", schema, example).refuses(&[Kind::MalformedJson, Kind::ValidationFailed])
    }

    /// A JSON body, or none.
    pub fn may_take(self, schema: &str, example: &Value) -> Self {
        self.body(false, "application/json", schema, example).refuses(&[Kind::MalformedJson, Kind::ValidationFailed])
    }

    /// A form.
    pub fn takes_form(self, schema: &str, example: &Value) -> Self {
        self.body(true, "application/x-www-form-urlencoded", schema, example)
    }

    fn body(mut self, required: bool, media: &str, schema: &str, example: &Value) -> Self {
        self.body = Some(json!({"required": required, "content": {media: {"schema": at("schemas", schema), "example": example}}}));
        self
    }

    /// A JSON answer.
    pub fn gives(self, status: u16, about: &str, schema: &str, example: &Value) -> Self {
        let content = json!({"application/json": {"schema": at("schemas", schema), "example": example}});
        self.answers(status, about, Some(content))
    }

    /// 200 with a message.
    pub fn says(self, message: &str) -> Self {
        self.gives(200, "It is done.", "Message", &json!({"message": message}))
    }

    /// An answer of any kind.
    pub fn answers(mut self, status: u16, about: &str, content: Option<Value>) -> Self {
        let mut answer = json!({"description": about, "headers": refusals::standard_headers()});
        if let Some(content) = content {
            answer["content"] = content;
        }
        self.answers.push((status, answer));
        self
    }

    /// A header of the answer just named.
    pub fn with(mut self, header: &str) -> Self {
        if let Some((_, answer)) = self.answers.last_mut() {
            answer["headers"][header] = at("headers", header);
        }
        self
    }

    /// As the document has it. What it refuses goes into `responses`, for most routes refuse alike.
    pub fn value(&self, responses: &mut Map<String, Value>) -> Value {
        let mut answers = Map::new();
        for (status, answer) in &self.answers {
            answers.insert(status.to_string(), answer.clone());
        }
        for (status, kinds) in refusals::by_status(&self.refuses) {
            let (name, response) = refusals::response(status, &kinds);
            answers.insert(status.to_string(), at("responses", &name));
            responses.insert(name, response);
        }
        let mut value = json!({
            "tags": [self.tag], "operationId": self.id, "summary": self.summary, "description": self.description,
            "security": self.proof.security(),
        });
        if !self.parameters.is_empty() {
            value["parameters"] = json!(self.parameters);
        }
        if let Some(body) = &self.body {
            value["requestBody"] = body.clone();
        }
        value["responses"] = Value::Object(answers);
        value
    }
}
