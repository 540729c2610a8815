"""PyTorch: channels last, autocast, the fused Adam; eager, or its networks compiled.

Both networks learn from one way back through the discriminator, as with us: what the generator's
loss asks of a fake is what the discriminator's asks, times a factor an example.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import grad
from torch.nn import functional

from scripts.benchmark.contenders import (
    DROPOUT,
    EPSILON,
    LEARNING_RATE,
    MOMENTUM,
    NOISE_DIM,
    SLOPE,
    VARIANCE_EPSILON,
    Train,
)


def prepare(
    images: np.ndarray,
    batch_size: int,
    precision: str,
    compiled: bool = False,
    device: str = "cpu",
) -> Train:
    """See `scripts.benchmark.contenders`."""
    networks = [
        network.to(device=device, memory_format=torch.channels_last)
        for network in (_Generator(), _Discriminator())
    ]
    optimizers = [
        torch.optim.Adam(network.parameters(), LEARNING_RATE, eps=EPSILON, fused=True)
        for network in networks
    ]
    weights = [list(network.parameters()) for network in networks]
    if compiled:
        networks = [torch.compile(network) for network in networks]
    generator, discriminator = networks
    pixels = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).to(device)
    feed = _batches(pixels, batch_size)

    def step() -> Tensor:
        real = next(feed)
        latents = torch.randn(batch_size, NOISE_DIM, device=device)
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
            fakes = generator(latents)
            logits = discriminator(real), discriminator(fakes)
        losses = _losses(*logits)
        (asked,) = grad(losses[0], logits[1], retain_graph=True)
        by_real, by_fake = grad(losses[1], logits, retain_graph=True)
        *of_discriminator, input_gradients = grad(logits, [*weights[1], fakes], [by_real, by_fake])
        factor = (asked / by_fake)[:, :, None, None]
        gradients = (grad(fakes, weights[0], factor * input_gradients), of_discriminator)
        for optimizer, own, found in zip(optimizers, weights, gradients, strict=True):
            for weight, gradient in zip(own, found, strict=True):
                weight.grad = gradient
            optimizer.step()
        return (losses[0] + losses[1]).detach()

    def train(steps: int) -> float:
        for _ in range(steps):
            loss = step()
        return float(loss)

    return train


def _batches(pixels: Tensor, batch_size: int) -> Iterator[Tensor]:
    """Images in [-1, 1], in a new order each time round, without an end."""
    while True:
        order = torch.randperm(len(pixels), device=pixels.device)
        for rows in order.split(batch_size):
            if len(rows) == batch_size:
                real = pixels[rows].float() / 127.5 - 1
                yield real.contiguous(memory_format=torch.channels_last)


def _losses(real_logits: Tensor, fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropies: the generator's and the discriminator's."""
    entropy = functional.binary_cross_entropy_with_logits
    ones, zeros = torch.ones_like(real_logits), torch.zeros_like(fake_logits)
    return entropy(fake_logits, ones), entropy(real_logits, ones) + entropy(fake_logits, zeros)


class _Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        normal = {"eps": VARIANCE_EPSILON, "momentum": 1 - MOMENTUM}
        self.places = nn.Sequential(
            nn.Linear(NOISE_DIM, 256 * 7 * 7, bias=False),
            nn.BatchNorm1d(256 * 7 * 7, **normal),
            nn.LeakyReLU(SLOPE),
        )
        self.body = nn.Sequential(
            nn.ConvTranspose2d(256, 128, 5, 1, 2, bias=False),
            nn.BatchNorm2d(128, **normal),
            nn.LeakyReLU(SLOPE),
            nn.ConvTranspose2d(128, 64, 5, 2, 2, output_padding=1, bias=False),
            nn.BatchNorm2d(64, **normal),
            nn.LeakyReLU(SLOPE),
        )
        self.last = nn.ConvTranspose2d(64, 1, 5, 2, 2, output_padding=1, bias=False)

    def forward(self, latents: Tensor) -> Tensor:
        # Channels last, so that the convolutions find what they want.
        places = self.places(latents).unflatten(1, (7, 7, 256)).permute(0, 3, 1, 2)
        features = self.body(places)
        with torch.autocast(features.device.type, enabled=False):
            return torch.tanh(self.last(features.float()))


class _Discriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 64, 5, 2, 2),
            nn.LeakyReLU(SLOPE),
            nn.Dropout(DROPOUT),
            nn.Conv2d(64, 128, 5, 2, 2),
            nn.LeakyReLU(SLOPE),
            nn.Dropout(DROPOUT),
        )
        self.logits = nn.Linear(128 * 7 * 7, 1)

    def forward(self, images: Tensor) -> Tensor:
        features = self.body(images)
        with torch.autocast(features.device.type, enabled=False):
            return self.logits(features.permute(0, 2, 3, 1).flatten(1).float())
