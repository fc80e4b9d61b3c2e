"""The table of everything that reads a file which anybody may have written.

A new reader is a row: what makes a sound file, and what reads it. `files` are the files of the
corpus that are damaged, `modules` those of the package that the row goes through.
"""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import annotated_folders
import manifest_files
import numpy as np
from PIL import Image

CLASSES = ("cat", "dog")


@dataclass(frozen=True)
class Reader:
    """One way in.

    Attributes:
        name: Name of the row.
        modules: Modules of the package that it goes through.
        files: Patterns of the files in the folder that are damaged.
        make: Writes sound files into a folder.
        read: Reads them; what it raises must be an error of one line that names a file.
    """

    name: str
    modules: tuple[str, ...]
    files: tuple[str, ...]
    make: Callable[[Path], None]
    read: Callable[[Path], object]


def _images(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        for i, ending in enumerate(("jpg", "png", "gif", "bmp")):
            pixels = rng.integers(0, 256, (24, 20, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.{ending}")


def _read_images(folder: Path) -> None:
    from keras_cv_course.data import image_folder

    data = image_folder(folder, (16, 16, 3), (0.0, 255.0), batch_size=2)
    for images, _ in (*data.epochs.since(0).take(2), *data.val):
        assert np.isfinite(images.numpy()).all()


def _read_image(folder: Path) -> None:
    from keras_cv_course.faces import read_photograph

    for path in sorted(folder.rglob("*.*")):
        read_photograph(path)


def _shards(folder: Path) -> None:
    from keras_cv_course.data import image_folder, write_shards

    _images(folder / "images")
    data = image_folder(folder / "images", (16, 16, 3), (0.0, 255.0), batch_size=2)
    write_shards(data, folder / "shards")


def _read_shards(folder: Path) -> None:
    from keras_cv_course.data import sharded
    from keras_cv_course.data.shard_reader import corrupt_shards_named

    data = sharded(folder / "shards", (16, 16, 3), (0.0, 255.0), batch_size=2)
    with corrupt_shards_named():
        for images, labels in (*data.epochs.since(0).take(3), *data.val):
            assert images.shape[0] == labels.shape[0]


def _faces(folder: Path) -> None:
    (folder / "images").mkdir(parents=True)
    lines = ["file,identity,x0,y0,x1,y1"]
    for person in ("Ada", "Bob"):
        (folder / "people" / person).mkdir(parents=True)
        for i in (1, 2):
            image = Image.new("RGB", (12, 12))
            image.save(folder / "people" / person / f"{person}_{i:04d}.jpg")
            image.save(folder / "images" / f"{person}{i}.png")
            lines.append(f"{person}{i}.png,{person},1,2,8.5,9")
    (folder / "landmarks.csv").write_text("\n".join(lines) + "\n")
    (folder / "pairs.txt").write_text("1\t1\nAda\t1\t2\nAda\t1\tBob\t2\n")


def _read_landmarks(folder: Path) -> None:
    from keras_cv_course.data.face_sets import landmark_table

    for values in landmark_table(folder).labels.values():
        assert not np.isinf(np.asarray(values, float)).any()


def _read_pairs(folder: Path) -> None:
    from keras_cv_course.data import lfw_pairs

    lfw_pairs(folder / "pairs.txt", folder / "people")


@functools.cache
def _network():
    import keras

    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3), batch_size=1, name="image")
    x = keras.layers.Conv2D(4, 3, activation="relu")(image)
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3)(x))
    x = keras.layers.Dense(2, name="scores")(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(image, x)
    model.compile("sgd", "mse")
    return model


def _models(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _network().save(folder / "model.keras")
    _network().save(folder / "model.h5", include_optimizer=False)
    _network().save_weights(folder / "only.weights.h5")


def _read_keras(folder: Path) -> None:
    from keras_cv_course import load_model

    load_model(folder / "model.keras")


def _read_h5(folder: Path) -> None:
    from keras_cv_course import load_model

    load_model(folder / "model.h5")


def _read_weights(folder: Path) -> None:
    from keras_cv_course.backbones._stored import read_layers

    layers = [layer for layer in _network().layers if layer.weights]
    for name in ("only.weights.h5", "model.h5", "model.keras"):
        read_layers(folder / name, layers)


def _tflite(folder: Path) -> None:
    from keras_cv_course.tflite import convert
    from keras_cv_course.tflite.metadata import ClassifierMetadata

    folder.mkdir(parents=True, exist_ok=True)
    metadata = ClassifierMetadata(labels=CLASSES)
    convert(_network(), folder / "model.tflite", "none", metadata=metadata, input_range=(0.0, 1.0))


def _read_tflite(folder: Path) -> None:
    from keras_cv_course.tflite import TFLiteModel, check, inspect

    model = TFLiteModel(folder / "model.tflite")
    str(inspect(model.path, validate=False))
    check(model.path, "microcontroller")


def _read_labels(folder: Path) -> None:
    from keras_cv_course.tflite.carried_spec import read_spec
    from keras_cv_course.tflite.labels import read_labels
    from keras_cv_course.tflite.lowest_score import lowest_score
    from keras_cv_course.tflite.metadata import read_metadata

    path = folder / "model.tflite"
    read_labels(path)
    read_spec(path)
    read_metadata(path)
    lowest_score(path)


def _run(folder: Path) -> None:
    from keras_cv_course.training import Recipe, create_run, save_recipe

    run = create_run({"data": "digits", "imgsz": 32, "recipe": Recipe().to_dict()}, folder, "run")
    save_recipe(Recipe(mixup=0.2), folder / "recipe.yaml")
    run.results.write_text("epoch,loss,val_loss\n0,1.5,1.25\n1,0.5,0.75\n")
    result = {"name": "a", "seed": 0, "score": 0.5, "recipe": Recipe().to_dict()}
    (folder / "ablation.jsonl").write_text(json.dumps(result) + "\n")


def _read_yaml(folder: Path) -> None:
    from keras_cv_course.training import load_recipe, open_run

    load_recipe(folder / "recipe.yaml")
    load_recipe(open_run(folder / "run").args)
    open_run(folder / "run").load_args()


def _read_tables(folder: Path) -> None:
    from keras_cv_course.training.ablation import _read
    from keras_cv_course.training.history import read_history, trim_history

    trim_history(folder / "run" / "results.csv", 1)
    read_history(folder / "run" / "results.csv")
    _read(folder / "ablation.jsonl")


def _checkpoint(folder: Path) -> None:
    import keras

    from keras_cv_course.training import Checkpoint

    model, stopping = _network(), keras.callbacks.EarlyStopping(patience=2)
    saving = Checkpoint(folder / "state", [stopping])
    data = np.zeros((2, 8, 8, 3), np.float32), np.zeros((2, 2), np.float32)
    model.fit(*data, batch_size=1, validation_data=data, callbacks=[stopping, saving], verbose=0)


def _read_checkpoint(folder: Path) -> None:
    import keras

    from keras_cv_course.training import Checkpoint

    Checkpoint(folder / "state", [keras.callbacks.EarlyStopping(patience=2)]).restore(_network())


def verification(folder: Path) -> None:
    from keras_cv_course.faces import verification_report
    from keras_cv_course.training import save_verification

    folder.mkdir(parents=True, exist_ok=True)
    same = np.arange(40) % 2 == 0
    similarity = np.where(same, 0.8, 0.1) + np.linspace(0, 0.1, 40)
    save_verification(folder, verification_report(similarity, same), 0.5, (-1.0, 1.0))


def _read_verification(folder: Path) -> None:
    from keras_cv_course.training import read_verification

    read_verification(folder)


def _gallery(folder: Path) -> None:
    from keras_cv_course.faces import FaceGallery

    with FaceGallery(_made(folder) / "people.db") as gallery:
        gallery.enroll(["Ada", "Bob"], np.eye(4)[:2])


def _read_gallery(folder: Path) -> None:
    from keras_cv_course.faces import FaceGallery

    with FaceGallery(folder / "people.db") as gallery:
        # What was enrolled is there, or the gallery was refused: nobody is lost in silence.
        assert gallery.count() == 2
        gallery.identify(np.eye(4)[0], threshold=0.5)


def _detector(folder: Path) -> None:
    from toy_detector import toy_detector

    (_made(folder) / "faces.onnx").write_bytes(toy_detector(64))


def _read_detector(folder: Path) -> None:
    from keras_cv_course.faces import yunet_detector

    image = np.zeros((64, 64, 3), np.uint8)
    image[24:32, 40:48] = 255, 0, 0
    for face in yunet_detector(folder / "faces.onnx")(image):
        assert np.isfinite([face.score, *face.box_xyxy]).all()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


READERS: tuple[Reader, ...] = (
    Reader("images", ("data.images",), ("*/*.*",), _images, _read_images),
    Reader(
        "image",
        ("data.photographs", "data.photograph_header", "faces.photographs"),
        ("*/*.*",),
        _images,
        _read_image,
    ),
    Reader(
        "shards",
        ("data.shards", "data.shard_reader"),
        ("shards/shards.json", "shards/train*"),
        _shards,
        _read_shards,
    ),
    Reader(
        "voc",
        ("data.voc", "data.annotations", "data.input_files"),
        ("Annotations/*", "ImageSets/Main/*", "JPEGImages/*"),
        annotated_folders.annotated,
        annotated_folders.read_voc,
    ),
    Reader(
        "coco",
        ("data.coco", "data.annotations"),
        ("boxes.json",),
        annotated_folders.annotated,
        annotated_folders.read_coco,
    ),
    Reader(
        "masks",
        ("data.masks", "data.mask_folders"),
        ("classes.txt", "ImageSets/*/*", "masks/*", "SegmentationClass/*"),
        annotated_folders.masks,
        annotated_folders.read_masks,
    ),
    Reader(
        "outlines",
        ("data.coco_masks", "data.outlines"),
        ("boxes.json",),
        annotated_folders.outlines,
        annotated_folders.read_outlines,
    ),
    Reader(
        "table",
        ("data.box_table", "data.annotations"),
        ("boxes.csv",),
        annotated_folders.annotated,
        annotated_folders.read_table,
    ),
    Reader(
        "landmarks", ("data.face_sets",), ("landmarks.csv", "images/*"), _faces, _read_landmarks
    ),
    Reader("pairs", ("data.lfw",), ("pairs.txt",), _faces, _read_pairs),
    Reader("keras", ("networks.loading",), ("model.keras",), _models, _read_keras),
    Reader("h5", ("networks.loading",), ("model.h5",), _models, _read_h5),
    Reader("weights", ("backbones._stored",), ("*.h5", "model.keras"), _models, _read_weights),
    Reader(
        "tflite",
        (
            *("tflite.runtime", "tflite.validation", "tflite._validation_child"),
            *("tflite.inspection", "tflite.target_check"),
        ),
        ("model.tflite",),
        _tflite,
        _read_tflite,
    ),
    Reader(
        "labels",
        (
            *("tflite.carried_spec", "tflite.labels", "tflite.metadata.reading"),
            "tflite.lowest_score",
        ),
        ("model.tflite",),
        _tflite,
        _read_labels,
    ),
    Reader(
        "yaml",
        ("training.recipe", "training.run_folder"),
        ("recipe.yaml", "run/args.yaml"),
        _run,
        _read_yaml,
    ),
    Reader(
        "tables",
        ("training.history", "training.ablation"),
        ("run/results.csv", "ablation.jsonl"),
        _run,
        _read_tables,
    ),
    Reader("checkpoint", ("training.checkpoint",), ("state/*",), _checkpoint, _read_checkpoint),
    Reader(
        "verification",
        ("training.verification_record",),
        ("verification.*",),
        verification,
        _read_verification,
    ),
    Reader("detector", ("faces.detection",), ("*.onnx",), _detector, _read_detector),
    Reader(
        "gallery",
        ("faces.gallery", "faces._gallery_folder"),
        ("people.db/collections/faces/*.json*",),
        _gallery,
        _read_gallery,
    ),
    Reader(
        "weights_manifest",
        ("faces.weights_manifest",),
        ("net_model*",),
        manifest_files.write_sample,
        manifest_files.read_sample,
    ),
)
