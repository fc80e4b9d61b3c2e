"""One network for many questions about a face."""

from collections.abc import Sequence

import keras
from keras import KerasTensor

from keras_cv_course._validation import check_rate
from keras_cv_course.blocks.convolution import ConvStyle, conv_bn_activation
from keras_cv_course.blocks.separable import separable_block
from keras_cv_course.faces.tasks import FaceTask, Output, checked_tasks
from keras_cv_course.networks.feature_maps import feature_maps

_FUSED_FILTERS = 64
_SHARED_UNITS = 256


def MultitaskFaceNetwork(
    backbone: keras.Model,
    tasks: Sequence[FaceTask],
    early_levels: Sequence[str] = ("P3", "P4"),
    dropout_rate: float = 0.0,
    batch_norm_momentum: float = 0.99,
    name: str = "multitask_faces",
) -> keras.Model:
    """Returns a network from an image to a dict with an answer to each task.

    It takes what the backbone takes, and shares the backbone's layers and weights. What has to
    know where things are (points, pose, smile; `fork="early"`) works on several feature maps,
    brought to the size of the coarsest and fused; what has to know what they are (age, gender,
    identity; `fork="late"`) on the pooled last one. Each task has a hidden layer and output layers
    of its own. An output is named after its task, and is in the unit of the task: see
    `faces.tasks`. Outputs are tensors of their own, so each has a range of its own in an int8
    file; scales are constants that the file has in its kernels.

    Train it with `model.compile(optimizer, **compile_arguments(tasks))` on a dict of labels with
    NaN for what is not known, see `faces.multitask_training`.

    Args:
        backbone: A network of this package without its classifier, of fixed input size where a
            task forks early.
        tasks: The tasks, each once; the dict of outputs has their order.
        early_levels: The feature maps for early heads, as `feature_maps` names them, from fine to
            coarse.
        dropout_rate: Share of the features in front of the heads that training sets to zero.
        batch_norm_momentum: Weight of the past in the moving statistics of the fused maps.
        name: Name of the model.

    Raises:
        TypeError: If one of the tasks is not a task.
        ValueError: If the backbone has its classifier, is pooled, is not of this package or has
            a free input size with early heads; if a level is not in it; if there is no task, or
            one twice.

    Example:
        >>> backbone = MobileNetV2((96, 96, 3), alpha=0.35, include_top=False)
        >>> tasks = (Smile(), Age(), Landmarks(points=68))
        >>> model = MultitaskFaceNetwork(backbone, tasks)
        >>> {name: y.shape for name, y in model.output.items()}
        {'smile': (None, 1), 'age': (None, 1), 'landmarks': (None, 136)}

    Reference:
        An All-In-One Convolutional Neural Network for Face Analysis, arXiv:1611.00851: shared
        layers, and two groups of tasks that fork at different depths. Its figure 3 is not on the
        course's slides and could not be read: backbone, sizes and which maps are fused are ours.
    """
    tasks = checked_tasks(tasks)
    check_rate("dropout_rate", dropout_rate)
    if not isinstance(backbone, keras.Model) or len(backbone.output.shape) != 4:
        raise ValueError(
            "`backbone` must give a feature map (batch, height, width, channels). Received: "
            f"{backbone!r}. Build it with `include_top=False` and without `pooling`."
        )
    style = ConvStyle("relu6", batch_norm_momentum)
    features = {}
    forks = {task.fork for task in tasks}
    if "early" in forks:
        features["early"] = _early_features(backbone, early_levels, style)
    if "late" in forks:
        features["late"] = keras.layers.GlobalAveragePooling2D(name="late_pool")(backbone.output)
    if dropout_rate > 0:
        features = {
            fork: keras.layers.Dropout(dropout_rate, name=f"{fork}_dropout")(x)
            for fork, x in features.items()
        }
    outputs = {}
    for task in tasks:
        hidden = _dense_relu(features[task.fork], task.hidden_units, f"{task.name}_hidden")
        for output in task.outputs():
            outputs[output.name] = _answer(hidden, output)
    return keras.Model(backbone.input, outputs, name=name)


def _early_features(backbone: keras.Model, levels: Sequence[str], style: ConvStyle) -> KerasTensor:
    """Returns a vector from several feature maps, (batch, units)."""
    if None in backbone.input_shape[1:]:
        raise ValueError(
            "`backbone` must have a fixed input size for tasks that fork early, since points are "
            f"found by place. Received: input shape {backbone.input_shape}. Build it with "
            "`input_shape=(96, 96, 3)`, or give every task `fork='late'`."
        )
    maps = feature_maps(backbone, levels).output
    coarsest = min(x.shape[1] for x in maps.values())
    fused = []
    for level, x in maps.items():
        name = f"early_{level.lower()}"
        step = 0
        while x.shape[1] > coarsest:
            step += 1
            x = separable_block(x, _FUSED_FILTERS, style, f"{name}_down{step}", strides=2)
        if not step:
            x = conv_bn_activation(x, _FUSED_FILTERS, 1, style, name)
        fused.append(x)
    if len(fused) > 1:
        joined = keras.layers.Concatenate(name="early_concat")(fused)
        fused = [conv_bn_activation(joined, _FUSED_FILTERS, 1, style, "early_fuse")]
    x = keras.layers.Flatten(name="early_flat")(fused[0])  # (batch, height * width * filters)
    return _dense_relu(x, _SHARED_UNITS, "early_shared")


def _dense_relu(x: KerasTensor, units: int, name: str) -> KerasTensor:
    x = keras.layers.Dense(units, kernel_initializer="he_uniform", name=f"{name}_dense")(x)
    return keras.layers.ReLU(name=f"{name}_activation")(x)


def _answer(x: KerasTensor, output: Output) -> KerasTensor:
    """Returns an output in the unit of its task; its last layer has the name of the output."""
    last = output.activation is None and (output.scale, output.offset) == (1.0, 0.0)
    x = keras.layers.Dense(output.size, name=output.name if last else f"{output.name}_dense")(x)
    if last:
        return x
    if output.activation is not None:
        return keras.layers.Activation(output.activation, name=output.name)(x)
    return keras.layers.Rescaling(output.scale, output.offset, name=output.name)(x)
