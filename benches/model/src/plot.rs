//! Plots: curves on two logarithmic axes, as SVG.

use std::fmt::Write as _;

const WIDTH: f64 = 980.0;
const HEIGHT: f64 = 430.0;
const PANEL: f64 = 372.0;
const TOP: f64 = 64.0;
const BOTTOM: f64 = 360.0;
const LEFT: [f64; 2] = [84.0, 580.0];

/// A curve.
#[derive(Debug, Clone)]
pub struct Curve {
    /// What it is, for the legend.
    pub name: String,
    /// As CSS has it.
    pub color: &'static str,
    /// Whether it is drawn with gaps.
    pub dashed: bool,
    /// All of them positive, from left to right.
    pub points: Vec<(f64, f64)>,
}

/// One of the two pictures.
#[derive(Debug, Clone)]
pub struct Panel {
    /// Above it.
    pub title: &'static str,
    /// What is shown.
    pub curves: Vec<Curve>,
}

/// Two pictures side by side that share their x axis and their legend, which is that of the first.
pub fn svg(x_title: &str, panels: &[Panel; 2]) -> String {
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"#222\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for (panel, left) in panels.iter().zip(LEFT) {
        draw(&mut out, panel, left, x_title);
    }
    legend(&mut out, &panels[0].curves);
    out.push_str("</svg>\n");
    out
}

/// Decades, from the one below the least to the one above the most.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axis {
    from: i32,
    to: i32,
    start: f64,
    end: f64,
}

impl Axis {
    fn new(values: impl Iterator<Item = f64> + Clone, start: f64, end: f64) -> Self {
        let exponent = |value: f64| value.log10();
        let least = values.clone().map(exponent).fold(f64::INFINITY, f64::min);
        let most = values.map(exponent).fold(f64::NEG_INFINITY, f64::max);
        let (from, to) = (least.floor() as i32, most.ceil() as i32);
        Self { from, to: to.max(from + 1), start, end }
    }

    fn place(&self, value: f64) -> f64 {
        let part = (value.log10() - f64::from(self.from)) / f64::from(self.to - self.from);
        self.start + part * (self.end - self.start)
    }

    fn decades(&self) -> impl Iterator<Item = i32> {
        self.from..=self.to
    }
}

fn draw(out: &mut String, panel: &Panel, left: f64, x_title: &str) {
    let points = || panel.curves.iter().flat_map(|curve| &curve.points);
    let x = Axis::new(points().map(|(x, _)| *x), left, left + PANEL);
    let y = Axis::new(points().map(|(_, y)| *y), BOTTOM, TOP);
    line(
        out,
        &format!(
            "<text x=\"{left}\" y=\"{}\" font-size=\"15\" font-weight=\"600\">{}</text>",
            TOP - 18.0,
            panel.title
        ),
    );
    for decade in y.decades() {
        let at = y.place(10f64.powi(decade));
        line(out, &format!("<path d=\"M{left} {at:.1}h{PANEL}\" stroke=\"#ddd\"/>"));
        line(
            out,
            &format!(
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 8.0,
                at + 4.0,
                short(decade)
            ),
        );
    }
    for decade in x.decades() {
        let at = x.place(10f64.powi(decade));
        line(out, &format!("<path d=\"M{at:.1} {TOP}V{BOTTOM}\" stroke=\"#ddd\"/>"));
        line(
            out,
            &format!(
                "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                BOTTOM + 18.0,
                short(decade)
            ),
        );
    }
    let middle = left + PANEL / 2.0;
    line(
        out,
        &format!(
            "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\" fill=\"#555\">{x_title}</text>",
            BOTTOM + 36.0
        ),
    );
    for curve in &panel.curves {
        let places: Vec<String> =
            curve.points.iter().map(|(a, b)| format!("{:.1},{:.1}", x.place(*a), y.place(*b))).collect();
        line(out, &format!("<polyline points=\"{}\" {}/>", places.join(" "), stroke(curve)));
    }
}

fn legend(out: &mut String, curves: &[Curve]) {
    let step = (WIDTH - 40.0) / curves.len() as f64;
    for (nth, curve) in curves.iter().enumerate() {
        let (left, middle) = (20.0 + nth as f64 * step, HEIGHT - 14.0);
        line(out, &format!("<path d=\"M{left:.1} {middle}h30\" {}/>", stroke(curve)));
        line(out, &format!("<text x=\"{:.1}\" y=\"{}\">{}</text>", left + 38.0, middle + 4.0, curve.name));
    }
}

fn stroke(curve: &Curve) -> String {
    let dashes = if curve.dashed { " stroke-dasharray=\"6 4\"" } else { "" };
    format!("fill=\"none\" stroke=\"{}\" stroke-width=\"2.2\" stroke-linejoin=\"round\"{dashes}", curve.color)
}

fn line(out: &mut String, text: &str) {
    // Writing to a String doesn't fail.
    let _ = writeln!(out, "{text}");
}

/// A power of ten as people say it: 10 k, 1 M.
fn short(decade: i32) -> String {
    const UNITS: [&str; 5] = ["", " k", " M", " G", " T"];
    if decade < 0 {
        return format!("{}", 10f64.powi(decade));
    }
    let unit = UNITS.get(decade as usize / 3).copied().unwrap_or("");
    format!("{}{unit}", 10u32.pow(decade as u32 % 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decades_are_said_as_people_do() {
        assert_eq!([-1, 0, 2, 4, 6, 9].map(short), ["0.1", "1", "100", "10 k", "1 M", "1 G"]);
    }

    #[test]
    fn an_axis_has_whole_decades_and_places_on_them() {
        let axis = Axis::new([20.0, 3_000.0].into_iter(), 0.0, 300.0);
        assert_eq!((axis.from, axis.to), (1, 4));
        assert_eq!((axis.place(10.0), axis.place(10_000.0)), (0.0, 300.0));
        assert!((axis.place(100.0) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn a_picture_is_well_formed_and_has_each_curve_twice() {
        let curve = |name: &str, dashed| Curve {
            name: name.into(),
            color: "#c33",
            dashed,
            points: vec![(10.0, 1.0), (100.0, 50.0)],
        };
        let panel = |title| Panel { title, curves: vec![curve("a", false), curve("b", true)] };
        let text = svg("x", &[panel("one"), panel("two")]);
        assert_eq!(
            (text.matches("<polyline").count(), text.matches("<svg").count(), text.matches("</svg>").count()),
            (4, 1, 1)
        );
        assert_eq!(text.matches("stroke-dasharray").count(), 3);
        assert!(!text.contains("NaN") && !text.contains("inf"));
    }
}
