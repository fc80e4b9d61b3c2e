"""Breaks trainings off: like Ctrl-C, or by SIGKILL in a process of their own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np

from keras_cv_course.training import checkpoint, fitting


class Interrupted(keras.callbacks.Callback):
    """Ends the run like Ctrl-C, after some batches."""

    def __init__(self, batches):
        super().__init__()
        self.left = batches

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


class Killer(keras.callbacks.Callback):
    """Kills the process at a point of the training."""

    def __init__(self, point):
        super().__init__()
        self.kind, self.left = point or ("", 0)

    def reach(self, kind):
        self.left -= kind == self.kind
        if kind == self.kind and self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def on_train_batch_end(self, batch, logs=None):
        self.reach("batch")


def arm(killer):
    """Makes the writing of files pass the killer."""
    savez, replace, settle = np.savez, Path.replace, fitting.KeepBest.settle

    def half(path, **arrays):
        savez(path, **arrays)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        killer.reach("half of the state")
        path.write_bytes(whole)

    def not_renamed(path, target):
        if path.suffix == ".npz":
            killer.reach("state not renamed")
        return replace(path, target)

    def not_moved(keep, finished):
        if list(keep.run.resume.glob("best_*")):
            killer.reach("best not moved")
        settle(keep, finished)

    checkpoint.np.savez = half
    Path.replace = not_renamed
    fitting.KeepBest.settle = not_moved


def end_of(script, folder, point=None):
    """Trains, or goes on, in a process that may kill itself; returns what it wrote at its end."""
    line = [sys.executable, str(script), str(folder), json.dumps(point)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if point is not None:
        assert done.returncode == -signal.SIGKILL, done.stderr
        return None
    assert done.returncode == 0, done.stderr
    return dict(np.load(folder / "weights.npz"))


def assert_ends_bit_equal(script, folder, points):
    """Runs a script unbroken, and again killed at each point; both must write the same."""
    unbroken = end_of(script, folder / "unbroken")
    for point in points:
        end_of(script, folder / "killed", point)
    resumed = end_of(script, folder / "killed")
    assert resumed.keys() == unbroken.keys()
    for name, theirs in unbroken.items():
        np.testing.assert_array_equal(resumed[name], theirs, err_msg=f"{name} after {points}")
