"""A model written in notebook cells: its types are defined in one cell, made in a second and taken apart in a third."""

import pytest
from conftest import REPOSITORY
from kernel_session import kernel

IMPORTS = """:dep vae_core = { path = "../vae_core" }
use vae_core::{prelude::*, serde_json::{Value, json}};"""

# Away from its mean by b · e on average: -ln 2b - |z - mu|/b, summed over the dimensions of a row.
DISTRIBUTION = """
struct Laplace { mu: Tensor, b: f64 }

impl Distribution for Laplace {
    fn sample(&self, random: &mut Random) -> Result<Tensor> {
        let u = random.uniform(self.mu.shape(), self.mu.device())?.affine(1.0, -0.5)?;
        let tail = u.abs()?.affine(-2.0, 1.0 + 1e-6)?.log()?;
        Ok((&self.mu - (u.sign()? * tail)?.affine(self.b, 0.0)?)?)
    }
    fn log_prob(&self, z: &Tensor) -> Result<Tensor> {
        Ok((z - &self.mu)?.abs()?.affine(-1.0 / self.b, -(2.0 * self.b).ln())?.sum(1)?)
    }
    fn mean(&self) -> Result<Tensor> {
        Ok(self.mu.clone())
    }
}
"""
MADE = """
let q: Box<dyn Distribution> = Box::new(Laplace { mu: Tensor::new(&[[1f32, -2.0]], &Device::Cpu)?, b: 0.25 });
"""
DOWNCAST = """
{
    let laplace: &Laplace = q.downcast()?;
    println!("b is {}, ln q(mu) is {:.4}", laplace.b, laplace.log_prob(&q.mean()?)?.to_vec1::<f32>()?[0]);
};
"""
WRONG_DOWNCAST = "q.downcast::<DiagonalGaussian>()?;"
MODEL = """
struct Line { params: Params, encoder: Stack, decoder: Stack }

impl Line {
    fn new(seed: u64) -> Result<Self> {
        let (mut params, random, cpu) = (Params::new(), &mut Random::new(seed), Device::Cpu);
        let encoder = Stack::new().push(Linear::new(&mut params, "encoder", 2, 1, random, &cpu)?, None);
        let decoder = Stack::new().push(Linear::new(&mut params, "decoder", 1, 2, random, &cpu)?, None);
        Ok(Self { params, encoder, decoder })
    }
}

impl Vae for Line {
    fn encode(&self, x: &Tensor) -> Result<Box<dyn Distribution>> {
        Ok(Box::new(Laplace { mu: self.encoder.forward(x)?, b: 0.3 }))
    }
    fn decode(&self, z: &Tensor) -> Result<Box<dyn Distribution>> {
        Ok(Box::new(Gaussian::fixed(self.decoder.forward(z)?, 0.1)?))
    }
    fn latent(&self) -> usize { 1 }
    fn shape(&self) -> Shape { 2.into() }
    fn params(&self) -> &Params { &self.params }
}
"""
OBJECTIVE = """
struct Watchful;

impl Objective for Watchful {
    fn terms(&self, vae: &dyn Vae, batch: &Batch, _epoch: f64, noise: &mut Random) -> Result<Terms> {
        let q = vae.encode(&batch.x)?;
        let z = q.sample(noise)?;
        let kl = q.kl(&vae.prior(batch.len())?, &z)?;
        let away = (&z - &q.downcast::<Laplace>()?.mu)?.abs()?.mean_all()?; // b, but for the luck of the draws
        Ok(Terms::weighted(&vae.decode(&z)?.log_prob(&batch.x)?, &kl, 1.0)?.metric("away", &away))
    }
    fn config(&self) -> Value { json!({ "objective": "watchful" }) }
}
"""
TRAINED = """
let mut line: Line = Line::new(1)?;
let table: Tensor = Random::new(1).normal((1000, 1), &Device::Cpu)?.repeat((1, 2))?;
let history: History = Trainer::new(Watchful).epochs(10).learning_rate(0.01).quiet().fit(&mut line, &table)?;
"""
LEARNED = """
let (first, last) = (&history.epochs[0].train, &history.epochs[9].train);
println!("gained {:.2}, away {:.2}", last.elbo - first.elbo, last.metrics["away"]);
"""
REFUSED = """
let mut mlp: MlpVae = MlpVae::new(MlpVaeConfig { latent: 2, ..Default::default() }, &Device::Cpu, 1)?;
Trainer::new(Watchful).quiet().fit(&mut mlp, &data::digits(&Device::Cpu)?.train.take(64))?;
"""


@pytest.fixture(scope="module")
def answers():
    """What each cell of the notebook came to."""
    cells = {
        "imports": IMPORTS, "distribution": DISTRIBUTION, "made": MADE, "downcast": DOWNCAST,
        "wrong downcast": WRONG_DOWNCAST, "downcast again": DOWNCAST, "model": MODEL, "objective": OBJECTIVE,
        "trained": TRAINED, "learned": "{" + LEARNED + "};", "refused": REFUSED,
    }
    with kernel(REPOSITORY / "tests") as run:
        return {name: run(source) for name, source in cells.items()}


def test_cells_share_what_they_define(answers):
    """Types, traits and objects of one cell are those of the next: every cell does what it says, but the two that must not."""
    failed = [name for name, answer in answers.items() if answer.failure]
    assert failed == ["wrong downcast", "refused"], {name: answers[name].failure for name in failed}


def test_a_distribution_comes_back_as_its_type(answers):
    """A box made in one cell is opened in another: ln q(mu) is -2 ln 2b = 1.3863. A failed attempt takes nothing away."""
    assert answers["downcast"].stdout == answers["downcast again"].stdout == "b is 0.25, ln q(mu) is 1.3863\n"


def test_a_wrong_type_is_refused_in_one_sentence(answers):
    """The kernel says which type was expected and which came, for a box in hand and for a model that does not suit."""
    assert answers["wrong downcast"].failure.strip() == "expected a distribution of type DiagonalGaussian, got Laplace"
    assert answers["refused"].failure.strip() == "expected a distribution of type Laplace, got DiagonalGaussian"


def test_a_model_and_an_objective_from_cells_train(answers):
    """Defined in two cells and trained in a third, the model learns, and the objective's own metric is recorded."""
    gained, away = (float(part.split()[1]) for part in answers["learned"].stdout.split(", "))
    assert gained > 1.0 and abs(away - 0.3) < 0.03
