"""What a network sees at several depths, as one vector."""

import keras

from keras_cv_course.training.layer_groups import classifier_of, stage_outputs

STAGES = 4


def feature_extractor(model: keras.Model) -> keras.Model:
    """Returns a model from images to the vector that their classifier gets, `(batch, features)`.

    Args:
        model: A classifier of this package, whose layers are shared.

    Raises:
        ValueError: If `model` is not a classifier.

    Example:
        >>> feature_extractor(VGG16()).output_shape  # fc7
        (None, 4096)
    """
    return depth_features(model, stages=0)


def depth_features(model: keras.Model, stages: int = STAGES, top: bool = True) -> keras.Model:
    """Returns a model from images to one vector of features from several depths.

    It holds the mean of the feature map at the end of each of the last stages, and what the
    classifier of `model` gets: general features come from early layers, those of the old task
    from late ones.

    Args:
        model: A classifier of this package, whose layers are shared.
        stages: How many of the last stages; 0 for the classifier's features alone.
        top: Whether the classifier's features are among them; they fit the old task best.

    Returns:
        A model with the output `(batch, features)`, the earliest stage first.

    Raises:
        ValueError: If `model` is not a classifier, or has fewer stages.

    Example:
        >>> depth_features(MobileNetV2(), 2).output_shape  # 160 + 320 + 1280
        (None, 1760)
    """
    if not (stages or top):
        raise ValueError("`stages` must be above 0 without the classifier's features. Received: 0.")
    parts = []
    if stages:
        maps = stage_outputs(model)
        if not 0 < stages <= len(maps):
            raise ValueError(
                f"`stages` must be from 0 to {len(maps)} for {model.name!r}. Received: {stages!r}."
            )
        parts = [
            keras.layers.GlobalAveragePooling2D(name=f"{name}_pool")(maps[name])
            for name in list(maps)[-stages:]
        ]
    if top:
        seen = classifier_of(model)[0].input  # A map of one pixel in some networks.
        parts.append(keras.layers.Flatten(name="top_features")(seen))
    features = keras.layers.Concatenate(name="depth_features")(parts) if parts[1:] else parts[0]
    return keras.Model(model.input, features, name=f"{model.name}_features")
