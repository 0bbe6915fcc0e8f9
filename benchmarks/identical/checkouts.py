"""The Python of a side: one whose environment is there, or one of a commit, made for it."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXTRAS = "cosmicray,distributed,figures"


class CheckoutError(Exception):
    """There is no such Python or commit."""


def python_of(side, folder):
    """Give the Python of a side; of a commit, check it out into an environment of its own, unless that is there."""
    if Path(side).is_file():
        return str(Path(side).absolute())  # not resolved: an environment's Python is a link to another
    found = _git("rev-parse", "--verify", "--quiet", f"{side}^{{commit}}")
    if found.returncode:
        raise CheckoutError(f"{side}: neither a Python nor a commit of {ROOT.name}")
    home = folder / found.stdout.decode().strip()
    python, made = home / "env" / "bin" / "python", home / "made"
    if not made.exists():
        print(f"making an environment for {side}", flush=True)
        _checked_out(home)
        _run(sys.executable, "-m", "venv", "--clear", str(home / "env"))
        _run(str(python), "-m", "pip", "install", "--quiet", "--editable", f"{home / 'checkout'}[{EXTRAS}]")
        made.touch()
    return str(python)


def _checked_out(home):
    """Put the files of a commit into a folder, which the repository does not hear of."""
    home.mkdir(parents=True, exist_ok=True)
    archive = home / "commit.zip"
    archive.write_bytes(_git("archive", "--format=zip", home.name).stdout)
    shutil.unpack_archive(archive, home / "checkout")
    archive.unlink()


def _git(*words):
    return subprocess.run(["git", "-C", str(ROOT), *words], stdout=subprocess.PIPE, check=False)


def _run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise CheckoutError(f"{' '.join(command)}: {done.stdout.strip()[-2000:]}")
