//! Figures for notebooks and files: image grids, curves, maps, tables.
//!
//! | what | for | file |
//! |---|---|---|
//! | [`ImageGrid`] | samples, a manifold, an interpolation | `.png`, `.svg` |
//! | [`Rows`] | originals above reconstructions, row by row with titles | `.svg` |
//! | [`Plot`] | curves, bands, error bars, histograms, a latent map | `.svg` |
//! | [`Heatmap`] | a table of numbers as colours | `.svg` |
//! | [`Heat`] | maps over images as colours, in [`Rows`]: where an image is strange | |
//! | [`Plot::roc`] | how well scores tell two sets apart | `.svg` |
//! | [`Scoreboard::table`](crate::eval::Scoreboard::table) | methods by tasks, ties marked | |
//! | [`Figure`] | several of these in rows and columns, as one output | `.svg` |
//! | [`Figure::plotters`] | any other chart, drawn with plotters: surfaces, box plots | `.svg` |
//! | [`explorer`](fn@explorer) | a latent space that decodes while the mouse moves, in the browser | `.html` |
//! | [`Table`] | results in rows and columns | |
//! | [`Images::preview`](crate::data::Images::preview) | a look at a data set | `.svg` |
//! | [`History::plot`](crate::train::History::plot) | how training went | `.svg` |
//! | [`History::view`](crate::train::History::view) | the same, with the KL of each dimension and samples on the way | `.svg` |
//! | [`Collapse::plot`](crate::eval::Collapse::plot) | the KL of each latent dimension | `.svg` |
//!
//! Every one is an owned value. As the last expression of a notebook cell it is shown (the kernel calls its
//! `evcxr_display`); anywhere else, `save` writes it. The kernel shows one output of a kind per cell, so several panels
//! are one [`Figure`].
//!
//! Figures lie on a white card with dark text of 12 pixels or more and read on light and dark themes. Nothing in here
//! panics on data: values that are not finite are left out and counted, or drawn in magenta where they are pixels.
//!
//! ```
//! use vae_core::{candle::{Device, Tensor}, viz::{Figure, ImageGrid, Plot}};
//!
//! let samples = ImageGrid::new(&Tensor::rand(0f32, 1., (16, 1, 28, 28), &Device::Cpu)?)?;
//! let curve = Plot::new("ELBO", "epoch", "nats per image").line("train", [(1, -181.0), (2, -140.9), (3, -122.4)]);
//! let figure = Figure::row([samples.titled("samples"), curve.into()]);
//!
//! let path = std::env::temp_dir().join("vae_core_viz_doc.svg");
//! figure.save(&path)?;
//! assert_eq!(std::fs::read_to_string(path)?, figure.to_svg());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod axis;
mod chart;
mod collapse;
mod colors;
mod draw;
mod explorer;
mod features;
mod figure;
mod grid;
mod heat;
mod heatmap;
mod history;
mod legend;
mod marks;
mod output;
mod path;
mod plot;
mod points;
mod preview;
mod roc;
mod rows;
mod scoreboard;
mod table;
mod text;
mod training;

pub use chart::{color, font, mesh};
pub use explorer::{Explorer, ExplorerBuilder, explorer, explorer_over};
pub use figure::Figure;
pub use grid::ImageGrid;
pub use heat::Heat;
pub use heatmap::Heatmap;
pub use plot::Plot;
pub use points::{Number, Point, Triple};
pub use rows::Rows;
pub use table::Table;
