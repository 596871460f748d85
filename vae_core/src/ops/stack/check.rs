//! The paths of layers against candle's own operations in float64.

use candle_core::{DType, Device, Tensor, Var};

use super::*;
use crate::ops::{
    compare::{Place, double, normal, uniform},
    gradients::backward,
};

/// Sizes, settings and numbers of a seed.
pub(crate) struct Dice {
    numbers: std::vec::IntoIter<f32>,
    seed: u64,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        let numbers = uniform(seed, &[10_000]).to_vec1().unwrap();
        Self { numbers: numbers.into_iter(), seed: 1000 * seed }
    }

    /// One number in a range, its end excluded.
    pub(crate) fn pick(&mut self, from: usize, to: usize) -> usize {
        from + (self.numbers.next().unwrap() * (to - from) as f32) as usize
    }

    /// One of the nonlinearities, or none.
    pub(crate) fn activation(&mut self) -> Option<Activation> {
        let rectifier = |slope| Some(Activation::Rectifier(slope));
        [None, rectifier(0.0), rectifier(0.01), Some(Activation::Tanh)][self.pick(0, 4)]
    }

    fn normal(&mut self, shape: &[usize]) -> Tensor {
        self.seed += 1;
        normal(self.seed, shape)
    }

    /// A variable of numbers that keep sums of `terms` terms about 1.
    fn parameter(&mut self, shape: &[usize], terms: usize) -> Tensor {
        let numbers = self.normal(shape).affine((terms as f64).powf(-0.5), 0.0);
        Var::from_tensor(&numbers.unwrap()).unwrap().into_inner()
    }
}

/// Layers with the shape of their input, without the batch.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) input: Vec<usize>,
    pub(crate) layers: Vec<Layer>,
}

impl Case {
    pub(crate) fn new(input: &[usize]) -> Self {
        Self { input: input.to_vec(), layers: vec![] }
    }

    /// Fully connected layers of these widths, with the same nonlinearity after each.
    pub(crate) fn linear(dice: &mut Dice, widths: &[usize], activation: Option<Activation>) -> Self {
        widths[1..].iter().fold(Self::new(&widths[..1]), |case, &width| case.and_linear(dice, &[width], activation))
    }

    /// With one more layer: of several widths, as many layers side by side.
    pub(crate) fn and_linear(mut self, dice: &mut Dice, widths: &[usize], activation: Option<Activation>) -> Self {
        let inputs = self.layers.last().map_or(&self.input, |layer| &layer.output)[0];
        let parameters = |&width: &usize| [&[width, inputs][..], &[width]].map(|shape| dice.parameter(shape, inputs));
        let parameters = widths.iter().map(parameters).collect();
        let output = vec![widths.iter().sum()];
        self.layers.push(Layer { kind: Kind::Linear, parameters, activation, output });
        self
    }

    /// With one more convolution.
    pub(crate) fn and_convolution(
        mut self,
        dice: &mut Dice,
        geometry: Geometry,
        way: Direction,
        activation: Option<Activation>,
    ) -> Self {
        let Geometry { big, small, big_channels, small_channels, kernel, .. } = geometry;
        let ((inputs, outputs), (h, w)) = match way {
            Direction::Down => ((big_channels, small_channels), small),
            Direction::Up => ((small_channels, big_channels), big),
        };
        let weight = dice.parameter(&[small_channels, big_channels, kernel, kernel], inputs * kernel * kernel);
        let parameters = vec![[weight, dice.parameter(&[outputs], inputs)]];
        let output = vec![outputs, h, w];
        self.layers.push(Layer { kind: Kind::Convolution(geometry, way), parameters, activation, output });
        self
    }

    /// With the same numbers in another shape.
    pub(crate) fn and_reshape(mut self, output: &[usize]) -> Self {
        self.layers.push(Layer { kind: Kind::Reshape, parameters: vec![], activation: None, output: output.to_vec() });
        self
    }

    /// A copy with variables of its own, each what `f` makes of the old one.
    fn with(&self, f: impl Fn(&Tensor) -> Tensor) -> (Self, Vec<Var>) {
        let (mut case, mut vars) = (self.clone(), vec![]);
        for parameter in case.layers.iter_mut().flat_map(|layer| &mut layer.parameters).flatten() {
            let var = Var::from_tensor(&f(parameter)).unwrap();
            *parameter = var.as_tensor().clone();
            vars.push(var);
        }
        (case, vars)
    }
}

/// ‖a − b‖ / ‖b‖.
fn relative_error(a: &Tensor, b: &Tensor) -> f64 {
    let norm = |t: &Tensor| t.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap().sqrt();
    assert_eq!(a.dims(), b.dims());
    let a = double(&a.to_device(&Device::Cpu).unwrap());
    norm(&(a - b).unwrap()) / norm(b).max(1e-12)
}

fn bits(x: &Tensor) -> Vec<u32> {
    let numbers = x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    numbers.into_iter().map(f32::to_bits).collect()
}

/// Compares output, gradient of the input and gradients of all parameters with float64, by [`backward`] and by candle's own; and the
/// output bit for bit with that without gradients. The loss weighs each output differently. `false` where rounding decides a derivative: a number is so close to a kink that float32
/// and float64 may see it on different sides.
pub(crate) fn agrees(place: &Place, case: &Case, batch: usize, dice: &mut Dice) -> bool {
    let x = dice.normal(&[&[batch][..], &case.input].concat());
    // The leaf has another shape, so that what reaches the layers need not be contiguous.
    let swap = |x: &Tensor| x.transpose(0, x.rank() - 1).unwrap();
    let leaf = swap(&x).contiguous().unwrap();
    let (reference, mut vars64) = case.with(double);
    vars64.push(Var::from_tensor(&double(&leaf)).unwrap());
    let mut y64 = swap(&vars64[vars64.len() - 1]);
    for layer in &reference.layers {
        y64 = Layer { activation: None, ..layer.clone() }.reference(&y64).unwrap();
        let nearest = y64.abs().unwrap().flatten_all().unwrap().min(0).unwrap().to_scalar::<f64>().unwrap();
        if matches!(layer.activation, Some(Activation::Rectifier(_))) && nearest < 1e-5 {
            return false;
        }
        y64 = layer.activation.map_or(Ok(y64.clone()), |activation| activation.reference(&y64)).unwrap();
    }
    let weights = dice.normal(y64.dims());
    let loss64 = (&y64 * double(&weights)).unwrap().sum_all().unwrap();
    // candle's own gradient of a convolution fails for some strides with dilation; the transposed one covers that geometry.
    let Ok(expected) = loss64.backward() else { return false };

    let (y, gradients) = place.compute(|device| {
        let there = |x: &Tensor| x.to_device(device).unwrap();
        let (case, mut vars) = case.with(there);
        vars.push(Var::from_tensor(&there(&leaf)).unwrap());
        let x = swap(&vars[vars.len() - 1]);
        let y = forward(&case.layers, &x).unwrap();
        let alone = no_grad::no_grad(|| forward(&case.layers, &x)).unwrap();
        assert!(!alone.track_op() && bits(&alone) == bits(&y), "{batch} × {:?}, without gradients", case.input);
        let loss = (&y * there(&weights)).unwrap().sum_all().unwrap();
        let (ours, candles) = (backward(&loss).unwrap(), loss.backward().unwrap());
        let both = |var: &Var| [ours.get(var).unwrap().unwrap(), candles.get(var).unwrap().clone()];
        (y.detach(), vars.iter().map(both).collect::<Vec<_>>())
    });
    let kinds: Vec<_> = case.layers.iter().map(|layer| (&layer.kind, layer.activation)).collect();
    let error = relative_error(&y, &y64);
    assert!(error < 1e-5, "{batch} × {:?}, {kinds:?}: {error:.1e}", case.input);
    for (i, (gradients, var)) in gradients.iter().zip(&vars64).enumerate() {
        for gradient in gradients {
            let error = relative_error(gradient, expected.get(var).unwrap());
            assert!(error < 1e-4, "{batch} × {:?}, {kinds:?}, gradient {i}: {error:.1e}", case.input);
        }
    }
    true
}

/// Two layers on one input, at the end and in the middle, and for batches that are cut in parts; several dense layers, for batches of one
/// tile, of some and a part, and of less than one; all kinds of layers, with the turns between them; and what no fast path takes: no layers, an empty batch, a layer of no width.
pub(crate) fn check(place: &Place) {
    let dice = &mut Dice::new(5);
    pairs(place, dice);
    let [tanh, relu, leaky] = [Activation::Tanh, Activation::Rectifier(0.0), Activation::Rectifier(0.1)].map(Some);
    for batch in [2, 24, 100] {
        let case = Case::linear(dice, &[5, 17, 30], tanh).and_linear(dice, &[9], relu).and_linear(dice, &[40], None);
        assert!((0..5).any(|_| agrees(place, &case, batch, dice)));
    }
    let (big, small) = ((8, 6), (4, 3));
    let (kernel, stride, padding, dilation) = (3, 2, 1, 1);
    let geometry = Geometry { big, small, big_channels: 3, small_channels: 5, kernel, stride, padding, dilation };
    let case = Case::new(&[3, 8, 6])
        .and_convolution(dice, geometry, Direction::Down, leaky)
        .and_reshape(&[5 * 4 * 3])
        .and_linear(dice, &[7], tanh)
        .and_linear(dice, &[5 * 4 * 3], relu)
        .and_reshape(&[5, 4, 3])
        .and_convolution(dice, geometry, Direction::Up, None);
    assert!((0..5).any(|_| agrees(place, &case, 6, dice)));

    let shape = |case: &Case, n: usize| {
        place.compute(|device| {
            let (case, _) = case.with(|x| x.to_device(device).unwrap());
            let x = Tensor::zeros((n, 3), DType::F32, device).unwrap();
            forward(&case.layers, &x).unwrap().dims().to_vec()
        })
    };
    assert_eq!(shape(&Case::new(&[3]), 2), [2, 3]);
    assert_eq!(shape(&Case::linear(dice, &[3, 4], None), 0), [0, 4]);
    assert_eq!(shape(&Case::linear(dice, &[3, 0], None), 2), [2, 0]);
}

/// By themselves the outputs are the halves of what they are side by side.
fn pairs(place: &Place, dice: &mut Dice) {
    let tanh = Some(Activation::Tanh);
    let mut tried = 0;
    while tried < 20 {
        let sizes: [usize; 4] = std::array::from_fn(|_| dice.pick(1, 60));
        let batch = dice.pick(1, 700);
        let mut case = Case::linear(dice, &sizes[..2], tanh).and_linear(dice, &[sizes[2], sizes[2] + 1], tanh);
        let x = dice.normal(&[batch, sizes[0]]);
        let [apart, together] = place.compute(|device| {
            let (case, _) = case.with(|x| x.to_device(device).unwrap());
            let x = x.to_device(device).unwrap();
            let (first, second) = pair(&case.layers, &x).unwrap();
            [Tensor::cat(&[&first, &second], 1).unwrap(), forward(&case.layers, &x).unwrap()]
        });
        assert!(relative_error(&apart, &double(&together.to_device(&Device::Cpu).unwrap())) < 1e-6);
        if tried % 2 == 0 {
            case = case.and_linear(dice, &sizes[3..], None);
        }
        tried += usize::from(agrees(place, &case, batch, dice));
    }
}
