"""Files take their places whole or not at all: drafts, their places, and what comes in the way."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from folders import files, ramp

from pipeline import Image, attach_header, open_frame, write
from pipeline.errors import OutputError
from pipeline.fits.atomic import LOCKS, Draft, together, whole_file


@pytest.fixture
def writer(tmp_path):
    """A living process in the middle of writing a.fits.gz."""
    code = """if True:
        import sys, time
        from pathlib import Path
        from pipeline.fits.atomic import whole_file
        with whole_file(Path("a.fits.gz"), overwrite=True) as draft:
            draft.write_bytes(b"half a product")
            print(draft.name, flush=True)
            time.sleep(600)
    """
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        yield process, tmp_path / process.stdout.readline().strip()
        process.kill()


@pytest.mark.skipif(not LOCKS, reason="this system has no locks of files")
def test_the_next_write_removes_what_a_dead_process_left_and_nothing_else(writer, tmp_path):
    process, draft = writer
    product = attach_header(Image.of(ramp(5), exposure=1.0))
    others = {
        f".{process.pid}.tmp-b.fits.gz",
        ".²x.tmp-a.fits.gz",
        ".1-z.tmp-a.fits.gz",
        "a.fits.gz.tmp",
        "1.tmp-a.fits.gz",
    }
    for name in others:
        (tmp_path / name).write_text("another's")
    (tmp_path / ".12.tmp-a.fits.gz").symlink_to("1.tmp-a.fits.gz")
    write(product, tmp_path / "a.fits.gz", overwrite=True)
    assert set(files(tmp_path)) == {"a.fits.gz", draft.name, ".12.tmp-a.fits.gz", *others}
    process.kill()
    process.wait()
    (tmp_path / f".{os.getppid()}.tmp-a.fits.gz").write_text("left by one whose number is now another's")
    write(product, tmp_path / "a.fits.gz", overwrite=True)
    assert set(files(tmp_path)) == {"a.fits.gz", ".12.tmp-a.fits.gz", *others}


@pytest.mark.slow
@pytest.mark.parametrize("overwrite", [True, False])
def test_processes_that_write_the_same_product_leave_one_of_theirs(tmp_path, overwrite):
    code = f"""if True:
        import sys
        import numpy as np
        from pipeline import Image, attach_header, write
        from pipeline.errors import OutputError
        mine = attach_header(Image.of(np.full((100, 100), float(sys.argv[1])), exposure=1.0))
        print("ready", flush=True)
        sys.stdin.readline()
        for number in range(5):
            try:
                write(mine, f"a{{0 if {overwrite} else number}}.fits", overwrite={overwrite})
                print(number)
            except OutputError as error:
                assert "is there already" in str(error), error
    """
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    writers = [subprocess.Popen([sys.executable, "-c", code, name], cwd=tmp_path, **pipes) for name in "12"]
    for process in writers:
        process.stdout.readline()
    said = [process.communicate("go\n", timeout=120)[0].split() for process in writers]
    assert [process.returncode for process in writers] == [0, 0]
    names = ["a0.fits"] if overwrite else [f"a{number}.fits" for number in range(5)]
    assert sorted(files(tmp_path)) == names
    for name in names:
        values = open_frame(tmp_path / name).pixels.values
        assert values[0, 0] in (1, 2)
        assert (values == values[0, 0]).all()
    if not overwrite:  # each product was written by one of them
        assert sorted(number for numbers in said for number in numbers) == sorted(map(str, range(5)))


def test_files_take_their_places_together_the_product_last(tmp_path, monkeypatch):
    placed = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda path, to: (placed.append(to.name), replace(path, to))[1])
    with together():
        for name in ("product", "arc", "record"):
            with whole_file(tmp_path / name, overwrite=True) as draft:
                draft.write_text(name)
        assert not {"product", "arc", "record"} & set(files(tmp_path))
    assert placed == ["record", "arc", "product"]
    assert files(tmp_path) == {name: name.encode() for name in placed}


def test_a_link_that_leads_nowhere_is_not_written_over(tmp_path):
    (tmp_path / "a.fits").symlink_to(tmp_path / "elsewhere.fits")
    with pytest.raises(OutputError, match="is there already"):
        write(attach_header(Image.of(ramp(5), exposure=1.0)), tmp_path / "a.fits")


@pytest.mark.parametrize("overwrite", [True, False])
def test_what_is_no_plain_file_is_never_written_over(tmp_path, monkeypatch, overwrite):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("a.fits")
        with pytest.raises(OutputError, match="is no plain file, and is never written over"):
            write(attach_header(Image.of(ramp(5), exposure=1.0)), "a.fits", overwrite=overwrite)
    assert [path.is_socket() for path in tmp_path.iterdir()] == [True]


def test_one_that_fails_takes_the_others_along(tmp_path):
    (tmp_path / "product").write_text("old")
    with pytest.raises(OutputError, match=r"arc: cannot be written: No space"), together():  # noqa: PT012
        with whole_file(tmp_path / "product", overwrite=True) as draft:
            draft.write_text("new")
        with whole_file(tmp_path / "arc", overwrite=True):
            raise OSError(28, "No space left on device")
    assert files(tmp_path) == {"product": b"old"}


def test_a_file_given_up_is_not_put_in_its_place(tmp_path):
    with together():
        with pytest.raises(OutputError), whole_file(tmp_path / "a", overwrite=False):
            raise OSError("given up")
        for text in ("first", "second"):
            with whole_file(tmp_path / "b", overwrite=False) as draft:
                draft.write_text(text)
    assert files(tmp_path) == {"b": b"second"}


@pytest.mark.parametrize("overwrite", [True, False])
def test_what_is_written_is_on_the_disk_before_it_has_its_place_and_then_its_place_is(tmp_path, monkeypatch, overwrite):
    """A power cut must not leave a name without its bytes, or bytes that a name was promised for."""
    done = []

    def recorded(call, what):
        def wrapper(*args):
            done.append(what(*args))
            return call(*args)

        return wrapper

    def synced(descriptor):
        status = os.fstat(descriptor)
        return "on disk", status.st_ino, None if stat.S_ISDIR(status.st_mode) else status.st_size

    def placed(draft, path):
        return "placed", draft.stat().st_ino, os.fspath(path)

    for name, what in (("fsync", synced), ("replace", placed), ("link", placed)):
        monkeypatch.setattr(os, name, recorded(getattr(os, name), what))
    with together():
        for name in ("product", "record"):
            with whole_file(tmp_path / name, overwrite=overwrite) as draft:
                draft.write_text(name)
    product, record = ((tmp_path / name).stat().st_ino for name in ("product", "record"))
    assert done == [
        ("on disk", product, len("product")),
        ("on disk", record, len("record")),
        ("placed", record, str(tmp_path / "record")),
        ("placed", product, str(tmp_path / "product")),
        ("on disk", tmp_path.stat().st_ino, None),
    ]


def test_what_comes_between_looking_and_renaming_stays(tmp_path, monkeypatch):
    """Whichever way a file takes its place, another's may be there just before."""

    def after_another(call):
        def wrapper(draft, path):
            Path(path).write_text("another's")
            return call(draft, path)

        return wrapper

    for name in ("link", "replace"):
        monkeypatch.setattr(os, name, after_another(getattr(os, name)))
    with (
        pytest.raises(OutputError, match="a: is there already"),
        whole_file(tmp_path / "a", overwrite=False) as draft,
    ):
        draft.write_text("mine")
    assert files(tmp_path) == {"a": b"another's"}


def test_what_comes_in_one_place_meanwhile_keeps_all_from_theirs(tmp_path):
    with pytest.raises(OutputError, match="product: is there already"), together():  # noqa: PT012
        for name in ("product", "record"):
            with whole_file(tmp_path / name, overwrite=False) as draft:
                draft.write_text(name)
        (tmp_path / "product").write_text("another's")
    assert files(tmp_path) == {"product": b"another's"}


def test_what_came_first_stays(tmp_path):
    """Also where it came after we had looked."""

    def late(path):
        with whole_file(path, overwrite=False) as draft:
            draft.write_text("mine")
            path.write_text("another's")

    with pytest.raises(OutputError, match="a: is there already"):
        late(tmp_path / "a")
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(OutputError, match="dangling: is there already"):
        write(attrs.evolve(attach_header(Image.of(ramp(1), exposure=1.0))), tmp_path / "dangling")
    assert files(tmp_path) == {"a": b"another's"}


def test_what_comes_at_the_last_moment_stays_too(tmp_path):
    """When all has been looked at, and the file is being renamed."""
    draft = Draft.of(tmp_path / "a", overwrite=False)
    (tmp_path / "a").write_text("another's")
    with pytest.raises(OutputError, match="a: is there already"):
        draft.place()
    draft.discard()
    assert files(tmp_path) == {"a": b"another's"}


@pytest.mark.slow
def test_file_systems_without_locks_and_links_do_too(tmp_path, monkeypatch):
    """There, who is alive is told by number, and what came in the meantime is looked for once more."""

    def not_here(*_, **__):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", not_here)
    monkeypatch.setattr(os, "link", not_here)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for process in (dead.pid, os.getpid(), os.getppid()):
        (tmp_path / f".{process}-0123abcd.tmp-a.fits").write_text("left")
    product = attach_header(Image.of(ramp(1), exposure=1.0))
    write(product, tmp_path / "a.fits")
    with pytest.raises(OutputError, match="is there already"):
        write(product, tmp_path / "a.fits")
    write(product, tmp_path / "a.fits", overwrite=True)
    assert set(files(tmp_path)) == {"a.fits", f".{os.getppid()}-0123abcd.tmp-a.fits"}


def test_what_has_its_place_already_is_told_of(tmp_path, monkeypatch):
    replace = Path.replace

    def fails(path, to):
        if to.name == "product":
            raise OSError(5, "Input/output error")
        return replace(path, to)

    monkeypatch.setattr(Path, "replace", fails)
    told = r"product: cannot be written: Input/output error; in their places already: \S+/arc$"
    with pytest.raises(OutputError, match=told), together():  # noqa: PT012
        for name in ("product", "arc"):
            with whole_file(tmp_path / name, overwrite=True) as draft:
                draft.write_text(name)
    assert files(tmp_path) == {"arc": b"arc"}
