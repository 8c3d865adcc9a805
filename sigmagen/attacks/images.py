"""The attacked image classifier, and the images that an attacker has: none of the victim's training data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sigmagen.attacks.victims import Endpoint, load_data, make_endpoint

if TYPE_CHECKING:
    from numpy.random import Generator

    from sigmagen.attacks.victims import Array

SIDE = 8


def make_image_endpoint(seed: int, *, scores: bool = True) -> tuple[Endpoint, Array]:
    """Return a digits classifier behind an endpoint, and half of the images that it was not trained on.

    The other half of them are the held-out inputs.
    """
    from sklearn.neural_network import MLPClassifier

    data = load_data("digits", seed)
    model = MLPClassifier(hidden_layer_sizes=(64,), max_iter=500, random_state=seed)
    victim = make_endpoint("neural network on digits", model, data, scores=scores)
    middle = len(data.test) // 2
    victim.held_out = data.test[middle:]
    return victim, data.test[:middle]


def make_natural_images(generator: Generator, number: int) -> Array:
    """Return images of another distribution than the victim's, with the 1/f spectrum of photographs.

    Field 1987, https://doi.org/10.1364/JOSAA.4.002379: the amplitudes of natural images fall with the frequency.
    """
    import numpy as np

    frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE)))
    amplitudes = 1 / np.maximum(frequencies, 1 / SIDE)
    noise = generator.standard_normal((number, SIDE, SIDE))
    images = np.real(np.fft.ifft2(np.fft.fft2(noise) * amplitudes)).reshape(number, -1)
    low, high = images.min(axis=1, keepdims=True), images.max(axis=1, keepdims=True)
    # Photographs are sparse in bright areas after contrast stretching.
    found: Array = ((images - low) / (high - low)) ** 2
    return found


def make_drawings(generator: Generator, number: int) -> Array:
    """Return drawings of three connected strokes: handwriting of another kind than the victim's digits."""
    import numpy as np

    corners = generator.uniform(1, SIDE - 2, (number, 4, 2))
    along = np.linspace(0, 1, 8)[:, None]
    strokes = [corners[:, [part]] * (1 - along) + corners[:, [part + 1]] * along for part in range(3)]
    dots = np.concatenate(strokes, axis=1)
    rows, columns = np.divmod(np.arange(SIDE * SIDE), SIDE)
    # A stroke is a chain of dots; a pixel is as dark as the nearest one makes it.
    ink = np.zeros((number, SIDE * SIDE))
    for dot in range(dots.shape[1]):
        distances = (rows - dots[:, dot, :1]) ** 2 + (columns - dots[:, dot, 1:]) ** 2
        np.maximum(ink, np.exp(-distances / 0.8), out=ink)
    return ink


def make_public_images(generator: Generator, number: int) -> Array:
    """Return a shuffled pool of public images, half of them photographs and half drawings."""
    import numpy as np

    pool = np.vstack([make_natural_images(generator, number // 2), make_drawings(generator, number - number // 2)])
    found: Array = pool[generator.permutation(number)]
    return found
