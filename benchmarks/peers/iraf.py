"""IRAF: imcombine, and imarith for a night; commands come from standard input."""

import shutil
from functools import partial

from benchmarks.shared.process import Job

NAME = "IRAF"
RULES = ("sigclip", "avsigclip", "ccdclip")
SETTINGS = {
    "lsigma": "5", "hsigma": "5", "mclip": "yes", "nkeep": "1", "outtype": '"real"', "scale": '"none"',
    "zero": '"none"', "weight": '"none"', "masktype": '"none"', "logfile": '""',
}  # fmt: skip


def missing():
    return None if shutil.which("irafcl") else "irafcl (Debian: iraf) is not installed"


def run_script(lines, work, *, method="mean", rule="sigclip", noise=(0.0, 1.0)):
    """Write the commands of one run; ``noise`` is the read noise in e⁻ and the gain that ccdclip is told."""
    for folder in ("cache", "imdir", "uparm"):
        (work / "home" / ".iraf" / folder).mkdir(parents=True, exist_ok=True)
    told = {"rdnoise": f'"{noise[0]}"', "gain": f'"{noise[1]}"'}
    chosen = {"combine": '"median"' if method == "median" else '"average"', "reject": f'"{rule}"'}
    set_up = [f"imcombine.{name} = {value}" for name, value in (SETTINGS | told | chosen).items()]
    script = work / "script.cl"
    script.write_text("\n".join(["images", "imutil", "immatch", *set_up, *lines, "logout", ""]))
    clear = tuple(work / f"{name}.fits" for name in ("bias", "dark0", "dark", "flat0", "flat1", "scaled", "flat2",
                                                     "flat", "light0", "light1", "light2"))  # fmt: skip
    environment = {"HOME": str(work / "home"), "USER": "benchmark"}
    return Job(["irafcl", "-e"], work, work / "out.fits", stdin=script, clear=clear, environment=environment)


def combine(stack, work, method="mean", rule="sigclip"):
    (work / "list").write_text("".join(f"{path}\n" for path in stack.paths))
    sigma = float(stack.sigma.mean())
    huge = 1e6  # e⁻/ADU: no photon noise, which these frames have none of
    noise = (sigma * huge, huge)
    return run_script(['imcombine ("@list", "out.fits")'], work, method=method, rule=rule, noise=noise)


def combining(method):
    return {"IRAF imcombine": partial(combine, method=method)}


def rules():
    names = {rule: f"IRAF, {rule}" for rule in RULES} | {"ccdclip": "IRAF, ccdclip, noise told"}
    return {names[rule]: partial(combine, rule=rule) for rule in RULES}


def night(listed, work):
    """Combine each kind first and calibrate the results, as ours does: the cheapest order there is."""
    for kind in ("bias", "dark", "flat", "light"):
        paths = sorted((listed.parent / "raw").glob(f"{kind}_*.fits"))
        (work / f"{kind}.list").write_text("".join(f"{path}\n" for path in paths))
    lines = [
        "real level",
        'imcombine ("@bias.list", "bias.fits")',
        'imcombine ("@dark.list", "dark0.fits")',
        'imarith ("dark0.fits", "-", "bias.fits", "dark.fits")',
        'imcombine ("@flat.list", "flat0.fits")',
        'imarith ("flat0.fits", "-", "bias.fits", "flat1.fits")',
        'imarith ("dark.fits", "*", 0.0666666667, "scaled.fits")  # 8 s of 120 s',
        'imarith ("flat1.fits", "-", "scaled.fits", "flat2.fits")',
        'imstatistics ("flat2.fits", fields="mean", format=no) | scan (level)',
        'imarith ("flat2.fits", "/", level, "flat.fits")',
        'imcombine ("@light.list", "light0.fits")',
        'imarith ("light0.fits", "-", "bias.fits", "light1.fits")',
        'imarith ("light1.fits", "-", "dark.fits", "light2.fits")',
        'imarith ("light2.fits", "/", "flat.fits", "out.fits")',
    ]
    return run_script(lines, work)
