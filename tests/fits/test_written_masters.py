"""Masters that were written and are read again: they still know which errors they share."""

import attrs
import numpy as np
import pytest
from astropy.io import fits

from pipeline import (
    Cards,
    FrameSet,
    Image,
    MasterBias,
    MasterDark,
    Pixels,
    combine,
    make_masters,
    open_frame,
    open_frames,
    parse_filelist,
    reduce,
    scale_dark,
    write,
)
from pipeline.errors import FrameError
from pipeline.simulation.simulate import Counts, Detector, Exposures, simulate

COUNTS = Counts(bias=3, dark=3, flat=3, light=3, arc=1)


def night_of(dark, overscan=0):
    """A night whose bias is a large part of the noise of everything."""
    detector = Detector(read_noise=12, cosmic_rays=0, overscan=overscan)
    return simulate(
        shape=(48, 96), sky=50.0, counts=COUNTS, exposures=Exposures(dark=dark, light=120.0), detector=detector
    ).frames


def with_masters(frames, folder, kinds):
    """Write some of a night's masters, and put them in the place of the raw frames."""
    masters = make_masters(frames)
    for kind in kinds:
        write(getattr(masters, kind), folder / f"{kind}.fits")
    listed = parse_filelist("".join(f"{kind}, {folder / kind}.fits\n" for kind in kinds))
    return FrameSet([*open_frames(listed), *(frame for frame in frames if frame.kind not in kinds)])


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [("bias",), ("bias", "dark"), ("bias", "dark", "flat")])
@pytest.mark.parametrize(("dark", "overscan"), [(120.0, 0), (300.0, 16)])
def test_a_reduction_from_written_masters_is_that_from_raw_frames(tmp_path, dark, overscan, kinds):
    frames = night_of(dark, overscan)
    raw = reduce(frames).pixels
    again = reduce(with_masters(frames, tmp_path, kinds)).pixels
    np.testing.assert_array_equal(again.values, raw.values)
    np.testing.assert_array_equal(again.flags, raw.flags)
    np.testing.assert_allclose(again.total_variance, raw.total_variance, rtol=1e-5)


def test_without_what_is_shared_the_bias_would_count_twice(tmp_path):
    """The law above can fail: a bias in a light and in a dark as long cancels, and does not where that is forgotten."""
    frames = night_of(120.0)
    listed = with_masters(frames, tmp_path, ("bias", "dark"))
    kept = reduce(listed).pixels.total_variance
    for kind in ("bias", "dark"):
        with fits.open(tmp_path / f"{kind}.fits", mode="update") as hdus:
            for name in [hdu.name for hdu in hdus if hdu.name.startswith("SHARED")]:
                del hdus[name]
    forgotten = reduce(read_again(listed, tmp_path)).pixels.total_variance
    bias = 12**2 / 1.5**2 / 3
    assert np.median(forgotten - kept) == pytest.approx(2 * bias, rel=0.2)


def read_again(frames, folder):
    return FrameSet(
        open_frame(folder / f"{frame.kind}.fits", kind=frame.kind) if frame.kind in ("bias", "dark") else frame
        for frame in frames
    )


def test_a_master_knows_its_errors_again(tmp_path):
    master = make_masters(night_of(300.0)).dark
    write(master, tmp_path / "dark.fits")
    whole, rows = open_frame(tmp_path / "dark.fits").pixels, open_frame(tmp_path / "dark.fits").rows(7, 20).pixels
    assert [key for key, _ in whole.shared] == [key for key, _ in master.pixels.shared]
    for (_, read), (_, written), (_, cut) in zip(whole.shared, master.pixels.shared, rows.shared, strict=True):
        np.testing.assert_array_equal(read, written)
        np.testing.assert_array_equal(cut, written[7:20])
    assert not whole.variance.any()
    again = MasterDark.of(open_frame(tmp_path / "dark.fits", kind="dark"))
    assert len(again.pixels.shared) == len(whole.shared) == 2  # the bias and the dark, and no more each time


def test_what_is_not_shared_stays_the_masters_own(tmp_path):
    """9 ADU² of its own beside 4 ADU² that are shared."""
    pixels = attrs.evolve(
        Pixels.of(np.ones((2, 3)), variance=np.full((2, 3), 9.0)), shared=(("b", np.full((2, 3), -2.0)),)
    )
    master = MasterBias(Image.of(pixels, kind="bias"))
    write(master, tmp_path / "a.fits")
    assert fits.getdata(tmp_path / "a.fits", "UNCERT") == pytest.approx(np.full((2, 3), 13**0.5))
    back = open_frame(tmp_path / "a.fits", kind="bias").pixels
    np.testing.assert_allclose(back.variance, 9)
    ((key, sigma),) = back.shared
    assert key == "b"
    np.testing.assert_array_equal(sigma, -2)


def test_masters_of_several_nights_are_combined_by_the_errors_they_carry():
    """Two masters, each with errors of its own alone: 8 and 4 ADU², (8 + 4)/4 together."""
    masters = [Pixels.of(np.full((4, 5), 100.0), variance=np.full((4, 5), v)).as_shared() for v in (8.0, 4.0)]
    image = combine(FrameSet(Image.of(pixels, kind="bias", header=Cards()) for pixels in masters))
    assert image.pixels.shared == ()
    np.testing.assert_allclose(image.pixels.total_variance, 3)


def test_of_masters_combined_what_both_share_is_not_averaged():
    """As above, with a bias of σ 1 in both: 3 ADU² and 1."""
    masters = [
        Pixels.of(np.full((4, 5), 100.0), variance=np.full((4, 5), v)).as_shared(key)
        for key, v in (("one", 8.0), ("other", 4.0))
    ]
    with_bias = [attrs.evolve(one, shared=(("bias", np.ones((4, 5))), *one.shared)) for one in masters]
    image = combine(FrameSet(Image.of(pixels, kind="dark", header=Cards()) for pixels in with_bias), clip=None)
    assert [key for key, _ in image.pixels.shared] == ["bias"]
    np.testing.assert_allclose(image.pixels.variance, 3)
    np.testing.assert_allclose(image.pixels.total_variance, 4)


def broken(path, change):
    with fits.open(path, mode="update") as hdus:
        change(hdus)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda hdus: hdus["SHARED1"].header.remove("SHAREKEY"), "should each name its own error by SHAREKEY"),
        (lambda hdus: hdus["SHARED2"].header.set("SHAREKEY", hdus["SHARED1"].header["SHAREKEY"]), "SHAREKEY"),
        (lambda hdus: hdus["SHARED1"].data.__imul__(3), "more than its UNCERT"),
        (lambda hdus: setattr(hdus["SHARED1"], "data", hdus["SHARED1"].data[1:]), "has the shape"),
        (lambda hdus: hdus.__delitem__("UNCERT"), "more than its UNCERT"),
    ],
)
def test_what_was_changed_since_is_refused(tmp_path, change, words):
    write(make_masters(night_of(300.0)).dark, tmp_path / "dark.fits")
    broken(tmp_path / "dark.fits", change)
    with pytest.raises(FrameError, match=words):
        open_frame(tmp_path / "dark.fits").pixels  # noqa: B018 - read now


def test_a_scaled_dark_is_written_as_it_is_scaled(tmp_path):
    dark = MasterDark.of(Image.of(np.full((4, 4), 60.0), kind="dark", exposure=600), has_bias=False)
    write(scale_dark(dark, exposure=60), tmp_path / "d.fits")
    again = MasterDark.of(open_frame(tmp_path / "d.fits", kind="dark"))
    assert (again.exposure, again.has_bias) == (60, False)
    np.testing.assert_array_equal(again.pixels.values, 6)
