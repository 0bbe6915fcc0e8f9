"""Amplifiers that have each their HDU, as one frame: what was cut up comes back, wherever DETSEC puts it."""

import re
import warnings

import attrs
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from header_text import headers_of
from hypothesis import given
from hypothesis import strategies as st
from multi_amplifier_files import Layout, hdus_of, layouts
from strategies import examples, seeds

from pipeline import (
    Amplifier,
    Flag,
    FrameSet,
    Image,
    combine,
    each,
    flag_saturated,
    open_frame,
    propose_filelists,
    read_every_hdu,
    read_night,
    reduce,
    subtract_overscan,
    to_electrons,
)
from pipeline.cli.main import main
from pipeline.detector.amplifier_values import regions_of
from pipeline.errors import AssumptionWarning, CalibrationError, FrameError, HeaderError, HeaderWarning
from pipeline.simulation.simulate import Counts, simulate

on_disk = examples(25)
"""Each example writes a file."""

FOUR = Layout((0, 5, 9), (0, 4, 7), ((False, False), (True, False), (False, True), (True, True)), (2, 0, 3, 1))
LEVELS = (500, 610, 720, 830)


def a_sky(seed, shape):
    return np.random.default_rng(seed).integers(0, 9000, shape)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("piles")


def written(hdus, folder, name="pile.fits"):
    path = folder / name
    hdus.writeto(path, overwrite=True)
    return path


def levels_of(layout):
    return [400 + 37 * number for number in range(len(layout.windows))]


# what was cut up comes back


@on_disk
@given(seeds, layouts(), st.sampled_from(["u2", "i2", "i4", "f4"]))
def test_any_layout_comes_back_bit_for_bit(folder, seed, layout, dtype):
    sky = a_sky(seed, layout.shape)
    path = written(hdus_of(sky, layout, levels_of(layout), dtype=dtype), folder)
    out = subtract_overscan(open_frame(path, "*")).pixels
    whole = layout.spread(sky)
    np.testing.assert_array_equal(out.values, whole)
    np.testing.assert_array_equal(out.flags, np.where(np.isnan(whole), Flag.NONFINITE, 0))


@on_disk
@given(seeds, layouts(gaps=False), st.data())
def test_each_amplifiers_gain_is_known_and_goes(folder, seed, layout, data):
    count = len(layout.windows)
    gains = data.draw(st.lists(st.floats(0.5, 5), min_size=count, max_size=count))
    sky = a_sky(seed, layout.shape)
    cards = {"SATURATE": 65000.0, "RDNOISE": 4.5}
    hdus = hdus_of(sky, layout, levels_of(layout), each=lambda number: {"GAIN": (gains[number], "[e-/ADU]"), **cards})
    image = subtract_overscan(open_frame(written(hdus, folder), "*"))
    out = to_electrons(image)
    expected = sky.astype(float)
    for window, gain in zip(layout.windows, gains, strict=True):
        expected[window] *= gain
    np.testing.assert_allclose(out.pixels.values, expected, rtol=1e-6)
    again = to_electrons(image, gain=tuple(gains[number] for number in layout.order))
    np.testing.assert_allclose(again.pixels.values, expected, rtol=1e-6)


@on_disk
@given(seeds, layouts(), st.integers(0, 60), st.integers(0, 60))
def test_rows_are_those_of_the_whole(folder, seed, layout, start, stop):
    path = written(hdus_of(a_sky(seed, layout.shape), layout, levels_of(layout)), folder)
    image = open_frame(path, "*")
    whole = image.pixels
    for source in (image.data, image.data.loaded()):
        assert source.rows(start, stop) == whole.cut(slice(start, stop))


@pytest.mark.parametrize("packing", ["pile.fits", "pile.fits.gz", "pile.fits.fz"])
def test_piles_are_combined_as_they_are_stored(tmp_path, packing):
    kind = fits.CompImageHDU if packing.endswith("fz") else fits.ImageHDU
    narrow = attrs.evolve(FOUR, xs=(0, 4, 8))
    paths = [
        written(hdus_of(a_sky(seed, narrow.shape), narrow, LEVELS, kind=kind), tmp_path, f"{seed}{packing}")
        for seed in (1, 2, 3)
    ]
    frames = FrameSet(open_frame(path, "*") for path in paths)
    stacks = [frame.pixels.values for frame in frames]
    assert (frames[0].source.stored == ("i2", 32768.0)) == (packing == "pile.fits")
    np.testing.assert_array_equal(combine(frames, clip=None).pixels.values, np.mean(stacks, 0, dtype="f8").astype("f4"))


@pytest.mark.parametrize("other", ["i2", "f4", "narrower"])
def test_hdus_of_other_types_and_widths_are_combined_by_value(tmp_path, other):
    layout = attrs.evolve(FOUR, xs=(0, 4, 8) if other != "narrower" else (0, 3, 8))
    paths = []
    for seed in (1, 2, 3):
        hdus = hdus_of(a_sky(seed, layout.shape), layout, LEVELS)
        if other != "narrower":
            hdus[2].data = hdus[2].data.astype(other)
        paths.append(written(hdus, tmp_path, f"{seed}.fits"))
    frames = FrameSet(open_frame(path, "*") for path in paths)
    assert frames[0].source.stored is None
    whole = frames[0].pixels
    if other == "narrower":
        assert np.isnan(whole.values[3:7, 7:]).all()
        assert (whole.flags[3:7, 7:] == Flag.NONFINITE).all()
        assert not whole.mask[:, :7].any()
    expected = np.mean([frame.pixels.values for frame in frames], 0, dtype="f8")
    np.testing.assert_allclose(combine(frames, clip=None).pixels.values, expected, rtol=1e-6)


def test_detsec_of_data_of_which_trimsec_is_a_part(tmp_path):
    layout = Layout((0, 5, 10), (0, 6), ((False, False), (True, False)), (0, 1))
    sky = a_sky(1, layout.shape)
    hdus = hdus_of(sky, layout, LEVELS)
    hdus[1].header["TRIMSEC"], hdus[2].header["TRIMSEC"] = "[3:6,2:6]", "[3:6,2:6]"  # without the first stored column
    out = subtract_overscan(open_frame(written(hdus, tmp_path), "*")).pixels.values
    whole = sky.astype(float)
    whole[0], whole[:, 0], whole[:, 9] = np.nan, np.nan, np.nan
    np.testing.assert_array_equal(out, whole[:, :9])  # no data end the image, none begin it


def test_two_amplifiers_in_each_hdu_and_decams_cards(tmp_path):
    """As DECam: each HDU a CCD, its amplifiers A at the right and B at the left, with sections of their own."""
    sky = a_sky(2, (6, 16))
    hdus = fits.HDUList([fits.PrimaryHDU()])
    for number, (one, other) in enumerate([(500, 600), (700, 800)]):
        data = sky[:, 8 * number : 8 * number + 8]
        row = [np.full((6, 2), one), data[:, :4] + one, data[:, 4:] + other, np.full((6, 3), other)]
        hdu = fits.ImageHDU(np.hstack(row).astype("u2"), name=f"S{number + 1}")
        x = 1 + 8 * number
        hdu.header.update(
            DETSEC=f"[{x}:{x + 7},1:6]", DATASEC="[3:10,1:6]", TRIMSEC="[3:10,1:6]",
            DETSECA=f"[{x + 4}:{x + 7},1:6]", DATASECA="[7:10,1:6]", BIASSECA="[11:13,1:6]",
            DETSECB=f"[{x}:{x + 3},1:6]", DATASECB="[3:6,1:6]", BIASSECB="[1:2,1:6]",
            GAINA=2.0, GAINB=3.0, RDNOISEA=7.0, RDNOISEB=8.0, SATURATA=3000.0, SATURATB=9000.0,
        )  # fmt: skip
        hdus.append(hdu)
    image = open_frame(written(hdus, tmp_path), "*")
    out = to_electrons(subtract_overscan(image))
    np.testing.assert_array_equal(out.pixels.values, sky * np.repeat([3, 2, 3, 2], 4))
    assert [out.header.get(key) for key in ("RON1", "RON2", "SATUR1", "SATUR4")] == [7.0, 8.0, 6000.0, 27000.0]
    saturated = subtract_overscan(flag_saturated(image)).pixels.flags == Flag.SATURATED
    limit, level = np.repeat([9000, 3000, 9000, 3000], 4), np.repeat([500, 600, 700, 800], 4)
    np.testing.assert_array_equal(saturated, sky + level >= limit)


def test_one_amplifier_given_stands_for_every_hdu(tmp_path):
    """As Rubin's cameras: no BIASSEC in any header, the same columns in all of them."""
    layout = attrs.evolve(FOUR, xs=(0, 5, 10), ys=(0, 4, 8))
    sky = a_sky(3, layout.shape)
    hdus = hdus_of(sky, layout, LEVELS)
    for hdu in hdus[1:]:
        del hdu.header["BIASSEC"]
    image = open_frame(written(hdus, tmp_path), "*")
    raw = subtract_overscan(image).pixels.values
    np.testing.assert_array_equal(raw[:4, :5] - sky[:4, :5], LEVELS[0])
    out = subtract_overscan(image, amplifiers=(Amplifier("[2:6,*]", "[7:9,*]"),))
    np.testing.assert_array_equal(out.pixels.values, sky)
    with pytest.raises(CalibrationError, match="2 amplifiers given, 4 in the file"):
        subtract_overscan(image, amplifiers=(Amplifier(), Amplifier()))
    with pytest.raises(CalibrationError, match=r"outside an HDU of 4 rows × 9 columns"):
        subtract_overscan(image, amplifiers=(Amplifier("[2:6,*]", "[7:19,*]"),))


# a night


@pytest.mark.slow
def test_a_night_in_piles_is_the_same_night_in_single_frames(tmp_path, capsys):
    night = simulate(seed=5, shape=(24, 48), counts=Counts(bias=3, dark=2, flat=3, light=3, arc=1))
    layout = Layout((0, 20, 48), (0, 24), ((False, False), (True, True)), (1, 0), overscan=16)
    rows = {True: [], False: []}
    for frame in night.frames:
        raw, header = frame.pixels.values.astype(int), frame.header.to_header()
        fits.PrimaryHDU(raw.astype("u2"), header).writeto(tmp_path / f"one_{frame.name}")
        for key in ("BIASSEC", "DATASEC"):
            del header[key]
        hdus = hdus_of(raw[:, :48], layout, (0, 0), cards=header)
        for number, hdu in zip(layout.order, hdus[1:], strict=True):
            strip = raw[:, 48:]
            hdu.data[:, -16:] = strip[::-1] if layout.flips[number][1] else strip
        written(hdus, tmp_path, f"many_{frame.name}")
        rows[False].append((frame.kind, tmp_path / f"one_{frame.name}"))
        rows[True].append((frame.kind, tmp_path / f"many_{frame.name}", "*"))
    lists = {}
    for piled, listed in rows.items():
        lists[piled] = tmp_path / f"{piled}.csv"
        lists[piled].write_text("\n".join(", ".join(map(str, row)) for row in listed))
    one, many = (reduce(read_night(lists[piled])) for piled in (False, True))
    assert one.pixels == many.pixels
    for key in ("EXPTIME", "NCOMBINE", "GAIN", "RDNOISE", "SATURATE", "AXPOSURE", "COMBTYPE", "DATE-AVG"):
        assert one.header.get(key) == many.header.get(key) is not None
    assert many.header.get("DETSEC") == "[101:148,201:224]"
    assert [many.header.get(f"DSEC{number}") for number in (1, 2)] == ["[21:48,1:24]", "[1:20,1:24]"]

    out = tmp_path / "product.fits"
    assert main(["reduce", str(lists[True]), "-o", str(out), "--record"]) == 0
    assert open_frame(out).pixels.values.tobytes() == many.pixels.values.tobytes()
    assert main(["replay", str(tmp_path / "product.json")]) == 0
    assert main(["reduce", str(lists[True]), "--each", "-o", str(tmp_path / "each")]) == 0
    for said in ("wrote", "done already"):
        assert main(["reduce", str(lists[True]), "--output-dir", str(tmp_path / "many")]) == 0
        assert said in capsys.readouterr().out
    assert open_frame(tmp_path / "many" / "True.fits").pixels.values.tobytes() == many.pixels.values.tobytes()
    assert (tmp_path / "each" / "many_light_01.fits").exists()
    proposed = propose_filelists(tmp_path / "each" / "..", beside=tmp_path)
    assert any("many_bias_01.fits, *  #" in text for text in proposed.values())


def test_amplifiers_of_several_gains_reduce_in_electrons_to_the_sky(tmp_path):
    """The flat evens gains out; so electrons come first, of the flat too."""
    rng = np.random.default_rng(8)
    layout = Layout((0, 20, 40), (0, 30), ((False, False), (True, False)), (0, 1), overscan=8)
    gains, response = (2.0, 4.0), rng.uniform(0.8, 1.2, layout.shape)
    response /= response.mean()
    which = np.repeat([0, 1], 20)
    gain = np.array(gains)[which]
    rows = []
    for kind, electrons, count in (("bias", 0, 3), ("flat", 80_000, 3), ("light", 4_000, 2)):
        for number in range(count):
            image = np.round(electrons * response / gain).astype(int)
            hdus = hdus_of(image, layout, (1000, 1300), {"EXPTIME": 10.0, "OBJECT": kind},
                           lambda number: {"GAIN": gains[number], "RDNOISE": 3.0 + number})  # fmt: skip
            rows.append(f"{kind}, {written(hdus, tmp_path, f'{kind}{number}.fits')}, *")
    filelist = tmp_path / "night.csv"
    filelist.write_text("\n".join(rows))
    assert main(["reduce", str(filelist), "-o", str(tmp_path / "e.fits"), "--electrons"]) == 0
    product = open_frame(tmp_path / "e.fits")
    assert product.state.unit == "electron"
    np.testing.assert_allclose(product.pixels.values, 4000, rtol=2e-3)  # rounding to whole ADU
    command = ["reduce", str(filelist), "-o", str(tmp_path / "f.fits"), "--electrons", "--gain", "2,4"]
    assert main([*command, "--read-noise", "3,4"]) == 0
    np.testing.assert_array_equal(open_frame(tmp_path / "f.fits").pixels.values, product.pixels.values)
    assert main([*command[:-1], "2,4,6", "--overwrite"]) == 1
    assert main([*command, "--read-noise", "3,4,5", "--overwrite"]) == 2
    cards = {"FLATCOR": True, "DSEC1": "[1:20,1:30]", "DSEC2": "[21:40,1:30]", "GAIN1": 2.0, "GAIN2": 4.0}
    flat = Image.of(np.ones(layout.shape), header=cards)
    with pytest.raises(CalibrationError, match="evened out the gains"):
        to_electrons(flat)


# where it lies


@pytest.mark.parametrize("order", [(2, 0, 3, 1), (1, 3, 2, 0)])
def test_a_star_keeps_its_place_in_the_sky(tmp_path, order):
    """Every HDU has the WCS of the same sky in its own pixels; the product has one that is right for all of them."""
    layout = attrs.evolve(FOUR, prescan=1, order=order)
    sky = WCS(naxis=2)
    sky.wcs.ctype, sky.wcs.crval, sky.wcs.crpix = ["RA---TAN", "DEC--TAN"], [150.0, 2.0], [4.2, 3.7]
    sky.wcs.cd = [[-1e-4, 2e-5], [1.5e-5, 1.1e-4]]

    def each_wcs(number):
        rows, columns = layout.windows[number]
        header = sky.to_header()
        cd = sky.wcs.cd * 1.0
        x, y = sky.wcs.crpix
        left, down = layout.flips[number]
        x, y = (columns.stop + 1 - x if left else x - columns.start), (rows.stop + 1 - y if down else y - rows.start)
        cd[:, 0] *= -1 if left else 1
        cd[:, 1] *= -1 if down else 1
        cards = {key: header[key] for key in ("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2")}
        keys = ("CD1_1", "CD1_2", "CD2_1", "CD2_2")
        return {**cards, "CRPIX1": x + layout.prescan, "CRPIX2": y, **dict(zip(keys, cd.ravel(), strict=True))}

    path = written(hdus_of(a_sky(1, layout.shape), layout, LEVELS, each=each_wcs), tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = subtract_overscan(open_frame(path, "*"))
    product = WCS(out.header.to_header(), naxis=2)
    x, y = np.meshgrid(np.arange(9.0), np.arange(7.0))
    np.testing.assert_allclose(product.pixel_to_world_values(x, y), sky.pixel_to_world_values(x, y), atol=1e-9)

    def elsewhere(number):
        return {**each_wcs(number), "CRPIX1": 40.0} if number == order[2] else each_wcs(number)

    hdus = hdus_of(a_sky(1, layout.shape), layout, LEVELS, each=elsewhere)
    with pytest.warns(AssumptionWarning, match=r"the WCS is that of HDU 1 IM\d; HDU 3 IM\d had another"):
        open_frame(written(hdus, tmp_path), "*")


def test_megacams_second_amplifier_lies_as_the_first_one_does(shared_data, tmp_path):
    """Its DETSECB tells how B was read; the file was spliced "as if read from A amplifier", and DETSEC says so."""
    text = (shared_data / "headers" / "lsst_fitsheader_megaprime.txt").read_text()
    header = headers_of(text)[0].to_header()
    sky = np.arange(4612 * 4).reshape(4612, 4) % 5000
    raw = np.zeros((4644, 2112), "i2")
    raw[:4612, [33, 40, 1057, 2079]] = sky
    raw[:, :32], raw[:, 2080:] = 0, 7
    raw[:4612, 1056:2080] += 7
    sections = {key: header[key] for key in header if re.fullmatch(r"(DET|[ABCDT])SEC[AB]?|DATASEC", key)}
    gains = {key: header[key] for key in ("GAIN", "GAINA", "GAINB", "RDNOISEA", "RDNOISEB")}
    hdu = fits.ImageHDU(raw, fits.Header(sections | gains), name="ccd02")
    one = subtract_overscan(Image.of(raw, header=hdu.header))
    path = written(fits.HDUList([fits.PrimaryHDU(), hdu]), tmp_path)
    many = subtract_overscan(open_frame(path, "ccd*"))
    np.testing.assert_array_equal(one.pixels.values[:, [1, 8, 1025, 2047]], sky)
    np.testing.assert_array_equal(many.pixels.values, one.pixels.values[::-1, ::-1])  # DETSEC: turned upside down
    assert [region.gain for region in regions_of(one)] == [1.57, 1.67]
    assert [region.read_noise for region in regions_of(many)] == [3.0, 5.0]


def test_a_pattern_chooses_the_hdus_of_one_detector(tmp_path):
    two = Layout((0, 5, 10), (0, 6), ((False, False), (True, False)), (0, 1))
    sky = a_sky(1, two.shape)
    hdus = hdus_of(sky, two, LEVELS)
    for hdu in hdus_of(sky + 1, two, LEVELS)[1:]:
        hdu.name = hdu.name.lower().replace("im", "other")
        hdus.append(hdu)
    path = written(hdus, tmp_path)
    for pattern, more in (("im*", 0), ("OTHER?", 1)):
        out = subtract_overscan(open_frame(path, pattern)).pixels.values
        np.testing.assert_array_equal(out, sky + more)
    with pytest.raises(CalibrationError, match=r"amplifiers 1 and 3 would lie on each other.*different detectors"):
        open_frame(path, "*")


# cards


def test_cards_of_one_amplifier_do_not_stand_for_all(tmp_path):
    def cards(number):
        return {"AMPNAME": f"amp {number}", "FILTER": "r", "EXPTIME": 10.0 + number / 1000, "GAIN": 1.0 + number}

    hdus = hdus_of(a_sky(1, FOUR.shape), FOUR, LEVELS, {"OBJECT": "M 31", "GAIN": 7.0}, cards)
    image = open_frame(written(hdus, tmp_path), "*")
    assert "AMPNAME" not in image.header
    assert "GAIN" not in image.header
    assert [image.header.get(key) for key in ("OBJECT", "FILTER", "EXPTIME")] == ["M 31", "r", 10.002]
    assert [image.header.get(f"GAIN{number}") for number in (1, 2, 3, 4)] == [3.0, 1.0, 4.0, 2.0]
    out = subtract_overscan(image)
    assert not {"PILED", "ASEC1", "PSEC1", "BSEC1", "DATASEC", "BIASSEC", "CCDSEC"} & set(out.header)
    assert out.header.comment("DSEC1") == "that HDU 1 IM3 read"


# what is refused, and said


def test_an_empty_first_hdu_names_the_way_to_read_the_others(tmp_path):
    path = written(hdus_of(a_sky(1, FOUR.shape), FOUR, LEVELS), tmp_path)
    with pytest.raises(FrameError, match=r"several HDUs are parts of one by their DETSEC; give \* as the HDU"):
        open_frame(path)
    assert open_frame(path, 1).shape == (3, 9)


def test_hdus_without_detsec_are_no_parts(tmp_path):
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((3, 4)), name="SCI")])
    path = written(hdus, tmp_path)
    with pytest.raises(FrameError, match=r"no image HDU of that name has it; it has .*1 SCI \(3×4\)"):
        open_frame(path, "*")


@pytest.mark.parametrize(
    ("detsec", "words"),
    [
        ("[105:101,204:205]", r"DETSEC = \[105:101,204:205\], binned by 1 and 1, does not fit its data of 3 rows"),
        ("here", r"DETSEC = 'here'; expected a section"),
        ("[1000001:1000005,1:3]", "most of them gaps"),
        ("[101:105,202:204]", "amplifiers 1 and 2 would lie on each other"),
    ],
)
def test_sections_that_make_no_image_are_refused_before_pixels_are_read(tmp_path, detsec, words):
    hdus = hdus_of(a_sky(1, FOUR.shape), FOUR, LEVELS)
    hdus["im3"].header["DETSEC"] = detsec
    with pytest.raises(CalibrationError, match=words):
        open_frame(written(hdus, tmp_path), "*")


def test_a_card_that_cannot_be_believed_is_told_with_its_hdu(tmp_path):
    hdus = hdus_of(a_sky(1, FOUR.shape), FOUR, LEVELS, each=lambda number: {"GAIN": -1.0 if number == 3 else 1.0})
    with pytest.raises(HeaderError, match=r"pile\.fits\[3\]: GAIN = -1"):
        open_frame(written(hdus, tmp_path), "*")


def test_sizes_that_run_backwards_do_not_have_hdus_go_on_for_ever(tmp_path):
    path = written(hdus_of(a_sky(1, FOUR.shape), FOUR, LEVELS), tmp_path)
    raw = path.read_bytes()
    at = raw.index(b"PCOUNT  =")
    path.write_bytes(raw[:at] + b"PCOUNT  =                -1467".ljust(80) + raw[at + 80 :])
    (tmp_path / "night.csv").write_text("light, pile.fits")
    assert open_frame(path, "*").shape == (3, 9)
    assert list(read_every_hdu(tmp_path / "night.csv")) == ["IM3"]
    with pytest.raises(FrameError, match="holds no data"):
        open_frame(path)


def test_numbers_of_amplifiers_that_are_not_known_are_asked_for(tmp_path):
    hdus = hdus_of(a_sky(1, FOUR.shape), FOUR, LEVELS, each=lambda number: {"GAIN": 2.0 + number} if number else {})
    image = subtract_overscan(open_frame(written(hdus, tmp_path), "*"))
    with pytest.raises(CalibrationError, match="does not give the gain of amplifier 2"):
        to_electrons(image)
    with pytest.raises(CalibrationError, match="3 numbers for the gain of 4 amplifiers"):
        to_electrons(image, gain=(1.0, 2.0, 3.0))


def test_a_pile_of_another_file_is_refused_when_it_changed(tmp_path):
    path = written(hdus_of(a_sky(1, FOUR.shape), FOUR, LEVELS), tmp_path)
    image = open_frame(path, "*")
    with path.open("ab") as stream:
        stream.write(b" " * 2880)
    with pytest.raises(FrameError, match="changed since it was opened"):
        each(subtract_overscan())(FrameSet((image,)))


def test_hdus_whose_data_are_not_what_they_sum_up_to_are_said(tmp_path):
    path = tmp_path / "pile.fits"
    hdus_of(a_sky(1, FOUR.shape), FOUR, LEVELS).writeto(path, checksum=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error", HeaderWarning)
        combine(FrameSet([open_frame(path, "*")] * 2), clip=None)
    with fits.open(path) as hdus:
        place = hdus[2].fileinfo()["datLoc"]
    raw = bytearray(path.read_bytes())
    raw[place + 4] ^= 64
    path.write_bytes(raw)
    with pytest.warns(HeaderWarning, match=r"pile\.fits\[.*its data sum up to something else"):
        combine(FrameSet([open_frame(path, "*")] * 2), clip=None)
