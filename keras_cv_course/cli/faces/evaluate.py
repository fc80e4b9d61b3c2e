"""`keras-cv-course faces evaluate`: metrics of an encoder on people it has not seen."""

from pathlib import Path
from typing import Annotated, Any

import typer

from keras_cv_course.cli import engine
from keras_cv_course.cli.dataclass_options import with_options
from keras_cv_course.cli.faces.options import Model, Preparation
from keras_cv_course.cli.faces.skipped import print_skipped
from keras_cv_course.cli.output import Json, emit_json


@with_options(Preparation)
def command(
    model: Model,
    args: Preparation,
    data: Annotated[
        Path,
        typer.Option(help="Folder with a folder of images for each person."),
    ],
    pairs: Annotated[
        Path | None, typer.Option(help="Pairs as in LFW's pairs.txt; by default all pairs.")
    ] = None,
    fold: Annotated[int | None, typer.Option(help="Only this fold of pairs.txt, from 1.")] = None,
    far: Annotated[
        float, typer.Option(help="Share of pairs of two people that the threshold may accept.")
    ] = 0.01,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of verification.json, .npz and .png; by default the model's."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure how well an encoder distinguishes people it has not seen, and choose a threshold."""
    if fold is not None and pairs is None:
        raise ValueError("--fold needs a list of pairs: give one with --pairs.")
    engine.start()
    from keras_cv_course.cli.faces.measuring import measure_pairs, measure_people, save
    from keras_cv_course.cli.faces.sources import open_encoder
    from keras_cv_course.faces.verification import choose_threshold

    encoder = open_encoder(model, args)
    if pairs is None:
        measured = measure_people(encoder, data, as_json)
    else:
        measured = measure_pairs(encoder, pairs, data, fold, as_json)
    threshold = choose_threshold(measured.report.similarity, measured.report.same, far)
    facts = {"model": encoder.path.name, "data": str(data), "false_accept_rate": far}
    folder = out or encoder.path.parent
    content = save(measured, encoder, threshold, facts, folder)
    if as_json:
        emit_json({"folder": str(folder), **content})
        return
    typer.echo(str(measured.report))
    for line in _open_set_lines(content["open_set"]):
        typer.echo(line)
    typer.echo(f"threshold {threshold:.4f}, for a FAR of {far:g}, is in {folder}/verification.json")
    print_skipped(measured.faces.skipped)


def _open_set_lines(report: dict[str, Any] | None) -> list[str]:
    if report is None:
        return []
    lines = [
        f"as a gallery of {report['people']} people with one image each, "
        f"{report['known']} images of them and {report['strangers']} of strangers: "
        f"right name {report['closed_set_rate']:.4f} when all are accepted"
    ]
    for point in report["points"]:
        start = f"right name where {point['false_positive_rate']:.0%} of strangers get one: "
        if point["identification_rate"] is None:
            lines.append(f"{start}not measurable, there are too few strangers")
        else:
            lines.append(
                f"{start}{point['identification_rate']:.4f}, threshold {point['threshold']:.4f}"
            )
    return lines
