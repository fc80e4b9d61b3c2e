"""One image in files of all kinds is the same image, in NumPy and in tf.data."""

import os
import warnings

import numpy as np
import pytest
import tensorflow as tf
from image_files import truncated
from PIL import Image

from keras_cv_course.data import load_images, read_photograph
from keras_cv_course.data.photograph_header import PhotographHeader, read_header
from keras_cv_course.data.photographs import decode_photograph, photograph_reader, readable

HEIGHT, WIDTH = 16, 32
# What Pillow calls the way from the upright image to the stored one, by EXIF orientation.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
BOMB = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xc0\x00\x11\x08"


@pytest.fixture
def upright():
    """Four areas of 8 x 16 pixels, each of another colour: white, red, green, blue."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[:8, :16] = 255
    pixels[:8, 16:, 0] = 200
    pixels[8:, :16, 1] = 200
    pixels[8:, 16:, 2] = 200
    return pixels


def save(path, pixels, kind, orientation=1, **options):
    image = Image.fromarray(pixels)
    if STORED[orientation] is not None:
        image = image.transpose(STORED[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(path, kind, exif=exif, **options)
    return path


def in_tf(path, channels=3):
    read = photograph_reader([path], channels)
    dataset = tf.data.Dataset.from_tensors(str(path)).map(read)
    return dataset.get_single_element().numpy()


LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", LOSSLESS)
def test_a_photograph_is_turned_upright(tmp_path, upright, kind, orientation):
    path = save(tmp_path / "photo", upright, kind, orientation, **LOSSLESS[kind])
    np.testing.assert_array_equal(read_photograph(path), upright)
    np.testing.assert_array_equal(in_tf(path), upright)
    assert read_header(path).size_px == (HEIGHT, WIDTH)


@pytest.mark.parametrize("orientation", STORED)
def test_jpeg_is_turned_and_decoded_as_training_decodes_it(tmp_path, upright, orientation):
    # The borders of the areas are those of the blocks of 8 pixels, however it lies.
    path = save(tmp_path / "p.jpg", upright, "JPEG", orientation, quality=95, subsampling=0)
    pixels = read_photograph(path)
    np.testing.assert_allclose(pixels.astype(int), upright, atol=4)
    np.testing.assert_array_equal(in_tf(path), pixels)
    if orientation == 1:
        decoded = tf.io.decode_image(path.read_bytes(), channels=3, expand_animations=False)
        np.testing.assert_array_equal(pixels, decoded)
    assert in_tf(path, 1).shape == (HEIGHT, WIDTH, 1)


def test_exif_behind_the_pixels_of_a_png_is_found(tmp_path, upright):
    path = save(tmp_path / "p.png", upright, "PNG", 6)
    content = path.read_bytes()
    at = content.index(b"eXIf") - 4
    end = at + 12 + int.from_bytes(content[at : at + 4], "big")
    rest = content[:at] + content[end:]
    last = rest.index(b"IEND") - 4
    path.write_bytes(rest[:last] + content[at:end] + rest[last:])
    np.testing.assert_array_equal(read_photograph(path), upright)
    np.testing.assert_array_equal(in_tf(path), upright)


@pytest.mark.parametrize("exif", [b"Exif\0\0nonsense", b"Exif\0\0MM\0*\0\0\xff\xff", b"Exif\0\0"])
def test_damaged_exif_does_not_spoil_a_image(tmp_path, upright, exif):
    path = tmp_path / "p.jpg"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of what is damaged.
        Image.fromarray(upright).save(path, exif=exif, quality=95, subsampling=0)
        np.testing.assert_allclose(read_photograph(path).astype(int), upright, atol=4)


MODES = [
    *(("PNG", mode) for mode in ("1", "L", "P", "LA", "RGB", "RGBA")),
    *(("BMP", mode) for mode in ("1", "L", "P", "RGB", "RGBA")),
    *(("GIF", "P"), ("TIFF", "CMYK"), ("TIFF", "LA")),
]


@pytest.mark.parametrize(("kind", "mode"), MODES)
def test_pixels_of_any_form_become_red_green_and_blue(tmp_path, upright, kind, mode):
    image = Image.fromarray(upright)
    image = image.quantize(8) if mode == "P" else image.convert(mode)
    image.save(tmp_path / "photo", kind)
    pixels = read_photograph(tmp_path / "photo")
    assert (pixels.shape, pixels.dtype) == (upright.shape, np.uint8)
    expected = upright if mode in ("P", "RGB", "RGBA", "CMYK") else image.convert("RGB")
    np.testing.assert_array_equal(pixels, expected)
    np.testing.assert_array_equal(in_tf(tmp_path / "photo"), expected)
    grey = in_tf(tmp_path / "photo", 1)
    # libpng's weights of the colours are not quite Pillow's.
    np.testing.assert_allclose(grey[..., 0].astype(int), image.convert("L"), atol=15)


def test_a_palette_of_bmp_is_colours_and_not_numbers(tmp_path):
    Image.new("RGB", (20, 20), (200, 60, 20)).quantize(8).save(tmp_path / "palette.bmp")
    images = load_images([tmp_path / "palette.bmp"], (8, 8, 3), (0.0, 255.0))
    np.testing.assert_array_equal(images[0, 4, 4], [200, 60, 20])


def test_cmyk_and_16_bits_of_png_are_read(tmp_path, upright):
    Image.fromarray(upright).convert("CMYK").save(tmp_path / "c.jpg", quality=100, subsampling=0)
    np.testing.assert_allclose(read_photograph(tmp_path / "c.jpg").astype(int), upright, atol=4)
    values = np.arange(256, dtype=np.uint16)[None] * 257
    Image.fromarray(values).save(tmp_path / "wide.png")
    np.testing.assert_array_equal(read_photograph(tmp_path / "wide.png")[0, :, 1], np.arange(256))


def test_the_first_frame_of_an_animation_is_read(tmp_path, upright):
    first, second = Image.fromarray(upright), Image.new("RGB", (WIDTH, HEIGHT))
    for kind, options in (("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {})):
        first.save(tmp_path / "a", kind, save_all=True, append_images=[second], **options)
        np.testing.assert_array_equal(read_photograph(tmp_path / "a"), upright)
        np.testing.assert_array_equal(in_tf(tmp_path / "a"), upright)


def test_a_reader_of_many_files_takes_each_its_own_way(tmp_path, upright):
    paths = [
        save(tmp_path / f"{kind}{i}", upright, kind, i, **LOSSLESS[kind])
        for kind in LOSSLESS
        for i in STORED
    ]
    read = photograph_reader(paths, 3)
    names = [str(path) for path in paths]
    for image in tf.data.Dataset.from_tensor_slices(names).map(read, num_parallel_calls=2):
        np.testing.assert_array_equal(image, upright)


def test_boxes_are_turned_with_their_image():
    """The red area of a stored image of 16 x 32 pixels, by hand."""
    box = np.array([[16, 0, 32, 8]], np.float32)
    stored = {
        2: [0, 0, 16, 8],
        3: [0, 8, 16, 16],
        4: [16, 8, 32, 16],
        5: [0, 16, 8, 32],
        6: [0, 0, 8, 16],
        7: [8, 0, 16, 16],
        8: [8, 16, 16, 32],
    }
    for orientation, there in stored.items():
        size = (HEIGHT, WIDTH) if orientation < 5 else (WIDTH, HEIGHT)
        header = PhotographHeader("JPEG", "RGB", size, orientation)
        assert header.size_px == (HEIGHT, WIDTH)
        np.testing.assert_array_equal(header.upright_boxes(np.array([there])), box)


def test_what_is_no_photograph(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no image"):
        read_photograph(tmp_path / "none.jpg")
    path = tmp_path / "photo.png"
    path.write_text("text")
    with pytest.raises(
        ValueError, match=r"photo\.png cannot be decoded: it is not one of BMP, GIF"
    ):
        read_photograph(path)
    Image.new("RGB", (100, 100)).save(path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ValueError, match=r"photo\.png cannot be decoded"):
        read_photograph(path)
    with pytest.raises(ValueError, match=r"half\.jpg cannot be decoded"):
        read_photograph(truncated(tmp_path / "half.jpg"))
    Image.new("RGB", (10, 10)).save(tmp_path / "photo.bmp")
    with pytest.raises(
        ValueError, match=r"photo\.bmp cannot be decoded: it is not one of JPEG, PNG"
    ):
        read_photograph(tmp_path / "photo.bmp", ("JPEG", "PNG"))
    with pytest.raises(ValueError, match=r"upload cannot be decoded"):
        decode_photograph(b"GIF89a", "upload")
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "f.tif")
    with pytest.raises(ValueError, match=r"f\.tif has more than 8 bits a pixel \(TIFF, F\)"):
        read_photograph(tmp_path / "f.tif")


def test_only_regular_files_are_opened_and_links_are_followed(tmp_path, upright):
    path = save(tmp_path / "p.png", upright, "PNG")
    (tmp_path / "link.png").symlink_to(path)
    np.testing.assert_array_equal(read_photograph(tmp_path / "link.png"), upright)
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "device.png").symlink_to("/dev/zero")
    for name in ("pipe.png", "device.png", "."):
        with pytest.raises(ValueError, match=r"is not a regular file\. Give an image"):
            read_photograph(tmp_path / name)
    with pytest.raises(ValueError, match="cannot be opened: embedded null byte"):
        read_photograph("a\0.png")
    assert readable([str(tmp_path / "pipe.png"), str(path)], 3) == [str(path)]


def test_a_header_that_claims_too_much_is_refused_before_decoding(tmp_path, upright):
    sides = (13_000).to_bytes(2, "big") * 2
    components = b"\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01"
    path = tmp_path / "bomb.jpg"
    path.write_bytes(
        BOMB + sides + components + b"\xff\xda\x00\x0c\x03\x01\x00\x02\x11\x03\x11\0?\0"
    )
    for limited in (read_photograph, read_header):
        with pytest.raises(ValueError, match=r"bomb\.jpg must have at most 80,000,000 pixels"):
            limited(path)
    with pytest.raises(ValueError, match=r"13000x13000"):
        load_images([path], (8, 8, 3), (0.0, 1.0))
    assert readable([str(path)], 3) == []
    small = save(tmp_path / "p.png", upright, "PNG")
    assert read_photograph(small, max_pixels=HEIGHT * WIDTH).shape == upright.shape
    with pytest.raises(ValueError, match=r"must have at most 511 pixels.*Received: 32x16"):
        read_photograph(small, max_pixels=HEIGHT * WIDTH - 1)
    with small.open("ab") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match=r"p\.png has 1,099,511,627,776 bytes, more than"):
        read_photograph(small)
    with pytest.raises(ValueError, match="`max_pixels` must be a whole number"):
        read_photograph(small, max_pixels=0)


def test_names_that_are_not_utf_8_are_read_alone_and_left_out_of_sets(tmp_path, upright, caplog):
    good = save(tmp_path / "p.png", upright, "PNG")
    odd = str(tmp_path / os.fsdecode(b"\xff.png"))
    save(odd, upright, "PNG")
    np.testing.assert_array_equal(read_photograph(odd), upright)
    assert readable([odd, str(good)], 3) == [str(good)]
    assert r"\xff.png has a name that is not UTF-8" in caplog.text
