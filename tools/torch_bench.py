"""PyTorch's side of `make bench`: the same models, the same images, one question and one answer a line.

Usage: torch_bench.py PIXELS THREADS DEVICE, where PIXELS holds 28x28 grey images as bytes. A question is a JSON object with `what`:
hello, step (with `mode` eager, compiled or graph: the whole step as a CUDA graph), encode, decode, likelihood, epoch. `answer` is milliseconds, for an epoch seconds, or null
where PyTorch cannot do it here.
"""

import json
import math
import statistics
import sys
import time

import numpy
import torch
from torch import nn
from torch.nn import functional as F

class Mlp(nn.Module):
    def __init__(self, hidden: list[int], latent: int, activation: type[nn.Module] = nn.ReLU):
        super().__init__()
        widths = [784, *hidden]
        self.encoder = nn.Sequential(
            *(layer for a, b in zip(widths, widths[1:]) for layer in (nn.Linear(a, b), activation()))
        )
        self.mu, self.log_var = nn.Linear(widths[-1], latent), nn.Linear(widths[-1], latent)
        widths = [latent, *reversed(hidden)]
        self.decoder = nn.Sequential(
            *(layer for a, b in zip(widths, widths[1:]) for layer in (nn.Linear(a, b), activation())),
            nn.Linear(widths[-1], 784),
        )

    def encode(self, x):
        h = self.encoder(x.view(-1, 784))
        return self.mu(h), self.log_var(h)

    def decode(self, z):
        return self.decoder(z).view(-1, 1, 28, 28)


class Conv(nn.Module):
    def __init__(self, latent: int):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1),
            nn.LeakyReLU(0.01),
            nn.Conv2d(32, 64, 3, stride=2, padding=1),
            nn.LeakyReLU(0.01),
            nn.Conv2d(64, 72, 3, stride=2, padding=1),
            nn.LeakyReLU(0.01),
            nn.Conv2d(72, 64, 3, padding=1),
            nn.Flatten(),
        )
        self.mu, self.log_var = nn.Linear(3136, latent), nn.Linear(3136, latent)
        self.decoder = nn.Sequential(
            nn.Linear(latent, 3136),
            nn.Unflatten(1, (64, 7, 7)),
            nn.ConvTranspose2d(64, 64, 3, padding=1),
            nn.LeakyReLU(0.01),
            nn.ConvTranspose2d(64, 72, 3, stride=2, padding=1),
            nn.LeakyReLU(0.01),
            nn.ConvTranspose2d(72, 32, 3, stride=2),
            nn.LeakyReLU(0.01),
            nn.ConvTranspose2d(32, 1, 4, padding=1),
        )

    def encode(self, x):
        h = self.encoder(x)
        return self.mu(h), self.log_var(h)

    def decode(self, z):
        return self.decoder(z)


BLOCK = 20
"""Calls that are timed together on a GPU, as on the other side."""


def synchronize() -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def make(name: str, latent: int) -> nn.Module:
    torch.manual_seed(1)
    hidden = {"mlp": [400], "mlp2": [400, 400], "dense512": [512]}
    return (Conv(latent) if name == "conv" else Mlp(hidden[name], latent)).to(device)


def loss_of(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    mu, log_var = model.encode(x)
    z = mu + torch.exp(0.5 * log_var) * torch.randn_like(mu)
    reconstruction = F.binary_cross_entropy_with_logits(model.decode(z), x, reduction="sum")
    kl = -0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp())
    return (reconstruction + kl) / len(x)


class Steps:
    """A model in training on one batch."""

    def __init__(self, name: str, batch: int, latent: int, mode: str):
        self.model = make(name, latent)
        self.optimizer = torch.optim.Adam(self.model.parameters(), capturable=mode == "graph")
        self.x = images[:batch].float().div(255)
        self.loss_of = torch.compile(loss_of) if mode == "compiled" else loss_of
        self.step()
        self.graph = self.captured() if mode == "graph" else None

    def step(self):
        loss = self.loss_of(self.model, self.x)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def captured(self) -> torch.cuda.CUDAGraph:
        """The step as one graph, after some steps on a side stream, as PyTorch's notes on CUDA graphs ask."""
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.step()
        return graph

    def __call__(self):
        if self.graph:
            self.graph.replay()
        else:
            self.step()


def turn(f, seconds: float) -> float:
    """The median of as many calls as fit, in milliseconds; on a GPU, of blocks of calls, from idle to idle."""
    calls = 1 if device == "cpu" else BLOCK
    times, start = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - start < seconds:
        synchronize()
        begin = time.perf_counter()
        for _ in range(calls):
            f()
        synchronize()
        times.append((time.perf_counter() - begin) * 1e3 / calls)
    return statistics.median(times)


def epoch(name: str, batch: int, latent: int) -> float:
    """One epoch with images kept as bytes, shuffled and turned into floats batch by batch."""
    model = make(name, latent)
    optimizer = torch.optim.Adam(model.parameters())
    synchronize()
    # On a GPU the loss is read once, at the end.
    start, total = time.perf_counter(), 0.0 if device == "cpu" else torch.zeros((), device=device)
    for indices in torch.randperm(len(images), device=device).split(batch):
        x = images[indices].float().div(255)
        loss = loss_of(model, x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += (loss.item() if device == "cpu" else loss.detach()) * len(x)
    float(total)
    return time.perf_counter() - start


def infer(question: dict):
    model = make(question["model"], question["latent"])
    x, z = images[: question["batch"]].float().div(255), torch.randn(question["batch"], question["latent"], device=device)
    run = (lambda: model.encode(x)) if question["what"] == "encode" else (lambda: torch.sigmoid(model.decode(z)))

    def without_gradients():
        with torch.no_grad():
            run()

    return without_gradients


def likelihood(question: dict):
    """log p(x) of some images by importance sampling, the draws one after the other; 784-200-200-50 with tanh."""
    torch.manual_seed(1)
    model = Mlp([200, 200], 50, nn.Tanh).to(device)
    x, samples = images[: question["images"]].float().div(255), question["samples"]

    def run():
        with torch.no_grad():
            mu, log_var = model.encode(x)
            std, log_weights = torch.exp(0.5 * log_var), []
            for _ in range(samples):
                epsilon = torch.randn_like(mu)
                z = mu + std * epsilon
                logits = model.decode(z)
                log_likelihood = (x * logits - F.softplus(logits)).flatten(1).sum(1)
                # ln p(z) - ln q(z|x), of two Gaussians
                ratio = 0.5 * (epsilon.square() + log_var - z.square()).sum(1)
                log_weights.append(log_likelihood + ratio)
            return torch.logsumexp(torch.stack(log_weights), 0) - math.log(samples)

    return run


device = sys.argv[3]
images = torch.from_numpy(numpy.fromfile(sys.argv[1], dtype=numpy.uint8)).view(-1, 1, 28, 28).to(device)
torch.set_num_threads(int(sys.argv[2]))
ready: dict = {}

for line in sys.stdin:
    question = json.loads(line)
    what = question["what"]
    if what == "hello":
        print(json.dumps({"version": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
        continue
    key = json.dumps({k: v for k, v in question.items() if k != "seconds"})
    try:
        if what == "epoch":
            answer = epoch(question["model"], question["batch"], question["latent"])
        else:
            if key not in ready:
                # One at a time: a model that waits should not sit in the caches of the one that runs.
                if len(ready) > 3:
                    ready.clear()
                if what == "step":
                    ready[key] = Steps(question["model"], question["batch"], question["latent"], question["mode"])
                else:
                    ready[key] = likelihood(question) if what == "likelihood" else infer(question)
            answer = turn(ready[key], question["seconds"])
    except Exception as error:
        print(f"PyTorch: {question}: {type(error).__name__}: {str(error)[:300]}", file=sys.stderr)
        answer = None
    print(json.dumps({"answer": answer}), flush=True)
