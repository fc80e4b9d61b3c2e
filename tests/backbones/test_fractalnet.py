import keras
import numpy as np
import pytest
from contracts.random_weights import randomize

from keras_cv_course import FractalNet, complexity
from keras_cv_course.layers.fractal_join import FractalJoin


def convolutions(model):
    return [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]


def depth(model, column):
    """Convolutions of a column in the first block."""
    ending = f"_column{column}_conv"
    return sum(n.startswith("stage1_") and n.endswith(ending) for n in convolutions(model))


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize("columns", [1, 2, 3, 4])
def test_columns_are_1_2_4_convolutions_deep(columns):
    """Figure 1: a block has 2^C - 1 convolutions, of which 2^(C - 1) lie on the longest path."""
    model = FractalNet(filters=(4, 8), columns=columns)
    assert len(convolutions(model)) == 2 * (2**columns - 1)
    assert [depth(model, c) for c in range(columns)] == [2**c for c in range(columns)][::-1]
    joins = [layer for layer in model.layers if isinstance(layer, FractalJoin)]
    # Columns end together in every other row.
    assert len(joins) == (2 * 2 ** (columns - 2) if columns > 1 else 0)
    if joins:
        assert joins[-1].columns == tuple(range(columns))


def test_parameters_by_the_formula():
    """33.7 million with 3 columns, 76.1 with 4: kernels and two weights a channel."""
    for columns, millions in ((3, 33.7), (4, 76.1)):
        first, others, expected = columns, 2**columns - 1 - columns, 0
        inputs = 3
        for filters in (64, 128, 256, 512, 512):
            expected += 9 * filters * (first * inputs + others * filters)
            expected += 2 * filters * (first + others)
            inputs = filters
        with keras.StatelessScope(initialize_variables=False):
            counts = complexity(
                FractalNet(columns=columns, include_top=False, input_shape=(32, 32, 3))
            )
        assert counts.trainable_parameters == expected
        assert counts.trainable_parameters / 1e6 == pytest.approx(millions, abs=0.05)


def test_a_block_is_the_recursion_of_the_paper(rng, float64):
    """f_{C+1}(z) = join(f_C(f_C(z)), conv(z)), with one mean where joins meet."""
    model = FractalNet((16, 16, 3), (4,), 3, include_top=False)
    images = rng.uniform(0, 255, (2, 16, 16, 3)).astype("float32")
    randomize(model, rng, images)

    def step(x, row, column):
        for part in ("conv", "bn", "activation"):
            x = model.get_layer(f"stage1_block1_row{row}_column{column}_{part}")(x)
        return np.asarray(x)

    def two_columns(x, row):
        deep = step(step(x, row, 0), row + 1, 0)
        return deep, step(x, row + 1, 1)

    z = np.asarray(model.get_layer("stem_normalization")(images))
    half = np.mean(two_columns(z, 1), axis=0)
    expected = np.mean([*two_columns(half, 3), step(z, 4, 2)], axis=0)
    np.testing.assert_allclose(model(images), expected, atol=1e-6)


def constants(count, batch=400):
    """Inputs of which the i-th is 10 to the power of i everywhere."""
    return [np.full((batch, 2, 2, 1), 10.0**i, "float32") for i in range(count)]


def test_inference_is_the_mean():
    join = FractalJoin((0, 1, 2), 3)
    np.testing.assert_allclose(join(constants(3)), np.full((400, 2, 2, 1), 37.0))


def test_local_drop_path_keeps_at_least_one():
    keras.utils.set_random_seed(0)
    join = FractalJoin((0, 1), 2, drop_rate=0.6, global_share=0.0)
    y = np.asarray(join(constants(2), training=True))
    assert (y == y[:, :1, :1]).all()  # an image is dropped as a whole
    values, counts = np.unique(y[:, 0, 0, 0], return_counts=True)
    np.testing.assert_allclose(values, [1.0, 5.5, 10.0])
    # Both are kept in 0.4 * 0.4 of the images, else either is.
    assert counts[1] / 400 == pytest.approx(0.16, abs=0.06)


def test_global_drop_path_draws_one_column_for_all_joins():
    first = FractalJoin((0, 1), 3, global_share=1.0, seed=5)
    second = FractalJoin((0, 1, 2), 3, global_share=1.0, seed=5)
    for _ in range(3):
        inner = np.asarray(first(constants(2), training=True))[:, 0, 0, 0]
        outer = np.asarray(second(constants(3), training=True))[:, 0, 0, 0]
        assert set(outer) == {1.0, 10.0, 100.0}
        # Where column 2 is drawn, which does not end at the first, its result is not read.
        np.testing.assert_array_equal(inner[outer != 100], outer[outer != 100])
        np.testing.assert_array_equal(inner[outer == 100], 5.5)


def test_networks_draw_new_columns_in_every_step(rng):
    model = FractalNet((16, 16, 3), (4, 4), 2, 0.15, 1.0, include_top=False)
    images = rng.uniform(0, 255, (1, 16, 16, 3)).astype("float32")
    results = [np.asarray(model(images, training=True)).sum() for _ in range(8)]
    assert len({round(float(x), 3) for x in results}) > 1


def test_without_drop_path_joins_are_kerass():
    model = FractalNet((16, 16, 3), (4,), 2, drop_path_rate=0.0)
    assert any(isinstance(layer, keras.layers.Average) for layer in model.layers)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: FractalNet(columns=9), "`columns` must be at most 8. Received: 9"),
        (lambda: FractalNet(drop_path_rate=1.0), "`drop_path_rate`"),
        (lambda: FractalJoin((0, 3), 3), "numbers below `column_count`"),
        (lambda: FractalJoin((0, 1), 3, drop_rate=1.0), r"`drop_rate` must be in \[0, 1\)"),
    ],
)
def test_bad_options_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
