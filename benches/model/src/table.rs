//! Tables: the model's figures as text, in columns that Markdown understands.

use crate::breaks::{BREAKS, together};
use crate::constants::Constants;
use crate::estimate::Estimate;
use crate::load::{Fleet, Load};
use crate::runs::Run;
use crate::sizing::{Machine, busiest_room, smallest};

/// A line of a table.
pub fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn head(titles: &[&str]) -> String {
    let cells: Vec<String> = titles.iter().map(|title| (*title).to_owned()).collect();
    row(&cells) + &row(&vec!["---".to_owned(); titles.len()])
}

/// Fleets for each load.
pub fn fleets(constants: &Constants, loads: &[Load], machine: &Machine) -> String {
    let titles = [
        "connections",
        "rooms of",
        "connectors",
        "chat servers",
        "links",
        "messages between servers, a second",
        "MB a second",
        "envelopes a delivery",
        "CPU for what is between servers",
        "busiest room, messages a second",
    ];
    head(&titles) + &loads.iter().map(|load| fleet(constants, load, machine)).collect::<String>()
}

fn fleet(constants: &Constants, load: &Load, machine: &Machine) -> String {
    let Some(fleet) = smallest(constants, load, machine) else {
        return row(&[count(load.connections), count(load.room), "none is enough".into()]);
    };
    let estimate = Estimate::of(constants, load, &fleet);
    row(&[
        count(load.connections),
        count(load.room),
        count(fleet.frontends),
        count(fleet.backends),
        count(fleet.links()),
        count(estimate.bus_messages),
        figure(estimate.bus_bytes / 1e6),
        figure(estimate.envelopes_a_delivery(load)),
        format!("{:.0} %", estimate.bus_share() * 100.0),
        count(busiest_room(constants, load, &fleet, machine)),
    ])
}

/// What a load costs a certain fleet.
pub fn estimate(constants: &Constants, load: &Load, fleet: &Fleet, machine: &Machine) -> String {
    let e = Estimate::of(constants, load, fleet);
    let part = |us: f64, servers: f64| format!("{:.1} % of each machine", us / servers / machine.cores / 1e4);
    let rows = [
        ("CPU of frontends", part(e.frontend_us, fleet.frontends)),
        ("CPU of backends", part(e.backend_us, fleet.backends)),
        ("of both, for what is between servers", format!("{:.0} %", e.bus_share() * 100.0)),
        (
            "memory of each frontend",
            format!(
                "{} MB, and {} MB of the system",
                figure(e.frontend_bytes / fleet.frontends / 1e6),
                figure(e.kernel_bytes / fleet.frontends / 1e6)
            ),
        ),
        ("memory of each backend", format!("{} MB", figure(e.backend_bytes / fleet.backends / 1e6))),
        ("links between frontends and backends", count(fleet.links())),
        (
            "between servers",
            format!("{} messages a second, {} MB a second", count(e.bus_messages), figure(e.bus_bytes / 1e6)),
        ),
        ("frontends that a push goes to", figure(e.reached)),
        ("deliveries a second", count(e.deliveries)),
    ];
    head(&["", ""]) + &rows.map(|(name, value)| row(&[name.into(), value])).concat()
}

/// Where each load breaks, spread and together.
pub fn breaks(constants: &Constants, loads: &[Load], machine: &Machine) -> String {
    let titles: Vec<String> = std::iter::once(String::new())
        .chain(loads.iter().map(|load| format!("rooms of {}", count(load.room))))
        .chain(loads.iter().map(|load| format!("rooms of {}, together", count(load.room))))
        .collect();
    let kinds = BREAKS.map(|kind| {
        let spread = loads.iter().map(|load| kind.first(constants, load, machine));
        let others = loads.iter().map(|load| kind.first(constants, &together(load), machine));
        let cells = spread
            .chain(others)
            .map(|first| first.map_or("–".into(), |number| format!("from {}", rough(number))));
        row(&std::iter::once(kind.text().to_owned()).chain(cells).collect::<Vec<_>>())
    });
    head(&titles.iter().map(String::as_str).collect::<Vec<_>>()) + &kinds.concat()
}

/// Predictions beside what was measured.
pub fn runs(constants: &Constants, runs: &[Run]) -> String {
    let mut out = head(&["run", "figure", "predicted", "measured", "ratio"]);
    for run in runs {
        for comparison in run.compare(constants) {
            let mark = if comparison.holds() { "" } else { " NOT within a quarter" };
            out += &row(&[
                run.name.clone(),
                comparison.figure.into(),
                figure(comparison.predicted),
                figure(comparison.measured),
                format!("{:.2}{mark}", comparison.ratio()),
            ]);
        }
    }
    out
}

/// A count, with commas between its thousands; rounded to three digits where it is estimated and large.
fn count(number: f64) -> String {
    let digits = format!("{:.0}", three_digits(number));
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Nobody knows it better than this.
fn rough(number: f64) -> String {
    let unit = 10f64.powf(number.log10().floor());
    count((number / unit).round() * unit)
}

fn three_digits(number: f64) -> f64 {
    if number < 1e3 {
        return number.round();
    }
    let unit = 10f64.powf(number.log10().floor() - 2.0);
    (number / unit).round() * unit
}

/// A figure with three digits that mean something.
fn figure(number: f64) -> String {
    match number.abs() {
        size if size >= 1e3 => count(number),
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_counts_have_commas() {
        assert_eq!(
            [0.123, 1.234, 12.34, 123.4, 12_345.6].map(figure),
            ["0.12", "1.23", "12.3", "123", "12,300"]
        );
        assert_eq!([7.0, 999.0, 1_234_567.0].map(count), ["7", "999", "1,230,000"]);
        assert_eq!(rough(123_456.0), "100,000");
    }
}
