"""The three architectures that this project began with, as PyTorch modules of any width.

`encode` gives mu and log_var, `decode` logits or means: what the notebooks' formulas are made of. Layers have the names that
such a module usually has, and those are what `Vae::load_pytorch` reads.
"""

import torch
from torch import nn


def halves(widths: list[int], activation: type[nn.Module]) -> list[nn.Module]:
    """Linear layers through these widths, each with its nonlinearity."""
    return [layer for a, b in zip(widths, widths[1:]) for layer in (nn.Linear(a, b), activation())]


class FcEncoder(nn.Module):
    def __init__(self, pixels: int, hidden: list[int], latent: int, activation):
        super().__init__()
        self.activation = activation
        self.depth = len(hidden)
        for i, (a, b) in enumerate(zip([pixels, *hidden], hidden), 1):
            self.add_module(f"fc{i}", nn.Linear(a, b))
        self.fc_mu = nn.Linear([pixels, *hidden][-1], latent)
        self.fc_logvar = nn.Linear([pixels, *hidden][-1], latent)

    def forward(self, x):
        h = x.flatten(1)
        for i in range(1, self.depth + 1):
            h = self.activation(self.get_submodule(f"fc{i}")(h))
        return self.fc_mu(h), self.fc_logvar(h)


class FcDecoder(nn.Module):
    def __init__(self, latent: int, hidden: list[int], pixels: int, activation):
        super().__init__()
        self.activation = activation
        widths = [latent, *reversed(hidden), pixels]
        self.depth = len(widths) - 1
        for i, (a, b) in enumerate(zip(widths, widths[1:]), 1):
            self.add_module(f"fc{i}", nn.Linear(a, b))

    def forward(self, z):
        for i in range(1, self.depth):
            z = self.activation(self.get_submodule(f"fc{i}")(z))
        return self.get_submodule(f"fc{self.depth}")(z)


class Mlp(nn.Module):
    """The guide's: two modules with `fc1`, `fc2`, …, the heads inside the encoder."""

    def __init__(self, image, hidden, latent, activation=torch.relu, learned_variance=False):
        super().__init__()
        self.image = image
        pixels = image[0] * image[1] * image[2]
        self.encoder = FcEncoder(pixels, hidden, latent, activation)
        self.decoder = FcDecoder(latent, hidden, pixels, activation)
        if learned_variance:
            self.decoder.log_var = nn.Parameter(torch.zeros(()))

    def encode(self, x):
        return self.encoder(x)

    def decode(self, z):
        return self.decoder(z).unflatten(1, self.image)


class Conv(nn.Module):
    """The convolutional notebook's: `nn.Sequential` halves with LeakyReLU, the heads beside them.

    `down` and `up` are keyword arguments of `nn.Conv2d` and `nn.ConvTranspose2d`, `start` the shape between the halves.
    """

    def __init__(self, down: list[dict], up: list[dict], start, latent, slope=0.01):
        super().__init__()
        features = start[0] * start[1] * start[2]

        def chain(kind, layers):
            made = [layer for options in layers for layer in (kind(**options), nn.LeakyReLU(slope))]
            return made[:-1]

        self.encoder = nn.Sequential(*chain(nn.Conv2d, down), nn.Flatten())
        self.z_mean = nn.Linear(features, latent)
        self.z_log_var = nn.Linear(features, latent)
        self.decoder = nn.Sequential(
            nn.Linear(latent, features), nn.Unflatten(1, start), *chain(nn.ConvTranspose2d, up)
        )

    def encode(self, x):
        h = self.encoder(x)
        return self.z_mean(h), self.z_log_var(h)

    def decode(self, z):
        return self.decoder(z)


class Joined(nn.Module):
    """The denoising notebook's: one dense layer gives mean and log-variance, side by side."""

    def __init__(self, image, hidden: int, latent: int):
        super().__init__()
        self.image = image
        pixels = image[0] * image[1] * image[2]
        self.encoder = nn.Sequential(nn.Flatten(), *halves([pixels, hidden], nn.ReLU), nn.Linear(hidden, 2 * latent))
        self.decoder_hidden = nn.Linear(latent, hidden)
        self.decoder_out = nn.Linear(hidden, pixels)

    def encode(self, x):
        return self.encoder(x).chunk(2, dim=1)

    def decode(self, z):
        return self.decoder_out(torch.relu(self.decoder_hidden(z))).unflatten(1, self.image)


def conv(i: int, o: int, kernel: int, stride: int, padding: int, **more) -> dict:
    return dict(in_channels=i, out_channels=o, kernel_size=kernel, stride=stride, padding=padding, **more)


def tutorial(channels: list[int], latent: int) -> Conv:
    """The convolutional notebook's layers with these four channel numbers; 32, 64, 72, 64 are its own."""
    a, b, c, d = channels
    down = [conv(1, a, 3, 1, 1), conv(a, b, 3, 2, 1), conv(b, c, 3, 2, 1), conv(c, d, 3, 1, 1)]
    up = [conv(d, b, 3, 1, 1), conv(b, c, 3, 2, 1), conv(c, a, 3, 2, 0), conv(a, 1, 4, 1, 1)]
    return Conv(down, up, (d, 7, 7), latent)


def originals() -> dict[str, nn.Module]:
    """The three with their own sizes."""
    return {
        "guide": Mlp((1, 28, 28), [400, 400], 20),
        "convolutional": tutorial([32, 64, 72, 64], 64),
        "denoising_notebook": Joined((1, 28, 28), 512, 40),
    }
