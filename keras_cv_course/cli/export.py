"""`keras-cv-course export`: from a .keras file to .tflite files."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keras_cv_course._validation import check_choice
from keras_cv_course.cli import engine
from keras_cv_course.cli.dataclass_options import any_of, chosen, with_options
from keras_cv_course.cli.options import InputRange, TaskName, given_spec
from keras_cv_course.cli.output import Json, emit_json, emit_table
from keras_cv_course.tasks import TASKS
from keras_cv_course.tasks.model_file import model_file

if TYPE_CHECKING:
    import numpy as np

    from keras_cv_course.tasks.opening import OpenedModel
    from keras_cv_course.tflite import ConversionResult

KINDS = ("none", "float16", "dynamic", "int8", "int8x16", "int4")
_CALIBRATED = ("int8", "int8x16")
_COLUMNS = ("file", "quantize", "input and output", "bytes", "s")


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
            typer.Option(help="Folder of images, or data as for `train`; by default the model's."),
        ] = None,
        keep_float: Annotated[
            list[str] | None, typer.Option(help="Layer to leave in float; may be repeated.")
        ] = None,
        count: Annotated[int, typer.Option(min=1, help="Images to calibrate with.")] = 100,
        out: Annotated[
            Path | None, typer.Option(help="File to write; by default beside the model.")
        ] = None,
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
        file = model_file(model, keras_only=True)
        engine.start()
        from keras_cv_course.tasks.opening import open_model

        opened = open_model(file, given_spec(task, input_range), keras_only=True)
        values = chosen(args, opened.task.Export, f"{file}, of the task {opened.task.name},")
        options = opened.task.Export(**values)
        shared = {"keep_float": keep_float or (), "calibration_count": count, "target": target}
        results = [
            _convert(opened, options, kind, io_dtype, calibration, out, shared) for kind in wanted
        ]
        if as_json:
            content = [result.to_dict() for result in results]
            emit_json(content if len(content) > 1 else content[0])
            return
        emit_table(str(file), _COLUMNS, [_row(result) for result in results], 3)

    return command


def _convert(
    opened: "OpenedModel",
    options: Any,
    quantize: str,
    io_dtype: str | None,
    calibration: str | None,
    out: Path | None,
    shared: dict[str, Any],
) -> "ConversionResult":
    """Returns what was written of one kind of file."""
    from keras_cv_course.tflite import convert
    from keras_cv_course.tflite.targets import choose

    if shared["target"] is not None:
        quantize, io_dtype = choose(shared["target"], quantize, io_dtype)
    convertible, own = opened.task.exportable(opened.model, opened.spec, options)
    return convert(
        convertible,
        out or opened.path.with_name(file_name(opened.path.stem, quantize, io_dtype)),
        quantize=quantize,
        io_dtype=io_dtype,
        calibration_data=_typical(opened, quantize, calibration, shared["calibration_count"]),
        class_names=opened.spec.class_names,
        input_range=opened.spec.input_range,
        **shared,
        **own,
    )


def _row(result: "ConversionResult") -> tuple[str, ...]:
    seconds = sum(result.seconds.values())
    size = f"{result.size_bytes:,}"
    return (str(result.path), result.quantize, result.io_dtype, size, f"{seconds:.1f}")


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
        ValueError: If it is not known what the model was trained on, or which values it takes.
    """
    task = opened.task
    if source is None and not opened.args:
        raise ValueError(
            f"int8 needs images to calibrate with: there is no args.yaml beside {opened.path} that "
            f"says what it was trained on. Pass a folder{_built_in(task)} with --calibration."
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
