"""What is fuzzed: a function of bytes for each door through which a file comes in.

A target raises nothing but what is a finding: our own errors and warnings are the right answer to nonsense.
"""

import bz2
import gzip
import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs
import numpy as np
from astropy.io import fits

from pipeline import (
    FrameSet,
    Image,
    Pixels,
    attach_header,
    estimate_variance,
    open_frames,
    orient,
    parse_filelist,
    pipe,
    read_mask,
    reduce,
    subtract_overscan,
    to_electrons,
    write,
)
from pipeline.checks.same_setup import check_alike, check_target
from pipeline.compose.running import running
from pipeline.errors import PipelineError, PipelineWarning
from pipeline.headers import keywords
from pipeline.headers.cards import Cards
from pipeline.headers.epochs import begin, end
from pipeline.headers.exposure import exposure
from pipeline.headers.status import state_of, without_states
from pipeline.library.scan import filelists_of, frame_in, frame_of
from pipeline.stages.saturation import flag_saturated

SHAPE = (24, 32)
RNG = np.random.default_rng(1)
LEVELS = {"bias": 100, "dark": 110, "flat": 3000, "light": 600, "arc": 300}
HDUS = ("0", "1", "2", "MASK", "FLAGS", "UNCERT", "")
HEADER = {
    "EXPTIME": (30.0, "[s] exposure"), "OBJECT": "NGC 1 & <b>", "DATE-OBS": "2018-11-29T01:02:03.5", "GAIN": 1.5,
    "RDNOISE": 4.0, "SATURATE": 60000.0, "CCDSUM": "1 1", "FILTER": "V", "IMAGETYP": "object", "RA": "10:20:30",
    "DEC": "-10:20:30", "AIRMASS": 1.2, "CCDTEMP": -100.0, "BIASSEC": "[29:32,1:24]", "TRIMSEC": "[1:28,1:24]",
    "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 16.0, "CRPIX2": 12.0, "CRVAL1": 150.0, "CRVAL2": -10.0,
    "CD1_1": -1e-4, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 1e-4, "HIERARCH ESO DET WIN1 DIT1": 30.0, "L1STATZE": 0,
}  # fmt: skip


def raw(kind: str) -> np.ndarray:
    """Give a noisy frame of a kind."""
    return RNG.normal(LEVELS[kind], 5, SHAPE).astype(np.uint16)


def header() -> fits.Header:
    """Give a header that says everything that we read."""
    made = fits.Header()
    made.update(HEADER)
    made["LONG"] = "a string that goes on and on " * 5
    made.add_history("as it was")
    return made


SOUND = FrameSet(
    Image.of(raw(kind), kind=kind, exposure=30.0, name=f"{kind}{n}.fits")
    for kind in ("bias", "dark", "flat", "light")
    for n in (1, 2)
)
"""The rest of the night: what is wrong with a reduction comes from the file that is fuzzed."""


@contextmanager
def only_ours() -> Iterator[None]:
    """Let our errors and warnings pass; all others are findings."""
    with warnings.catch_warnings(), suppress(PipelineError), running(progress=None, threads=1):
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", PipelineWarning)
        yield


def filelist(data: bytes, _: Path) -> None:
    """Read bytes as the text of a list, with every kind of delimiter."""
    text = data.decode("utf-8", errors="replace")
    for delimiter in (",", ";", "\t", " ", "|"):
        with only_ours():
            parse_filelist(text, delimiter=delimiter)
    with only_ours():
        parse_filelist([line.split(",") for line in text.splitlines()])


def cards(data: bytes, _: Path) -> None:
    """Have every function that reads a header read bytes as one."""
    made = Cards.read(data)
    image = Image("light", Pixels.of(np.ones(SHAPE)), 30.0, made, ("a.fits",))
    readers: list[Callable[[], object]] = [
        *(lambda of=of: of(made) for of in READERS),
        lambda: end(made, 30.0),
        lambda: exposure(made, made, keyword="EXPTIME [ms]"),
        lambda: made.under(made).to_header(),
        lambda: Image.of(np.ones(SHAPE), header=made),
        lambda: filelists_of([frame_of(image, "a.fits")]),
        lambda: check_alike((image, SOUND[0], image)),
        lambda: check_target((image, image)),
        *(lambda step=step: attach_header(step(image)).to_hdulist() for step in STEPS),
        lambda: attach_header(attach_header(image).to_image()).to_hdulist().writeto(io.BytesIO(), checksum=True),
    ]
    for reader in readers:
        with only_ours():
            reader()


READERS = (exposure, state_of, keywords.gain, keywords.read_noise, keywords.saturation,
           keywords.unknown_saturation, keywords.dispersion_axis,
           keywords.filter_name, keywords.image_type, keywords.binning, begin, without_states,
           Cards.to_header)  # fmt: skip
STEPS = (
    lambda image: image,
    subtract_overscan(),
    to_electrons(),
    orient(saxis=0),
    flag_saturated(),
    estimate_variance(),
)


def file(data: bytes, folder: Path) -> None:
    """Reduce a night in which bytes are the light, one of two lights, or one of the biases; read them as a mask."""
    path = folder / "a.fits"
    path.write_bytes(data)
    hdu = HDUS[len(data) % len(HDUS)] if len(data) % 3 else ("1" if b"ZIMAGE" in data[2880:8640] else "0")
    for rows in (f"light, {path}, {hdu}", f"bias, {path}, {hdu}"):
        with only_ours():
            opened = open_frames(parse_filelist(rows))
            others = (frame for frame in SOUND if frame.kind != "light" or opened.bias.frames)
            product = pipe(FrameSet([*opened, *others]), reduce)
            assert product.pixels.mask[~np.isfinite(product.pixels.values)].all(), "not finite, and not flagged"
            product.to_hdulist().writeto(io.BytesIO(), checksum=True)
    with only_ours():
        read_mask(path)
    with only_ours():
        filelists_of([frame_in(path, path)])


@attrs.frozen
class Target:
    """What is fuzzed, and the sound inputs that mutation starts from; ``pack`` is done after mutating."""

    run: Callable[[bytes, Path], None]
    seeds: tuple[bytes, ...]
    pack: Callable[[bytes], bytes] = bytes
    often: int = 1


def _bytes(hdus: fits.HDUList) -> bytes:
    stream = io.BytesIO()
    hdus.writeto(stream, checksum=len(hdus) == 2)
    return stream.getvalue()


def _plain(values: np.ndarray) -> bytes:
    return _bytes(fits.HDUList([fits.PrimaryHDU(values, header())]))


def _tiles(kind: str, values: np.ndarray) -> bytes:
    tiles = fits.CompImageHDU(values, header(), compression_type=kind, tile_shape=(8, 32))
    return _bytes(fits.HDUList([fits.PrimaryHDU(), tiles]))


def _product(folder: Path) -> bytes:
    with warnings.catch_warnings(action="ignore"):
        write(reduce(SOUND), folder / "product.fits", overwrite=True)
    return (folder / "product.fits").read_bytes()


LISTS = (
    b'light, a.fits\nbias , b.fits , 1  # a library bias\nflat,"c, d.fits",SCI\r\narc,/x/""y.fits, 0\n',
    b"# type, path, HDU\ntype,path,hdu\ndark\tb c.fits\t2\nlight|a.fits|0\nflat a.fits 1\n",
    "\ufefflight,bíás.fits,\u2028\narc;x.fits;SCI\n".encode(),
)


def targets(folder: Path) -> dict[str, Target]:
    """Give what is fuzzed, by name.

    :param folder: to make files in.
    """
    sixteen, single = raw("light"), raw("light").astype(np.float32)
    plain = (_plain(sixteen), _plain(single), _plain(sixteen.astype(np.uint8)), _plain(single.astype(np.float64)))
    return {
        "filelist": Target(filelist, LISTS, often=20),
        "header": Target(cards, (header().tostring().encode(), *(data[:5760] for data in plain))),
        "plain": Target(file, plain),
        "gz": Target(file, plain[:2], lambda data: gzip.compress(data, 1)),
        "bz2": Target(file, plain[:2], bz2.compress),
        "packed": Target(file, (gzip.compress(plain[0]), bz2.compress(plain[0]))),
        "tiles": Target(
            file, (*(_tiles(kind, sixteen) for kind in ("RICE_1", "GZIP_2", "HCOMPRESS_1")), _tiles("RICE_1", single))
        ),
        "product": Target(file, (_product(folder),)),
    }
