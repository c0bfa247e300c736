"""``digits``: the 1,797 real 8x8 digits that scikit-learn carries, so that there is data on every machine."""

from __future__ import annotations

import numpy as np

from convscope.data.sources.source import ArraySource


def open_digits() -> ArraySource:
    """The digits, grey levels 0..16 scaled to 0..255, unsplit."""
    # Imported here: scikit-learn takes a second.
    import sklearn
    from sklearn.datasets import load_digits

    images_NHW, labels_N = load_digits(return_X_y=True)
    images_NHWC = np.rint(images_NHW.reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
    return ArraySource(
        name="digits",
        where="digits",
        classes=tuple(str(digit) for digit in range(10)),
        labels_N=labels_N.astype(np.int64),
        names=tuple(f"digits[{i}]" for i in range(len(labels_N))),
        given={},
        skipped=(),
        parts=(images_NHWC,),
        identity=f"scikit-learn {sklearn.__version__} digits",
    )
