//! The layer table.

use std::fmt;

use candle_core::Tensor;

use crate::nn::{Params, Row};

/// One row of a [`Summary`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerRow {
    /// The prefix of its parameters' names; empty for a layer without parameters.
    pub name: String,
    /// "Linear", "ReLU", …
    pub kind: String,
    /// The shape of its output without the batch dimension.
    pub output: Vec<usize>,
    /// How many trainable numbers it has.
    pub parameters: usize,
}

impl LayerRow {
    /// A row; `output` is the shape without the batch dimension.
    pub fn new(name: String, kind: impl Into<String>, output: &[usize], parameters: usize) -> Self {
        Self { name, kind: kind.into(), output: output.to_vec(), parameters }
    }

    /// The row of a layer, under the name that its parameters have in `params`.
    pub(super) fn of(params: &Params, Row { kind, output, parameters }: Row) -> Self {
        let first = parameters.first().map(Tensor::id);
        let name = params.iter().find(|(_, var)| Some(var.id()) == first).map_or("", |(name, _)| name);
        let name = name.rsplit_once('.').map_or(name, |(layer, _)| layer);
        Self::new(name.into(), kind, &output, parameters.iter().map(Tensor::elem_count).sum())
    }
}

/// The layers of a model with their output shapes and parameters. Displays as a table, in a notebook too.
#[derive(Clone, PartialEq, Eq)]
pub struct Summary {
    rows: Vec<LayerRow>,
}

impl Summary {
    pub(super) fn new(rows: Vec<LayerRow>) -> Self {
        Self { rows }
    }

    /// The rows, top to bottom.
    pub fn rows(&self) -> &[LayerRow] {
        &self.rows
    }

    /// The number of trainable parameters.
    pub fn total(&self) -> usize {
        self.rows.iter().map(|row| row.parameters).sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let line = "=".repeat(72);
        writeln!(f, "{:<32}{:<26}{:>14}\n{line}", "Layer (type)", "Output shape", "Param #")?;
        for row in &self.rows {
            let name =
                if row.name.is_empty() { format!("  {}", row.kind) } else { format!("{} ({})", row.name, row.kind) };
            let output: Vec<String> =
                ["-1".to_string()].into_iter().chain(row.output.iter().map(usize::to_string)).collect();
            let parameters = if row.parameters == 0 { "--".into() } else { thousands(row.parameters) };
            writeln!(f, "{name:<32}{:<26}{parameters:>14}", format!("[{}]", output.join(", ")))?;
        }
        write!(f, "{line}\nTotal parameters: {}", thousands(self.total()))
    }
}

/// The table again: a notebook shows a value by its `Debug`.
impl fmt::Debug for Summary {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// 1149624 → "1,149,624".
pub(crate) fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table has the layer's name and kind, its output shape with the batch as −1, its parameters, and the total.
    #[test]
    fn reads_like_the_usual_table() {
        let rows = vec![
            LayerRow::new("encoder.fc1".into(), "Linear", &[400], 314_000),
            LayerRow::new(String::new(), "ReLU", &[400], 0),
        ];
        let text = Summary::new(rows).to_string();
        assert!(text.contains("encoder.fc1 (Linear)            [-1, 400]                        314,000"), "{text}");
        assert!(text.contains("  ReLU") && text.ends_with("Total parameters: 314,000"), "{text}");
        assert_eq!([0, 999, 1000, 1_149_624].map(thousands), ["0", "999", "1,000", "1,149,624"]);
    }
}
