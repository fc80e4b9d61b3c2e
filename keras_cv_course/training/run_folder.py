"""The folder that a training run leaves behind, laid out as users of Ultralytics know it."""

import contextlib
import itertools
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from keras_cv_course._atomic import TEMPORARY_PREFIX, locked, write_atomic
from keras_cv_course._reading import read_json, read_yaml, write_yaml
from keras_cv_course._validation import shortened

_logger = logging.getLogger(__name__)

_DEFAULT_NAME = "train"
_ARGS = "args.yaml"
_QAT = "_qat"


@dataclass(frozen=True)
class RunFolder:
    """Where the files of one run are.

    Attributes:
        path: The folder.
        stage: What the names of the stage's files end in, e.g. "_qat" for `model_qat.keras`;
            empty for float training. The stages of a run share `args` and `report`.
    """

    path: Path
    stage: str = ""

    @property
    def args(self) -> Path:
        """Everything that made the run, as YAML."""
        return self.path / _ARGS

    @property
    def split(self) -> Path:
        """Which files each split of the data holds, as JSON."""
        return self.path / "split.json"

    @property
    def model(self) -> Path:
        """The model of the best epoch."""
        return self.path / f"model{self.stage}.keras"

    @property
    def last(self) -> Path:
        """The model of the last epoch."""
        return self.path / f"last{self.stage}.keras"

    @property
    def results(self) -> Path:
        """Loss, metrics and learning rate of every epoch."""
        return self.path / f"results{self.stage}.csv"

    @property
    def results_plot(self) -> Path:
        """The same as curves."""
        return self.path / f"results{self.stage}.png"

    @property
    def rates_plot(self) -> Path:
        """The learning-rate range test, where there was one."""
        return self.path / "learning_rate.png"

    def plot(self, name: str) -> Path:
        """Returns the path of an image of the stage, e.g. "confusion_matrix"."""
        return self.path / f"{name}{self.stage}.png"

    @property
    def report(self) -> Path:
        """What the best model reaches, as JSON."""
        return self.path / "report.json"

    @property
    def resume(self) -> Path:
        """Folder of the state of an interrupted run; removed when the run is complete."""
        return self.path / f"resume{self.stage}"

    @property
    def logs(self) -> Path:
        """Folder of the logs for TensorBoard, if requested."""
        return self.path / f"tensorboard{self.stage}"

    def load_args(self) -> dict[str, Any]:
        """Returns what `create_run` was given.

        Raises:
            ValueError: If the file, or the recipe in it, is not a YAML mapping.
        """
        args = read_yaml(self.args)
        if not isinstance(args, dict):
            raise ValueError(f"{self.args} must hold the arguments of a run by name.")
        if not isinstance(args.get("recipe", {}), dict):
            raise ValueError(
                f"{self.args} must hold a recipe by name. Received: {shortened(args['recipe'])}."
            )
        return args

    def save_split(self, files: Mapping[str, Sequence[str]]) -> None:
        """Writes which files each split of the data holds, so that the run can continue with them.

        Args:
            files: Names of files by split. Data that is not in files has none, and leaves no file.
        """
        if files:
            content = {name: list(names) for name, names in files.items()}
            write_atomic(self.split, json.dumps(content, indent=0, ensure_ascii=False) + "\n")

    def load_split(self) -> dict[str, tuple[str, ...]] | None:
        """Returns what `save_split` has written; None where there is nothing.

        Raises:
            ValueError: If the file is another one.
        """
        if not self.split.is_file():
            return None
        content = read_json(self.split)
        if not isinstance(content, dict) or not all(map(_are_names, content.values())):
            raise ValueError(f"{self.split} must hold a list of files for each split.")
        return {name: tuple(files) for name, files in content.items()}

    def check_classes(self, data: str, class_names: Sequence[str]) -> None:
        """Raises ValueError unless the data has the classes that the run began with.

        Args:
            data: Where the data is.
            class_names: Its classes, by label.
        """
        began_with = self.load_args().get("class_names")
        if list(class_names) != began_with:
            raise ValueError(
                f"{data} must hold the classes that {self.path} began with, {began_with}. It holds "
                f"{list(class_names)}."
            )

    def quantization_aware(self) -> "RunFolder":
        """Returns the stage of quantization-aware training, with files of its own."""
        return RunFolder(self.path, _QAT)

    @property
    def complete(self) -> bool:
        """Whether the run has come to its end."""
        return self.report.is_file()

    def finish(self, report: Mapping[str, Any]) -> None:
        """Writes what the run reached to `report`, and removes the state for going on."""
        write_atomic(self.report, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
        for stage in self._stages():
            stage.remove_state()

    def clear(self) -> None:
        """Removes what a run of this folder has left in all stages: models, files, images."""
        for stage in self._stages():
            stage.results.unlink(missing_ok=True)
            if stage.logs.is_dir():
                shutil.rmtree(stage.logs)
            stage.remove_state()
        for pattern in ("model*.keras", "last*.keras", "model*.tflite", "*.png"):
            for stale in self.path.glob(pattern):
                stale.unlink()
        self.report.unlink(missing_ok=True)
        self.split.unlink(missing_ok=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from training in the folder while the block runs.

        The lock goes with the process, also when it is killed. What killed writers have left
        behind is removed first. Where the file system knows no locks, a warning is logged.

        Raises:
            BlockingIOError: If another process trains in the folder.
        """
        with locked(self.path, "trains in"):
            for folder in (self.path, *(stage.resume for stage in self._stages())):
                for left in folder.glob(f"{TEMPORARY_PREFIX}*"):
                    shutil.rmtree(left)
            yield

    def remove_state(self) -> None:
        """Removes the state for going on."""
        if self.resume.is_dir():
            shutil.rmtree(self.resume)

    def _stages(self) -> tuple["RunFolder", "RunFolder"]:
        return RunFolder(self.path), self.quantization_aware()


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def create_run(
    args: Mapping[str, Any],
    project: str | os.PathLike[str] = "runs",
    name: str | None = None,
    exist_ok: bool = False,
) -> RunFolder:
    """Returns a new run folder that holds `args`.

    Args:
        args: Everything that makes the run: what YAML can hold, so lists and no tuples.
        project: Folder of the run folders, created where it is missing.
        name: Name of the folder. None is the first of "train", "train2", "train3", … that is free.
        exist_ok: Whether a folder of this `name` may be used; the files of its run are removed.

    Raises:
        FileExistsError: If the folder exists and `exist_ok` is False.
        TypeError: If `args` is not the same after saving and loading as YAML.
        ValueError: If `name` is not the name of a folder.
    """
    text = write_yaml(dict(args))
    if yaml.safe_load(text) != dict(args):
        raise TypeError(
            f"`args` must be the same when loaded from YAML: give lists instead of tuples. "
            f"Received: {args}."
        )
    if name is not None and (name in ("", ".", "..") or Path(name).name != name):
        raise ValueError(f"`name` must be the name of one folder. Received: {name!r}.")
    run = RunFolder(_make_folder(Path(project).expanduser(), name, exist_ok))
    run.clear()
    write_atomic(run.args, text)
    return run


def open_run(path: str | os.PathLike[str]) -> RunFolder:
    """Returns the run folder at `path`.

    Raises:
        FileNotFoundError: If there is no `args.yaml` in it.
    """
    run = RunFolder(Path(path).expanduser())
    if not run.args.is_file():
        raise FileNotFoundError(f"{run.path} is not a run folder: it holds no {_ARGS}.")
    return run


def latest_run(project: str | os.PathLike[str]) -> RunFolder:
    """Returns the run folder of `project` that was started last.

    Raises:
        FileNotFoundError: If there is none.
    """
    started = sorted(Path(project).glob(f"*/{_ARGS}"), key=lambda path: path.stat().st_mtime_ns)
    if not started:
        raise FileNotFoundError(f"There is no run folder in {project}.")
    return RunFolder(started[-1].parent)


def interrupted_run(project: str | os.PathLike[str], name: str | None) -> RunFolder:
    """Returns a run folder whose training has not come to its end.

    Args:
        project: Folder of the run folders.
        name: Name of the run; None is the one that was started last.

    Raises:
        FileNotFoundError: If there is no such run.
        ValueError: If it is complete.
    """
    run = latest_run(project) if name is None else open_run(Path(project) / name)
    if run.complete:
        raise ValueError(f"The run {run.path} is complete: there is nothing to continue.")
    return run


def _make_folder(project: Path, name: str | None, exist_ok: bool) -> Path:
    if name is not None:
        try:
            (project / name).mkdir(parents=True, exist_ok=exist_ok)
        except FileExistsError as error:
            raise FileExistsError(
                f"The run folder {project / name} exists. Choose another name, allow to overwrite "
                "it with --exist-ok (`exist_ok=True`), or continue its run with --resume."
            ) from error
        return project / name
    for number in itertools.count(1):
        folder = project / (_DEFAULT_NAME if number == 1 else f"{_DEFAULT_NAME}{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise AssertionError
