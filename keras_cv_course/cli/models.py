"""`keras-cv-course models`: the networks and what they cost."""

from typing import Annotated, Any

import typer

from keras_cv_course.cli import engine
from keras_cv_course.cli.output import Json, emit_json, emit_table, progress
from keras_cv_course.registry import MODELS, ModelEntry, list_models

_COLUMNS = ("name", "builder", "kind", "input", "values", "parameters", "mult-adds")


def command(
    kind: Annotated[str | None, typer.Option(help="Only models of this kind.")] = None,
    name: Annotated[str, typer.Option(help="Only models with this in their name.")] = "",
    as_json: Json = False,
) -> None:
    """List the networks, with parameters and multiply-adds at the paper's size."""
    entries = [MODELS[key] for key in list_models(kind) if name in key]
    if not entries:
        raise ValueError(
            f"No model has {name!r} in its name. See all with `keras-cv-course models`."
        )
    engine.start()
    rows = [_row(entry) for entry in progress(entries, "counting", len(entries), as_json)]
    if as_json:
        emit_json(rows)
    else:
        emit_table(f"{len(rows)} models", _COLUMNS, [_cells(row) for row in rows], texts=3)


def _row(entry: ModelEntry) -> dict[str, Any]:
    import keras

    from keras_cv_course.networks.complexity import complexity

    # Counting needs shapes and no weights: without their initial values it is ten times faster.
    with keras.StatelessScope(initialize_variables=False):
        model = entry.load()()
    return {
        "name": entry.name,
        "builder": entry.builder,
        "kind": entry.kind,
        "size_px": entry.size_px,
        "input_range": list(entry.input_range),
        **complexity(model).to_dict(),
    }


def _cells(row: dict[str, Any]) -> list[str]:
    low, high = row["input_range"]
    return [
        row["name"],
        row["builder"],
        row["kind"],
        f"{row['size_px']} px",
        f"{low:g} to {high:g}",
        f"{row['parameters']:,}",
        f"{row['mult_adds'] / 1e6:,.0f} M",
    ]
