"""Writes a file once it has been opened and run, so that none gets its name that does not run."""

import os
from pathlib import Path

from keras_cv_course._atomic import replacing
from keras_cv_course.tflite import flatbuffer
from keras_cv_course.tflite.operator_sets import operator_name
from keras_cv_course.tflite.validation import check_own_file

_TIMEOUT_S = 600.0


def write_opened(path: str | os.PathLike[str], data: bytes) -> Path:
    """Returns the path of a .tflite that LiteRT has opened, and run once on zeros.

    A child process does that, since LiteRT ends the process on some files. An older file is as it
    was where this fails.

    Args:
        path: File to write.
        data: What `convert` has made.

    Raises:
        ValueError: If LiteRT refuses the file, dies of it, or is busy with it for ten minutes.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data)
        verdict = check_own_file(temporary, _TIMEOUT_S)
        if not verdict.ok:
            raise ValueError(
                "`model` must become a file that LiteRT opens and runs on zeros. Received: one of "
                f"the operators {', '.join(_operators(data))}; {verdict.error}. Leave layers in "
                'float with `keep_float`, or see by quantize="none" whether integers are the cause.'
            )
    return Path(os.path.realpath(path))


def _operators(data: bytes) -> list[str]:
    return sorted({operator_name(code) for code in flatbuffer.read(data).operatorCodes})
