//! Stacks: runs of fast layers between others, heads, tables.

use candle_core::{DType, Device, Tensor, Var};

use super::*;
use crate::{Result, random::Random};

const CPU: Device = Device::Cpu;

/// Makes layers of one type whose parameters are the same numbers each time.
struct Maker {
    dtype: DType,
    random: Random,
    vars: Vec<Var>,
}

impl Maker {
    fn new(dtype: DType) -> Self {
        Self { dtype, random: Random::new(4), vars: vec![] }
    }

    /// Puts parameters of the maker's type into the place of others.
    fn replace(&mut self, parameters: &mut [Tensor; 2]) {
        for tensor in parameters {
            let var = Var::from_tensor(&tensor.to_dtype(self.dtype).unwrap()).unwrap();
            *tensor = var.as_tensor().clone();
            self.vars.push(var);
        }
    }

    fn linear(&mut self, inputs: usize, outputs: usize) -> Linear {
        let mut layer = Linear::new(&mut Params::new(), "layer", inputs, outputs, &mut self.random, &CPU).unwrap();
        self.replace(&mut layer.parameters);
        layer
    }

    fn down(&mut self) -> Conv2d {
        let config = Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::new(3, 5, 3) };
        let mut layer = Conv2d::new(&mut Params::new(), "layer", config, &mut self.random, &CPU).unwrap();
        self.replace(&mut layer.parameters);
        layer
    }

    fn up(&mut self) -> ConvTranspose2d {
        let config = ConvTranspose2dConfig { stride: 2, padding: 1, ..ConvTranspose2dConfig::new(5, 3, 3) };
        let config = ConvTranspose2dConfig { output_padding: 1, ..config };
        let mut layer = ConvTranspose2d::new(&mut Params::new(), "layer", config, &mut self.random, &CPU).unwrap();
        self.replace(&mut layer.parameters);
        layer
    }

    /// With weight and bias that are no ones and zeros.
    fn norm(&mut self, width: usize) -> LayerNorm {
        let mut layer = LayerNorm::new(&mut Params::new(), "layer", &[width], &CPU).unwrap();
        layer.parameters = [0, 1].map(|_| self.random.normal(width, &CPU).unwrap());
        self.replace(&mut layer.parameters);
        layer
    }

    /// All kinds of layers that the fast paths know; `between` adds others, (B, 7) → (B, 7).
    fn stack(&mut self, between: impl Fn(&mut Self, Stack) -> Stack) -> Stack {
        let stack = Stack::new()
            .push(self.down(), Activation::LeakyRelu(0.1))
            .push(Layer::Flatten, None)
            .push(self.linear(60, 7), Activation::Tanh);
        between(self, stack)
            .push(self.linear(7, 60), Activation::Relu)
            .push(Layer::Unflatten(5, 4, 3), None)
            .push(self.up(), None)
    }

    /// The output of a stack for images and all gradients of a loss that weighs each number of it differently.
    fn results(&self, stack: &Stack) -> Vec<Vec<f64>> {
        let draw = |seed, shape: &[usize]| Random::new(seed).normal(shape, &CPU).unwrap().to_dtype(self.dtype).unwrap();
        let x = Var::from_tensor(&draw(1, &[6, 3, 8, 6])).unwrap();
        let y = stack.forward(&x).unwrap();
        let gradients = backward(&(&y * draw(9, y.dims())).unwrap().sum_all().unwrap()).unwrap();
        let gradients = self.vars.iter().chain([&x]).map(|var| gradients.get(var).unwrap().unwrap());
        let numbers = |x: Tensor| x.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        [y].into_iter().chain(gradients).map(numbers).collect()
    }
}

/// A layer that does what it is told, whatever it promised.
struct Free(&'static str, fn(&Tensor) -> candle_core::Result<Tensor>);

impl std::fmt::Debug for Free {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl CustomLayer for Free {
    fn name(&self) -> &'static str {
        self.0
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(input.to_vec())
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(self.1(x)?)
    }
}

/// Where a layer that changes nothing cuts a run of fast layers in two, outputs and gradients keep their bits.
#[test]
fn a_cut_changes_no_bit() {
    let [whole, cut] = [false, true].map(|cut| {
        let mut maker = Maker::new(DType::F32);
        let nothing = || Free("Nothing", |x| x.affine(1.0, 0.0));
        let stack = maker.stack(|_, stack| if cut { stack.push(nothing(), None) } else { stack });
        maker.results(&stack)
    });
    assert!(whole == cut);
}

/// Layers and activations that the fast paths do not know, between those that they do, give what candle gives in float64,
/// forward and backward.
#[test]
fn mixed_stacks_agree_with_float64() {
    let [single, double] = [DType::F32, DType::F64].map(|dtype| {
        let mut maker = Maker::new(dtype);
        let stack = maker.stack(|maker, stack| {
            let block = Stack::new().push(maker.linear(7, 9), Activation::Silu).push(maker.linear(9, 7), None);
            stack
                .push(Residual::new(block), Activation::Gelu)
                .push(maker.norm(7), Activation::custom("Softened", |x| Ok((x * x.tanh()?)?)))
                .push(maker.linear(7, 7), Activation::LeakyRelu(-0.5))
                .push(Layer::Flatten, Activation::Elu(0.7))
        });
        maker.results(&stack)
    });
    assert_eq!(single.len(), 1 + 16 + 1);
    for (i, (got, wanted)) in single.iter().zip(&double).enumerate() {
        let largest = wanted.iter().fold(0f64, |largest, x| largest.max(x.abs()));
        let worst = got.iter().zip(wanted).fold(0f64, |worst, (a, b)| worst.max((a - b).abs()));
        assert!(got.len() == wanted.len() && largest > 0.0, "{i}");
        assert!(worst < 2e-5 * largest, "{i}: {worst:.1e} of {largest:.1e}");
    }
}

/// What is not as it was promised, has no batch or no heads, or does not fit is refused, and the message says what to do.
#[test]
fn mistakes_are_named() {
    let mut maker = Maker::new(DType::F32);
    let x = Tensor::zeros((2, 7), DType::F32, &CPU).unwrap();
    let refused = |stack: Stack| stack.forward(&x).unwrap_err().to_string();
    let liar = Stack::new().push(Free("Liar", |x| x.narrow(1, 0, 1)), None).push(maker.linear(7, 3), None);
    assert!(refused(liar).contains("the layer Liar promised an output of shape [2, 7] and returned [2, 1]"));
    let wide = Activation::custom("Wide", |x| Ok(Tensor::cat(&[x, x], 1)?));
    assert!(refused(Stack::new().push(maker.linear(7, 7), wide)).contains("the activation Wide must keep the shape"));
    let narrow = Residual::new(Stack::new().push(maker.linear(7, 3), None));
    assert!(refused(Stack::new().push(narrow, None)).contains("expected shape [7], that of their input, got [3]"));
    assert!(refused(Stack::new().push(maker.norm(3), None)).contains("expected shape one that ends in [3]"));
    assert!(LayerNorm::new(&mut Params::new(), "norm", &[3, 0], &CPU).is_err());

    let body = Stack::new().push(maker.linear(7, 5), None);
    let message = body.gaussian(&x).unwrap_err().to_string();
    assert!(message.contains("add them with `.heads(mu, log_var)`"), "{message}");
    assert!(body.clone().heads(maker.linear(5, 2), maker.linear(5, 3)).gaussian(&x).is_err());
    assert!(body.clone().heads(maker.linear(4, 2), maker.linear(4, 2)).gaussian(&x).is_err());
    let scalar = Tensor::new(1f32, &CPU).unwrap();
    assert!(Stack::new().push(Layer::Flatten, None).forward(&scalar).unwrap_err().to_string().contains("(batch, …)"));
}

/// The heads of a Gaussian are the halves of what the stack returns, also after a layer that the fast paths do not know; a
/// layer that is added later comes before them.
#[test]
fn heads_are_two_halves() {
    for dtype in [DType::F32, DType::F64] {
        let mut maker = Maker::new(dtype);
        let x = Random::new(2).normal((4, 7), &CPU).unwrap().to_dtype(dtype).unwrap();
        let stack =
            Stack::new().heads(maker.linear(5, 2), maker.linear(5, 2)).push(maker.linear(7, 5), Activation::Relu);
        let norm = stack.clone().push(maker.norm(5), Activation::Silu);
        for stack in [stack, norm] {
            let (both, q) = (stack.forward(&x).unwrap(), stack.gaussian(&x).unwrap());
            let halves = Tensor::cat(&[q.mu(), q.log_var()], 1).unwrap();
            let numbers = |x: &Tensor| x.to_dtype(DType::F64).unwrap().to_vec2::<f64>().unwrap();
            assert_eq!(halves.dims(), [4, 4]);
            assert_eq!(numbers(&halves), numbers(&both));
        }
    }
}

/// A table has a row for each layer, nonlinearity and head, those inside others included, and all parameters once.
#[test]
fn tables_have_all_parameters() {
    let mut maker = Maker::new(DType::F32);
    let stack = maker.stack(|maker, stack| {
        stack.push(Residual::new(Stack::new().push(maker.linear(7, 7), Activation::Relu)), Activation::Gelu)
    });
    let stack = stack.push(Layer::Flatten, None).heads(maker.linear(144, 2), maker.linear(144, 2));
    let rows = stack.rows(&[3, 8, 6]).unwrap();
    let kinds: Vec<_> = rows.iter().map(|row| row.kind).collect();
    let body =
        ["Conv2d", "LeakyReLU", "Flatten", "Linear", "Tanh", "Linear", "ReLU", "Residual", "GELU", "Linear", "ReLU"];
    assert_eq!(kinds, [&body[..], &["Unflatten", "ConvTranspose2d", "Flatten", "Linear", "Linear"]].concat());
    assert_eq!(rows[0].output, [5, 4, 3]);
    assert_eq!(rows[rows.len() - 1].output, [2]);
    let listed: Vec<_> = rows.iter().flat_map(|row| &row.parameters).map(Tensor::id).collect();
    let mut own: Vec<_> = maker.vars.iter().map(|var| var.id()).collect();
    // The residual connection's layer was made before those that follow it.
    own.sort_by_key(|id| listed.iter().position(|other| other == id));
    assert_eq!(listed, own);
}

/// The activations have the values of their formulas, and in float64 their gradients are those of central differences.
#[test]
fn activations_follow_their_formulas() {
    let x = Var::new(&[-3f64, -0.5, 1e-9, 2.0], &CPU).unwrap();
    let vector = |x: &Tensor| x.to_vec1::<f64>().unwrap();
    for (activation, wanted) in [
        (Activation::Relu, [0.0, 0.0, 1e-9, 2.0]),
        (Activation::LeakyRelu(1.5), [-4.5, -0.75, 1e-9, 2.0]),
        (Activation::Tanh, [-0.995054754, -0.462117157, 1e-9, 0.964027580]),
        (Activation::Gelu, [-0.004049694, -0.154268770, 5e-10, 1.954499736]),
        (Activation::Silu, [-0.142277620, -0.188770334, 5e-10, 1.761594156]),
        (Activation::Elu(0.7), [-0.665149052, -0.275428538, 1e-9, 2.0]),
    ] {
        let y = activation.forward(&x).unwrap();
        let gradient = vector(y.sum_all().unwrap().backward().unwrap().get(&x).unwrap());
        let [up, down] =
            [1e-10, -1e-10].map(|step| vector(&activation.forward(&(x.as_tensor() + step).unwrap()).unwrap()));
        for (i, y) in vector(&y).into_iter().enumerate() {
            let slope = (up[i] - down[i]) / 2e-10;
            assert!((y - wanted[i]).abs() < 1e-9, "{activation:?} {i}: {y}");
            assert!((slope - gradient[i]).abs() < 1e-5, "{activation:?} {i}: {slope} {}", gradient[i]);
        }
    }
}

/// Activations are stored as before; a function of one's own as its name, with which no other program can read it.
#[test]
fn stored_activations() {
    let text = |activation: Activation| serde_json::to_string(&activation).unwrap();
    for (activation, stored) in [
        (Activation::Relu, r#""relu""#),
        (Activation::LeakyRelu(0.01), r#"{"leaky_relu":0.01}"#),
        (Activation::Tanh, r#""tanh""#),
        (Activation::Gelu, r#""gelu""#),
        (Activation::Silu, r#""silu""#),
        (Activation::Elu(1.0), r#"{"elu":1.0}"#),
    ] {
        assert_eq!(text(activation), stored);
        assert_eq!(serde_json::from_str::<Activation>(stored).unwrap(), activation);
    }
    let own = Activation::custom("Square", |x| Ok(x.sqr()?));
    assert_eq!(text(own), r#"{"custom":"Square"}"#);
    assert_eq!(own, Activation::custom("Square", |x| Ok(x.sqr()?)));
    let message = serde_json::from_str::<Activation>(&text(own)).unwrap_err().to_string();
    assert!(message.contains("\"Square\" is a function of the program") && message.contains("`load`"), "{message}");
}
