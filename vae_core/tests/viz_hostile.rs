//! Data and titles that figures were not made for: nothing panics, nothing leaks into the markup, everything is said.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use vae_core::{
    Error,
    candle::{DType, Device, Tensor},
    viz::{self, Figure, Heatmap, Plot, Rows},
};

const VALUES: [f64; 12] =
    [0.0, -0.0, 1.0, -1e-320, f64::MIN_POSITIVE, 1e-9, -3e5, 1e16, f64::MAX, f64::MIN, f64::NAN, f64::INFINITY];

/// The coordinates and sizes in a drawing are numbers.
fn check(figure: &Figure, what: &str) {
    let svg = figure.to_svg();
    let attributes = svg.split('"').skip(1).step_by(2).filter(|value| !value.starts_with("data:"));
    for value in attributes {
        // "info" and the like are fine in titles, which come after the attributes that hold numbers.
        assert!(!value.contains("NaN") && value != "inf" && value != "-inf", "{what}: {value}");
    }
    assert!(!svg.contains("could not be drawn"), "{what}: {svg}");
}

/// A plot with every kind of series over the same points.
fn all_marks(points: &[(f64, f64)]) -> Plot {
    let triples: Vec<_> = points.iter().map(|(x, y)| (x, y, x)).collect();
    Plot::new("t", "x", "y")
        .line("line", points)
        .points("points", points)
        .band("band", &triples)
        .error_bars("errors", &triples)
        .histogram("histogram", points.iter().map(|p| p.1), 7)
        .density("density", points.iter().map(|p| p.0), 3)
        .hline("h", points.first().map_or(f64::NAN, |p| p.1))
        .vline("v", points.first().map_or(f64::NAN, |p| p.0))
}

/// Any two values, however far apart, make a plot: on linear and logarithmic axes, with ranges given or not.
#[test]
fn any_values() {
    for a in VALUES {
        for b in VALUES {
            let points = [(a, b), (b, a), (a, a)];
            let plot = all_marks(&points);
            let what = format!("{a} {b}");
            check(&plot.to_figure(), &what);
            check(&plot.clone().log_x().log_y().to_figure(), &format!("{what} log"));
            check(&plot.clone().x_range(a, b).y_range(b, a).to_figure(), &format!("{what} ranges"));
            let map = Heatmap::new("t", "l").columns(["x"]).row("r", [a, b]).row("", [0.0; 0]);
            check(&map.to_figure(), &format!("{what} map"));
            check(&map.range(a, b).to_figure(), &format!("{what} map, range"));
            check(&plot.x_range(a, b).log_x().log_y().size(1, 1).to_figure(), &format!("{what} all"));
        }
    }
    check(&all_marks(&[]).to_figure(), "no points");
    check(&all_marks(&[]).log_y().to_figure(), "no points, log");
}

/// What is left out is counted: once a point, and no more than there is.
#[test]
fn left_out_is_said() {
    let svg = |plot: Plot| plot.to_figure().to_svg();
    let line = Plot::new("t", "x", "y").line("a", [(1.0, 1.0), (2.0, f64::NAN), (f64::INFINITY, 3.0), (4.0, -1.0)]);
    assert!(svg(line.clone()).contains("2 values that are not finite are left out"));
    assert!(svg(line.log_y()).contains("3 values that are not finite and positive are left out"));
    let nothing = svg(Plot::new("t", "x", "y").line("a", [(1, f64::NAN)]));
    assert!(nothing.contains("nothing to draw") && nothing.contains("1 value that is not finite is left out"));
    assert!(!svg(Plot::new("t", "x", "y").line("a", [(1, 2)])).contains("left out"));
    let histogram = Plot::new("t", "x", "n").histogram("a", [0.0, 0.5, 9.0, f64::NAN], 2).x_range(0.0, 1.0);
    assert!(svg(histogram).contains("2 values that are not finite or not in the range are left out"));
}

/// Titles, labels and names are text, whatever they hold.
#[test]
fn hostile_text() {
    let evil = "<script>\"&'\0</svg>\n--> 𝒩(0, 1) ";
    let plot = Plot::new(evil, evil, evil).line(evil, [(0, 1), (1, 2)]).hline(evil, 1.5);
    let image = Tensor::zeros((2, 1, 4, 4), DType::F32, &Device::Cpu).unwrap();
    let rows = Rows::new().title(evil).row(evil, &image).unwrap().column_titles([evil]);
    let map = Heatmap::new(evil, evil).columns([evil]).row(evil, [1.0]);
    let figure = Figure::column([plot.into(), rows.into(), map.into()]).title(evil);
    for text in [figure.to_svg(), figure.to_html()] {
        assert!(!text.contains("<script>") && !text.contains('\0') && !text.contains("-->"));
    }
    assert_eq!(figure.to_svg().matches("</svg>").count(), 2, "the document and one clipped plot");
}

/// A map of classes says what is wrong with its points and labels.
#[test]
fn classes() {
    let xy = Tensor::new(&[[0.0f32, 1.0], [1.0, f32::NAN], [2.0, 3.0]], &Device::Cpu).unwrap();
    let plot = || Plot::new("t", "z₁", "z₂");
    let message = |labels: &[i32]| plot().points_by_class(&xy, labels, &["a", "b"]).unwrap_err().to_string();
    assert!(message(&[0, 1]).contains("3 points, 2 labels"));
    assert!(message(&[0, 1, 2]).contains("label 2 has no name among 2"));
    assert!(message(&[0, 1, -1]).contains("label -1"));
    let wrong = plot().points_by_class(&xy.t().unwrap(), [0, 0], &["a"]).unwrap_err().to_string();
    assert!(wrong.contains("(N, 2)") && wrong.contains("[2, 3]"), "{wrong}");
    let map = plot().points_by_class(&xy, [0u8, 1, 1], &["a", "b"]).unwrap().to_figure().to_svg();
    assert!(map.contains("1 value that is not finite is left out"));
    let names: Vec<String> = (0..25).map(|i| format!("class {i}")).collect();
    let many = plot().points_by_class(&xy, [0, 12, 24], &names).unwrap();
    assert!(many.to_figure().to_svg().contains("stroke-linecap=\"square\""));
}

/// A chart of plotters: its text is text, an error of its closure is ours or becomes ours, its size makes sense.
#[test]
fn charts() {
    use vae_core::plotters::prelude::*;
    let evil = "<script>\"&'\0\u{8}</svg>";
    let chart = Figure::plotters(evil, (0, u32::MAX), |area| {
        let mut chart =
            ChartBuilder::on(area).caption(evil, viz::font(14.0)).margin(40).build_cartesian_2d(0..1, 0..1)?;
        viz::mesh(&mut chart).x_desc(evil).y_desc(evil).draw()?;
        Ok(())
    });
    let svg = chart.unwrap().to_svg();
    assert!(!svg.contains("<script>") && !svg.contains(['\0', '\u{8}']));
    assert!(svg.contains("width=\"100\" height=\"4000\""));
    let message = |error: Box<dyn std::error::Error>| {
        Figure::plotters("loss", (300, 200), |_| Err(error)).unwrap_err().to_string()
    };
    assert_eq!(message("no data".into()), "the chart \"loss\" could not be drawn: no data");
    assert_eq!(message(Error::Check("two is not three".into()).into()), "two is not three");
}

/// Figures of nothing are figures.
#[test]
fn nothing() {
    let empty = Figure::row([]);
    check(&empty, "row");
    check(&Heatmap::new("", "").to_figure(), "map");
    check(&Figure::column([empty.clone(), Figure::row([Rows::new().into(), empty])]).title(""), "nested");
}

/// A map too large to be read says so in its place.
#[test]
fn a_vast_map() {
    let svg = Heatmap::new("t", "l").row("r", [1.0; 1000]).to_figure().to_svg();
    assert!(svg.contains("1 rows and 1000 columns; expected 200 or fewer"), "{svg}");
}

/// A figure that cannot be saved leaves the error that says why: the folder is missing, the ending is another.
#[test]
fn saving() {
    let folder = tempfile::tempdir().unwrap();
    let plot = Plot::new("t", "x", "y").line("a", [(0, 1), (1, 2)]);
    let missing = folder.path().join("figures").join("a.svg");
    let message = plot.save(&missing).unwrap_err().to_string();
    assert!(message.starts_with(&missing.display().to_string()) && message.contains("create"), "{message}");
    let message = plot.save(folder.path().join("a.png")).unwrap_err().to_string();
    assert!(message.contains(".svg"), "{message}");
    plot.save(folder.path().join("a.svg")).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
