"""Whether frames are alike enough to be combined: in kind, state, unit, shape and exposure."""

from __future__ import annotations

from pipeline.checks.done_before import level_is_out, unexpectedly_done
from pipeline.checks.listed_frames import kind_notes
from pipeline.checks.same_setup import check_alike, check_target
from pipeline.checks.times import impossible_times
from pipeline.compose.telling import advise, say
from pipeline.errors import StepError
from pipeline.records.frames import FrameSet, Image, check_shapes

EQUAL_EXPOSURES = 0.01
"""Exposures that differ by no more than this fraction of the longest count as equal."""


def check_alike_reduced(frames: FrameSet) -> None:
    """Refuse frames of different kinds, states, units or shapes, and none at all.

    :raises StepError: there are none, or they differ in kind, state or unit.
    :raises ShapeError: they differ in shape.
    """
    if not frames.frames:
        raise StepError(
            "combine: there are no frames of this kind; where a night has none, say so to the step that would use "
            "them, as in subtract_dark(dark=None)"
        )
    first = frames.frames[0]
    for frame in frames.frames:
        if frame.kind != first.kind:
            raise StepError(f"combine: {first.name} is a {first.kind}, {frame.name} a {frame.kind}; combine one kind")
        if _done(frame) != _done(first):
            raise StepError(
                f"combine: {first.name} and {frame.name} have been reduced differently: {_done(first) or 'raw'}, "
                f"{_done(frame) or 'raw'}; bring them to the same state first"
            )
    check_shapes(frames.frames)


def _done(image: Image) -> str:
    return ", ".join([f"{name} out" for name in image.state.done] + [image.state.unit])


def seconds_of(frame: Image) -> float:
    """Give the exposure; 1 s where no card tells it."""
    return 1.0 if frame.exposure is None else frame.exposure


def exposures_differ(frames: FrameSet) -> bool:
    """Tell whether the exposures of frames differ by more than 1 %, and so their values.

    None in the header is 1 s, as in subtract_dark; values per second do not depend on the exposure.
    """
    seconds = [seconds_of(frame) for frame in frames if not frame.state.per_second]
    return bool(seconds) and max(seconds) - min(seconds) > EQUAL_EXPOSURES * max(seconds)


def of_equal_exposures(frames: FrameSet) -> tuple[FrameSet, ...]:
    """Put frames together whose exposures differ by no more than 1 %, the shortest first."""
    sets: list[list[Image]] = []
    for frame in sorted(frames, key=seconds_of):
        if not sets or exposures_differ(FrameSet((sets[-1][0], frame))):
            sets.append([])
        sets[-1].append(frame)
    return tuple(map(FrameSet, sets))


def say_what_differs(frames: FrameSet) -> None:
    """Say where frames that are combined differ in what their headers tell, or cannot be what they are listed as."""
    check_alike(frames)
    say(*unexpectedly_done(frames), *impossible_times(frames.frames), *kind_notes(frames.frames))
    check_target(frames.light)


def check_exposures(frames: FrameSet, scale: str | tuple[float, ...] | None) -> None:
    """Refuse frames of different exposures, and to scale what still holds a bias.

    :param scale: by what they are to be scaled, as for :func:`combine`.
    :raises StepError: they are not to be combined so.
    """
    first = frames.frames[0]
    silent = [frame for frame in frames if frame.exposure is None]
    if silent and len(silent) < len(frames) and first.kind != "bias":
        advise(
            "no exposure in the header; taken for 1 s among frames that have one",
            of=silent,
            mend="where another card has it, name that: read_night(exposure_key=...)",
            at_command="where another card has it, name that: --exposure-key",
        )
    if scale is None and first.kind != "bias" and exposures_differ(frames):
        listed = ", ".join(sorted({f"{f.exposure:g} s" if f.exposure is not None else "none" for f in frames}))
        mend = "where another card has it name that (--exposure-key), or " if silent else ""
        raise StepError(
            f"combine: the {first.kind} frames have different exposures ({listed}); {mend}put them in separate lists, "
            "or in Python take the bias out of each and combine with scale='exposure' or scale='level'"
            f"{', or make a master of each: subtract_dark(dark=(..., ...))' if first.kind == 'dark' else ''}"
        )
    held = [] if scale is None else [frame for frame in frames if not level_is_out(frame.state)]
    if held:
        if not all(any(step.does == "bias" for step in frame.history) for frame in frames):
            by = repr(scale) if isinstance(scale, str) else "factors"
            raise StepError(f"combine: scale={by} with the bias still in; take it out of each frame first")
        if first.kind == "light":
            raise StepError(
                f"{held[0].name}: lights of several exposures are scaled, and its bias, which does not grow with "
                "time, is still in; give bias frames, or put lights of each exposure in a list of their own"
            )
        advise(
            f"frames scaled by {scale} with no bias taken out: what pedestal there is gets scaled too",
            of=frames,
            mend="take out the bias first (subtract_bias)",
            at_command="give bias frames",
        )
