//! The paths of layers against candle's own operations in float64.

use candle_core::{DType, Device, Tensor, Var};

use super::*;
use crate::{
    ops::{cuda::emulator, gradients::backward},
    random::Random,
};

const CPU: Device = Device::Cpu;

/// Layers with the shape of their input, without the batch.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) input: Vec<usize>,
    pub(crate) layers: Vec<Layer>,
}

/// One number in a range.
pub(crate) fn pick(random: &mut Random, from: usize, to: usize) -> usize {
    from + random.below(to - from)
}

/// One of the nonlinearities, or none.
pub(crate) fn any_activation(random: &mut Random) -> Option<Activation> {
    [None, Some(Activation::Rectifier(0.0)), Some(Activation::Rectifier(0.01)), Some(Activation::Tanh)]
        [pick(random, 0, 4)]
}

/// A variable of uniform numbers that keep sums of `terms` terms about 1.
fn parameter(random: &mut Random, shape: &[usize], terms: usize) -> Tensor {
    let bound = (terms as f64).powf(-0.5);
    let numbers = random.uniform(shape, &CPU).unwrap().affine(2.0 * bound, -bound).unwrap();
    Var::from_tensor(&numbers).unwrap().into_inner()
}

impl Case {
    pub(crate) fn new(input: &[usize]) -> Self {
        Self { input: input.to_vec(), layers: vec![] }
    }

    /// Fully connected layers of these widths, with the same nonlinearity after each.
    pub(crate) fn linear(random: &mut Random, widths: &[usize], activation: Option<Activation>) -> Self {
        widths[1..].iter().fold(Self::new(&widths[..1]), |case, &width| case.and_linear(random, &[width], activation))
    }

    fn output(&self) -> &[usize] {
        self.layers.last().map_or(&self.input, |layer| &layer.output)
    }

    /// With one more layer: of several widths, as many layers side by side.
    pub(crate) fn and_linear(mut self, random: &mut Random, widths: &[usize], activation: Option<Activation>) -> Self {
        let inputs = self.output()[0];
        let parameters =
            |&width: &usize| [&[width, inputs][..], &[width]].map(|shape| parameter(random, shape, inputs));
        let parameters = widths.iter().map(parameters).collect();
        let output = vec![widths.iter().sum()];
        self.layers.push(Layer { kind: Kind::Linear, parameters, activation, output });
        self
    }

    /// With one more convolution.
    pub(crate) fn and_convolution(
        mut self,
        random: &mut Random,
        geometry: Geometry,
        way: Direction,
        activation: Option<Activation>,
    ) -> Self {
        let Geometry { big, small, big_channels, small_channels, kernel, .. } = geometry;
        let ((inputs, outputs), (h, w)) = match way {
            Direction::Down => ((big_channels, small_channels), small),
            Direction::Up => ((small_channels, big_channels), big),
        };
        let weight = parameter(random, &[small_channels, big_channels, kernel, kernel], inputs * kernel * kernel);
        let parameters = vec![[weight, parameter(random, &[outputs], inputs)]];
        let output = vec![outputs, h, w];
        self.layers.push(Layer { kind: Kind::Convolution(geometry, way), parameters, activation, output });
        self
    }

    /// With the same numbers in another shape.
    pub(crate) fn and_reshape(mut self, output: &[usize]) -> Self {
        self.layers.push(Layer { kind: Kind::Reshape, parameters: vec![], activation: None, output: output.to_vec() });
        self
    }

    /// The parameters, first to last.
    fn parameters(&self) -> impl Iterator<Item = &Tensor> {
        self.layers.iter().flat_map(|layer| &layer.parameters).flatten()
    }

    /// A copy with parameters of its own in float64.
    fn in_float64(&self) -> Self {
        let mut case = self.clone();
        for parameter in case.layers.iter_mut().flat_map(|layer| &mut layer.parameters).flatten() {
            *parameter = Var::from_tensor(&parameter.to_dtype(DType::F64).unwrap()).unwrap().into_inner();
        }
        case
    }
}

/// ‖a − b‖ / ‖b‖ in float64.
fn relative_error(a: &Tensor, b: &Tensor) -> f64 {
    let norm = |t: &Tensor| t.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap().sqrt();
    assert_eq!(a.dims(), b.dims());
    let a = a.to_dtype(DType::F64).unwrap();
    norm(&(a - b).unwrap()) / norm(b).max(1e-12)
}

/// Compares output, gradient of the input and gradients of all parameters with float64, on the CPU path and on the CUDA path
/// (emulated, where there is a C++ compiler). The loss weighs each output differently. `false` where rounding decides a
/// derivative: a number is so close to a kink that float32 and float64 may see it on different sides.
pub(crate) fn agrees(case: &Case, batch: usize, random: &mut Random) -> bool {
    let x = random.normal([&[batch][..], &case.input].concat(), &CPU).unwrap();
    // The leaf has another shape, so that what reaches the layers need not be contiguous.
    let leaf = Var::from_tensor(&x.transpose(0, x.rank() - 1).unwrap().contiguous().unwrap()).unwrap();
    let leaf64 = Var::from_tensor(&leaf.to_dtype(DType::F64).unwrap()).unwrap();
    let turned = |leaf: &Var| leaf.transpose(0, x.rank() - 1).unwrap();
    let double = case.in_float64();
    let mut y64 = turned(&leaf64);
    for layer in &double.layers {
        y64 = Layer { activation: None, ..layer.clone() }.reference(&y64).unwrap();
        let nearest = y64.abs().unwrap().flatten_all().unwrap().min(0).unwrap().to_scalar::<f64>().unwrap();
        if matches!(layer.activation, Some(Activation::Rectifier(_))) && nearest < 1e-5 {
            return false;
        }
        y64 = layer.activation.map_or(Ok(y64.clone()), |activation| activation.reference(&y64)).unwrap();
    }
    let weights = random.normal(y64.shape(), &CPU).unwrap();
    let loss64 = (&y64 * weights.to_dtype(DType::F64).unwrap()).unwrap().sum_all().unwrap();
    // candle's own gradient of a convolution fails for some strides with dilation; the transposed test covers that geometry.
    let Ok(want) = loss64.backward() else { return false };

    let compare = |path: &str| {
        let y = forward(&case.layers, &turned(&leaf)).unwrap();
        let loss = (&y * &weights).unwrap().sum_all().unwrap();
        let mut worst: f64 = 0.0;
        let (ours, candles) = (backward(&loss).unwrap(), loss.backward().unwrap());
        let own = case.parameters().chain([leaf.as_tensor()]);
        for (var, var64) in own.zip(double.parameters().chain([leaf64.as_tensor()])) {
            for gradient in [&ours.get(var).unwrap().unwrap(), candles.get(var).unwrap()] {
                worst = worst.max(relative_error(gradient, want.get(var64).unwrap()));
            }
        }
        let error = relative_error(&y, &y64);
        let kinds: Vec<_> = case.layers.iter().map(|layer| (&layer.kind, layer.activation)).collect();
        assert!(error < 1e-5 && worst < 1e-4, "{path}, {batch} × {:?}, {kinds:?}: {error:.1e} {worst:.1e}", case.input);
    };
    compare("CPU");
    if emulator::works() {
        emulator::emulate(&mut || compare("CUDA"));
    }
    true
}

/// Two layers on one input agree with float64, at the end and in the middle, and for batches that are cut in parts; by
/// themselves they are the halves of what they are side by side.
#[test]
fn pairs_agree_with_float64() {
    let random = &mut Random::new(5);
    let mut tried = 0;
    while tried < 20 {
        let sizes: [usize; 4] = std::array::from_fn(|_| pick(random, 1, 60));
        let batch = pick(random, 1, 700);
        let tanh = Some(Activation::Tanh);
        let mut case = Case::linear(random, &sizes[..2], tanh).and_linear(random, &[sizes[2], sizes[2] + 1], tanh);
        let x = random.normal((batch, sizes[0]), &CPU).unwrap();
        let ((first, second), both) = (pair(&case.layers, &x).unwrap(), forward(&case.layers, &x).unwrap());
        let numbers = |x: &Tensor| x.to_vec2::<f32>().unwrap();
        assert_eq!(numbers(&Tensor::cat(&[&first, &second], 1).unwrap()), numbers(&both));
        if tried % 2 == 0 {
            case = case.and_linear(random, &sizes[3..], None);
        }
        tried += usize::from(agrees(&case, batch, random));
    }
}

/// All kinds of layers, with the turns between them, agree with float64.
#[test]
fn mixed_layers_agree_with_float64() {
    let random = &mut Random::new(4);
    let [tanh, relu, leaky] = [Activation::Tanh, Activation::Rectifier(0.0), Activation::Rectifier(0.1)].map(Some);
    let geometry = Geometry {
        big: (8, 6),
        small: (4, 3),
        big_channels: 3,
        small_channels: 5,
        kernel: 3,
        stride: 2,
        padding: 1,
        dilation: 1,
    };
    let case = Case::new(&[3, 8, 6])
        .and_convolution(random, geometry, Direction::Down, leaky)
        .and_reshape(&[5 * 4 * 3])
        .and_linear(random, &[7], tanh)
        .and_linear(random, &[5 * 4 * 3], relu)
        .and_reshape(&[5, 4, 3])
        .and_convolution(random, geometry, Direction::Up, None);
    assert!((0..5).any(|_| agrees(&case, 6, random)));
}

/// What the fast paths do not take (nothing to compute, an empty batch, a layer of no width) has the shape that it should have.
#[test]
fn nothing_is_something() {
    let random = &mut Random::new(7);
    let x = |n: usize, width: usize| Tensor::zeros((n, width), DType::F32, &CPU).unwrap();
    let case = Case::linear(random, &[3, 4], None);
    assert_eq!(forward(&[], &x(2, 3)).unwrap().dims(), [2, 3]);
    assert_eq!(forward(&case.layers, &x(0, 3)).unwrap().dims(), [0, 4]);
    let narrow = Case::linear(random, &[3, 0], None);
    assert_eq!(forward(&narrow.layers, &x(2, 3)).unwrap().dims(), [2, 0]);
    assert!(pair(&case.layers, &x(2, 3)).is_err());
}
