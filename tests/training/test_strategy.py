import os
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cv_course.data.epochs import filled_share
from keras_cv_course.training import join_workers, strategy_scope, synchronize_batch_norm

HERE = Path(__file__).parent
LIMIT_S = 240


def start(program, *arguments):
    line = [sys.executable, str(HERE / program), *map(str, arguments)]
    return subprocess.Popen(line, env=os.environ, stderr=subprocess.PIPE, text=True)


def finish(*processes, killed=False):
    try:
        for process in processes:
            _, errors = process.communicate(timeout=LIMIT_S)
            assert (process.returncode != 0) == killed, errors
    finally:
        for process in processes:
            process.kill()  # What waits for a worker that has failed.
            process.communicate()


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.mark.slow
def test_two_devices_have_the_losses_of_one(tmp_path):
    losses = {}
    for strategy in ("none", "mirrored"):
        path = tmp_path / f"{strategy}.npz"
        finish(start("two_devices.py", strategy, path))
        losses[strategy] = dict(np.load(path))
    one, two = losses["none"], losses["mirrored"]
    assert (one.pop("devices"), two.pop("devices")) == (1, 2)
    assert len(one["losses"]) == 3 * 10
    assert one["losses"][-1] < 0.5 * one["losses"][0]
    # Sums over a batch are in float32 and in another order, and of the last batch, of 105 images,
    # the devices' halves count alike; Adam divides small gradients by their own size, which lets
    # such differences grow.
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-3)
    for name, weight in one.items():
        np.testing.assert_allclose(two[name], weight, rtol=0.05, atol=5e-3, err_msg=name)


@pytest.mark.slow
def test_two_workers_have_the_losses_of_one_and_go_on_after_a_kill(tmp_path):
    def together(folder, batches=-1):
        folder.mkdir(exist_ok=True)
        addresses = f"{free_address()},{free_address()}"
        workers = [start("two_workers.py", addresses, i, folder, batches) for i in (0, 1)]
        finish(*workers, killed=batches > 0)

    alone = tmp_path / "alone"
    alone.mkdir()
    finish(start("two_workers.py", "", 0, alone, -1))
    together(tmp_path / "both")
    together(tmp_path / "killed", batches=15)
    together(tmp_path / "killed")
    wanted = dict(np.load(alone / "worker_0.npz"))
    assert wanted["losses"][-1] < 0.5 * wanted["losses"][0]
    both, other, resumed = (
        dict(np.load(tmp_path / name))
        for name in ("both/worker_0.npz", "both/worker_1.npz", "killed/worker_0.npz")
    )
    for name, value in wanted.items():
        # Sums over a batch are in float32 and in another order.
        np.testing.assert_allclose(both[name], value, rtol=1e-3, atol=1e-4, err_msg=name)
        np.testing.assert_array_equal(other[name], both[name], err_msg=name)
        np.testing.assert_allclose(resumed[name], both[name], rtol=1e-4, atol=1e-5, err_msg=name)
    files = sorted(path.name for path in (tmp_path / "both").iterdir())
    assert files == [
        "last.keras",
        "model.keras",
        "results.csv",
        "resume",
        "worker_0.npz",
        "worker_1.npz",
    ]


def test_a_batch_that_cannot_be_divided_is_filled_up():
    images, labels = tf.range(10, 15), tf.range(5)
    shares = [filled_share(i, 2, 4)(images, labels) for i in (0, 1)]
    assert [list(x.numpy()) for x, _ in shares] == [[10, 11, 12, 13], [14, 10, 11, 12]]
    assert [list(y.numpy()) for _, y in shares] == [[0, 1, 2, 3], [4, 0, 1, 2]]
    even = [filled_share(i, 2, 2)(images[:4])[0].numpy().tolist() for i in (0, 1)]
    assert even == [[10, 11], [12, 13]]


def test_every_batch_normalization_is_synchronized():
    inner = keras.Sequential([keras.Input((4,)), keras.layers.BatchNormalization()])
    image = keras.Input((4,))
    model = keras.Model(image, keras.layers.BatchNormalization()(inner(image)))
    synchronize_batch_norm(model)
    assert inner.layers[0].synchronized
    assert model.layers[-1].synchronized


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="`strategy` must be"), strategy_scope("tpu"):
        pass
    with strategy_scope(None) as devices:
        assert devices == 1
    with pytest.raises(ValueError, match=r"on JAX only\. Received: Keras on tensorflow"):
        join_workers("127.0.0.1:1,127.0.0.1:2", 0)
