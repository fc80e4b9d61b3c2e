import keras
import numpy as np
import pytest
from keras import layers

from keras_cv_course.quantization.graph import run, tensors, trace


def rebuild(model):
    graph = trace(model)
    return keras.Model(graph.inputs, run(graph, tensors(graph.inputs)), name=model.name)


def encoder():
    return keras.Sequential(
        [keras.Input((8,)), layers.Dense(4, "relu", name="dense"), layers.Dense(3, name="code")],
        name="encoder",
    )


def siamese():
    left, right = keras.Input((8,), name="left"), keras.Input((8,), name="right")
    encode = encoder()
    distance = layers.Subtract()([encode(left), encode(right)])
    return keras.Model([left, right], layers.Dense(1, name="dense")(distance))


def test_rebuilt_model_computes_the_same_and_shares_nothing(rng):
    model = siamese()
    copy = rebuild(model)
    pair = [rng.normal(size=(5, 8)).astype("float32") for _ in range(2)]
    np.testing.assert_allclose(copy(pair), model(pair), atol=1e-6)
    assert not {id(v) for v in model.variables} & {id(v) for v in copy.variables}


def test_shared_encoder_is_opened_and_keeps_one_set_of_weights():
    graph = trace(siamese())
    dense = [call.operation for call in graph.calls if call.operation.name == "dense"]
    assert len(dense) == 2
    assert dense[0] is dense[1]
    assert len(rebuild(siamese()).weights) == 6


def test_layers_of_one_name_in_two_sub_models_get_names_of_their_own():
    names = {call.operation.name for call in trace(siamese()).calls}
    assert {"dense", "dense_1"} <= names


def test_original_keeps_its_graph():
    model = siamese()
    nodes = [len(layer._inbound_nodes) for layer in model.layers]
    trace(model)
    assert [len(layer._inbound_nodes) for layer in model.layers] == nodes


def test_dict_of_inputs_and_outputs_is_kept(rng):
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    model = keras.Model({"a": a, "b": b}, {"sum": a + b, "twice": 2.0 * a})
    copy = rebuild(model)
    values = {"a": rng.normal(size=(3, 2)), "b": rng.normal(size=(3, 2))}
    outputs = copy(values)
    np.testing.assert_allclose(outputs["sum"], values["a"] + values["b"], rtol=1e-6)
    np.testing.assert_allclose(outputs["twice"], 2 * values["a"], rtol=1e-6)


def test_adapted_normalization_is_copied_with_its_statistics():
    image = keras.Input((1,))
    normalize = layers.Normalization()
    model = keras.Model(image, normalize(image))
    normalize.adapt(np.array([[1.0], [3.0]]))
    np.testing.assert_allclose(rebuild(model)(np.array([[3.0]])), [[1.0]], atol=1e-5)


def test_subclassed_model_is_refused():
    class Subclassed(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(TypeError, match=r"subclassed model cannot be read.*'mine'"):
        trace(Subclassed(name="mine"))


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_layer_that_cannot_be_made_again_is_named():
    x = keras.Input((3,))
    model = keras.Model(x, layers.Activation(lambda x: x * 2.0, name="twice")(x))
    with pytest.raises(ValueError, match="Layer 'twice' must be one that Keras can make again"):
        trace(model)


def test_a_layer_without_a_configuration_is_named():
    class Power(keras.layers.Layer):
        def __init__(self, exponent, function, **kwargs):
            super().__init__(**kwargs)
            self.exponent, self.function = exponent, function

        def call(self, x):
            return self.function(x) ** self.exponent

    image = keras.Input((2,))
    model = keras.Model(image, Power(2, lambda x: x, name="power")(image))
    with pytest.raises(ValueError, match=r"Layer 'power'.*configuration"):
        trace(model)
