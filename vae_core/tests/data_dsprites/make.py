"""Makes small.npz: a small file in the form of dSprites, written by NumPy.

    pip install numpy==2.4.6 && python make.py

2 shapes, 1 scale, 4 rotations, 3 × 2 positions: 48 pictures of 5 × 7, and in picture i pixel p is 1 where i p mod 5 is 1.
"""

import numpy as np

SIZES = (1, 2, 1, 4, 3, 2)
classes = np.stack(np.unravel_index(np.arange(np.prod(SIZES)), SIZES), axis=1).astype(np.int64)
numbers, pixels = np.arange(len(classes))[:, None], np.arange(5 * 7)[None]
np.savez_compressed(
    "small.npz",
    metadata=np.array({"title": "a pickled object, as the original has one", "latents_sizes": np.array(SIZES)}, dtype=object),
    imgs=(numbers * pixels % 5 == 1).astype(np.uint8).reshape(-1, 5, 7),
    latents_classes=classes,
    latents_values=classes.astype(np.float64) / 10,
)
