"""Training in 16 bits, with weights, last layers and losses in float32."""

from typing import Any

import keras

from keras_cv_course._validation import check_choice
from keras_cv_course.quantization.graph import as_functional, remake

PRECISIONS = {"fp32": "float32", "bf16": "mixed_bfloat16", "fp16": "mixed_float16"}


def in_precision(model: keras.Model, precision: str) -> keras.Model:
    """Returns a copy of a model that computes in another precision, with the same weights.

    Weights are float32 in all of them. What an output comes from stays in float32 too: the last
    layers with weights, and all after them, e.g. a softmax; so losses are computed in float32.
    The gradients of an fp16 model would underflow: give its optimizer `with_loss_scale`.

    Train a model in "bf16" or "fp16", and take the result to "fp32" before it is exported.

    Args:
        model: Functional or built Sequential model, whose layers Keras can make again from their
            configuration.
        precision: "bf16" (range of float32; GPUs since 2020, TPUs, recent CPUs), "fp16" (older
            GPUs), or "fp32".

    Raises:
        TypeError: If the model is subclassed.
        ValueError: If `precision` is unknown, or a layer cannot be made again.

    Example:
        >>> fast = in_precision(MobileNetV2(classes=10), "bf16")
        >>> fast.compile("adam", "sparse_categorical_crossentropy")
        >>> fast.fit(data.train)
        >>> tflite.convert(in_precision(fast, "fp32"), "model.tflite")

    Reference:
        Mixed Precision Training, P. Micikevicius et al., arXiv:1710.03740, section 3.
    """
    check_choice("precision", precision, PRECISIONS)
    copied = _copy(as_functional(model), PRECISIONS[precision], keep_last=True)
    copied.set_weights(model.get_weights())
    _finalize(copied)
    return copied


def with_loss_scale(
    optimizer: keras.optimizers.Optimizer, model: keras.Model
) -> keras.optimizers.Optimizer:
    """Returns the optimizer that a model in fp16 is to be compiled with, else `optimizer` itself.

    `compile` would scale the loss as well, but forget so in what it saves: Keras could not load
    the optimizer of the file.
    """
    if model.dtype_policy.name == PRECISIONS["fp16"]:
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


def _copy(model: keras.Model, policy: str, keep_last: bool) -> keras.Model:
    last = _last_operations(model) if keep_last else set()

    def copy(operation: keras.Operation) -> keras.Operation:
        is_last = operation in last
        if isinstance(operation, keras.Model):
            return _copy(as_functional(operation), policy, is_last)
        return remake(operation, dtype="float32" if is_last else policy)

    copied = keras.models.clone_model(model, clone_function=copy)
    copied.dtype_policy = policy  # Makes `compile` scale the loss.
    return copied


def _last_operations(model: keras.Model) -> set[keras.Operation]:
    """Returns what gives the outputs, back to the last operations with weights."""
    operations = set()
    waiting = list(model.outputs)
    while waiting:
        operation, node, _ = _history(waiting.pop())
        operations.add(operation)
        if not getattr(operation, "weights", ()):
            waiting += operation._inbound_nodes[node].input_tensors
    return operations


def _history(tensor: keras.KerasTensor) -> tuple[keras.Operation, int, int]:
    # A tensor's origin has no public name where an operation is called several times.
    history: Any = tensor._keras_history
    return history.operation, history.node_index, history.tensor_index


def _finalize(model: keras.Model) -> None:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            _finalize(layer)
        elif isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # It computes with what it made of its weights.
