"""``combine``: the frames of one type, combined and no more."""

from astropy.io import fits

from pipeline.cli.main import main


def test_combine_combines_and_does_no_more(night, capsys):
    assert main(["combine", "night.csv", "--type", "dark", "-o", "d.fits", "--method", "median"]) == 0
    assert (fits.getdata("d.fits") == 160).all()
    header = fits.getheader("d.fits")
    assert (header["NCOMBINE"], header["COMBTYPE"], header["XPOSURE"], header["DARK3"]) == (
        3,
        "median",
        180,
        "dark3.fits",
    )
    assert "ZEROCOR" not in header
