"""Damages files, by a seed: bits, chunks, lengths, numbers, nesting, structure, and what they are."""

import io
import json
import os
import random
import re
import zipfile
from pathlib import Path

import h5py
import numpy as np

# Lengths and counts of binary formats at their limits, little-endian.
_WORDS = [bytes(4), b"\xff" * 4, b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80", b"\x01\x00\x00\x00"]
_TOKENS = [
    *(b"null", b"NaN", b"-1", b"1e999", b"9" * 400, b"[]", b"{}", b'""', b"true", b"0"),
    *(b"../../../etc/passwd", b"/dev/zero", b"\x1b[2J", b"\xff\xfe", b"\x00", b"\n", b'"', b","),
    *(b"1000000000", b"-1000000000", b"4294967296", b"1e300", b"-1e39", b"inf", b"-nan", b"0.0"),
    *(b'"\\ud800"', b'"\\u0000"', b'"."', b'".."', b'"/"', b"a" * 300, "\u0661\u202e".encode()),
]
# What may stand in the place of any value of JSON.
_VALUES = [
    *(None, True, -1, 0, 0.5, 10**9, -(10**9), 2**63, 10**400, 1e300, 1e39, float("nan")),
    *(
        float("inf"),
        "",
        ".",
        "..",
        "/",
        "../a",
        "/dev/zero",
        "a\0b",
        "\ud800",
        "\x1b[2J",
        "x" * 300,
    ),
    *([], {}, [None], {"a": 1}, [[]], "1", "NaN"),
]
_BOUNDARY = re.compile(
    rb"PK\x01\x02|PK\x03\x04|PK\x05\x06|\n|[,{}\[\]<>:]|IDAT|\xff[\xc0-\xda]|TREE|SNOD"
)
_INSIDE = 0.7  # share of what has a structure that is damaged in its content, and not as bytes
_NO_FILE = 0.03  # share of the files that become a folder, a pipe or a link
_HDF5 = b"\x89HDF"
_NESTED = [b"[" * 20_000, b'{"a":' * 20_000, b"<a>" * 20_000]


def damage(path: Path, seed: str) -> None:
    """Damages a file, the same way for the same seed; seldom it becomes none at all."""
    rng = random.Random(seed)
    if rng.random() < _NO_FILE:
        path.unlink()
        rng.choice(_OTHER_KINDS)(path)
        return
    path.chmod(0o600)
    path.write_bytes(mutated(path.read_bytes(), seed))


def mutated(content: bytes, seed: str) -> bytes:
    """Returns a damaged copy of a file's content, the same for the same seed."""
    rng = random.Random(seed)
    if zipfile.is_zipfile(io.BytesIO(content)) and rng.random() < _INSIDE:
        return _inside_archive(content, rng)
    return _damaged(content, rng)


def _damaged(content, rng):
    if content.startswith(_HDF5) and rng.random() < _INSIDE:
        return _inside_hdf5(content, rng)
    if content[:1] in (b"{", b"[") and rng.random() < _INSIDE:
        return _inside_json(content, rng)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        content = rng.choice(_MUTATIONS)(content, rng)
    return content


def _inside_archive(content, rng):
    """Damages a file in an archive whose checksums are right afterwards."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
        start = min(info.header_offset for info in archive.infolist())
    name, other = rng.choice(list(members)), rng.choice(list(members))
    change = rng.random()
    if change < 0.1:
        members[name], members[other] = members[other], members[name]
    elif change < 0.2:
        members[rng.choice([f"a/{name}", name.upper(), "x", "../x", "/x"])] = members.pop(name)
    else:
        members[name] = _damaged(members[name], rng)
    file = io.BytesIO(content[:start])
    with zipfile.ZipFile(file, "a", rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as new:
        for member, data in members.items():
            new.writestr(member, data)
    return file.getvalue()


def _inside_json(content, rng):
    """Puts another value in one place of JSON that is well-formed afterwards."""
    try:
        root = json.loads(content)
    except ValueError:
        return content
    places = []
    waiting = [root]
    while waiting:
        item = waiting.pop()
        keys = item if isinstance(item, dict) else range(len(item))
        places += [(item, key) for key in keys]
        waiting += [item[key] for key in keys if isinstance(item[key], dict | list)]
    for _ in range(rng.choice([1, 1, 2]) if places else 0):
        item, key = rng.choice(places)
        value = rng.choice(_VALUES)
        if isinstance(item, dict) and rng.random() < 0.3:
            item[rng.choice(["a", "", "\ud800", "name"])] = item.pop(key, value)
        else:
            item[key] = value
    return json.dumps(root).encode()


def _inside_hdf5(content, rng):
    """Changes a type, a shape, a name or a value in an HDF5 file that is sound afterwards."""
    file = io.BytesIO(content)
    with h5py.File(file, "a") as opened:
        names = []
        opened.visit(names.append)
        name = rng.choice(names)
        item = opened[name]
        change = rng.randrange(4)
        if change == 0:
            del opened[name]
        elif change == 1:
            opened.move(name, rng.choice([f"{name}_new", name.replace("/", "_") + "_", "new"]))
        elif isinstance(item, h5py.Dataset):
            value = item[()]
            del opened[name]
            opened[name] = rng.choice(_ARRAYS)(np.asarray(value))
        elif item.attrs:
            item.attrs[rng.choice(list(item.attrs))] = rng.choice(
                [0, -1, "", "{}", "[]", "null", np.zeros(3), [b"a", b"\xff"], [["a"]]]
            )
        else:
            opened[f"{name}/new"] = rng.choice([np.zeros(2), "text"])
    return file.getvalue()


_ARRAYS = (
    lambda a: a.astype(np.float64),
    lambda a: a.astype(np.float16),
    lambda a: np.zeros(a.shape, np.int8),
    lambda a: np.zeros(a.shape, np.complex64),
    lambda a: np.zeros(a.shape, "S3"),
    lambda a: np.zeros(a.shape, [("r", np.float32), ("i", np.int32)]),
    lambda a: a.ravel()[:0],
    lambda a: a[None],
    lambda a: a.ravel()[:-1],
    lambda a: a.T,
    lambda a: np.full(a.shape, np.inf, np.float32),
    lambda a: np.full(a.shape, -3e38, np.float32),
    lambda a: np.float32(1),
    lambda a: "text",
)


_OTHER_KINDS = (
    lambda path: path.mkdir(),
    os.mkfifo,
    lambda path: path.symlink_to(path.name),
    lambda path: path.symlink_to("nowhere"),
    lambda path: path.symlink_to("/dev/zero"),
    lambda path: path.symlink_to("."),
    lambda path: (path.touch(), os.truncate(path, 2**36)),
)


def _span(content, rng):
    start = rng.randrange(len(content) + 1)
    return start, min(len(content), start + int(2 ** rng.uniform(0, 10)))


def _flip(content, rng):
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 8, 64]) if data else 0):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _truncate(content, rng):
    return content[: rng.randrange(len(content) + 1)]


def _truncate_structure(content, rng):
    ends = [match.start() for match in _BOUNDARY.finditer(content)]
    return content[: rng.choice(ends)] if ends else _truncate(content, rng)


def _exchange(content, rng):
    (a, b), (c, d) = sorted([_span(content, rng), _span(content, rng)])
    b = min(b, c)
    return content[:a] + content[c:d] + content[b:c] + content[a:b] + content[d:]


def _aligned_word(content, rng):
    start = rng.randrange(len(content) // 4 + 1) * 4
    return content[:start] + rng.choice(_WORDS) + content[start + 4 :]


def _remove(content, rng):
    start, end = _span(content, rng)
    return content[:start] + content[end:]


def _repeat(content, rng):
    start, end = _span(content, rng)
    return content[:end] + content[start:end] * rng.choice([1, 2, 50]) + content[end:]


def _fill(content, rng):
    start, end = _span(content, rng)
    return content[:start] + rng.choice([b"\x00", b"\xff"]) * (end - start) + content[end:]


def _word(content, rng):
    start = rng.randrange(len(content) + 1)
    return content[:start] + rng.choice(_WORDS) + content[start + 4 :]


def _insert(content, rng):
    start = rng.randrange(len(content) + 1)
    return content[:start] + rng.choice([*_TOKENS, *_NESTED]) + content[start:]


def _replace_value(content, rng):
    """Puts something else in the place of a number or a word in quotation marks."""
    values = list(re.finditer(rb'"[^"\n]{0,40}"|-?\d+(?:\.\d+)?', content))
    if not values:
        return _insert(content, rng)
    start, end = rng.choice(values).span()
    return content[:start] + rng.choice([*_TOKENS, *_NESTED]) + content[end:]


def _empty(content, rng):
    return b""


_MUTATIONS = (
    *(_flip, _flip, _truncate, _truncate_structure, _remove, _repeat, _exchange, _fill),
    *(_word, _aligned_word, _insert),
    *(_replace_value, _replace_value, _replace_value, _empty),
)
