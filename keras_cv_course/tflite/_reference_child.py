"""Child process of `kernel_differences`: runs a file on the reference kernels, which may end it.

Arguments: the .tflite file, an .npz of its inputs in order, and the .npz to write the outputs to.
"""

import sys

import numpy as np

from keras_cv_course.tflite.runtime import TFLiteModel


def main() -> None:
    """Writes the real values of all outputs, in the file's order."""
    path, inputs, outputs = sys.argv[1:]
    model = TFLiteModel(path, kernels="reference", validate=False)
    with np.load(inputs) as arrays:
        result = model.predict([arrays[key] for key in arrays.files])
    values = [result[spec.name] for spec in model.outputs] if isinstance(result, dict) else [result]
    np.savez(outputs, *values)


if __name__ == "__main__":
    main()
