"""Checks that images have the values that a model takes, and not those of another range."""

import numpy as np

_LARGEST_PIXEL = 255.0
# Share of the range by which resizing and rounding may overshoot.
_TOLERANCE = 1e-3
# Images divided by 255 have something brighter than half, and black, which is 0. Bright images in
# (-1, 1) are above 0, too, but none of their pixels is just there: 128 of 255 is at 1/255.
_BLACK, _BRIGHT = 0.5 / _LARGEST_PIXEL, 0.5


def check_pixel_values(
    argument: str, extremes: tuple[float, float], is_uint8: bool, input_range: tuple[float, float]
) -> None:
    """Raises ValueError if images have another range than the model's.

    Images that do not fill the range, dark or bright ones, are taken.

    Args:
        argument: Name of the argument that holds the images, for the message.
        extremes: Smallest and largest value of all images.
        is_uint8: Whether they are uint8, and so pixels from 0 to 255, however dark.
        input_range: Value of pixel 0 and of pixel 255 in what the model takes.
    """
    low, high = input_range
    least, most = extremes
    wanted = f"`{argument}` must have values from {low:g} to {high:g}, as the model takes."
    seen = f"Received values from {least:g} to {most:g}"
    advice = "If the model was trained on other values, give them as `input_range`."
    tolerance = (high - low) * _TOLERANCE
    if is_uint8 and not takes_uint8(input_range):
        raise ValueError(
            f"{wanted} {seen} of type uint8, which are pixels. "
            f"Rescale them with `{rescaling(input_range)}`. {advice}"
        )
    if least < low - tolerance or most > high + tolerance:
        are_pixels = least >= 0 and 1 < most <= _LARGEST_PIXEL
        how = f"with `{rescaling(input_range)}`" if are_pixels else "as for training"
        raise ValueError(
            f"{wanted} {seen}. Rescale them {how}, or give the folder of images. {advice}"
        )
    is_divided = least >= 0 and _BRIGHT <= most <= 1 and (low == 0 or least <= _BLACK)
    if is_divided and not is_uint8 and (low, high) != (0.0, 1.0):
        raise ValueError(
            f"{wanted} {seen}, which is the range of pixels divided by 255. Rescale them with "
            f"`{rescaling(input_range, 1.0)}`. {advice}"
        )


def takes_uint8(input_range: tuple[float, float]) -> bool:
    """Returns whether a range is that of pixels as they are, 0 to 255."""
    return bool(np.allclose(input_range, (0.0, _LARGEST_PIXEL), rtol=0, atol=0.5))


def rescaling(input_range: tuple[float, float], largest: float = _LARGEST_PIXEL) -> str:
    """Returns the Python expression that brings images into a range.

    Args:
        input_range: Value of black and of white in what the model takes.
        largest: Value of white in the images, with black at 0.
    """
    low, high = input_range
    factor = (high - low) / largest
    scaled = f"images * {factor:g}" if factor >= 1 else f"images / {1 / factor:g}"
    if low == 0:
        return scaled
    return f"{scaled} {'-' if low < 0 else '+'} {abs(low):g}"
