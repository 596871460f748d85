//! Small tables of results.

use std::fmt;

use super::{output, text::escape};

/// A small table: headers, rows, numbers aligned at the right.
///
/// In a notebook it takes the theme's own colours; printed, it is lined up with spaces. A column is aligned at the right
/// when all its cells are numbers (with signs, units of percent, "±" or "×" if need be) or empty.
///
/// ```
/// use vae_core::viz::Table;
///
/// let table = Table::new(["model", "ELBO / nats"]).row(["MLP", "−98.2"]).row(["convolutional", "−91.05"]);
/// assert_eq!(table.to_string().lines().last(), Some("convolutional       −91.05"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Table {
    headers: Vec<String>,
    rows: Vec<Vec<String>>,
    caption: String,
}

impl Table {
    /// A table without rows.
    pub fn new(headers: impl IntoIterator<Item = impl ToString>) -> Self {
        Self { headers: headers.into_iter().map(|h| h.to_string()).collect(), ..Self::default() }
    }

    /// One more row. Missing cells are empty; cells beyond the headers get a column without one.
    pub fn row(mut self, cells: impl IntoIterator<Item = impl ToString>) -> Self {
        self.rows.push(cells.into_iter().map(|cell| cell.to_string()).collect());
        self
    }

    /// A line of text above the table.
    pub fn caption(mut self, caption: impl Into<String>) -> Self {
        self.caption = caption.into();
        self
    }

    fn columns(&self) -> usize {
        self.rows.iter().map(Vec::len).chain([self.headers.len()]).max().unwrap_or(0)
    }

    /// Whether each column holds numbers only.
    fn numeric(&self) -> Vec<bool> {
        let cell = |row: &Vec<String>, c: usize| row.get(c).is_none_or(|text| is_number(text));
        (0..self.columns()).map(|c| !self.rows.is_empty() && self.rows.iter().all(|row| cell(row, c))).collect()
    }

    /// The table as HTML.
    pub fn to_html(&self) -> String {
        let numeric = self.numeric();
        let row = |tag: &str, cells: &[String]| {
            let cells: String = numeric
                .iter()
                .enumerate()
                .map(|(c, numeric)| {
                    let side = if *numeric { "right" } else { "left" };
                    let text = cells.get(c).map_or(String::new(), |cell| escape(cell));
                    format!("<{tag} style=\"text-align: {side}\">{text}</{tag}>")
                })
                .collect();
            format!("<tr>{cells}</tr>\n")
        };
        let mut html = String::from("<table>\n");
        if !self.caption.is_empty() {
            html += &format!("<caption>{}</caption>\n", escape(&self.caption));
        }
        html += &format!("<thead>\n{}</thead>\n<tbody>\n", row("th", &self.headers));
        html.extend(self.rows.iter().map(|cells| row("td", cells)));
        html + "</tbody>\n</table>"
    }

    /// Shows the table in the notebook cell that is running.
    pub fn evcxr_display(&self) {
        output::emit("text/html", &self.to_html());
    }
}

/// Digits, and what stands around and between them in results.
fn is_number(text: &str) -> bool {
    let text = text.trim();
    let around = |c: char| c.is_ascii_digit() || ".,+-−±×%e ∞⁰¹²³⁴⁵⁶⁷⁸⁹⁻()".contains(c);
    matches!(text, "" | "-" | "–" | "—" | "NaN" | "inf" | "-inf")
        || (text.chars().any(|c| c.is_ascii_digit() || c == '∞') && text.chars().all(around))
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numeric = self.numeric();
        let rows = || [&self.headers].into_iter().chain(&self.rows);
        let cell =
            |row: &Vec<String>, c: usize| row.get(c).map_or(String::new(), |text| text.replace(['\n', '\r'], " "));
        let width = |c: usize| rows().map(|row| cell(row, c).chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..numeric.len()).map(width).collect();
        if !self.caption.is_empty() {
            writeln!(f, "{}", self.caption)?;
        }
        for (i, row) in rows().enumerate() {
            let cells: Vec<String> = widths
                .iter()
                .enumerate()
                .map(
                    |(c, w)| if numeric[c] { format!("{:>w$}", cell(row, c)) } else { format!("{:<w$}", cell(row, c)) },
                )
                .collect();
            let line = cells.join("  ");
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of all the kinds that results come in are aligned at the right, words at the left.
    #[test]
    fn alignment() {
        for number in ["1", "−98.2 ± 0.3", "2.5×10⁻³", "1e-3", "12 %", "", "—", "60,000"] {
            assert!(is_number(number), "{number}");
        }
        for word in ["MLP", "784–400–20", "e", "x 3"] {
            assert!(!is_number(word), "{word}");
        }
        let html = Table::new(["a", "b"]).row(["x", "1"]).to_html();
        assert!(html.contains("left\">x") && html.contains("right\">1") && html.contains("right\">b"), "{html}");
    }

    /// Hostile cells are text, and rows of any length make a table.
    #[test]
    fn hostile_cells() {
        let table = Table::new(["<b>&\""]).row(["<script>", "more"]).row(Vec::<String>::new());
        assert!(table.to_html().contains("&lt;b&gt;&amp;&quot;") && !table.to_html().contains("<script>"));
        assert_eq!(table.to_html().matches("<td").count(), 4);
        assert_eq!(Table::default().to_string(), "");
    }
}
