"""Sizes and parameters of convolutions and poolings, by formula."""

from keras_cv_course._validation import check_whole

Pair = int | tuple[int, int]


def conv_output_shape(
    input_shape: tuple[int, int, int],
    filters: int,
    kernel_size: Pair,
    strides: Pair = 1,
    padding: Pair = 0,
) -> tuple[int, int, int]:
    """Returns (height, width, channels) of a convolution's output.

    `(size - kernel + 2 * padding) / stride + 1` on each axis, rounded down where it is not whole.

    Args:
        input_shape: (height, width, channels) of the input.
        filters: Number of filters.
        kernel_size: Height and width of the window, or one number for both; so are the following.
        strides: Steps of the window.
        padding: Zeros on each side. Keras' "same" may pad one side more than the other.

    Raises:
        ValueError: If a number is out of its range, or the window does not fit in.

    Example:
        >>> conv_output_shape((227, 227, 3), 96, 11, strides=4)  # of AlexNet
        (55, 55, 96)
    """
    check_whole("filters", filters)
    height, width, _ = input_shape
    sizes = zip((height, width), _pair(kernel_size), _pair(strides), _pair(padding), strict=True)
    rows, columns = (_size(*numbers) for numbers in sizes)
    return rows, columns, filters


def conv_params(channels: int, filters: int, kernel_size: Pair, use_bias: bool = True) -> int:
    """Returns the number of parameters of a convolution: weights, and a bias for each filter.

    Args:
        channels: Channels of the input.
        filters: Number of filters.
        kernel_size: Height and width of the window, or one number for both.
        use_bias: Whether there are biases.

    Raises:
        ValueError: If a number is not above 0.

    Example:
        >>> conv_params(3, 96, 11)
        34944
    """
    rows, columns = _pair(kernel_size)
    for name, value in (("channels", channels), ("filters", filters)):
        check_whole(name, value)
    check_whole("kernel_size", rows)
    check_whole("kernel_size", columns)
    return (rows * columns * channels + int(use_bias)) * filters


def pool_output_shape(
    input_shape: tuple[int, int, int], pool_size: Pair, strides: Pair | None = None
) -> tuple[int, int, int]:
    """Returns (height, width, channels) of the output of a pooling without padding.

    It is that of a convolution with as many filters as channels; there are no parameters.

    Args:
        input_shape: (height, width, channels) of the input.
        pool_size: Height and width of the window, or one number for both.
        strides: Steps of the window; None is `pool_size`.

    Raises:
        ValueError: If a number is out of its range, or the window does not fit in.

    Example:
        >>> pool_output_shape((55, 55, 96), 3, strides=2)
        (27, 27, 96)
    """
    return conv_output_shape(
        input_shape, input_shape[2], pool_size, pool_size if strides is None else strides
    )


def _pair(numbers: Pair) -> tuple[int, int]:
    return numbers if isinstance(numbers, tuple) else (numbers, numbers)


def _size(size: int, kernel: int, stride: int, padding: int) -> int:
    for name, value in (("input_shape", size), ("kernel_size", kernel), ("strides", stride)):
        check_whole(name, value)
    if padding < 0:
        raise ValueError(f"`padding` must be 0 or more. Received: {padding}.")
    if kernel > size + 2 * padding:
        raise ValueError(
            f"`kernel_size` must fit into the input. Received: {kernel} for {size} pixels with "
            f"{padding} on each side."
        )
    return (size - kernel + 2 * padding) // stride + 1
