//! Columns of text, as wide as their widest cell on a terminal.

use unicode_width::UnicodeWidthStr;

use super::printable;

/// On which side of its column a cell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Names and dates.
    Left,
    /// Numbers.
    Right,
}

/// A table without lines: headings, rows, two blanks between columns.
pub(crate) struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: &[(&str, Align)]) -> Self {
        Self {
            columns: columns
                .iter()
                .map(|(name, align)| ((*name).to_owned(), *align))
                .collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row; cells beyond the columns are dropped, missing ones are empty. Cells are made printable.
    pub(crate) fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let mut row: Vec<String> = cells
            .into_iter()
            .take(self.columns.len())
            .map(|cell| printable(cell.as_ref()).into_owned())
            .collect();
        row.resize(self.columns.len(), String::new());
        self.rows.push(row);
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, without blanks at their ends.
    pub(crate) fn lines(&self) -> Vec<String> {
        let headings: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let mut widths = vec![0; self.columns.len()];
        for row in std::iter::once(&headings).chain(&self.rows) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        std::iter::once(&headings)
            .chain(&self.rows)
            .map(|row| self.line(row, &widths))
            .collect()
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, width), (_, align)) in row.iter().zip(widths).zip(&self.columns) {
            if !line.is_empty() {
                line.push_str("  ");
            }
            let blanks = " ".repeat(width - cell.width());
            match align {
                Align::Left => line.extend([cell.as_str(), &blanks]),
                Align::Right => line.extend([blanks.as_str(), cell]),
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::{Align, Table};

    #[test]
    fn columns_line_up_by_their_width_on_a_terminal() {
        let mut table = Table::new(&[
            ("Phone", Align::Left),
            ("Size", Align::Right),
            ("Tags", Align::Left),
        ]);
        table.row(["Lumia 930", "1.0 MiB", ""]);
        table.row(["写真", "512 B", "trip"]);
        table.row(["Люмия"]);
        assert_eq!(
            table.lines(),
            [
                "Phone         Size  Tags",
                "Lumia 930  1.0 MiB",
                "写真         512 B  trip",
                "Люмия",
            ]
        );
    }

    #[test]
    fn cells_cannot_break_the_table() {
        let mut table = Table::new(&[("Name", Align::Left)]);
        assert!(table.is_empty());
        table.row(["a\nb\x1b[2J", "one cell too many"]);
        assert_eq!(table.lines(), ["Name", "a\\nb\\x1b[2J"]);
    }
}
