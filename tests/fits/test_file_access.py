"""What is no FITS file is refused, with what it is."""

import gzip

import pytest

from pipeline import open_frame
from pipeline.errors import FrameError


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"type,path\n", "begins with b'type,p'; expected FITS"),
        (b"SIMPLE", "its header has no END in 6 bytes"),
        (b"SIMPLE  =                    T".ljust(2880), "its header has no END in 2880 bytes"),
        (b"\x1f\x8b\x08", "is cut or damaged inside its packing"),
        (b"BZh9", "is cut or damaged inside its packing"),
        (gzip.compress(b"no FITS", mtime=0), "unpacked it begins with b'no FIT'; expected FITS"),
        (b"PK\x03\x04", "is packed by zip, unpack it first; expected FITS"),
    ],
)
def test_a_file_that_is_no_fits_is_refused(tmp_path, content, words):
    (tmp_path / "a.fits").write_bytes(content)
    with pytest.raises(FrameError) as caught:
        open_frame(tmp_path / "a.fits")
    assert words in str(caught.value)
    assert str(tmp_path / "a.fits") in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [("", "is a folder"), ("none.fits", "No such file"), ("a\0.fits", "null byte"), ("a" * 300, "too long")],
)
def test_a_path_that_is_no_file_is_refused(tmp_path, name, words):
    with pytest.raises(FrameError, match=words):
        open_frame(f"{tmp_path}/{name}")
