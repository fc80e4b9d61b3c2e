"""One network with every task, built once."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_backbone import tiny_backbone

from keras_cv_course import load_model
from keras_cv_course.faces.multitask import MultitaskFaceNetwork
from keras_cv_course.faces.multitask_training import age_loss, compile_arguments
from keras_cv_course.faces.tasks import (
    Age,
    Detection,
    Gender,
    Identity,
    Landmarks,
    Pose,
    Smile,
    label_sizes,
)
from keras_cv_course.losses.age import AgeLoss

TASKS = (
    Detection(),
    Landmarks(points=5, visibility=True),
    Pose(),
    Smile(),
    Gender(),
    Age(gaussian_share=0.25),
    Identity(people=4),
)
OUTPUTS = {
    "detection": 1,
    "landmarks": 10,
    "visibility": 5,
    "pose": 3,
    "smile": 1,
    "gender": 1,
    "age": 1,
    "identity": 4,
}


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return MultitaskFaceNetwork(tiny_backbone(), TASKS, batch_norm_momentum=0.5)


@pytest.fixture
def images(rng):
    """Plain images whose colour says everything about them."""
    colours = rng.uniform(-1, 1, (32, 3)).astype(np.float32)
    return np.tile(colours[:, None, None], (1, 32, 32, 1))


@pytest.fixture
def labels(images):
    red, green, blue = images[:, 0, 0].T
    return {
        "detection": np.float32(red > 0)[:, None],
        "landmarks": np.repeat(green[:, None] / 2, 10, 1),
        "visibility": np.float32(np.repeat(blue[:, None] > 0, 5, 1)),
        "pose": np.stack([30 * red, 20 * green, 10 * blue], 1),
        "smile": np.float32(green > 0)[:, None],
        "gender": np.float32(blue > 0)[:, None],
        "age": 40 + 30 * red[:, None],
        "identity": np.float32(2 * (red > 0) + (blue > 0))[:, None],
    }


def gradients(model, arguments, images, labels):
    """Gradient of the weighted sum of all losses by each variable, as `fit` has it."""
    with tf.GradientTape() as tape:
        outputs = model(images, training=False)
        total = sum(
            arguments["loss_weights"][name] * loss(labels[name], outputs[name])
            for name, loss in arguments["loss"].items()
        )
    variables = model.trainable_variables
    values = tape.gradient(total, [variable.value for variable in variables])
    return {
        variable.path: np.zeros(variable.shape) if g is None else np.asarray(g)
        for variable, g in zip(variables, values, strict=True)
    }


def only(labels, *known):
    return {
        name: values if name in known else np.full_like(values, np.nan)
        for name, values in labels.items()
    }


def test_outputs_are_named_and_sized_by_the_tasks(model):
    assert {name: y.shape for name, y in model.output.items()} == {
        name: (None, size) for name, size in OUTPUTS.items()
    }


def test_outputs_are_in_the_unit_of_their_task(model, images):
    outputs = {name: np.asarray(y) for name, y in model(images).items()}
    for name in ("detection", "visibility", "smile", "gender"):
        assert np.abs(outputs[name] - 0.5).max() <= 0.5, name
    # An untrained head says about its offset: forty years, the middle of the image, no angle.
    assert abs(outputs["age"].mean() - 40) < 20
    assert np.abs(outputs["landmarks"].mean(0)).max() < 0.5


def test_the_backbones_weights_are_shared_and_heads_fork_where_asked(model):
    body = tiny_backbone()
    network = MultitaskFaceNetwork(body, (Smile(), Age()))
    assert {id(v) for v in body.trainable_variables} & {
        id(v) for v in network.trainable_variables
    } != set()
    assert model.get_layer("age_hidden_dense").input.shape == (None, body.output.shape[-1])
    assert model.get_layer("smile_hidden_dense").input.shape == (None, 256)
    late = MultitaskFaceNetwork(body, (replace(Smile(), fork="late"),))
    assert not any(layer.name.startswith("early") for layer in late.layers)


def test_every_head_reaches_the_shared_layers(model, images, labels):
    arguments = compile_arguments(TASKS)
    for name in OUTPUTS:
        by_path = gradients(model, arguments, images, only(labels, name))
        stem = next(path for path in by_path if path.startswith("stem_conv/"))
        assert np.abs(by_path[stem]).max() > 0, name
        assert np.abs(by_path[f"{first_dense(name)}/kernel"]).max() > 0, name


def first_dense(name):
    return name if name == "identity" else f"{name}_dense"


def test_unlabelled_tasks_have_no_gradient_at_all(model, images, labels):
    arguments = compile_arguments(TASKS)
    by_path = gradients(model, arguments, images, only(labels, "age", "gender"))
    heads = ("detection", "landmarks", "visibility", "pose", "smile", "identity", "early")
    silent = {path: g for path, g in by_path.items() if path.startswith(heads)}
    assert len(silent) > 20
    assert not any(g.any() for g in silent.values())
    assert all(np.isfinite(g).all() for g in by_path.values())


def test_mixed_labels_give_the_gradient_of_the_labelled_images_alone(model, images, labels):
    tasks = (Smile(),)
    network = keras.Model(model.input, {"smile": model.output["smile"]})
    mixed = {"smile": labels["smile"].copy()}
    mixed["smile"][5:] = np.nan
    first = {"smile": labels["smile"][:5]}
    by_path = gradients(network, compile_arguments(tasks), images, mixed)
    alone = gradients(network, compile_arguments(tasks), images[:5], first)
    for path in by_path:
        np.testing.assert_allclose(by_path[path], alone[path], rtol=1e-3, atol=1e-6)


def test_an_epoch_without_any_label_changes_no_weight(model, images, labels):
    network = keras.models.clone_model(model)
    # Eagerly, as tracing a graph takes longer than the steps.
    network.compile(keras.optimizers.SGD(0.1), **compile_arguments(TASKS), run_eagerly=True)
    before = [np.asarray(v) for v in network.trainable_variables]
    history = network.fit(images, only(labels), batch_size=16, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    assert history["loss"] == [0.0]
    for variable, values in zip(network.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable, values)


def test_a_few_steps_lower_the_loss_of_every_task_and_save_and_load_keep_it(
    model, images, labels, tmp_path
):
    for i, values in enumerate(labels.values()):
        values[i::8] = np.nan
    model.compile(keras.optimizers.Adam(3e-3), **compile_arguments(TASKS))
    before = model.evaluate(images, labels, batch_size=32, return_dict=True, verbose=0)
    model.fit(images, labels, batch_size=16, epochs=40, verbose=0)
    after = model.evaluate(images, labels, batch_size=32, return_dict=True, verbose=0)
    for name in OUTPUTS:
        assert after[f"{name}_loss"] < 0.9 * before[f"{name}_loss"], name
    assert after["age_error_years"] < before["age_error_years"]

    model.save(tmp_path / "faces.keras")
    loaded = load_model(tmp_path / "faces.keras")
    loaded.run_eagerly = True
    again = loaded.evaluate(images, labels, batch_size=32, return_dict=True, verbose=0)
    assert again == pytest.approx(after, rel=1e-5)


def test_arguments_of_compile_follow_the_tasks():
    tasks = (Age(sigma=5.0, gaussian_share=0.5, loss_weight=0.1), Landmarks(visibility=True))
    arguments = compile_arguments(tasks)
    weights = {"age": 0.1, "landmarks": Landmarks().loss_weight, "visibility": 1.0}
    assert arguments["loss_weights"] == weights
    loss = age_loss(arguments)
    assert isinstance(loss, AgeLoss)
    assert (loss.sigma, loss.gaussian_share) == (5.0, 0.5)
    assert set(arguments["metrics"]) == set(label_sizes(tasks))


def test_age_loss_of_tasks_without_age():
    with pytest.raises(ValueError, match=r"`arguments` must be of tasks with Age\(\).*\['smile'\]"):
        age_loss(compile_arguments((Smile(),)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: MultitaskFaceNetwork(tiny_backbone(pooling="avg"), (Age(),)),
            "`backbone` must give a feature map.*include_top=False",
        ),
        (
            lambda: MultitaskFaceNetwork(tiny_backbone(None), (Smile(),)),
            "`backbone` must have a fixed input size for tasks that fork early",
        ),
        (
            lambda: MultitaskFaceNetwork(tiny_backbone(), (Smile(),), early_levels=("P9",)),
            "`levels` must be one of",
        ),
        (lambda: MultitaskFaceNetwork(tiny_backbone(), ()), "`tasks` must name at least one task"),
        (
            lambda: MultitaskFaceNetwork(tiny_backbone(), (Age(),), dropout_rate=1.0),
            "`dropout_rate` must be at least 0 and below 1",
        ),
    ],
)
def test_wrong_arguments_are_refused(weightless, make, message):
    with pytest.raises(ValueError, match=message):
        make()
