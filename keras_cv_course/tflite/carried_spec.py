"""The spec of a model inside its .tflite file, as JSON in the archive behind the FlatBuffer."""

import json
import os
from pathlib import Path

from keras_cv_course.specs.model_spec import ModelSpec
from keras_cv_course.tflite.labels import join_archive, read_labels, read_text, split_archive
from keras_cv_course.tflite.metadata.reading import read_metadata

MEMBER = "keras_cv_course.json"


def append_spec(data: bytes, spec: ModelSpec) -> bytes:
    """Returns the bytes of a .tflite file with a spec in it, which replaces one that it holds.

    An empty spec leaves the file unchanged. Runtimes ignore the archive.

    Args:
        data: Content of a .tflite file.
        spec: What the model takes and what its outputs mean.
    """
    fields = spec.to_dict()
    if not fields:
        return data
    model, members = split_archive(data)
    members[MEMBER] = json.dumps(fields, ensure_ascii=False, indent=1).encode()
    return join_archive(model, members)


def read_spec(path: str | os.PathLike[str]) -> ModelSpec:
    """Returns the spec of a .tflite file; fields that are not recorded are empty.

    Args:
        path: A .tflite file. Of one that another program made, class names and the range of pixels
            are read from its metadata, if it has any.

    Raises:
        ValueError: If the file has a spec that is corrupt.
    """
    text = read_text(path, MEMBER)
    try:
        spec = ModelSpec() if text is None else ModelSpec.from_dict(json.loads(text))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{Path(path)} holds a spec that cannot be read: {error} Convert the model again."
        ) from error
    # `append_labels` and other programs give a file other names than it was converted with.
    spec = ModelSpec(class_names=read_labels(path)).filled(spec)
    metadata = read_metadata(path)
    if metadata is None:
        return spec
    return spec.filled(ModelSpec(class_names=metadata.labels, input_range=metadata.input_range))
