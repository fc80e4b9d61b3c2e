"""Training on several devices at once."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import two_replicas


@pytest.mark.slow
def test_two_replicas_have_the_same_ranges_and_a_finite_loss(tmp_path):
    program = Path(two_replicas.__file__)
    subprocess.run([sys.executable, program, tmp_path / "out.npz"], env=os.environ, check=True)
    arrays = dict(np.load(tmp_path / "out.npz"))
    assert arrays.pop("replicas") == 2
    assert np.all(np.isfinite(arrays.pop("losses")))
    kinds = ("low_", "high_")
    ranges = {path: v for path, v in arrays.items() if path.split("/")[-1].startswith(kinds)}
    # Of the input, the two that are concatenated, the pooled and the scores.
    assert len(ranges) == 2 * 5
    assert np.all(np.isfinite(list(ranges.values())))
    # The inputs of the halves reach to 1 and to 3: the range starts at one of these, or between.
    assert 0.9 < ranges["1/image_range/high_0"][0] < 3.1
    for path, (first, second) in arrays.items():
        if "moving_" not in path:  # Keras' own batch norm has those for each replica, too
            np.testing.assert_array_equal(first, second, err_msg=path)
