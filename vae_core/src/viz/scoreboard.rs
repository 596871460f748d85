//! Scoreboards as tables, the best of each row marked.

use super::Table;
use crate::eval::{Better, Scoreboard};

impl Scoreboard {
    /// The table of these columns, with so many decimals. In each row × marks the best and what cannot be told from it; a caption
    /// says where the numbers come from, if from elsewhere.
    pub fn table(&self, first: &str, columns: &[&str], decimals: usize, better: Better) -> Table {
        let headers = [first].into_iter().chain(columns.iter().copied());
        let marks = "× marks the best of a row and what two standard errors cannot tell from it.";
        let mut table = Table::new(headers).caption(format!("{} {marks}", self.made).trim_start());
        for row in self.rows() {
            let best = self.best(&row, columns, better);
            let cell = |column: &&str| {
                let mark = if best.iter().any(|best| best == column) { " ×" } else { "" };
                self.find(&row, column).map_or(String::new(), |cell| cell.written(decimals) + mark)
            };
            table = table.row([row.clone()].into_iter().chain(columns.iter().map(cell)));
        }
        table
    }
}
