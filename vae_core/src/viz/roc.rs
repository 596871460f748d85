//! ROC curves.

use super::Plot;
use crate::eval::Ranking;

impl Plot {
    /// The ROC curves of several scores, each with its AUROC in the legend, and the diagonal of guessing, dashed.
    ///
    /// ```
    /// use vae_core::{eval::Ranking, viz::Plot};
    ///
    /// let ranking = Ranking::new(&[0.1, 0.4], &[0.35, 0.8])?;
    /// let svg = Plot::roc("Threes against the rest", [("error", &ranking)]).to_figure().to_svg();
    /// assert!(svg.contains("error 0.750") && svg.contains("guessing 0.500"));
    /// # Ok::<(), vae_core::Error>(())
    /// ```
    pub fn roc<'a>(
        title: impl Into<String>,
        rankings: impl IntoIterator<Item = (impl AsRef<str>, &'a Ranking)>,
    ) -> Self {
        let mut plot =
            Self::new(title, "share of normal images flagged", "share of anomalous images caught").size(620, 480);
        for (name, ranking) in rankings {
            let points = ranking.roc().into_iter().map(|point| (point.false_positive_rate, point.true_positive_rate));
            plot = plot.line(format!("{} {:.3}", name.as_ref(), ranking.auroc()), points);
        }
        plot.guess("guessing 0.500", [(0.0, 0.0), (1.0, 1.0)])
    }
}
