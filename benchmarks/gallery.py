"""Measures a face gallery beside an exact search in NumPy: time, recall, memory and disk.

    python benchmarks/gallery.py [--embeddings real.npz]

Synthetic embeddings are random directions, where no other face is near: the worst case for an
approximate index, and the easiest for a name. Clustered ones are 200 people with five faces each,
at cosines around 0.6. `--embeddings` adds real ones: a file of NumPy with `embeddings` (n, d) and
`names` (n,). A query is an enrolled face with noise, at a cosine of about 0.8. Enrolling
and searching have a process of their own each; memory is the most that the search took beyond what
the process held before. Prints Markdown.
"""

import argparse
import concurrent.futures
import functools
import gc
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from machine import caption

from keras_cv_course.faces.gallery import FaceGallery

SIZE = 128
QUERIES = 200
TOP_K = 10
QUERY_COSINE = 0.8
PERSON_COSINE = 0.6
GALLERIES = ("exact", "approximate")
COLUMNS = (
    *("faces", "people", "search", "enroll s", "p50 ms", "p95 ms"),
    *("right name", f"recall@{TOP_K}", "memory MB", "disk MB", "reopen s"),
)
Search = Callable[[np.ndarray], list[str]]


@dataclass(frozen=True)
class Faces:
    """Embeddings of unit length, whose they are, and queries.

    Attributes:
        title: What they are.
        embeddings: float32 `(n, d)`.
        names: The name of each.
        queries: float32 `(q, d)`.
        rows: Row in `embeddings` that each query was made from.
    """

    title: str
    embeddings: np.ndarray
    names: np.ndarray
    queries: np.ndarray
    rows: np.ndarray


def unit(vectors: np.ndarray) -> np.ndarray:
    """Returns vectors of unit length as float32."""
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def near(vectors: np.ndarray, cosine: float, rng: np.random.Generator) -> np.ndarray:
    """Returns vectors around those of unit length that are given, at about this cosine."""
    noise = unit(rng.normal(size=vectors.shape))
    return unit(vectors + np.sqrt(1 / cosine**2 - 1) * noise)


def with_queries(title: str, embeddings: np.ndarray, names: np.ndarray) -> Faces:
    """Returns embeddings with queries made of some of them."""
    rng = np.random.default_rng(1)
    rows = rng.choice(len(embeddings), min(QUERIES, len(embeddings)), replace=False)
    queries = near(embeddings[rows], QUERY_COSINE, rng)
    return Faces(title, embeddings, names, queries, rows)


def random_faces(count: int) -> Faces:
    """Returns faces in random directions, each of another person."""
    embeddings = unit(np.random.default_rng(0).normal(size=(count, SIZE)))
    return with_queries("synthetic", embeddings, np.arange(count).astype(str))


def clustered_faces(people: int, faces: int) -> Faces:
    """Returns some faces of each person, around a direction."""
    rng = np.random.default_rng(0)
    centers = np.repeat(unit(rng.normal(size=(people, SIZE))), faces, axis=0)
    embeddings = near(centers, np.sqrt(PERSON_COSINE), rng)
    return with_queries("clustered", embeddings, np.repeat(np.arange(people), faces).astype(str))


def real_faces(path: Path) -> Faces:
    """Returns the embeddings in a file."""
    content = np.load(path)
    return with_queries("real", unit(content["embeddings"]), content["names"].astype(str))


def exact_search(faces: Faces, query: np.ndarray) -> list[str]:
    """Returns the names of the most alike people, by looking at every face."""
    similarity = faces.embeddings @ query
    few = np.argpartition(-similarity, min(20 * TOP_K, len(similarity) - 1))[: 20 * TOP_K]
    ordered = few[np.argsort(-similarity[few])]
    return list(dict.fromkeys(faces.names[ordered].tolist()))[:TOP_K]


def gallery_search(gallery: FaceGallery, query: np.ndarray) -> list[str]:
    """Returns the names of the most alike people, by the gallery."""
    return [match.name for match in gallery.identify(query, TOP_K, threshold=-1).matches]


def memory_mb(line: str) -> float:
    """Returns what this process holds now, "VmRSS", or held at most, "VmHWM"."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{line}:")[2].split()[0]) / 1000


def disk_mb(folder: Path) -> float:
    """Returns what the files in a folder take."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def timed(faces: Faces, search: Search) -> tuple[list[str], list[list[str]]]:
    """Returns cells of the table, p50 and p95, and the names that were found for each query."""
    results, seconds = [search(faces.queries[0])], []
    for query in faces.queries:
        start = time.perf_counter()
        results.append(search(query))
        seconds.append(time.perf_counter() - start)
    p50, p95 = np.percentile(seconds, [50, 95]) * 1000
    return [f"{p50:.1f}", f"{p95:.1f}"], results[1:]


def agreement(faces: Faces, results: list[list[str]]) -> list[str]:
    """Returns cells: queries with the right name first, and names shared with an exact search."""
    firsts = [names[0] for names in results]
    right = np.mean(np.array(firsts) == faces.names[faces.rows])
    expected = [exact_search(faces, query) for query in faces.queries]
    shared = [len(set(a) & set(b)) / len(b) for a, b in zip(results, expected, strict=True)]
    return [f"{right:.3f}", f"{np.mean(shared):.3f}"]


def enroll(faces: Faces, kind: str, path: Path) -> float:
    """Returns the seconds that it takes to make a gallery; called in a process of its own."""
    start = time.perf_counter()
    with FaceGallery(path, index=kind) as gallery:
        gallery.enroll(faces.names.tolist(), faces.embeddings)
    return time.perf_counter() - start


def search_gallery(faces: Faces, path: Path) -> list[str]:
    """Returns the cells from p50 on; called in a process of its own."""
    FaceGallery(path.with_name("empty.db")).close()  # So that imports are not counted.
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # Resets the peak.
    before, start = memory_mb("VmRSS"), time.perf_counter()
    with FaceGallery(path) as gallery:
        assert gallery.count() == len(faces.names)
        reopened = time.perf_counter() - start
        times, results = timed(faces, functools.partial(gallery_search, gallery))
    more = memory_mb("VmHWM") - before
    facts = [f"{more:.0f}", f"{disk_mb(path):.1f}", f"{reopened:.2f}"]
    return [*times, *agreement(faces, results), *facts]


def search_array(faces: Faces) -> list[str]:
    """Returns the cells from p50 on, of NumPy."""
    times, results = timed(faces, functools.partial(exact_search, faces))
    return [*times, *agreement(faces, results), f"{faces.embeddings.nbytes / 1e6:.0f}", "", ""]


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """Returns what a function returns in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        return pool.submit(function, *arguments).result()


def rows(faces: Faces) -> Iterator[list[str]]:
    """Yields the cells of each row of some faces."""
    title = [f"{len(faces.names):,} {faces.title}", f"{len(set(faces.names)):,}"]
    yield [*title, "NumPy", "", *alone(search_array, faces)]
    for kind in GALLERIES:
        with tempfile.TemporaryDirectory() as name:
            path = Path(name, "people.db")
            seconds = alone(enroll, faces, kind, path)
            yield [*title, kind, f"{seconds:.1f}", *alone(search_gallery, faces, path)]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, default=100_000, help="synthetic faces")
    parser.add_argument("--embeddings", type=Path, help="real ones, an .npz file")
    options = parser.parse_args()
    sets = [random_faces(options.faces), clustered_faces(200, 5)]
    if options.embeddings is not None:
        sets.append(real_faces(options.embeddings))
    packages = ", ".join(f"{name} {version(name)}" for name in ("pymilvus", "milvus-lite", "numpy"))
    print(f"{caption()}, {packages}\n\n{QUERIES} queries one by one, {SIZE} numbers a face.\n")
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|")
    for faces in sets:
        for row in rows(faces):
            print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
