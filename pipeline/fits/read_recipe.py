"""Edge: recipes in files, the masks and masters that they name, and the stages of others that they ask for.

Code is imported for the names that a recipe lists, and for no others; which, and from where, is said.
"""

from __future__ import annotations

import difflib
import importlib.util
import os
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.compose.chain import Chain
from pipeline.compose.stage import Stage, stage_named
from pipeline.compose.telling import advise
from pipeline.errors import FrameError, PipelineError, PipelineWarning, RecipeError, SettingError
from pipeline.fits.mask_file import read_mask
from pipeline.fits.open import open_frame
from pipeline.fits.write import write_whole
from pipeline.night.recipe import Recipe
from pipeline.night.recipe_file import recipe_from_toml, unknown_stage
from pipeline.night.recipe_text import recipe_to_toml
from pipeline.records.frames import KINDS, Image
from pipeline.stages.bad_pixels import Mask

GROUP = "ccd_pipeline.stages"
"""The group of entry points under which an installed package names its stages."""


def read_recipe(path: str | Path) -> Recipe:
    """Read a recipe from a file of TOML; files that it names are sought from its folder.

    >>> from tempfile import TemporaryDirectory
    >>> from pipeline import Recipe, read_recipe, write_recipe
    >>> with TemporaryDirectory() as folder:
    ...     write_recipe(Recipe(method="median"), f"{folder}/night.toml")
    ...     read_recipe(f"{folder}/night.toml").method
    'median'

    A stage of somebody else's, ``"module:function"`` or an entry point of the group ``ccd_pipeline.stages``, is
    imported, and this is said; its module may lie beside the recipe.

    :raises RecipeError: the file cannot be read, or holds no recipe; with every problem in it, each with its line.
    """
    return read_recipe_and_files(Path(path))[0]


def read_recipe_and_files(path: Path, detector: int | str | None = None) -> tuple[Recipe, tuple[Path, ...]]:
    """Read a recipe from a file; give the files too that were read for it, itself the first.

    :param detector: the HDU of masks and masters to read, of files of several detectors; the recipe names none then.
    """
    made, files = _read(path, detector)
    if not isinstance(made, Recipe):
        raise RecipeError(str(path), ("holds a chain, and no recipe; in Python, read it by read_chain",))
    return made, files


def read_chain(path: str | Path) -> Chain[Any, Any]:
    """Read a chain of steps from a file of TOML, as :func:`read_recipe` does a recipe.

    >>> from tempfile import TemporaryDirectory
    >>> from pipeline import chain, flag_saturated, heal, read_chain, write_recipe
    >>> with TemporaryDirectory() as folder:
    ...     write_recipe(chain(flag_saturated(), heal(reach=3)), f"{folder}/chain.toml")
    ...     read_chain(f"{folder}/chain.toml") == chain(flag_saturated(), heal(reach=3))
    True

    :raises RecipeError: the file cannot be read, or holds no chain; with every problem in it, each with its line.
    """
    made, _ = _read(Path(path), None)
    if not isinstance(made, Chain):
        raise RecipeError(str(path), ("holds a recipe, and no chain; read it by read_recipe",))
    return made


def write_recipe(recipe: Recipe | Chain[Any, Any], path: str | Path, *, overwrite: bool = False) -> None:
    """Write a recipe, or a chain, as a file of TOML, whole or not at all; a recipe with what each setting does.

    Masks and masters stand in it by the names of the files that they were read from, as seen from its folder.

    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from pipeline import Recipe, write_recipe
    >>> with TemporaryDirectory() as folder:
    ...     write_recipe(Recipe(saturation=60_000), f"{folder}/night.toml")
    ...     "saturation = 60000" in Path(folder, "night.toml").read_text()
    True

    :param recipe: the recipe, or the chain.
    :param overwrite: write over a file that is there.

    :raises SettingError: it holds what no text does: a function without a name, an image that is in no file.
    :raises OutputError: the file is there and may not be overwritten, or cannot be written.
    """
    where = Path(path)
    folder = where.resolve().parent
    text = recipe_to_toml(recipe, files=lambda name: _from_folder(folder, name))
    recipe_from_toml(text, where=str(where), outside=_Outside(folder, quiet=True))  # is each file what it should be?
    write_whole(where, text.encode(), overwrite=overwrite)


def _from_folder(folder: Path, name: str) -> str:
    if not Path(name).is_file():
        raise SettingError(f"{name} is no file: write what is called so, and give the recipe what is read back")
    try:
        return Path(os.path.relpath(Path(name).resolve(), folder)).as_posix()
    except ValueError:  # on another drive
        return str(Path(name).resolve())


def _read(path: Path, detector: int | str | None) -> tuple[Recipe | Chain[Any, Any], tuple[Path, ...]]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RecipeError(str(path), (f"cannot be read: {error.strerror}",)) from error
    except UnicodeDecodeError as error:
        raise RecipeError(str(path), (f"is no text in UTF-8: {error}",)) from error
    outside = _Outside(path.resolve().parent, detector)
    made = recipe_from_toml(text, where=str(path), outside=outside)
    if outside.imported:
        advise(
            "code of others runs in this reduction, as its recipe asks: " + "; ".join(dict.fromkeys(outside.imported)),
            PipelineWarning,
            of=str(path),
        )
    return made, (path, *outside.files)


class _Outside:
    """Finds what a recipe in a folder names."""

    def __init__(self, folder: Path, detector: int | str | None = None, *, quiet: bool = False) -> None:
        self.folder, self.detector, self.quiet = folder, detector, quiet
        self.files: list[Path] = []
        self.imported: list[str] = []

    def stage(self, name: str) -> Stage[Any, Any, Any]:
        """Import a stage by its name, and no more than that asks for."""
        entered = {point.name: point for point in metadata.entry_points(group=GROUP)}
        where = f"{entered[name].module}:{entered[name].attr}" if name in entered else name
        if not re.fullmatch(r"[\w.]+:[\w.]+", where):
            raise unknown_stage(name, entered)
        module, _, attribute = where.partition(":")
        made = self._imported(module, attribute, name)
        if not isinstance(made, Stage):
            raise SettingError(f"{name} is {type(made).__name__} and no stage; put @stage over its function")
        path = getattr(sys.modules.get(module), "__file__", None)
        self.imported.append(f"{where} of {path or 'Python itself'}")
        return made

    def _imported(self, module: str, attribute: str, name: str) -> Any:
        top = module.partition(".")[0]
        if top not in sys.modules and importlib.util.find_spec(top) is None and str(self.folder) not in sys.path:
            sys.path.append(str(self.folder))  # behind all others: what is installed goes before
        try:
            return stage_named(module, attribute)
        except AttributeError as error:
            close = difflib.get_close_matches(attribute, dir(sys.modules.get(module)), n=1)
            meant = f"; did you mean {module}:{close[0]}?" if close else ""
            raise SettingError(f"{name}: {module} has no {attribute}{meant}") from error
        except PipelineError:
            raise
        except Exception as error:  # whatever goes wrong in somebody else's module
            raise SettingError(f"{name} cannot be imported: {type(error).__name__}: {error}") from error

    def pixels(self, kind: Any, file: Any, hdu: Any) -> Any:
        """Read a mask, open an image or a master, or read an array."""
        if not isinstance(file, str) or not isinstance(hdu, int | str | None):
            raise SettingError(f"file = {file!r}, hdu = {hdu!r}; expected a path, and the number or name of an HDU")
        if hdu is not None and self.detector is not None:
            raise SettingError(f"{file}: hdu = {hdu!r}, and detectors are reduced each with its own; leave hdu out")
        path, hdu = self.folder / file, self.detector if hdu is None else hdu
        self.files.append(path)
        if kind is Mask:
            return read_mask(path, hdu)
        if kind is np.ndarray and path.suffix == ".npy":
            return _numpy_array(path)
        frame = open_frame(path, 0 if hdu is None else hdu, kind=_kind_for(kind))
        if kind is np.ndarray:
            return frame.pixels.values
        return frame if kind is Image else getattr(kind, "of", kind)(frame)


def _numpy_array(path: Path) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise FrameError(f"{path}: cannot be read as an array of numpy: {error}") from error


def _kind_for(master: type) -> str:
    """Give the kind of frames that a master is made of, by its name."""
    made_of = master.__name__.removeprefix("Master").lower()
    return made_of if made_of in KINDS else "light"
