"""`keras-cv-course export`: from a .keras file to .tflite files."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_cv_course._validation import check_choice
from keras_cv_course.cli import engine
from keras_cv_course.cli.dataclass_options import any_of, chosen, with_options
from keras_cv_course.cli.files import check_model_file
from keras_cv_course.cli.options import InputRange, TaskName, given_spec
from keras_cv_course.cli.output import Json, emit_json, emit_table
from keras_cv_course.tasks import TASKS

if TYPE_CHECKING:
    import numpy as np

    from keras_cv_course.tasks.opening import OpenedModel

KINDS = ("none", "float16", "dynamic", "int8", "int8x16", "int4")
_CALIBRATED = ("int8", "int8x16")


def make_command() -> Any:
    """Returns the command, with the options of all tasks that are registered."""
    kinds = {name: row.arguments("Export") for name, row in TASKS.items()}

    @with_options(any_of("ExportFlags", kinds))
    def command(
        model: Annotated[str, typer.Argument(help="A .keras file, or a run folder.")],
        args: Any,
        quantize: Annotated[
            str, typer.Option(help=f"{', '.join(KINDS)}; several are separated by commas.")
        ] = "int8",
        io_dtype: Annotated[
            str | None, typer.Option(help="float32, uint8 or int8: type of input and output.")
        ] = None,
        calibration: Annotated[
            str | None,
            typer.Option(help="Folder of images, or data as for `train`; else the model's own."),
        ] = None,
        keep_float: Annotated[
            list[str] | None, typer.Option(help="Layer that stays in float; may be repeated.")
        ] = None,
        count: Annotated[int, typer.Option(min=1, help="Images to calibrate with.")] = 100,
        out: Annotated[Path | None, typer.Option(help="File to write; beside the model.")] = None,
        task: TaskName = None,
        input_range: InputRange = None,
        target: Annotated[
            str | None,
            typer.Option(help="phone, browser, microcontroller, accelerator or edge_tpu."),
        ] = None,
        as_json: Json = False,
    ) -> None:
        """Convert a model to TFLite; one of `train --qat` needs no calibration."""
        wanted = quantize.split(",")
        for kind in wanted:
            check_choice("quantize", kind, KINDS)
        if out is not None and len(wanted) > 1:
            raise ValueError(f"--out names one file. Received: --quantize {quantize} with it.")
        file = check_model_file(model, keras_only=True)
        engine.start()
        from keras_cv_course.tasks.opening import open_model
        from keras_cv_course.tflite import convert
        from keras_cv_course.tflite.targets import choose

        opened = open_model(file, given_spec(task, input_range), keras_only=True)
        values = chosen(args, opened.task.Export, f"{file}, of the task {opened.task.name},")
        convertible, options = opened.task.exportable(
            opened.model, opened.spec, opened.task.Export(**values)
        )
        results = []
        for kind in wanted:
            chosen_kind, chosen_dtype = kind, io_dtype
            if target is not None:
                chosen_kind, chosen_dtype = choose(target, kind, io_dtype)
            name = file_name(file.stem, chosen_kind, chosen_dtype)
            results.append(
                convert(
                    convertible,
                    out or file.with_name(name),
                    quantize=chosen_kind,
                    io_dtype=chosen_dtype,
                    calibration_data=_typical(opened, chosen_kind, calibration, count),
                    class_names=opened.spec.class_names,
                    keep_float=keep_float or (),
                    calibration_count=count,
                    input_range=opened.spec.input_range,
                    target=target,
                    **options,
                )
            )
        if as_json:
            content = [result.to_dict() for result in results]
            emit_json(content if len(content) > 1 else content[0])
            return
        rows = [
            (
                str(result.path),
                result.quantize,
                result.io_dtype,
                f"{result.size_bytes:,}",
                f"{sum(result.seconds.values()):.1f}",
            )
            for result in results
        ]
        emit_table(str(file), ("file", "quantize", "input and output", "bytes", "s"), rows, 3)

    return command


def file_name(stem: str, quantize: str, io_dtype: str | None) -> str:
    """Returns the name of an exported file, e.g. "model_int8_uint8.tflite"."""
    kind = "float32" if quantize == "none" else quantize
    return "_".join(filter(None, (stem, kind, io_dtype))) + ".tflite"


def _typical(
    opened: "OpenedModel", quantize: str, source: str | None, count: int
) -> "np.ndarray | None":
    """Returns typical inputs where a kind of file needs them, or where a source was passed."""
    from keras_cv_course.quantization.aware import is_quantize_aware

    needed = quantize in _CALIBRATED and not is_quantize_aware(opened.model)
    return calibration_images(opened, source, count) if needed or source is not None else None


def calibration_images(opened: "OpenedModel", source: str | None, count: int) -> "np.ndarray":
    """Returns images as a model takes them: of a folder, or of the data it was trained on.

    Args:
        opened: The model.
        source: A folder of images, or the name of built-in data; None is the model's own.
        count: The most images to return.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If nothing tells what the model was trained on, or which values it takes.
    """
    task = opened.task
    if source is None and not opened.args:
        raise ValueError(
            f"int8 needs images to calibrate with: there is no args.yaml beside {opened.path} that "
            f"tells what it was trained on. Pass a folder{_built_in(task)} with --calibration."
        )
    opened.need_range()
    if source is not None and source not in task.Args.BUILT_IN:
        return task.calibration_folder(source, opened.input_shape, opened.spec, count)
    if opened.args:
        args = task.Args.from_yaml(opened.args)
    else:
        args = task.Args(imgsz=opened.input_shape[0])
    args = args if source is None else dataclasses.replace(args, data=source)
    return task.calibration(args, task.open(args), count)


def _built_in(task: Any) -> str:
    return "".join(f', or "{name}",' for name in task.Args.BUILT_IN)
