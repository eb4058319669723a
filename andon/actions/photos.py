"""Pictures that people take at the machine: read with suspicion, made small, stripped of what the camera wrote."""

import warnings
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from PIL import Image, ImageOps, UnidentifiedImageError

from andon.actions.refusals import NotAPhoto

LARGEST_BYTES = 5 * 1024 * 1024
LARGEST_PIXELS = 20_000_000
LONGEST_SIDE = 1600
QUALITY = 80


@dataclass(frozen=True, slots=True)
class Picture:
    jpeg: bytes
    width: int
    height: int


def read_picture(file: BinaryIO) -> Picture:
    """A JPEG of at most 1600 pixels a side, whatever came. Raises NotAPhoto for everything that is no picture."""
    content = file.read(LARGEST_BYTES + 1)
    if len(content) > LARGEST_BYTES:
        raise NotAPhoto("The photo is larger than 5 MB. Take a smaller one.")
    try:
        return _made_small(content)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombWarning) as error:
        raise NotAPhoto("This is not a JPEG or PNG picture that can be read.") from error


def _made_small(content: bytes) -> Picture:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        image: Image.Image = Image.open(BytesIO(content), formats=("JPEG", "PNG"))
    if image.width * image.height > LARGEST_PIXELS:
        raise NotAPhoto("The photo has more than 20 megapixels. Take a smaller one.")
    upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    out = BytesIO()
    upright.save(out, "JPEG", quality=QUALITY, optimize=True)
    return Picture(out.getvalue(), upright.width, upright.height)
