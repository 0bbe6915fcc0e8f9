"""The dark current: what a detector collects with time and without light."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Annotated, Any

import attrs
import numpy as np

from pipeline.checks.ceilings import unflagged
from pipeline.checks.done_before import bias_beside_dark
from pipeline.checks.hot_pixels import AGREED, fitted_factor
from pipeline.checks.masters import dark_fits, dark_left_in
from pipeline.checks.same_setup import check_alike
from pipeline.checks.shared_settings import DETECTOR_TEMPERATURE
from pipeline.compose.settings import Limits
from pipeline.compose.stage import stage
from pipeline.compose.telling import advise, say
from pipeline.errors import CalibrationError, SettingError, StepError
from pipeline.headers.status import Done
from pipeline.records.arrays import sealed
from pipeline.records.frames import Image, check_shapes, shown_as_its_image
from pipeline.records.history import Lineage, StepRecord
from pipeline.records.identity import cheap_hash, content_key
from pipeline.records.note import Note
from pipeline.records.pixels import Pixels
from pipeline.stacking.compatibility import EQUAL_EXPOSURES
from pipeline.stages.checks import (
    as_master,
    check_before_flat,
    check_image,
    check_in_place,
    check_units,
    check_variance_kept,
    cut_to_image,
)

MOST_RATIO = 1e4
"""Exposures further apart than this are thought to be of different units."""

NO_EXPOSURE = 1.0
"""Seconds that stand in for an exposure that no card gives."""

SAME_EXPOSURE = 1e-3
"""Ratios of exposures this near to 1 leave a bias in the dark where it belongs, within its noise."""


def _typical_level(dark: MasterDark) -> float:
    if dark.has_bias is False:
        return math.nan
    good = dark.image.pixels.values[~dark.image.pixels.mask]
    return float(np.median(good)) if good.size else math.nan


@shown_as_its_image
@attrs.frozen(repr=False)
class MasterDark:
    """What subtract_dark needs: an image of kind dark, its exposure, and whether the bias is still in it.

    ``has_bias`` is False once the bias is out, True where the user says it is in, None where nobody says.
    ``scaled_to`` is the exposure that scale_dark was asked for: the image stays as it was exposed, so that scaling
    twice is scaling once.  ``level`` is the median over good pixels, what a bias in it could amount to: NaN where there
    is none.

    >>> import numpy as np
    >>> from pipeline import Image, MasterDark
    >>> dark = MasterDark.of(Image.of(np.full((2, 3), 5.0), kind="dark", exposure=60, name="d.fits"), has_bias=False)
    >>> dark, dark.exposure
    (MasterDark('d.fits', exposure=60.0), 60.0)

    :raises StepError: the image is no dark.
    :raises CalibrationError: no pixel of it is good, or it has no exposure.
    """

    image: Image
    has_bias: bool | None = None
    scaled_to: float | None = None
    level: float = attrs.field(default=attrs.Factory(_typical_level, takes_self=True), eq=False)

    __hash__ = cheap_hash
    __dask_tokenize__ = content_key

    def __attrs_post_init__(self) -> None:
        check_image(self.image, "MasterDark", "dark")
        if not self.exposed > 0:
            raise CalibrationError(
                f"{self.image.name}: a dark of {self.exposed:g} s cannot be scaled; give darks with an exposure"
            )

    @classmethod
    def of(cls, image: Image, *, has_bias: bool | None = None) -> MasterDark:
        """Make a master of a combined image, or of a single one.

        :param has_bias: what is known of a dark that no bias was taken out of here, such as a library dark.
        :raises StepError: the image is no dark.
        :raises CalibrationError: its exposure is 0, or no pixel of it is good.
        """
        image = as_master(image, "MasterDark", "dark")
        return cls(image, False if image.state.bias else has_bias)

    def __repr__(self) -> str:
        return f"MasterDark({self.image.short_name!r}, exposure={float(self.exposure)!r})"

    @property
    def exposed(self) -> float:
        """Seconds that the frames were exposed; 1 where no card gives them."""
        return NO_EXPOSURE if self.image.exposure is None else self.image.exposure

    @property
    def exposure(self) -> float:
        """Seconds that :attr:`pixels` are worth."""
        return self.exposed if self.scaled_to is None else self.scaled_to

    @property
    def ratio(self) -> float:
        """The factor that brings the frames' values to the exposure asked for: 1 for values per second."""
        return 1.0 if self.image.state.per_second else self.exposure / self.exposed

    @property
    def pixels(self) -> Pixels:
        """Values in the frames' unit, for the whole exposure."""
        return self.image.pixels if self.ratio == 1 else self.image.pixels.times(self.ratio)

    @property
    def lineage(self) -> Lineage:
        """What the master is made of."""
        return self.image.lineage

    @property
    def notes(self) -> tuple[Note, ...]:
        """What had to be assumed, or was found wrong, in what the master is made of."""
        return self.image.notes

    def on_rows(self, start: int, stop: int) -> MasterDark:
        """Cut the master to some rows."""
        return attrs.evolve(self, image=self.image.rows(start, stop))

    @property
    def product(self) -> Image:
        """The image to write: scaled as asked for, and saying that the bias is out where that is known."""
        image = attrs.evolve(
            self.image, data=self.pixels, exposure=self.exposure if self.scaled_to else self.image.exposure
        )
        said = self.has_bias is False and not image.state.bias
        return (
            attrs.evolve(image, added=(*image.added, ("ZEROCOR", "No bias in it, as was said", ""))) if said else image
        )

    def recorded(self, step: StepRecord) -> MasterDark:
        """Give the same master with one more step in its history."""
        return attrs.evolve(self, image=self.image.recorded(step))

    def noted(self, notes: Iterable[Note]) -> MasterDark:
        """Give the same master with notes that were said of it outside of any step."""
        return attrs.evolve(self, image=self.image.noted(notes))


@stage
def scale_dark(dark: MasterDark, *, exposure: Annotated[float, Limits(above=0, unit="s")]) -> MasterDark:
    """Scale a dark to another exposure in seconds.

    >>> import numpy as np
    >>> from pipeline import Image, MasterDark, scale_dark
    >>> dark = MasterDark.of(Image.of(np.full((1, 2), 6.0), kind="dark", exposure=60), has_bias=False)
    >>> scale_dark(dark, exposure=10).pixels.values
    array([[1., 1.]])

    :raises SettingError: the exposure is not positive.
    :raises CalibrationError: the dark is known to hold the bias, which does not grow with time.
    """
    return _scaled(dark, exposure, wanted_by=dark.image)


def _scaled(dark: MasterDark, exposure: float, *, wanted_by: Image) -> MasterDark:
    """Scale a dark to another exposure, for an image: the one way in which darks are scaled.

    Refuse where that scales a bias in it, or say so.
    """
    scaled = attrs.evolve(dark, scaled_to=float(exposure))
    ratio = scaled.ratio
    if dark.has_bias is False or abs(ratio - 1) <= SAME_EXPOSURE:
        return scaled
    if dark.has_bias:
        raise CalibrationError(
            f"{dark.image.name}: holds the bias, which does not grow with time, so it cannot be scaled by {ratio:g} "
            f"for {wanted_by.name}; give bias frames, or a dark of the same exposure"
        )
    error = abs(1 - ratio) * dark.level
    advise(
        f"the dark {dark.image.short_name} is scaled by {ratio:g} (to {exposure:g} s) with no bias taken out of it; "
        f"if it holds the bias, the result is wrong by up to {error:.4g} {dark.image.state.unit}, |1 - scale| of its "
        "level",
        of=wanted_by,
        mend="give a dark of that exposure, take the bias out of it, or say that it holds none: "
        "MasterDark.of(has_bias=False)",
        at_command="give darks of that exposure or bias frames, or say that it holds none: --dark-has-bias no",
        figures=(("error", error), ("ratio", ratio)),
        fact=f"the dark {dark.image.name} is scaled with its bias",
    )
    return scaled


def _seconds(image: Image) -> float:
    return NO_EXPOSURE if image.exposure is None else image.exposure


def _as_long(image: Image, dark: MasterDark) -> bool:
    """Tell whether an image and a dark were exposed equally long: what the dark holds is then what the image does."""
    seconds = _seconds(image)
    return abs(seconds - dark.exposed) <= EQUAL_EXPOSURES * max(seconds, dark.exposed)


def _own_dark(image: Image, *, dark: MasterDark | tuple[MasterDark, ...] | None, **_settings: Any) -> dict[str, Any]:
    """Choose of several darks that of the image's exposure, and of one of the full frame the part that it shows.

    Else one without its bias goes before one with it, and a longer one, scaled down, before a shorter one, which scaled
    up is mostly noise.
    """
    if not isinstance(dark, tuple):
        own = dark and cut_to_image(image, dark)
        return {} if own is dark else {"dark": own}
    if not dark:
        raise SettingError("dark=() holds no dark; for none, say dark=None")
    seconds = _seconds(image)

    def worse(one: MasterDark) -> tuple[Any, ...]:
        far = abs(one.exposed - seconds)
        return (False, far) if _as_long(image, one) else (True, one.has_bias is not False, one.exposed < seconds, far)

    return {"dark": cut_to_image(image, min(dark, key=worse))}


def _times(image: Image, dark: MasterDark) -> float:
    """Give the factor by which a dark is scaled for an image."""
    as_it_is = dark.has_bias is not False and _as_long(image, dark)
    return 1.0 if as_it_is else attrs.evolve(dark, scaled_to=_seconds(image)).ratio


def _misfits(image: Image, *, dark: MasterDark, force: bool) -> tuple[Note, ...]:  # noqa: ARG001 - as the stage
    return (*unflagged([image]), *dark_fits(image, dark.image, _times(image, dark)))


def _header_is_believed(image: Image, *, dark: MasterDark, **_settings: Any) -> bool:
    """Take a dark to be out because the header says so; where hot pixels contradict, this is said."""
    say(*dark_left_in(image, dark.image, _times(image, dark)))
    return True


@stage(rows=True, does="dark", believes=_header_is_believed, looks=_misfits, chooses=_own_dark)
def subtract_dark(
    image: Image,
    *,
    dark: MasterDark | tuple[MasterDark, ...] | None,
    force: bool = False,  # noqa: ARG001 - stage's own
) -> Image:
    """Subtract the dark, scaled to the image's exposure; ``dark=None`` says that there is none to subtract.

    A dark of the image's exposure, within 1 %, that may hold the bias is subtracted as it is.  Of several darks the one
    of the image's exposure is taken, or else the next longer one: lights and flats of nights without bias frames have
    each their own.

    >>> import numpy as np
    >>> from pipeline import Image, MasterDark, subtract_dark
    >>> dark = MasterDark.of(Image.of(np.full((1, 2), 6.0), kind="dark", exposure=60), has_bias=False)
    >>> subtract_dark(Image.of(np.array([[10.0, 20.0]]), exposure=10), dark=dark).values
    array([[ 9., 19.]])

    :param force: subtract it even if the header says that it has been done.
    :raises ShapeError: image and dark differ in shape.
    :raises StepError: the image is flat-fielded already, or had its bias out and the dark not.
    :raises CalibrationError: the dark is known to hold the bias and has another exposure.
    :raises SettingError: several darks are given that are none.
    """
    if dark is None or isinstance(dark, tuple):  # of several, the one was chosen that is the image's
        return image
    _check_together(image, dark)
    seconds = _exposure_beside(image, dark)
    if dark.has_bias is not False and _as_long(image, dark):
        scaled = attrs.evolve(dark, scaled_to=None)
    else:
        scaled = _scaled(dark, seconds, wanted_by=image)
    by = f"Dark count correction image is {dark.image.short_name} with scale={scaled.ratio:.8g}"
    with_it = {
        True: Done(by),
        None: Done(f"with the dark {dark.image.short_name}, if that held it", sure=False),
        False: None,
    }[dark.has_bias]
    return attrs.evolve(
        image,
        data=image.pixels.minus(scaled.image.pixels, times=scaled.ratio),
        state=attrs.evolve(image.state, dark=Done(by), bias=image.state.bias or with_it),
        added=(*image.added, ("DARKCOR", by, ""), ("DARKSCL", scaled.ratio, "factor by which the dark was scaled")),
    )


def _check_together(image: Image, dark: MasterDark, *, may_differ_in: str = "") -> None:
    """Refuse a dark that cannot be taken out of an image, and say what is odd about the two."""
    check_in_place(image, "dark")
    check_before_flat(image, "dark")
    if image.state.bias and dark.has_bias is not False:
        raise StepError(
            f"{image.name}: its bias is out ({image.state.bias}), and {dark.image.name} may still hold it; "
            "take the bias out of the dark too, or say MasterDark.of(..., has_bias=False)"
        )
    check_shapes([image, dark.image])
    check_units(image, dark.image)
    check_alike((image,), with_others=(dark.image,), but=may_differ_in)
    check_variance_kept(image, dark.image)
    say(*bias_beside_dark(image, dark.image))


@stage(does="dark", believes=_header_is_believed, looks=lambda image, **_: unflagged([image]), chooses=_own_dark)
def fit_dark(
    image: Image,
    *,
    dark: MasterDark | tuple[MasterDark, ...] | None,
    force: bool = False,  # noqa: ARG001 - stage's own
) -> Image:
    """Subtract the dark as strong as it stands in the image, whatever exposures and temperatures say.

    In place of ``subtract_dark``, for darks that are warmer or colder than the image, or whose exposure is not known.
    The factor is fitted to the pixels in which dark current stands out of the noise of the dark, the hot and warm ones,
    each against its neighbours in the row: sky and nebulae cancel, and what is hit, saturated, beside a star or not
    linear is left out.  Its standard error goes into the variance: σ² += (error × dark)².  ``dark=None`` says that
    there is none to subtract; of several the one is fitted that ``subtract_dark`` would take.

    >>> import numpy as np
    >>> from pipeline import Image, MasterDark, attach_header, declare, fit_dark
    >>> rng = np.random.default_rng(1)
    >>> hot = np.where(rng.random((64, 64)) < 0.02, 500.0, 2.0)
    >>> dark = MasterDark.of(Image.of(hot + rng.normal(0, 1, hot.shape), kind="dark", exposure=60), has_bias=False)
    >>> light = declare(Image.of(100 + 0.5 * hot + rng.normal(0, 1, hot.shape), exposure=60), state="without bias")
    >>> round(attach_header(fit_dark(light, dark=dark)).header["DARKSCL"], 2)
    0.5

    :param force: subtract it even if the header says that it has been done.
    :raises ShapeError: image and dark differ in shape.
    :raises StepError: the image is flat-fielded already, or the bias of image or dark is not out.
    :raises CalibrationError: fewer than ten pixels of the dark tell the factor.
    """
    if dark is None or isinstance(dark, tuple):
        return image
    _check_bias_out(image, dark)
    _check_together(image, dark, may_differ_in=DETECTOR_TEMPERATURE)  # that is what is fitted
    found = fitted_factor(image, dark.image)
    say(*dark_fits(image, dark.image, found.times))
    if found.agreeing < AGREED:
        advise(
            f"only {100 * found.agreeing:.0f} % of the hot pixels of {dark.image.short_name} agree about the factor by "
            "which it stands in it: cosmic rays in the dark, or another mode of the detector?",
            of=image,
            figures=(("agreeing", found.agreeing),),
            fact=f"hot pixels of {dark.image.name} that disagree",
        )
    taken, values = image.pixels.minus(dark.image.pixels, times=found.times), dark.image.pixels.values
    if taken.variance is not None:
        taken = attrs.evolve(taken, variance=sealed(taken.variance + np.square(found.error * values)))
    by = f"Dark count correction image is {dark.image.short_name} with scale={found.times:.8g}"
    fit = f"{by}, fitted to {found.pixels} hot pixels, standard error {found.error:.2g}"
    return attrs.evolve(
        image,
        data=taken,
        state=attrs.evolve(image.state, dark=Done(by)),
        added=(
            *image.added,
            ("DARKCOR", by, ""),
            ("DARKSCL", found.times, "factor by which the dark was scaled"),
            ("DARKSERR", found.error, "standard error of DARKSCL, which was fitted"),
            ("HISTORY", fit, ""),
        ),
    )


def _check_bias_out(image: Image, dark: MasterDark) -> None:
    """Refuse a bias in image or dark: it does not grow with the dark current.

    :raises StepError: it is in one of them, or may be.
    """
    out = image.state.bias and image.state.bias.sure
    if not (out or image.state.overscan):
        raise StepError(
            f"{image.name}: its bias is not out, and does not grow with the dark current; fit_dark comes behind "
            "subtract_bias, or declare(state='without bias')"
        )
    if dark.has_bias is not False and (dark.has_bias or not dark.image.state.overscan):
        raise StepError(
            f"{dark.image.name}: may hold the bias, which does not grow with the dark current, so that it cannot be "
            "fitted; take the bias out of it, or say MasterDark.of(..., has_bias=False)"
        )


def _exposure_beside(image: Image, dark: MasterDark) -> float:
    """Give the seconds to scale a dark to for an image, and say where they, or the dark's own, can hardly be right."""
    seconds = NO_EXPOSURE if image.exposure is None else image.exposure
    if image.state.per_second:
        return seconds
    ratio = seconds / dark.exposed
    silent = [which for which in (image, dark.image) if which.exposure is None]
    if image.exposure == 0:
        advise("0 s in the header, so that no dark is taken out of it", of=image)
    if silent:
        advise(
            f"no exposure in the header; taken for {NO_EXPOSURE:g} s, so that the dark is scaled by {ratio:g}",
            of=silent,
            mend="where another card has it, name that: read_night(exposure_key=...)",
            at_command="where another card has it, name that: --exposure-key",
            figures=(("ratio", ratio),),
        )
    elif image.exposure and not 1 / MOST_RATIO <= ratio <= MOST_RATIO:
        advise(
            f"{image.exposure:g} s, and the dark {dark.image.short_name} {dark.exposed:g} s, so that it is scaled by "
            f"{ratio:g}; are both in seconds?",
            of=image,
            mend="where one is not, name its card with the unit: read_night(exposure_key='KEY [ms]')",
            at_command="where one is not, name its card with the unit: --exposure-key 'KEY [ms]'",
            figures=(("ratio", ratio),),
        )
    return seconds
