import keras
import numpy as np
import pytest
from keras import layers

from keras_cv_course.networks.loading import load_model
from keras_cv_course.quantization import quantize_aware
from keras_cv_course.registry import MODELS, build_model
from keras_cv_course.training import in_precision, with_loss_scale

# The first of each family in the table is its smallest.
# Untrained, BiT adds up 16 blocks whose kernels are not scaled, of which 8 bits keep little.
SUMS = {"bit_r50x1": 0.15}
SMALLEST = {e.module: e.name for e in reversed(MODELS.values()) if e.kind == "classifier"}


def policies(model):
    return {
        layer.name: layer.compute_dtype
        for layer in model.layers
        if not isinstance(layer, layers.InputLayer)
    }


def small():
    image = keras.Input((8, 8, 3))
    x = layers.Rescaling(1 / 127.5, -1.0, name="scale")(image)
    x = layers.Conv2D(4, 3, name="conv")(x)
    x = layers.BatchNormalization(name="bn")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(3, name="logits")(x)
    return keras.Model(image, layers.Activation("softmax", name="scores")(x))


def test_all_but_what_gives_the_outputs_computes_in_16_bits(rng):
    model = small()
    for precision, dtype in (("bf16", "bfloat16"), ("fp16", "float16")):
        copied = in_precision(model, precision)
        policy_names = policies(copied)
        assert {name for name, kind in policy_names.items() if kind == "float32"} == {
            "logits",
            "scores",
        }
        assert {
            kind for name, kind in policy_names.items() if name not in ("logits", "scores")
        } == {dtype}
        assert {v.dtype for v in copied.weights} == {"float32"}
        assert copied.outputs[0].dtype == "float32"
        x = rng.uniform(0, 255, (4, 8, 8, 3)).astype("float32")
        np.testing.assert_allclose(copied(x), model(x), atol=0.02)  # bfloat16 has 8 bits.
    back = in_precision(copied, "fp32")
    assert set(policies(back).values()) == {"float32"}
    np.testing.assert_array_equal(back(x), model(x))


def test_fp16_scales_the_loss_also_in_what_is_saved(tmp_path):
    for precision, wanted in (("fp16", True), ("bf16", False), ("fp32", False)):
        model = in_precision(small(), precision)
        optimizer = with_loss_scale(keras.optimizers.Adam(), model)
        model.compile(optimizer, "sparse_categorical_crossentropy")
        model.train_on_batch(np.ones((2, 8, 8, 3), np.float32), np.zeros(2))
        model.save(tmp_path / "model.keras")
        for trained in (model, load_model(tmp_path / "model.keras")):
            assert isinstance(trained.optimizer, keras.optimizers.LossScaleOptimizer) == wanted


def test_nested_models_and_normalizations_come_along(rng):
    image = keras.Input((8, 8, 3))
    inner = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 4.0, 4.0]),
            layers.Conv2D(4, 3),
        ],
        name="inner",
    )
    head = keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.Dense(2)], name="head")
    model = keras.Model(image, head(layers.GlobalAveragePooling2D()(inner(image))))
    copied = in_precision(model, "bf16")
    by_name = {layer.name: layer for layer in copied.layers}
    assert set(policies(by_name["inner"]).values()) == {"bfloat16"}
    assert list(policies(by_name["head"]).values()) == ["bfloat16", "float32"]
    x = rng.uniform(0, 5, (2, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(copied(x), model(x), atol=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALLEST.values())
def test_every_family_trains_in_16_bits(name, tmp_path, rng):
    low, high = MODELS[name].input_range
    shape = (*2 * (max(32, MODELS[name].traits.min_size_px),), 3)
    x = rng.uniform(low, high, (4, *shape)).astype("float32")
    model = build_model(name, input_shape=shape, classes=3)
    scores = model(x, training=False)
    for precision in ("bf16", "fp16"):
        copied = in_precision(model, precision)
        atol = SUMS.get(name, 0.03)
        np.testing.assert_allclose(copied(x, training=False), scores, atol=atol)
        optimizer = keras.optimizers.SGD(1e-3)
        if precision == "fp16":
            # From Keras' own 2 ** 15 it would take a dozen steps down to what does not overflow.
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1.0)
        # Traced, a large network takes longer than the step.
        copied.compile(optimizer, "sparse_categorical_crossentropy", run_eagerly=True)
        assert np.isfinite(copied.train_on_batch(x, np.arange(4) % 3))
        pairs = zip(copied.trainable_variables, model.trainable_variables, strict=True)
        moved = np.mean([np.abs(new.numpy() - old.numpy()).max() > 0 for new, old in pairs])
        assert moved > 0.9
        copied.save(tmp_path / "model.keras")
        back = in_precision(load_model(tmp_path / "model.keras"), "fp32")
        assert set(policies(back).values()) == {"float32"}
        assert [w.dtype for w in back.weights] == [w.dtype for w in model.weights]


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="`precision` must be one of 'fp32', 'bf16', 'fp16'"):
        in_precision(small(), "int8")
    with pytest.raises(ValueError, match="float32"):
        quantize_aware(in_precision(small(), "bf16"))
