"""Writes tests/parity/fixtures: what PyTorch makes of small models. Run it again only to change the cases:

    pip install torch==2.13.0 safetensors numpy && python tests/parity/fixtures.py

Every case has images `x`, what the encoder sees of them (`seen`, corrupted ones where they differ), the noise of ten steps
`epsilon`, the first step's `mu`, `log_var` and decoded `mean`, the terms of all ten (`reconstruction`, `kl`, `loss`), and for each
parameter of the state dict its value before (`start.`), its first gradient (`gradient.`), and its value after one and ten
steps of Adam (`one.`, `ten.`). Distributions and divergences are PyTorch's own. `shapes.json` has the names and shapes of the
three original architectures. `vae_core/tests/pytorch_parity.rs` and `pytorch_originals.rs` read them.
"""

import json
from pathlib import Path

import torch
from modules import Conv, Joined, Mlp, conv, originals, tutorial
from safetensors.torch import save_file
from torch.distributions import Bernoulli, ContinuousBernoulli, Normal, kl_divergence

FOLDER = Path(__file__).parent / "fixtures"
STEPS = 10
# In float32 PyTorch's continuous Bernoulli cancels near p = 1/2 and is off by 2e-3; this case is computed in float64.
IN_FLOAT64 = {"mlp_continuous"}


def bernoulli(module, output):
    return Bernoulli(logits=output, validate_args=False)  # grey pixels are outside its support


def continuous_bernoulli(module, output):
    return ContinuousBernoulli(logits=output)


def gaussian(variance: float):
    return lambda module, output: Normal(output, variance**0.5)


def learned_gaussian(module, output):
    return Normal(output, torch.exp(0.5 * module.decoder.log_var))


def strided() -> Conv:
    """Strides, paddings, dilations and output paddings of every kind: 17 → 6 → 2 → 6 → 17 pixels."""
    down = [conv(2, 4, 3, 3, 1), conv(4, 5, 3, 4, 2, dilation=2)]
    up = [conv(5, 4, 3, 4, 2, dilation=2, output_padding=1), conv(4, 2, 3, 3, 1, output_padding=1)]
    return Conv(down, up, (5, 2, 2), latent=3, slope=0.2)


CASES = {
    "mlp": (lambda: Mlp((1, 8, 8), [20, 12], 3), bernoulli, 1.0),
    "mlp_learned_variance": (lambda: Mlp((2, 5, 6), [16], 4, torch.tanh, learned_variance=True), learned_gaussian, 0.5),
    "mlp_continuous": (lambda: Mlp((1, 6, 6), [14], 2, torch.tanh), continuous_bernoulli, 1.0),
    "conv": (lambda: tutorial([4, 5, 6, 5], 4), bernoulli, 1.0),
    "conv_output_padding": (strided, gaussian(0.3), 2.0),
    "denoising": (lambda: Joined((1, 8, 8), 18, 4), bernoulli, 1.0),
}
IMAGES = {"conv": (6, 1, 28, 28), "conv_output_padding": (5, 2, 17, 17)}


def make(name: str, number: int) -> dict[str, torch.Tensor]:
    """The tensors of one case."""
    torch.manual_seed(number)
    build, likelihood, beta = CASES[name]
    module = build()
    precision = torch.float64 if name in IN_FLOAT64 else torch.float32
    x = torch.rand(IMAGES.get(name) or (7, *module.image)).mul(1.4).sub(0.2).clamp(0, 1)  # exact zeros and ones, too
    seen = (x + 0.2 * torch.randn_like(x)).clamp(0, 1) if name == "denoising" else x
    epsilon = torch.randn(STEPS, *module.encode(seen)[0].shape)
    module, x, seen, epsilon = (each.to(precision) for each in (module, x, seen, epsilon))
    tensors = {"x": x, "seen": seen.clone(), "epsilon": epsilon}

    def keep(when: str, of=lambda parameter: parameter):
        for key, parameter in module.named_parameters():
            tensors[f"{when}.{key}"] = of(parameter).detach().clone()

    keep("start")
    optimizer = torch.optim.Adam(module.parameters())
    terms = {"reconstruction": [], "kl": [], "loss": []}
    for step in range(STEPS):
        mu, log_var = module.encode(seen)
        q = Normal(mu, torch.exp(0.5 * log_var))
        p = likelihood(module, module.decode(q.mean + q.stddev * epsilon[step]))
        reconstruction = p.log_prob(x).flatten(1).sum(1).mean()
        kl = kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean()
        loss = beta * kl - reconstruction
        for key, value in zip(terms, (reconstruction, kl, loss)):
            terms[key].append(value.detach())
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            tensors |= {"mu": mu.detach().clone(), "log_var": log_var.detach().clone(), "mean": p.mean.detach()}
            keep("gradient", lambda parameter: parameter.grad)
        optimizer.step()
        if step + 1 in (1, STEPS):
            keep("one" if step == 0 else "ten")
    tensors |= {key: torch.stack(values) for key, values in terms.items()}
    return {key: value.float() for key, value in tensors.items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    for number, name in enumerate(CASES):
        save_file(make(name, number), FOLDER / f"{name}.safetensors", {"torch": torch.__version__})
    shapes = {
        name: {key: list(value.shape) for key, value in module.state_dict().items()}
        for name, module in originals().items()
    }
    (FOLDER / "shapes.json").write_text(json.dumps(shapes, indent=1) + "\n")
    for path in sorted(FOLDER.iterdir()):
        print(f"{path.name}: {path.stat().st_size:,} bytes")
