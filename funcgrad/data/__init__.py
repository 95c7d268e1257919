"""Mini-batches and what comes before them: plain iterators over pytrees of arrays, in memory or in files.

With this package one can cut data into batches in an order that is a pure function of a key (`batches`, `epochs`), stop
in the middle of an epoch and go on there later (`.state`, `start=`), read files larger than memory at the speed of
the disk (memory maps; see `batches`), load ahead in a thread (`prefetch`), split and scale data (`train_test_split`,
`k_fold`, `standardize`, `one_hot`), and vary images at random (`random_shift`, `random_flip`, `random_crop`,
`add_noise`).

    for batch in data.epochs({"x": images, "y": labels}, 100, 10, key=random.key(0)):
        params, state = step(params, state, batch)

Nothing here knows of models; every function takes arrays and gives arrays.
"""

from ..nn import one_hot
from .augmentation import add_noise, random_crop, random_flip, random_shift
from .batches import Batches, Position, batches, epochs
from .prefetching import Prefetch, prefetch
from .progress import progress
from .scaling import Scaling, standardize
from .splits import k_fold, train_test_split

__all__ = [
    "Batches",
    "Position",
    "Prefetch",
    "Scaling",
    "add_noise",
    "batches",
    "epochs",
    "k_fold",
    "one_hot",
    "prefetch",
    "progress",
    "random_crop",
    "random_flip",
    "random_shift",
    "standardize",
    "train_test_split",
]
