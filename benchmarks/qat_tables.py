"""Tables of what `qat_accuracy.py` measured, from its records."""

from typing import Any

import numpy as np

MARGIN = 4  # steps of the output
WAYS = {
    "float": "float",
    "longer": "float, as many epochs more",
    "ptq": "int8 post-training",
    "qat": "int8 quantization-aware",
}

# Records by data, network and output.
Groups = dict[tuple[str, ...], list[dict[str, Any]]]


def score(records: list[dict[str, Any]], way: str) -> tuple[int, int, int, int]:
    """Returns how many are right, of how many, and how many are won and lost against float."""
    labels = np.concatenate([r["labels"] for r in records])
    right = np.concatenate([r["classes"][way] for r in records]) == labels
    base = np.concatenate([r["classes"]["float"] for r in records]) == labels
    return int(right.sum()), len(labels), int((right & ~base).sum()), int((base & ~right).sum())


def print_accuracy(groups: Groups) -> None:
    """Prints accuracy, size and time, all folds of a seed pooled and their mean over the seeds."""
    print(
        "| data | network | output | way | runs | accuracy % | of each seed "
        "| less than float, points | won | lost | bytes | ms |\n|" + "---|" * 12
    )
    for (data, network, output), records in groups.items():
        shares = {}
        for way, label in WAYS.items():
            seeds = sorted({r["seed"] for r in records})
            of_seed = [score([r for r in records if r["seed"] == s], way) for s in seeds]
            shares[way] = np.array([100 * right / total for right, total, *_ in of_seed])
            won, lost = (sum(s[i] for s in of_seed) for i in (2, 3))
            size = records[0]["bytes"].get(way)
            times = [r["ms"][way] for r in records if way in r.get("ms", {})]
            print(
                f"| {data} | {network} | {output} | {label} | {len(records)} "
                f"| {shares[way].mean():.2f} "
                f"| {', '.join(f'{share:.2f}' for share in shares[way])} "
                f"| {(shares['float'] - shares[way]).mean():.2f} | {won} | {lost} "
                f"| {f'{size:,}' if size else ''} | {f'{np.median(times):.3f}' if times else ''} |"
            )
            data = network = output = ""


def print_closeness(groups: Groups) -> None:
    """Prints how close each measured file is to its quantization-aware model."""
    print(
        "\n| data | network | output | seed | kernels | median steps | worst steps "
        f"| same decision % | flipped | margin over {MARGIN} steps | of these flipped |\n|"
        + "---|"
        * 11
    )
    for (data, network, output), records in groups.items():
        for record in records:
            for kernels, c in record.get("close", {}).items():
                same = 100 * (1 - c["flipped"] / c["images"])
                print(
                    f"| {data} | {network} | {output} | {record['seed']} | {kernels} "
                    f"| {c['median']:.2f} | {c['worst']:.1f} | {same:.2f} "
                    f"| {c['flipped']} | {c['clear']} of {c['images']} | {c['clear_flipped']} |"
                )
