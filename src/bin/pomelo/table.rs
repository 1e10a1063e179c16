//! Tables for a terminal.

use comfy_table::{Cell, CellAlignment, Color, ContentArrangement, Table, presets};

/// What a cell is about, which decides its colour on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing in particular.
    Plain,
    /// All is well.
    Good,
    /// Something is under way.
    Busy,
    /// Somebody should look.
    Bad,
}

impl Tone {
    fn color(self) -> Option<Color> {
        match self {
            Self::Plain => None,
            Self::Good => Some(Color::Green),
            Self::Busy => Some(Color::Yellow),
            Self::Bad => Some(Color::Red),
        }
    }
}

/// The side on which a column is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table of these columns; nothing is ever wrapped, so that a line is a row.
pub fn table(columns: &[(&str, Side)]) -> Table {
    let mut table = unstyled();
    table.set_header(columns.iter().map(|(name, _)| Cell::new(name).fg(Color::DarkGrey)));
    for (column, (_, side)) in table.column_iter_mut().zip(columns) {
        column.set_padding(BETWEEN);
        column.set_cell_alignment(match side {
            Side::Left => CellAlignment::Left,
            Side::Right => CellAlignment::Right,
        });
    }
    table
}

/// A table of these rows, whose columns need no names.
pub fn headless<const N: usize>(rows: impl IntoIterator<Item = [Cell; N]>) -> Table {
    let mut table = unstyled();
    table.add_rows(rows);
    table.column_iter_mut().for_each(|column| _ = column.set_padding(BETWEEN));
    table
}

/// Spaces on the left and on the right of each column.
const BETWEEN: (u16, u16) = (0, 2);

fn unstyled() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        table.force_no_tty();
    }
    table
}

/// A cell in a tone.
pub fn cell(text: impl ToString, tone: Tone) -> Cell {
    let cell = Cell::new(text);
    match tone.color() {
        Some(color) => cell.fg(color),
        None => cell,
    }
}

/// The text of a table, without spaces at the ends of its lines.
pub fn render(table: &Table) -> String {
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}
