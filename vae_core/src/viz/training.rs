//! A training run at a glance: its curves, which dimensions came to carry something, and what it drew on the way.

use super::{Figure, Heatmap, Rows};
use crate::{Result, train::History};

/// More dimensions than this are thin lines.
const MOST_NAMED: usize = 24;
/// About how wide the film is beside the map, in CSS pixels.
const FILM: usize = 560;

impl History {
    /// The whole run: its [curves](History::plot); below, where images were held out, the KL of each latent dimension over the epochs, those with
    /// the most at the end on top; and the samples that [`Trainer::film`](crate::train::Trainer::film) kept, a row an epoch, a column the same
    /// noise.
    ///
    /// ```
    /// use vae_core::prelude::*;
    ///
    /// let digits = data::digits(&Device::Cpu)?.train.take(300);
    /// let mut vae = MlpVae::new(MlpVaeConfig { hidden: vec![32], latent: 4, ..Default::default() }, &Device::Cpu, 1)?;
    /// let trainer = Trainer::new(Elbo::default()).epochs(4).validation(50).film(8, [0, 1, 2, 4]).quiet();
    /// let history = trainer.fit(&mut vae, &digits)?;
    /// assert!(history.view().to_svg().contains("KL of each dimension"));
    /// # Ok::<(), vae_core::Error>(())
    /// ```
    pub fn view(&self) -> Figure {
        let film = self.strip().unwrap_or_else(|error| Some(Figure::apology("the film", &error.to_string())));
        let below: Vec<Figure> = self.kl_map().into_iter().chain(film).collect();
        if below.is_empty() {
            return self.plot();
        }
        Figure::column([self.plot(), Figure::row(below)])
    }

    /// Dimensions by epochs, in nats.
    fn kl_map(&self) -> Option<Figure> {
        let told = self.epochs.iter().filter_map(|record| Some((record.epoch, record.kl_per_dimension.as_ref()?)));
        let (epochs, columns): (Vec<usize>, Vec<&Vec<f64>>) = told.unzip();
        let last = columns.last()?;
        let mut order: Vec<usize> = (0..last.len()).collect();
        order.sort_by(|&a, &b| last[b].total_cmp(&last[a]));
        let map = Heatmap::new("KL of each dimension", "nats per held-out image").columns(&epochs).plain();
        let named = order.len() <= MOST_NAMED;
        let map = order.iter().fold(map, |map, &j| {
            let name = if named { format!("z{}", j + 1) } else { String::new() };
            map.row(name, columns.iter().map(|column| column.get(j).copied().unwrap_or(f64::NAN)))
        });
        Some(map.to_figure())
    }

    /// The kept samples, a row an epoch.
    fn strip(&self) -> Result<Option<Figure>> {
        if self.film.is_empty() {
            return Ok(None);
        }
        let mut rows = Rows::new().title("Samples of the same noise");
        for frame in &self.film {
            rows = rows.row(format!("epoch {}", frame.epoch), &frame.images()?)?;
        }
        let widest = self.film.iter().map(|frame| frame.shape.0 * frame.shape.3).max().unwrap_or(0).max(1);
        Ok(Some(rows.scale((FILM / widest).clamp(1, 6)).to_figure()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        objectives::Means,
        train::{EpochRecord, Frame},
    };

    fn record(epoch: usize, kl_per_dimension: Option<Vec<f64>>) -> EpochRecord {
        EpochRecord {
            epoch,
            steps: epoch as u64,
            train: Means::default(),
            validation: None,
            watched: None,
            kl_per_dimension,
            beta: 1.0,
            images_per_second: 1.0,
            seconds: 1.0,
        }
    }

    /// The map has a row for each dimension, the one with the most KL first, and the strip a row for each kept epoch; without either, there are the
    /// curves.
    #[test]
    fn what_there_is_is_shown() {
        let bare = History { epochs: vec![record(1, None)], film: vec![] };
        assert_eq!(bare.view().to_svg(), bare.plot().to_svg());
        let epochs = vec![record(1, Some(vec![0.1, 0.2])), record(2, Some(vec![0.1, 2.0]))];
        let frame = |epoch| Frame { epoch, shape: (2, 1, 2, 2), pixels: vec![7; 8] };
        let svg = History { epochs, film: vec![frame(0), frame(2)] }.view().to_svg();
        let place = |text: &str| svg.find(text).unwrap_or_else(|| panic!("{text}: {svg}"));
        assert!(place(">z2<") < place(">z1<"));
        assert!(place(">epoch 0<") < place(">epoch 2<"));
        let broken = Frame { epoch: 1, shape: (2, 1, 2, 2), pixels: vec![7; 3] };
        let svg = History { epochs: vec![record(1, None)], film: vec![broken] }.view().to_svg();
        assert!(svg.contains("could not be drawn"));
    }
}
