//! What several methods are worth on several tasks, with errors, and which of them cannot be told from the best.
//!
//! ```text
//! cell = mean ± standard error over repetitions            tied with the best b: |m − m_b| ≤ 2 √(e² + e_b²)
//! ```
//! A difference of two standard errors of itself is what luck alone exceeds in one case of twenty, where errors are normal and known.
//!
//! ```
//! use vae_core::eval::{Better, Scoreboard};
//!
//! let mut board = Scoreboard::new();
//! for (a, b, c) in [(0.90, 0.95, 0.70), (0.92, 0.91, 0.72), (0.91, 0.93, 0.71)] { // three seeds
//!     board.add("digits", "a", a);
//!     board.add("digits", "b", b);
//!     board.add("digits", "c", c);
//! }
//! assert_eq!(board.cell("digits", "a")?.to_string(), "0.910 ± 0.006");
//! assert_eq!(board.best("digits", &["a", "b", "c"], Better::Larger), ["b", "a"]); // 0.02 apart, 2 √(0.006² + 0.012²) = 0.026
//! # Ok::<(), vae_core::Error>(())
//! ```

use std::{fmt, path::Path};

use serde_json::Value;

use super::mean_error;
use crate::{Error, Result};

/// Which of two numbers is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// The larger one, of an AUROC or of decibels.
    Larger,
    /// The smaller one, of an error.
    Smaller,
}

/// A number with its error, where that is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// One number for each repetition, with another seed.
    pub values: Vec<f64>,
    /// The standard error over something else, where there is one repetition only: images, usually.
    pub error: Option<f64>,
}

impl Cell {
    /// The mean over the repetitions.
    pub fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }

    /// The standard error: over repetitions where there are several; none for a single number that came without.
    pub fn error(&self) -> Option<f64> {
        if self.values.len() > 1 { mean_error(&self.values).ok().map(|mean| mean.error) } else { self.error }
    }

    /// The mean with so many decimals, and the error after ±.
    pub fn written(&self, decimals: usize) -> String {
        let error = self.error().map_or(String::new(), |error| format!(" ± {error:.decimals$}"));
        format!("{:.decimals$}{error}", self.mean()).replace('-', "−")
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.written(3))
    }
}

/// Tasks as rows, methods as columns.
#[derive(Clone, Debug, Default)]
pub struct Scoreboard {
    /// Where the numbers come from, in words; empty for what was measured here.
    pub made: String,
    pub(crate) rows: Vec<Row>,
}

/// A task.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) name: String,
    group: String,
    cells: Vec<(String, Cell)>,
}

impl Scoreboard {
    /// Without rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more repetition of a method on a task.
    pub fn add(&mut self, row: impl ToString, column: impl ToString, value: f64) {
        self.cell_mut(row.to_string(), column.to_string()).values.push(value);
    }

    /// The same, with the standard error that a single repetition has by itself.
    pub fn add_with_error(&mut self, row: impl ToString, column: impl ToString, value: f64, error: f64) {
        let cell = self.cell_mut(row.to_string(), column.to_string());
        cell.values.push(value);
        cell.error = Some(error);
    }

    fn cell_mut(&mut self, row: String, column: String) -> &mut Cell {
        let r = self.rows.iter().position(|r| r.name == row).unwrap_or_else(|| {
            self.rows.push(Row { name: row, ..Default::default() });
            self.rows.len() - 1
        });
        let cells = &mut self.rows[r].cells;
        let c = cells.iter().position(|cell| cell.0 == column).unwrap_or_else(|| {
            cells.push((column, Cell::default()));
            cells.len() - 1
        });
        &mut cells[c].1
    }

    /// A table that `make experiments` made and that is kept in `experiments/`: a JSON file with `rows`, each with a `label`, a `group` where
    /// there are several, and `cells` with their `mean` and `error`.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read, [`Error::File`] when it holds no such table.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
        let value: Value = serde_json::from_str(&text).map_err(|error| Error::file(path, error.to_string()))?;
        let text = |value: &Value| value.as_str().unwrap_or("").to_string();
        let mut board = Self { made: text(&value["made"]), rows: vec![] };
        for row in value["rows"].as_array().into_iter().flatten() {
            let mut cells = vec![];
            for (name, cell) in row["cells"].as_object().into_iter().flatten() {
                let Some(mean) = cell["mean"].as_f64() else { continue };
                cells.push((name.clone(), Cell { values: vec![mean], error: cell["error"].as_f64() }));
            }
            board.rows.push(Row { name: text(&row["label"]), group: text(&row["group"]), cells });
        }
        if board.rows.is_empty() {
            return Err(Error::file(path, "has no rows; expected a table as `make experiments` writes it"));
        }
        Ok(board)
    }

    /// The rows of one group of a table that has several.
    ///
    /// # Errors
    /// [`Error::Argument`] with the groups that there are.
    pub fn group(&self, name: &str) -> Result<Self> {
        let rows: Vec<Row> = self.rows.iter().filter(|row| row.group == name).cloned().collect();
        if rows.is_empty() {
            let mut groups: Vec<&str> = self.rows.iter().map(|row| &*row.group).collect();
            groups.dedup();
            return Err(Error::argument(format!("no rows in the group {name:?}: expected one of {groups:?}")));
        }
        Ok(Self { made: self.made.clone(), rows })
    }

    /// The names of the rows, in order.
    pub fn rows(&self) -> Vec<String> {
        self.rows.iter().map(|row| row.name.clone()).collect()
    }

    /// The names of the columns, in the order of their first appearance.
    pub fn columns(&self) -> Vec<String> {
        let mut columns: Vec<String> = vec![];
        for (name, _) in self.rows.iter().flat_map(|row| &row.cells) {
            if !columns.contains(name) {
                columns.push(name.clone());
            }
        }
        columns
    }

    pub(crate) fn find(&self, row: &str, column: &str) -> Option<&Cell> {
        let row = self.rows.iter().find(|r| r.name == row)?;
        row.cells.iter().find(|cell| cell.0 == column).map(|cell| &cell.1)
    }

    /// What a method is worth on a task.
    ///
    /// # Errors
    /// [`Error::Argument`] with the rows or columns that there are.
    pub fn cell(&self, row: &str, column: &str) -> Result<&Cell> {
        self.find(row, column).ok_or_else(|| {
            let (rows, columns) = (self.rows().join(", "), self.columns().join(", "));
            Error::argument(format!("no cell {row:?}, {column:?}: the rows are {rows}; the columns are {columns}"))
        })
    }

    /// The methods among `columns` that cannot be told from the best on a task, the best first.
    pub fn best(&self, row: &str, columns: &[&str], better: Better) -> Vec<String> {
        let sign = if better == Better::Larger { -1.0 } else { 1.0 };
        let cells = columns.iter().filter_map(|column| self.find(row, column).map(|cell| (*column, cell)));
        let mut cells: Vec<_> = cells.filter(|(_, cell)| cell.mean().is_finite()).collect();
        cells.sort_by(|a, b| (sign * a.1.mean()).total_cmp(&(sign * b.1.mean())));
        let Some(&(_, best)) = cells.first() else { return vec![] };
        let tied = |cell: &Cell| {
            let error = |cell: &Cell| cell.error().unwrap_or(0.0).powi(2);
            (cell.mean() - best.mean()).abs() <= 2.0 * (error(cell) + error(best)).sqrt()
        };
        cells.into_iter().filter(|(_, cell)| tied(cell)).map(|(name, _)| name.to_string()).collect()
    }
}
