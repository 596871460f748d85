//! Every kind of figure once, with data like that of the notebooks. `VIZ_GALLERY=folder` keeps the files, to be looked at.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;

use vae_core::{
    candle::{Device, Tensor},
    data,
    objectives::Means,
    plotters::prelude::*,
    random::Random,
    train::{EpochRecord, Frame, History},
    viz::{self, Figure, Heatmap, ImageGrid, Plot, Rows, Table},
};

/// Blurred strokes, something like digits: (n, 1, 28, 28).
fn strokes(n: usize, random: &mut Random) -> Tensor {
    let mut pixels = vec![0f32; n * 784];
    for image in pixels.chunks_mut(784) {
        let mut values = [0f32; 6];
        random.fill_uniform(&mut values);
        let [a, b, c, d, e, f] = values;
        for t in 0..200 {
            let t = t as f32 / 200.0;
            let x = 14.0 + 8.0 * (6.3 * (t * (0.5 + a) + b)).cos() * (0.4 + 0.6 * c);
            let y = 14.0 + 9.0 * (6.3 * (t * (0.4 + d) + e)).sin() * (0.5 + 0.5 * f);
            for (dy, dx) in (-2..=2).flat_map(|dy| (-2..=2).map(move |dx| (dy, dx))) {
                let (px, py) = (x as i32 + dx, y as i32 + dy);
                let distance = ((px as f32 - x).powi(2) + (py as f32 - y).powi(2)).sqrt();
                let i = (py.clamp(0, 27) * 28 + px.clamp(0, 27)) as usize;
                image[i] = image[i].max((1.6 - distance).clamp(0.0, 1.0));
            }
        }
    }
    Tensor::from_vec(pixels, (n, 1, 28, 28), &Device::Cpu).unwrap()
}

/// A curve that levels off, with noise: (epoch, value).
fn curve(from: f64, to: f64, noise: f64, random: &mut Random) -> Vec<(usize, f64)> {
    let mut z = [0f32; 10];
    random.fill_normal(&mut z);
    (1..=10).map(|e| (e, to + (from - to) * (-(e as f64) / 2.5).exp() + noise * f64::from(z[e - 1]))).collect()
}

fn images(random: &mut Random) -> Vec<(&'static str, Figure)> {
    let x = strokes(64, random);
    let ten = x.narrow(0, 0, 10).unwrap();
    let noise = random.uniform((10, 1, 28, 28), &Device::Cpu).unwrap();
    let noisy = ((&ten * 0.7).unwrap() + (noise * 0.5).unwrap()).unwrap();
    let broken = (&ten / (&ten * 1.0).unwrap()).unwrap(); // 0/0 outside the strokes
    let color = random.uniform((6, 3, 32, 32), &Device::Cpu).unwrap();
    let garments = ["T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"];
    let grid = |from, n| ImageGrid::new(x.narrow(0, from, n).unwrap()).unwrap();
    let rows = || {
        let rows = Rows::new().row("original", &ten).unwrap().row("noisy", &noisy).unwrap();
        rows.row("reconstruction", (&ten * 0.8).unwrap()).unwrap()
    };
    let steps = (0..10).map(|i| format!("{:.1}", f64::from(i) / 9.0));
    let columns = [
        grid(0, 16).titled("original"),
        grid(16, 16).titled("reconstruction"),
        grid(32, 16).titled("samples from the prior at temperature 0.8, with a long title"),
    ];
    vec![
        ("grid", Figure::from(grid(0, 64))),
        ("manifold", grid(0, 64).separator(0, [0; 3]).titled("A manifold without lines <&\">")),
        ("labelled_garments", grid(0, 20).labelled(garments.iter().cycle().take(20))),
        ("labelled_digits", grid(0, 40).labelled((0..40).map(|i| i % 10)).title("Forty digits")),
        ("color", ImageGrid::new(&color).unwrap().titled("Red, green and blue")),
        ("not_finite", Rows::new().row("diverged", &broken).unwrap().title("Not a number is magenta").into()),
        ("rows", rows().into()),
        ("rows_columns", rows().column_titles(steps).title("Denoising").into()),
        ("columns", Figure::row(columns)),
    ]
}

fn plots(random: &mut Random) -> Vec<(&'static str, Figure)> {
    let training = Plot::new("ELBO", "epoch", "nats per image")
        .line("train", curve(-206.0, -104.0, 0.6, random))
        .line("validation", curve(-210.0, -106.0, 0.9, random));
    let width = |i: i32| 2.0 / f64::from(i).sqrt();
    let band = Plot::new("Monte Carlo estimate of the KL against its closed form", "samples", "KL(q‖p) / nats")
        .log_x()
        .band("estimate", (1..200).map(|i| (i, 3.1 - width(i), 3.1 + width(i))))
        .line("estimate", (1..200).map(|i| (i, 3.1 + 0.5 * width(i) * (f64::from(i) * 1.7).sin())))
        .hline("closed form", 3.1)
        .size(560, 360);
    let errors = Plot::new("Estimates", "dimension", "KL / nats")
        .error_bars("64 samples", (1..9).map(|d| (d, f64::from(d) * 0.4, 0.3)))
        .error_bars("4,096 samples", (1..9).map(|d| (f64::from(d) + 0.15, f64::from(d) * 0.42, 0.05)))
        .line("exact", (1..9).map(|d| (d, f64::from(d) * 0.41)));
    let variance = Plot::new("Variance of the gradient", "samples", "variance")
        .log_x()
        .log_y()
        .line("score function", (0..12).map(|i| (1 << i, 3.4e3 / f64::from(1 << i))))
        .line("pathwise", (0..12).map(|i| (1 << i, 2.1e-1 / f64::from(1 << i))));
    let mut z = vec![0f32; 4000];
    random.fill_normal(&mut z);
    let density = |x: f64| (x, (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt());
    let histogram = Plot::new("Aggregate posterior", "z", "density")
        .density("q(z)", &z, 40)
        .density("0.7 q(z) + 1.5", z.iter().map(|z| z * 0.7 + 1.5), 40)
        .line("p(z)", (-40..=40).map(|i| density(f64::from(i) / 10.0)))
        .vline("mean", 0.0);
    let wave = |i: i32| (i, 2.0 * (f64::from(i) / 6.0).sin());
    let clipped = Plot::new("Larger than the range", "x", "y")
        .line("line", (0..60).map(wave))
        .points("points", (0..60).map(wave).map(|(x, y)| (x, 1.2 * y)))
        .band("band", (0..60).map(wave).map(|(x, y)| (x, y - 1.0, y + 1.0)))
        .error_bars("error bars", [(20, 0.5, 3.0), (40, 1.2, 0.4)])
        .x_range(5.0, 50.0)
        .y_range(-1.0, 1.0);
    let counts = Plot::new("KL of each dimension", "KL / nats", "dimensions");
    let hostile = [
        Plot::new("Nothing", "x", "y").into(),
        Plot::new("One value", "x", "y").points("a", [(3, 5)]).into(),
        Plot::new("Constant, with a gap", "step", "loss / nats per image")
            .line("a", (0..9).map(|i| (i, if i == 4 { f64::NAN } else { 2.5e7 })))
            .into(),
    ];
    vec![
        ("training", training.clone().into()),
        ("band", band.into()),
        ("errors", errors.into()),
        ("variance", variance.clone().into()),
        ("histogram", histogram.into()),
        ("counts", counts.histogram("latent 20", z.iter().map(|z| z * z), 30).into()),
        ("clipped", clipped.into()),
        ("hostile", Figure::row(hostile)),
        ("panels", Figure::row([training.into(), variance.into()]).title("A figure of several panels")),
    ]
}

fn maps(random: &mut Random) -> Vec<(&'static str, Figure)> {
    let n = 5000;
    let mut xy = vec![0f32; 2 * n];
    random.fill_normal(&mut xy);
    let labels: Vec<usize> = (0..n).map(|i| i % 10).collect();
    for (point, label) in xy.chunks_mut(2).zip(&labels) {
        let (radius, angle) = (2.0 + 0.5 * point[0], *label as f32 * 0.628 + 0.3 * point[1]);
        point.copy_from_slice(&[radius * angle.cos(), radius * angle.sin()]);
    }
    let xy = Tensor::from_vec(xy, (n, 2), &Device::Cpu).unwrap();
    let digits = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let garments = ["T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"];
    let map = |names: [&str; 10]| {
        let plot = Plot::new("Latent map", "z₁", "z₂").points_by_class(&xy, &labels, &names).unwrap();
        Figure::from(plot.size(520, 520))
    };
    let heat = Heatmap::new("What each dimension tells of each factor", "share of the factor's entropy")
        .columns(["shape", "scale", "rotation", "position x", "position y, counted downwards"])
        .row("z₀", [0.01, 0.02, 0.0, 0.83, 0.05])
        .row("z₁", [0.4, f64::NAN, 0.21, 0.02, 1.0])
        .row("z₂, unused", [0.0, 0.01]);
    vec![("map", map(digits)), ("map_garments", map(garments)), ("heat", heat.into())]
}

/// Charts of plotters: a surface, box plots over categories, and curves with a legend beside a plot of ours.
fn charts(random: &mut Random) -> Vec<(&'static str, Figure)> {
    let density = |z: f64| (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
    let surface = Figure::plotters("A round hill over two dimensions", (480, 340), |area| {
        let mut chart = ChartBuilder::on(area).margin(8).build_cartesian_3d(-3.0..3.0, 0.0..0.16, -3.0..3.0)?;
        chart.configure_axes().label_style(viz::font(12.0)).x_labels(4).y_labels(4).z_labels(4).draw()?;
        let grid = || (-15..=15).map(|i| f64::from(i) / 5.0);
        let surface = SurfaceSeries::xoz(grid(), grid(), |x: f64, y: f64| density(x) * density(y));
        chart.draw_series(surface.style_func(&|height| ViridisRGB::get_color(height / 0.16).filled()))?;
        Ok(())
    });
    let mut z = vec![0f32; 500];
    random.fill_normal(&mut z);
    let boxes = Figure::plotters("Box plots of three models", (440, 340), |area| {
        let names = ["MLP", "convolutional", "T-shirt <&>"];
        let mut chart = ChartBuilder::on(area)
            .caption("Loss by model", viz::font(14.0))
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(50)
            .build_cartesian_2d(names.into_segmented(), -4f32..4f32)?;
        viz::mesh(&mut chart).disable_x_mesh().x_desc("model").y_desc("loss, standardized").draw()?;
        for (i, (name, values)) in names.iter().zip(z.chunks(150)).enumerate() {
            let quartiles = Quartiles::new(values);
            let boxes = Boxplot::new_vertical(SegmentValue::CenterOf(name), &quartiles);
            chart.draw_series([boxes.style(viz::color(i)).width(40)])?;
        }
        Ok(())
    });
    let curves = Figure::plotters("Two curves with a legend", (440, 340), |area| {
        let mut chart = ChartBuilder::on(area)
            .caption("Curves", viz::font(14.0))
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(50)
            .right_y_label_area_size(70)
            .build_cartesian_2d(-3.0..3.0, -1.0..1.0)?
            .set_secondary_coord(-3.0..3.0, (1e-3..1e3).log_scale());
        viz::mesh(&mut chart).x_desc("z").y_desc("sine").draw()?;
        chart.configure_secondary_axes().label_style(viz::font(12.0)).y_desc("exponential").draw()?;
        let x = || (-30..=30).map(|i| f64::from(i) / 10.0);
        let key = |i| move |(x, y)| PathElement::new([(x, y), (x + 20, y)], viz::color(i).stroke_width(2));
        let sine = LineSeries::new(x().map(|x| (x, x.sin())), viz::color(0).stroke_width(2));
        chart.draw_series(sine)?.label("sin z, a longer name").legend(key(0));
        let exponential = LineSeries::new(x().map(|x| (x, (2.0 * x).exp())), viz::color(1).stroke_width(2));
        chart.draw_secondary_series(exponential)?.label("exp 2z").legend(key(1));
        chart
            .configure_series_labels()
            .label_font(viz::font(12.0))
            .background_style(WHITE)
            .position(SeriesLabelPosition::UpperLeft)
            .draw()?;
        Ok(())
    });
    let ours =
        Plot::new("Ours", "z", "sine").line("sin z", (-30..=30).map(|i| f64::from(i) / 10.0).map(|z| (z, z.sin())));
    let row = Figure::row([ours.size(440, 340).into(), curves.unwrap()]).title("Beside each other");
    vec![("surface", surface.unwrap()), ("boxes", boxes.unwrap()), ("curves", row)]
}

/// A training run that looks like one.
fn history() -> History {
    let means = |epoch: usize, gap: f64| {
        let (kl, reconstruction) = (25.0 - 20.0 / epoch as f64, -78.0 - gap - 110.0 / epoch as f64);
        Means { elbo: reconstruction - kl, reconstruction, kl, loss: kl - reconstruction, ..Default::default() }
    };
    let record = |epoch| EpochRecord {
        watched: None,
        kl_per_dimension: Some(
            (1..=20).map(|j| (3.0 - j as f64 / 5.0).max(0.01) * (1.0 - 0.7 / epoch as f64)).collect(),
        ),
        epoch,
        steps: 430 * epoch as u64,
        train: means(epoch, 0.0),
        validation: Some(means(epoch, epoch as f64 / 4.0)),
        beta: 1.0,
        images_per_second: 3e4,
        seconds: 2.0,
    };
    let frame = |epoch: usize| {
        let pixels = (0..8 * 64).map(|i| (i * (epoch + 3) % 256) as u8).collect();
        Frame { epoch, shape: (8, 1, 8, 8), pixels }
    };
    History { epochs: (1..=10).map(record).collect(), film: [0, 1, 3, 10].map(frame).into() }
}

/// Every figure is well-formed XML, holds no text below 12 pixels, no number that is none, and needs nothing from outside.
#[test]
fn figures_are_well_formed() {
    let keep = std::env::var_os("VIZ_GALLERY").map(PathBuf::from);
    let mut random = Random::new(5);
    let figures = [images(&mut random), plots(&mut random), maps(&mut random), charts(&mut random)];
    for (name, figure) in figures.into_iter().flatten() {
        let svg = figure.to_svg();
        check_xml(&svg).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        for part in svg.split("font-size=\"").skip(1) {
            let size: f64 = part.split('"').next().unwrap().parse().unwrap();
            assert!(size >= 12.0, "{name}: text of {size} pixels");
        }
        for part in svg.split("href=\"").skip(1) {
            assert!(part.starts_with("data:image/png;base64,"), "{name}");
        }
        assert!(!svg.contains("\"NaN") && !svg.contains("inf\""), "{name}");
        if let Some(folder) = &keep {
            figure.save(folder.join(format!("{name}.svg"))).unwrap();
        }
    }
    if let Some(folder) = keep {
        let device = Device::Cpu;
        for set in [data::mnist(&device).unwrap(), data::fashion_mnist(&device).unwrap()] {
            set.preview(30).save(folder.join(format!("preview_{}.svg", set.class_names[0].len()))).unwrap();
        }
        history().plot().save(folder.join("history.svg")).unwrap();
        history().view().save(folder.join("training.svg")).unwrap();
        let table = Table::new(["model", "ELBO / nats", "parameters", "time / s"])
            .row(["MLP 784–400–400–20", "−98.2 ± 0.3", "973,624", "41"])
            .row(["convolutional", "−91.05 ± 0.2", "1,204,001", "312"])
            .caption("Test set, 10,000 images");
        std::fs::write(folder.join("table.html"), table.to_html()).unwrap();
    }
}

/// Checks that tags nest, attributes are quoted, and `&` and `<` are escaped.
fn check_xml(text: &str) -> Result<(), String> {
    let mut open = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        check_entities(&rest[..start])?;
        let end = start + rest[start..].find('>').ok_or("a tag without end")?;
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let last = open.pop();
            if last != Some(name) {
                return Err(format!("{last:?} closed by {name}"));
            }
            continue;
        }
        if !tag.matches('"').count().is_multiple_of(2) || tag.contains('<') {
            return Err(format!("quotes in <{tag}>"));
        }
        check_entities(tag)?;
        if !tag.ends_with('/') {
            open.push(tag.split([' ', '\n']).next().unwrap_or_default());
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("left open: {open:?}")) }
}

fn check_entities(text: &str) -> Result<(), String> {
    for part in text.split('&').skip(1) {
        let entity = part.split(';').next().unwrap_or_default();
        if !["lt", "gt", "amp", "quot", "apos", "#39"].contains(&entity) {
            return Err(format!("a bare & before {entity}"));
        }
    }
    if text.chars().any(|c| c < ' ' && c != '\n') { Err("a control character".into()) } else { Ok(()) }
}
