"""Kills a child at each of its operations on files, or when a file has grown to a size.

`python kill_points.py WORK FOLDER` prints, as JSON, what was found in the folder after each kill.
"""

import io
import json
import os
import resource
import shutil
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image

from keras_cv_course._atomic import replacing, write_atomic
from keras_cv_course.training.run_folder import create_run, open_run

EVENTS = {"open", "os.mkdir", "os.rename", "os.chmod", "os.remove", "os.rmdir", "shutil.rmtree"}
FILE_SIZES = (0, 1, 1000)
BYTES = 200_000


def write_file(folder: Path, value: int) -> None:
    """Replaces a file."""
    write_atomic(folder / "model.tflite", bytes([value]) * BYTES)


def file_state(folder: Path) -> list[int]:
    """Returns what the file holds: one value, where it is whole."""
    content = (folder / "model.tflite").read_bytes()
    return [len(content), *sorted(set(content))]


def write_arrays(folder: Path, value: int) -> None:
    """Replaces an archive, which NumPy writes in several calls."""
    with replacing(folder / "state.npz") as temporary:
        np.savez(temporary, a=np.full(BYTES, value, np.uint8), b=np.full(BYTES, value, np.uint8))


def arrays_state(folder: Path) -> list[int]:
    """Returns what the archive holds."""
    with np.load(folder / "state.npz") as file:
        return [len(file["a"]), *sorted({*file["a"].tolist(), *file["b"].tolist()})]


def write_run(folder: Path, value: int) -> None:
    """Begins a run in the folder of another one, and completes it."""
    run = create_run({"value": value, "rest": "x" * 2000}, folder, "run", exist_ok=True)
    with run.locked():
        run.save_split({"train": [f"{value}.png"], "val": [f"{value}.jpg"]})
        write_atomic(run.model, str(value))
        run.finish({"value": value})


def run_state(folder: Path) -> list[int]:
    """Returns the values in the files of the run that are there; all must be readable."""
    run = open_run(folder / "run")
    values = [run.load_args()["value"]]
    split = run.load_split()
    if split is not None:
        values.append(int(split["train"][0].removesuffix(".png")))
    if run.model.exists():
        values.append(int(run.model.read_text()))
    if run.complete:
        values.append(json.loads(run.report.read_text())["value"])
    return values


def write_shards_of(folder: Path, value: int) -> None:
    """Writes shards in the place of others, whose index is removed first."""
    from keras_cv_course.data import write_shards

    (folder / "shards.json").unlink(missing_ok=True)
    image = folder / f"{value}.png"
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)
    pixels[0, 0] = value
    Image.fromarray(pixels).save(image)
    rows = [str(image)] * 4, np.zeros(4, int)
    data = SimpleNamespace(
        **{"train": 0, "val": 0, "test": None, "class_names": ("a",)},
        files={"train": rows, "val": rows},
    )
    write_shards(data, folder, images_per_shard=3)


def shards_state(folder: Path) -> list[int]:
    """Returns the values in all images; 0 where there is no index, and so there are no shards."""
    from keras_cv_course.data.shards import holds_shards, read_index

    if not holds_shards(folder):
        return [0]
    _, splits = read_index(folder)
    files = [folder / shard.name for shards in splits.values() for shard in shards]
    return [value for file in files for value in _values(file.read_bytes())]


def _values(content: bytes) -> Iterator[int]:
    import tensorflow as tf

    while content:
        (length,) = struct.unpack("<Q", content[:8])
        features = tf.train.Example.FromString(content[12 : 12 + length]).features.feature
        (image,) = features["image/encoded"].bytes_list.value
        yield Image.open(io.BytesIO(image)).getpixel((0, 0))
        content = content[16 + length :]


WORKS: dict[str, tuple[Callable[[Path, int], None], Callable[[Path], list[int]]]] = {
    "file": (write_file, file_state),
    "arrays": (write_arrays, arrays_state),
    "run": (write_run, run_state),
    "shards": (write_shards_of, shards_state),
}


def killed(write: Callable[[], None], operation: int | None, file_size: int | None) -> bool:
    """Returns whether a child that writes was killed at its n-th operation, or by a file's size."""
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    left = operation

    def reach(event: str, _: object) -> None:
        nonlocal left
        if left is not None and event in EVENTS:
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    fsync = os.fsync
    os.fsync = lambda descriptor: (reach("open", None), fsync(descriptor))[1]
    sys.addaudithook(reach)
    if file_size is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python ignores it.
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    write()
    os._exit(0)


def main(work: str, folder: str) -> None:
    """Prints what is left after each kill, and after a writer that comes then."""
    write, state = WORKS[work]
    root = Path(folder)
    after_kills, after_writers = [], []
    points = [(None, size) for size in FILE_SIZES] + [(number, None) for number in range(1000)]
    for operation, file_size in points:
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        write(root, 1)
        if not killed(lambda: write(root, 2), operation, file_size):
            break
        after_kills.append(state(root))
        write(root, 3)
        after_writers.append(state(root))
    json.dump({"kills": after_kills, "writers": after_writers}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
