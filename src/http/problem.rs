//! The one error shape on the wire. A stand-in for the room's own.

/// The closed list of error words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "a stand-in")]
pub enum Kind {
    MalformedJson,
    InvalidRequest,
    NotFound,
    MethodNotAllowed,
    Timeout,
    TooLarge,
    UnsupportedMediaType,
    TooManyRequests,
    HeadersTooLarge,
    Internal,
    Overloaded,
    StorageUnavailable,
}

impl Kind {
    const fn parts(self) -> (u16, &'static str, &'static str, &'static str) {
        match self {
            Self::MalformedJson => (400, "Bad Request", "malformed_json", "The body is not JSON."),
            Self::InvalidRequest => (400, "Bad Request", "invalid_request", "The request is not valid."),
            Self::NotFound => (404, "Not Found", "not_found", "There is nothing here."),
            Self::MethodNotAllowed => (405, "Method Not Allowed", "method_not_allowed", "This path has no such method."),
            Self::Timeout => (408, "Request Timeout", "timeout", "The request took too long to arrive."),
            Self::TooLarge => (413, "Content Too Large", "too_large", "The body is too large."),
            Self::UnsupportedMediaType => (415, "Unsupported Media Type", "unsupported_media_type", "Send JSON."),
            Self::TooManyRequests => (429, "Too Many Requests", "too_many_requests", "Slow down."),
            Self::HeadersTooLarge => (431, "Request Header Fields Too Large", "headers_too_large", "The headers are too large."),
            Self::Internal => (500, "Internal Server Error", "internal", "Something went wrong on our side."),
            Self::Overloaded => (503, "Service Unavailable", "overloaded", "Too much is going on; try again."),
            Self::StorageUnavailable => (503, "Service Unavailable", "storage_unavailable", "The store is not available."),
        }
    }
}

/// An error as the client sees it.
#[derive(Debug, Clone)]
pub struct Problem {
    kind: Kind,
    message: Option<String>,
    headers: Vec<(&'static str, String)>,
}

impl Problem {
    /// One of this kind, with its default message.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self { kind, message: None, headers: Vec::new() }
    }

    /// Replaces the message.
    #[must_use]
    pub fn message(mut self, text: impl Into<String>) -> Self {
        self.message = Some(text.into());
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.kind.parts().0
    }

    /// Its own headers.
    #[must_use]
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }

    /// Its JSON.
    #[must_use]
    pub fn body(&self) -> String {
        let (code, status, error, default) = self.kind.parts();
        serde_json::json!({"code": code, "status": status, "error": error, "message": self.message.as_deref().unwrap_or(default)})
            .to_string()
    }
}
