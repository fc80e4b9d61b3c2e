"""Many results on one sheet, for the run folder."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_cv_course._atomic import replacing
from keras_cv_course.predictors.drawing import mosaic, png
from keras_cv_course.predictors.results import Result

_SIDE_PX = 320
_COLUMNS = 3


def save_mosaic(results: Sequence[Result], path: Path, columns: int = _COLUMNS) -> None:
    """Writes a PNG of drawn results side by side, row after row.

    Each image is enlarged or shrunk to a square first, so that what is written on it can be read.

    Args:
        results: The results, each drawn as an image.
        path: The image to write.
        columns: Images in a row.
    """
    drawn = [np.asarray(result.resized(_SIDE_PX).draw()) for result in results]
    with replacing(path) as temporary:
        temporary.write_bytes(png(mosaic(drawn, columns)))
