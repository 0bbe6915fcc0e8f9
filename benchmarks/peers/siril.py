"""Siril, by scripts; its median knows no rejection."""

import shutil
from functools import partial

from benchmarks.shared.process import Job

NAME = "Siril"
FULL_SCALE = 65535.0  # Siril's float images go from 0 to 1
RULES = {"sigma": "s", "mad": "a", "winsorised": "w", "linear fit": "l"}
OPENING = ["requires 1.0.0", "set32bits", "setext fits"]


def missing():
    return None if shutil.which("siril-cli") else "siril-cli (Debian: siril) is not installed"


def run_script(lines, folder, work, out, sequences):
    script, home = work / "script.ssf", work / "home"
    home.mkdir(exist_ok=True)
    script.write_text("\n".join([*OPENING, *lines, ""]))
    command = ["siril-cli", "-d", str(folder), "-s", str(script)]
    environment = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")}
    clear = tuple(folder / f"{sequence}.seq" for sequence in sequences)
    return Job(command, work, out, clear=clear, environment=environment, scale=FULL_SCALE)


def combine(stack, work, method="mean", rule="s", sigma=5):
    """Stack the frames of a folder: those of the stack, by links, since a sequence is all that has the name."""
    out, frames = work / "out.fits", work / "frames"
    shutil.rmtree(frames, ignore_errors=True)
    frames.mkdir()
    for path in stack.paths:
        (frames / path.name).symlink_to(path)
    how = "med" if method == "median" else f"rej {rule} {sigma} {sigma}"
    line = f"stack frame_ {how} -nonorm -out={out.with_suffix('')}"
    return run_script([line], frames, work, out, ["frame_"])


def combining(method):
    name = "Siril, no clip" if method == "median" else "Siril"
    return {name: partial(combine, method=method)}


def rules():
    return {f"Siril, {name}": partial(combine, rule=letter) for name, letter in RULES.items()}


def usual():
    return {"Siril, 3 σ": partial(combine, sigma=3)}


def night(listed, work):
    """Run the steps of Siril's own script for mono cameras; its darks hold the bias."""
    raw, out = work / "raw", work / "out.fits"
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir()
    for path in (listed.parent / "raw").iterdir():
        (raw / path.name).symlink_to(path)
    lines = [
        "stack bias_ rej s 5 5 -nonorm -out=master_bias",
        "preprocess flat_ -bias=master_bias",
        "stack pp_flat_ rej s 5 5 -norm=mul -out=master_flat",
        "stack dark_ rej s 5 5 -nonorm -out=master_dark",
        "preprocess light_ -dark=master_dark -flat=master_flat",
        f"stack pp_light_ rej s 5 5 -nonorm -out={out.with_suffix('')}",
    ]
    return run_script(lines, raw, work, out, ["bias_", "flat_", "pp_flat_", "dark_", "light_", "pp_light_"])
