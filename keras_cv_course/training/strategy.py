"""Training on several devices of a machine, and on several machines.

The one module of `training` that knows the engine.
"""

import contextlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras

from keras_cv_course._validation import check_choice
from keras_cv_course.data.epochs import Epochs, filled_share

STRATEGIES = ("mirrored",)


@contextlib.contextmanager
def strategy_scope(name: str | None) -> Iterator[int]:
    """Builds, compiles and loads models for a strategy; gives the number of devices.

    Every batch is divided among the devices, so that a batch size means the same with any number of
    them. Call `synchronize_batch_norm` on what is built.

    Args:
        name: "mirrored" for all GPUs of this machine, or all logical CPUs where there is no GPU;
            None for one device.

    Raises:
        ValueError: If `name` is unknown, or Keras does not run on TensorFlow.

    Example:
        >>> with strategy_scope("mirrored"):
        ...     model = MobileNetV2(classes=10)
        ...     synchronize_batch_norm(model)
        ...     model.compile("sgd", "sparse_categorical_crossentropy")
        >>> model.fit(data.train)
    """
    if name is None:
        yield 1
        return
    check_choice("strategy", name, STRATEGIES)
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"The strategy {name!r} is TensorFlow's. Received: Keras on "
            f"{keras.backend.backend()}. Leave it out, or set KERAS_BACKEND=tensorflow."
        )
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    strategy = tf.distribute.MirroredStrategy([device.name for device in devices])
    with strategy.scope():
        yield strategy.num_replicas_in_sync


def synchronize_batch_norm(model: keras.Model, synchronized: bool = True) -> None:
    """Lets every batch normalization of a model count the images of all devices together.

    Without it each device of a mirrored strategy normalizes by its own part of the batch, and keeps
    moving averages of its own, of which the first device's are saved; that is Keras' default.
    Counted together they go through Keras' composed operations, not through the fused kernel.

    Args:
        model: Changed in place, before it is trained.
        synchronized: Whether they count together; False undoes it, for one device.
    """
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            synchronize_batch_norm(layer, synchronized)
        elif isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = synchronized


def compute_reproducibly() -> None:
    """Makes every operation give the same bits for the same inputs, at some cost of speed.

    It holds for the whole process. Call it after `keras.utils.set_random_seed`.

    Raises:
        ValueError: If Keras does not run on TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "Reproducible operations are a setting of TensorFlow. Received: Keras on "
            f"{keras.backend.backend()}."
        )
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()


@contextlib.contextmanager
def outside_distribution() -> Iterator[None]:
    """Lets one worker save a model.

    Keras makes variables while it saves, and in a distribution waits until all workers make them.
    """
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(distribution)


@dataclass(frozen=True)
class Worker:
    """This process among those that train one model together.

    Attributes:
        index: Its number, from 0. Worker 0 writes the files.
        count: Number of processes.
        devices: Number of devices of all of them.
    """

    index: int
    count: int
    devices: int

    def share(self, epochs: Epochs) -> Epochs:
        """Returns the part of each batch that this worker trains on.

        A batch that the devices do not divide is filled up with its first images.
        """
        return epochs.map(self._take())

    def share_batches(self, batches: Any) -> Any:
        """Returns the same of a `tf.data.Dataset`."""
        return batches.map(self._take())

    def _take(self) -> Callable[..., Any]:
        return filled_share(self.index, self.count, self.devices)


def join_workers(addresses: str, index: int) -> Worker:
    """Returns this process as one of several that train together, on JAX.

    Keras then trains as on one device: `fit` of every worker gets its `share` of the images, and
    gradients, batch statistics, losses and metrics are those of the whole batch. Every worker
    must run the same program. It waits until all have come.

    On TensorFlow, `fit` of Keras 3.15 fails with several workers, when it reduces their metrics.

    Args:
        addresses: "host:port" of every worker, with commas between, the same for all; the first
            one's must be free and open to the others. It listens on all addresses of its machine,
            unless the environment variable JAX_COORDINATOR_BIND_ADDRESS names one.
        index: Which of them this process is.

    Raises:
        ValueError: If Keras does not run on JAX, or `index` is not that of an address.

    Example:
        >>> worker = join_workers("10.0.0.1:4000,10.0.0.2:4000", index=0)
        >>> model = MobileNetV2(classes=10)
        >>> model.compile("sgd", "sparse_categorical_crossentropy")
        >>> train = worker.share(data.epochs)
        >>> model.fit(train.since(0), steps_per_epoch=train.batches)
    """
    if keras.backend.backend() != "jax" or importlib.util.find_spec("jax") is None:
        raise ValueError(
            "Several machines train together with Keras on JAX only. Received: Keras on "
            f"{keras.backend.backend()}. `pip install 'keras-cv-course[workers]'` and set "
            "KERAS_BACKEND=jax before Python starts; the .keras file loads on TensorFlow again."
        )
    count = len(addresses.split(","))
    if not 0 <= index < count:
        raise ValueError(
            f"`index` must be from 0 to {count - 1} for {count} addresses. Received: {index}."
        )
    keras.distribution.initialize(addresses, count, index)
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(auto_shard_dataset=False)  # `share` does it.
    )
    return Worker(index, count, len(keras.distribution.list_devices()))
