import os
import resource
from pathlib import Path

import keras
import numpy as np
import pytest
from breaking_off import assert_ends_bit_equal

from keras_cv_course.training import Checkpoint

CHILD = Path(__file__).with_name("killed_run.py")


def small(rate=0.5, optimizer=None):
    keras.utils.set_random_seed(3)
    layers = [keras.layers.Dense(4), keras.layers.Dropout(rate), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((3,)), *layers])
    model.compile(optimizer or keras.optimizers.Adam(0.01, use_ema=True), "mse")
    return model


def fit(model, folder, epochs, callbacks=()):
    saving = Checkpoint(folder, callbacks)
    x = np.linspace(-1, 1, 48, dtype=np.float32).reshape(16, 3)
    begin = saving.restore(model)
    options = {"initial_epoch": begin, "epochs": epochs, "shuffle": False, "verbose": 0}
    model.fit(x, x[:, :1], batch_size=8, callbacks=[*callbacks, saving], **options)
    return begin


def state(model):
    return [np.array(v) for v in (*model.variables, *model.optimizer.variables)]


def test_weights_moments_averages_and_seeds_go_on(tmp_path):
    unbroken = small()
    fit(unbroken, tmp_path / "a", 4)
    fit(small(), tmp_path / "b", 2)
    resumed = small()
    assert fit(resumed, tmp_path / "b", 4) == 2
    assert len(state(resumed)) == 4 + 1 + 2 + 3 * 4  # weights, dropout's seed, Adam's variables
    for ours, theirs in zip(state(resumed), state(unbroken), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["epoch_0004.npz"]


def test_what_callbacks_count_comes_back_after_fit_has_started_them(tmp_path):
    def callbacks():
        stopping = keras.callbacks.EarlyStopping("loss", patience=9, restore_best_weights=True)
        return [
            keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
            keras.callbacks.ReduceLROnPlateau("loss", patience=3, min_delta=10.0),
            stopping,
        ]

    before = callbacks()
    fit(small(), tmp_path, 3, before)
    after = callbacks()
    saving = Checkpoint(tmp_path, after)
    model = small()
    assert saving.restore(model) == 3
    for callback in after:
        callback.set_model(model)
        callback.on_train_begin()
    assert after[1].wait == 0
    saving.on_train_begin()
    assert after[0]._ema_weights_in_model is True
    assert after[1].wait == before[1].wait == 2
    assert after[2].best == before[2].best
    assert after[2].best_epoch == before[2].best_epoch
    for ours, theirs in zip(after[2].best_weights, before[2].best_weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_scale_of_the_loss_goes_on(tmp_path):
    def scaled():
        adam = keras.optimizers.Adam(0.01)
        return small(optimizer=keras.optimizers.LossScaleOptimizer(adam, dynamic_growth_steps=3))

    first = scaled()
    fit(first, tmp_path, 2)  # Four steps, of which the third doubles the scale.
    second = scaled()
    assert Checkpoint(tmp_path).restore(second) == 2
    assert float(second.optimizer.dynamic_scale) == 2.0**16
    for ours, theirs in zip(state(second), state(first), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_state_of_another_training_is_refused(tmp_path):
    fit(small(), tmp_path, 1)
    other = small(optimizer=keras.optimizers.SGD(0.1))
    with pytest.raises(ValueError, match=r"has random/0 int64 \[2\] instead of optimizer/2"):
        Checkpoint(tmp_path).restore(other)
    wide = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)])
    wide.compile("adam", "mse")
    with pytest.raises(ValueError, match=r"has model/0 float32 \[3, 5\] instead of .*\[3, 4\]"):
        Checkpoint(tmp_path).restore(wide)
    stopping = keras.callbacks.EarlyStopping("loss")
    with pytest.raises(ValueError, match=r"began with, \[\]. Received: \['EarlyStopping'\]"):
        Checkpoint(tmp_path, [stopping]).restore(small())
    path = tmp_path / "epoch_0001.npz"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match="is not a complete training state"):
        Checkpoint(tmp_path).restore(small())


def test_bfloat16_variables_keep_their_bits(tmp_path):
    def model():
        layers = [keras.layers.Dense(2, dtype="bfloat16"), keras.layers.Dense(1)]
        made = keras.Sequential([keras.Input((3,)), *layers])
        made.compile("sgd", "mse")
        return made

    first = model()
    fit(first, tmp_path, 1)
    second = model()
    assert Checkpoint(tmp_path).restore(second) == 1
    for ours, theirs in zip(second.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_full_disk_leaves_the_last_state_and_says_so(tmp_path):
    model = small()
    fit(model, tmp_path, 2)
    whole = (tmp_path / "epoch_0002.npz").read_bytes()
    saving = Checkpoint(tmp_path)
    saving.set_model(model)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) // 2, hard))
        with pytest.raises(OSError, match=r"after epoch 3 could not .* epoch 2 is complete"):
            saving.on_epoch_end(2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["epoch_0002.npz"]
    assert (tmp_path / "epoch_0002.npz").read_bytes() == whole
    assert Checkpoint(tmp_path).restore(small()) == 2


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_bit_equal(tmp_path):
    rng = np.random.default_rng(int.from_bytes(os.urandom(4)))
    batches = [int(rng.integers(1, 6)), int(rng.integers(6, 11)), int(rng.integers(6, 11))]
    points = [
        ("batch", batches[0]),
        ("half of the state", 2),
        ("batch", batches[1]),
        ("state not renamed", 2),
        ("best not moved", 1),
        ("batch", batches[2]),
    ]
    assert_ends_bit_equal(CHILD, tmp_path, points)


class Counting(keras.callbacks.Callback):
    checkpointed = ("epochs", "since")

    def __init__(self):
        super().__init__()
        self.epochs, self.since = 0, 0

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1


def test_what_a_callback_counted_in_an_older_version_is_left_out(tmp_path, monkeypatch):
    fit(small(), tmp_path, 2, [Counting()])
    monkeypatch.setattr(Counting, "checkpointed", ("epochs",))
    later = Counting()
    saving = Checkpoint(tmp_path, [later])
    assert saving.restore(small()) == 2
    saving.on_train_begin()
    assert later.epochs == 2
    monkeypatch.setattr(Counting, "checkpointed", ("epochs", "best"))
    with pytest.raises(ValueError, match=r"the state of Counting is \['epochs', 'since'\]"):
        Checkpoint(tmp_path, [Counting()]).restore(small())
