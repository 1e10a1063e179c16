//! `pomelo show`.

use std::fmt::Write;
use std::time::Duration;

use pomelo::metrics::{MissingLink, Report};

use super::render;
use crate::failure::Failure;
use crate::operator::Operator;
use crate::output::Done;
use crate::table::{self, Side, Tone, cell};
use crate::units;

/// Shows a server's report. A link that is missing is a failure.
pub async fn run(id: &str, operator: &Operator) -> Result<Done, Failure> {
    let admin = operator.connect().await?;
    let report = admin.report(id).await.map_err(|error| operator.failed(error))?;
    let text = render(operator, &report, || text_of(&report, false));
    Ok(Done { text, ok: report.missing_links.is_empty() })
}

/// The report as people read it; `plain` is without colours, wherever it goes.
fn text_of(report: &Report, plain: bool) -> String {
    let mut summary = summary(report);
    let mut routes = routes(report);
    let mut errors = last_errors(report);
    if plain {
        summary.force_no_tty();
        routes.force_no_tty();
        errors.force_no_tty();
    }
    let up = units::uptime(Duration::from_millis(report.uptime_ms));
    let mut text = format!("{}, up {up}\n\n{}", report.id, table::render(&summary));
    if report.routes.is_empty() {
        text.push_str("\nNo requests or calls yet.\n");
    } else {
        let _ = write!(text, "\n{}", table::render(&routes));
    }
    if !errors.is_empty() {
        let _ = write!(text, "\n{}", table::render(&errors));
    }
    text
}

fn summary(report: &Report) -> comfy_table::Table {
    let (count, bytes) = (units::count, units::bytes);
    let dropped = if report.dropped.values().all(|count| *count == 0) { Tone::Plain } else { Tone::Bad };
    let panics = if report.panics == 0 { Tone::Plain } else { Tone::Bad };
    let peers: Vec<_> = report.peers.iter().map(|peer| &**peer).collect();
    let rows = [
        (
            "sessions",
            format!("{}, {} bound", count(report.sessions), count(report.bound_sessions)),
            Tone::Plain,
        ),
        (
            "channels",
            format!("{}, {} members", count(report.channels), count(report.channel_members)),
            Tone::Plain,
        ),
        ("for clients", format!("{} queued", bytes(report.outbox_bytes)), Tone::Plain),
        ("for servers", format!("{} queued", bytes(report.link_bytes)), Tone::Plain),
        ("calls", format!("{} waiting for an answer", count(report.pending_calls)), Tone::Plain),
        ("dropped", dropped_text(report), dropped),
        ("panics", if report.panics == 0 { "none".into() } else { count(report.panics) }, panics),
        ("links", if peers.is_empty() { "none".into() } else { peers.join(", ") }, Tone::Plain),
    ];
    let missing = report.missing_links.iter().map(|link| ("no link to", missing_text(link), Tone::Bad));
    let rows = rows.into_iter().chain(missing);
    table::headless(rows.map(|(name, text, tone)| [cell(name, Tone::Plain), cell(text, tone)]))
}

/// `chat-server-2 for 12 s: connection refused at 10.0.0.9:4050`.
fn missing_text(link: &MissingLink) -> String {
    let time = units::uptime(Duration::from_millis(link.for_ms));
    let why = link.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("{} for {time}{why}", link.server)
}

/// `5: slow_client 3, stale_push 2`.
fn dropped_text(report: &Report) -> String {
    let reasons: Vec<_> = report
        .dropped
        .iter()
        .filter(|(_, dropped)| **dropped > 0)
        .map(|(reason, dropped)| format!("{reason} {}", units::count(*dropped)))
        .collect();
    match reasons.is_empty() {
        true => "nothing".into(),
        false => format!("{}: {}", units::count(report.dropped.values().sum()), reasons.join(", ")),
    }
}

/// So many letters of an error are shown, so that a line of it fits into most terminals.
const MAX_SHOWN: usize = 160;

const ROUTES: &[(&str, Side)] = &[
    ("ROUTE", Side::Left),
    ("REQUESTS", Side::Right),
    ("ERRORS", Side::Right),
    ("REFUSED", Side::Right),
    ("P50", Side::Right),
    ("P99", Side::Right),
    ("MAX", Side::Right),
];

fn routes(report: &Report) -> comfy_table::Table {
    let mut table = table::table(ROUTES);
    for route in &report.routes {
        let errors = if route.failures() == 0 { Tone::Plain } else { Tone::Bad };
        table.add_row([
            cell(&route.route, Tone::Plain),
            cell(units::count(route.requests), Tone::Plain),
            cell(units::count(route.failures()), errors),
            cell(units::count(route.refusals), Tone::Plain),
            cell(units::latency(route.p50_us), Tone::Plain),
            cell(units::latency(route.p99_us), Tone::Plain),
            cell(units::latency(route.max_us), Tone::Plain),
        ]);
    }
    table
}

const LAST_ERRORS: &[(&str, Side)] =
    &[("ROUTE", Side::Left), ("AGO", Side::Right), ("CODE", Side::Right), ("LAST ERROR", Side::Left)];

/// What each route failed with at last; the whole text is in the JSON.
fn last_errors(report: &Report) -> comfy_table::Table {
    let mut table = table::table(LAST_ERRORS);
    for route in &report.routes {
        let Some(last) = &route.last_error else { continue };
        table.add_row([
            cell(&route.route, Tone::Plain),
            cell(units::uptime(Duration::from_millis(last.ago_ms)), Tone::Plain),
            cell(last.code, Tone::Plain),
            cell(one_line(&last.text), Tone::Plain),
        ]);
    }
    table
}

/// The beginning of a text, without what would break its line or colour the terminal.
fn one_line(text: &str) -> String {
    let shown = text.chars().take(MAX_SHOWN).map(|letter| if letter.is_control() { ' ' } else { letter });
    let rest = if text.chars().count() > MAX_SHOWN { "…" } else { "" };
    shown.collect::<String>() + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report() -> serde_json::Value {
        json!({
            "id": "chat-server-1", "incarnation": 7, "uptimeMs": 192_000, "sessions": 1_200, "boundSessions": 1_100,
            "channels": 3, "channelMembers": 41, "outboxBytes": 1_234, "linkBytes": 0, "pendingCalls": 2,
            "dropped": {"slow_client": 3, "stale_push": 2, "closed": 0}, "panics": 4,
            "routes": [
                {"route": "chat.chatHandler.send", "requests": 12_345, "errors": 9, "refusals": 7, "p50Us": 120,
                 "p99Us": 1_234, "maxUs": 30_100,
                 "lastError": {"text": "the store is away:\nconnection refused", "code": 503, "atMs": 1_700_000_000_000u64, "agoMs": 192_000}},
                {"route": "chat.chatRemote.add", "requests": 40, "errors": 0, "p50Us": 9, "p99Us": 80, "maxUs": 95},
            ],
            "peers": ["connector-server-1", "gate-server-1"], "missingLinks": [{"server": "chat-server-2", "forMs": 12_000, "why": "no answer from 10.0.0.7:6051"}],
        })
    }

    #[test]
    fn a_report_reads_well() {
        let text = text_of(&serde_json::from_value(report()).unwrap(), true);
        let wanted = "\
chat-server-1, up 3 m 12 s

sessions     1,200, 1,100 bound
channels     3, 41 members
for clients  1.2 kB queued
for servers  0 B queued
calls        2 waiting for an answer
dropped      5: slow_client 3, stale_push 2
panics       4
links        connector-server-1, gate-server-1
no link to   chat-server-2 for 12 s: no answer from 10.0.0.7:6051

ROUTE                  REQUESTS  ERRORS  REFUSED     P50     P99      MAX
chat.chatHandler.send    12,345       2        7  120 µs  1.2 ms  30.1 ms
chat.chatRemote.add          40       0        0    9 µs   80 µs    95 µs

ROUTE                       AGO  CODE  LAST ERROR
chat.chatHandler.send  3 m 12 s   503  the store is away: connection refused
";
        assert_eq!(text, wanted);
    }

    #[test]
    fn a_server_that_has_done_nothing_says_so() {
        let mut report = report();
        for empty in ["routes", "peers", "missingLinks"] {
            report[empty] = json!([]);
        }
        report["dropped"] = json!({});
        report["panics"] = json!(0);
        let text = text_of(&serde_json::from_value(report).unwrap(), true);
        for part in [
            "dropped      nothing\n",
            "panics       none\n",
            "links        none\n",
            "No requests or calls yet.",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
