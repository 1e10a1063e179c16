//! Progress on a whole terminal.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Block, Gauge, Paragraph, Row, Sparkline, Table, Wrap};

use super::Figures;
use crate::crowd::Phase;
use crate::report::grouped;

/// Draws all of it.
pub fn draw(frame: &mut Frame<'_>, figures: &Figures) {
    let rows = Layout::vertical([
        Constraint::Length(3),
        Constraint::Length(8),
        Constraint::Min(4),
        Constraint::Length(errors_height(figures)),
        Constraint::Length(1),
    ]);
    let [progress, numbers, curve, errors, help] = rows.areas(frame.area());
    draw_progress(frame, progress, figures);
    draw_numbers(frame, numbers, figures);
    draw_curve(frame, curve, figures);
    draw_errors(frame, errors, figures);
    frame.render_widget(Line::from(" q or Ctrl-C stops and reports").dim(), help);
}

fn draw_progress(frame: &mut Frame<'_>, area: Rect, figures: &Figures) {
    let (title, done, label) = match figures.phase {
        Phase::Entering => {
            let done = figures.connected as f64 / figures.users.max(1) as f64;
            (" entering ", done, format!("{} of {}", figures.connected, figures.users))
        }
        Phase::Talking => {
            let (now, time) = (figures.in_phase.as_secs_f64(), figures.time.as_secs_f64());
            (" talking ", now / time.max(0.001), format!("{now:.0} of {time:.0} s"))
        }
        Phase::Listening => (" listening ", 1.0, format!("{} still to be heard", grouped(figures.under_way))),
        Phase::Over => (" over ", 1.0, String::new()),
    };
    let gauge = Gauge::default().block(Block::bordered().title(title)).gauge_style(Color::Cyan);
    frame.render_widget(gauge.ratio(done.clamp(0.0, 1.0)).label(label), area);
}

fn draw_numbers(frame: &mut Frame<'_>, area: Rect, figures: &Figures) {
    let ms = |us: u64| format!("{:.2} ms", us as f64 / 1_000.0);
    let alarm = |bad: u64| if bad > 0 { Style::new().red().bold() } else { Style::new() };
    let latency = figures.latency;
    let rows = [
        Row::new([
            "connections".into(),
            grouped(figures.connected),
            format!("of {}", grouped(figures.users)),
        ]),
        Row::new(["sent".into(), grouped(figures.said), format!("{}/s", grouped(figures.said_per_second))]),
        Row::new([
            "delivered".into(),
            grouped(figures.heard),
            format!("{}/s", grouped(figures.heard_per_second)),
        ]),
        Row::new([
            "latency".into(),
            format!("p50 {}", ms(latency.p50)),
            format!("p99 {}  max {}", ms(latency.p99), ms(latency.max)),
        ]),
        Row::new(["refused".into(), grouped(figures.refused), String::new()]).style(alarm(figures.refused)),
        Row::new(["lost".into(), grouped(figures.lost), String::new()]).style(alarm(figures.lost)),
    ];
    let widths = [Constraint::Length(12), Constraint::Length(14), Constraint::Min(20)];
    frame.render_widget(Table::new(rows, widths).block(Block::bordered().title(" now ")), area);
}

fn draw_curve(frame: &mut Frame<'_>, area: Rect, figures: &Figures) {
    let most = figures.curve.iter().copied().max().unwrap_or_default();
    let title = format!(" deliveries a second, {} at most ", grouped(most));
    let room = usize::from(area.width.saturating_sub(2));
    let latest = figures.curve.len().saturating_sub(room);
    let curve = figures.curve.iter().skip(latest);
    let sparkline = Sparkline::default().data(curve).style(Color::Cyan);
    frame.render_widget(sparkline.block(Block::bordered().title(title)), area);
}

fn draw_errors(frame: &mut Frame<'_>, area: Rect, figures: &Figures) {
    let lines: Vec<_> = figures
        .errors
        .iter()
        .map(|(error, count)| Line::from(format!("{:>8}  {error}", grouped(*count))))
        .collect();
    let block = Block::bordered().title(" errors ").style(Style::new().red());
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
}

/// Nothing if there are none.
fn errors_height(figures: &Figures) -> u16 {
    match figures.errors.len() {
        0 => 0,
        kinds => u16::try_from(kinds).unwrap_or(u16::MAX).saturating_add(2),
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::tests::figures;
    use super::*;

    fn screen(width: u16, height: u16, figures: &Figures) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, figures)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn everything_can_be_seen_on_a_terminal_of_the_usual_size() {
        let text = screen(80, 24, &figures());
        for part in [
            "talking",
            "12 of 30 s",
            "connections",
            "198",
            "of 200",
            "2,400",
            "200/s",
            "23,998",
            "2,000/s",
            "p50 0.40 ms",
            "p99 1.20 ms",
            "2,100 at most",
            "kicked: too slow",
            "q or Ctrl-C",
        ] {
            assert!(text.contains(part), "{part}\nis not on\n{text}");
        }
    }

    #[test]
    fn a_tiny_terminal_and_strange_figures_are_no_panic() {
        let figures = Figures { users: 0, time: std::time::Duration::ZERO, ..figures() };
        for phase in [Phase::Entering, Phase::Talking, Phase::Listening, Phase::Over] {
            for (width, height) in [(1, 1), (3, 2), (20, 9)] {
                screen(width, height, &Figures { phase, ..figures.clone() });
            }
        }
    }
}
