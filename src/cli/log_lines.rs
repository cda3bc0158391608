//! How a log line is written: as text or JSON, and with the id of the request it belongs to, if there is one.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::trace::{RequestId, Trace};

/// Another format's lines, with `request` at the end of those that belong to one.
pub struct WithRequest<F> {
    /// The other format.
    pub lines: F,
    /// Whether its lines are JSON objects.
    pub json: bool,
}

impl<S, N, F> FormatEvent<S, N> for WithRequest<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Some(id) = Trace::current().request else { return self.lines.format_event(context, writer, event) };
        let mut line = String::new();
        self.lines.format_event(context, Writer::new(&mut line), event)?;
        writer.write_str(&with_request(line.trim_end_matches('\n'), id, self.json))
    }
}

fn with_request(line: &str, id: RequestId, json: bool) -> String {
    match line.strip_suffix('}').filter(|_| json) {
        Some(open) => format!("{open},\"request\":\"{id}\"}}\n"),
        None => format!("{line} request={id}\n"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops here")]

    use super::*;

    #[test]
    fn a_line_says_its_request_at_its_end() {
        let id = RequestId::next();
        assert_eq!(with_request("INFO x y=1", id, false), format!("INFO x y=1 request={id}\n"));
        assert_eq!(with_request("INFO {x}", id, false), format!("INFO {{x}} request={id}\n"));
        let json: serde_json::Value = serde_json::from_str(&with_request("{\"a\":{}}", id, true)).unwrap();
        assert_eq!(json, serde_json::json!({"a": {}, "request": id.to_string()}));
    }
}
