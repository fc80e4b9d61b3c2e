"""Child process of `detection`: runs an .onnx file that may crash OpenCV.

It ends with exit code 0 unless OpenCV ends it: errors that OpenCV reports are left to the parent,
since a file may take images of one size only.
"""

import contextlib
import sys

import cv2
import numpy as np

_MOST_BYTES = 4 * 2**30
_SIZES_PX = (64, 320)


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit.
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = _MOST_BYTES if hard == resource.RLIM_INFINITY else min(_MOST_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def main(path: str) -> None:
    """Looks for faces in blank images, with a threshold that all boxes pass."""
    _limit_memory()
    with contextlib.suppress(cv2.error):
        network = cv2.FaceDetectorYN.create(path, "", (320, 320), 0.0)
        for size_px in _SIZES_PX:
            with contextlib.suppress(cv2.error):
                network.setInputSize((size_px, size_px))
                network.detect(np.zeros((size_px, size_px, 3), np.uint8))


if __name__ == "__main__":
    main(*sys.argv[1:])
