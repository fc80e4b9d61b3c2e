"""Finds what the words on the command line stand for: models, and pictures for them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_cv_course.cli.boxes_data import holds_boxes
from keras_cv_course.cli.train_args import DIGITS
from keras_cv_course.data import ImageDataset, digits, image_folder, labelled_folder, sharded
from keras_cv_course.data.photographs import picture_files
from keras_cv_course.data.shards import holds_shards
from keras_cv_course.networks.input_range import known_input_range
from keras_cv_course.networks.loading import load_model
from keras_cv_course.tflite import TFLiteModel
from keras_cv_course.tflite.metadata import read_metadata
from keras_cv_course.tflite.quiet import quiet
from keras_cv_course.training import open_run

_SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Classifier:
    """A model file, and what must be known to give it pictures.

    Attributes:
        path: The file.
        keras_model: The model of a .keras file, else None.
        outputs: Names of the outputs of a .tflite file; empty for a .keras file.
        predict: Takes a batch of pictures and returns scores `(batch, classes)`.
        input_shape: (height, width, channels).
        input_range: Smallest and largest value that it takes; None where nothing tells.
        class_names: Its classes in order; None where nothing tells.
        args: The `args.yaml` beside the file, empty where there is none.
    """

    path: Path
    keras_model: keras.Model | None
    outputs: tuple[str, ...]
    predict: Callable[[np.ndarray], Any]
    input_shape: tuple[int, int, int]
    input_range: tuple[float, float] | None
    class_names: tuple[str, ...] | None
    args: dict[str, Any]

    def need_range(self) -> tuple[float, float]:
        """Returns `input_range`.

        Raises:
            ValueError: If it is unknown.
        """
        if self.input_range is None:
            raise ValueError(
                f"Nothing tells which values {self.path} takes: there is no args.yaml beside it. "
                "Say it with --input-range, e.g. --input-range -1 1."
            )
        return self.input_range

    def need_names(self, classes: int) -> tuple[str, ...]:
        """Returns `class_names`, or numbers in their place."""
        return self.class_names or tuple(str(i) for i in range(classes))


def open_classifier(
    path: str, input_range: tuple[float, float] | None = None, keras_only: bool = False
) -> Classifier:
    """Returns the model in a .keras or .tflite file, with what its run folder tells about it.

    Args:
        path: The file.
        input_range: Values that it takes. None looks into `args.yaml` beside the file, and then at
            the name of a .keras model or the metadata of a .tflite file.
        keras_only: Whether a .tflite file is refused.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a model of one picture.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"There is no file {file}.")
    args = open_run(file.parent).load_args() if (file.parent / "args.yaml").is_file() else {}
    names = args.get("class_names")
    if file.suffix == ".tflite":
        if keras_only:
            raise ValueError(f"A .keras model is needed here. Received: {file}.")
        with quiet():  # LiteRT tells of its delegate.
            lite = TFLiteModel(file)
        shapes = [tensor.shape for tensor in lite.inputs]
        model, predict, names = None, lite.predict, lite.class_names or names
        outputs = tuple(tensor.name for tensor in lite.outputs)
        described = read_metadata(file)
        told = None if described is None else described.input_range
    else:
        model = load_model(file, compile=False)
        shapes, outputs = [tensor.shape for tensor in model.inputs], ()
        predict, told = model.predict_on_batch, known_input_range(model)
    if len(shapes) != 1 or len(shapes[0]) != 4 or None in shapes[0][1:]:
        raise ValueError(
            f"{file} must take one picture of a fixed size. Its inputs are {list(shapes)}."
        )
    height, width, channels = (int(n) for n in shapes[0][1:])
    found = input_range or args.get("input_range") or told
    return Classifier(
        path=file,
        keras_model=model,
        outputs=outputs,
        predict=predict,
        input_shape=(height, width, channels),
        input_range=None if found is None else (float(found[0]), float(found[1])),
        class_names=None if names is None else tuple(names),
        args=args,
    )


def pictures_below(paths: Iterable[Path]) -> list[Path]:
    """Returns files as they are, and for each folder the pictures in it.

    Raises:
        ValueError: If a folder holds no picture.
    """
    found: list[Path] = []
    for path in paths:
        files = [Path(file) for file in picture_files(path)] if path.is_dir() else [path]
        if not files:
            raise ValueError(f"There is no picture in {path}.")
        found += files
    return found


def open_data(
    source: str,
    input_shape: tuple[int, int, int],
    input_range: tuple[float, float],
    batch_size: int,
    val_split: float,
    seed: int,
) -> ImageDataset:
    """Returns the digits, or the pictures of shards or of a folder, in splits."""
    if source == DIGITS:
        return digits(input_shape, input_range, batch_size, seed)
    if holds_shards(source):
        return sharded(source, input_shape, input_range, batch_size, seed)
    if holds_boxes(Path(source)):
        raise ValueError(
            f"{source} must hold a folder of pictures for each class, and holds pictures with "
            "boxes. Train a detector on them with --task detect."
        )
    return image_folder(source, input_shape, input_range, batch_size, val_split, seed)


def open_split(
    model: Classifier, source: str | None, split: str | None
) -> tuple[Any, tuple[str, ...], str]:
    """Returns labelled pictures that a model can be measured on.

    A folder without `train` and `val` is read whole, unless the model was trained on it: then its
    split is made again as it was in training.

    Args:
        model: The model.
        source: "digits" or a folder. None is what the model was trained on.
        split: "train", "val" or "test"; None is the last of these that there is.

    Returns:
        A `tf.data.Dataset` of batches of (pictures, labels), the class names by label, and the
        name of the split.

    Raises:
        ValueError: If there is no such data or split, or its classes are not the model's.
    """
    source = source or model.args.get("data")
    if source is None:
        raise ValueError(
            f"Say which pictures with --data: there is no args.yaml beside {model.path} that does."
        )
    if source != DIGITS:
        source = str(Path(source).expanduser().resolve())
    whole = (
        source != DIGITS
        and source != model.args.get("data")
        and not holds_shards(source)
        and not any((Path(source) / name).is_dir() for name in _SPLITS)
    )
    if whole:
        if split is not None:
            raise ValueError(f"{source} has no splits: it must hold `train` and `val` for --split.")
        if model.class_names is None:
            raise ValueError(f"Nothing tells the classes of {model.path}, and so their order.")
        pictures, _ = labelled_folder(
            source, model.input_shape, model.need_range(), model.class_names
        )
        return pictures, model.class_names, "all"
    val_split, seed = model.args.get("val_split", 0.2), model.args.get("recipe", {}).get("seed", 0)
    data = open_data(source, model.input_shape, model.need_range(), 32, val_split, seed)
    if model.class_names is not None and model.class_names != data.class_names:
        raise ValueError(
            f"The classes of {source} must be those of {model.path}, {list(model.class_names)}. "
            f"They are {list(data.class_names)}."
        )
    present = {name: getattr(data, name) for name in _SPLITS if getattr(data, name) is not None}
    chosen = split or list(present)[-1]
    if chosen not in present:
        raise ValueError(
            f"--split must be one of {sorted(present)} for {source}. It is {chosen!r}."
        )
    return present[chosen], data.class_names, chosen
