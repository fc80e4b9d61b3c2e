"""Starts TensorFlow without the lines that it logs on the way."""

from keras_cv_course.tflite.quiet import quiet


def start() -> None:
    """Imports Keras and TensorFlow, and runs an operation, in silence.

    TensorFlow 2.21 logs the processor and missing drivers whatever `TF_CPP_MIN_LOG_LEVEL`
    says: at its import, and at the first operation.
    """
    with quiet():
        import keras

        keras.ops.zeros(1)
