"""Inputs found by what code they reach: ``python -m tests.fuzz.reached header --minutes 10`` (pip install atheris)."""

import argparse
import sys
import tempfile
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.reached", description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir(), "ccd-pipeline-fuzz"), metavar="DIR")
    options = parser.parse_args()
    import atheris  # before all that it is to watch

    with atheris.instrument_imports(include=["pipeline"]):
        from .targets import targets

    options.keep.mkdir(parents=True, exist_ok=True)
    corpus, folder = (Path(tempfile.mkdtemp(prefix=f"ccd-pipeline-{name}-")) for name in ("corpus", "fuzz"))
    target = targets(folder)[options.target]
    for number, seed in enumerate(target.seeds):
        (corpus / str(number)).write_bytes(seed)
    limits = [f"-max_total_time={int(60 * options.minutes)}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=20000"]
    arguments = [sys.argv[0], *limits, f"-artifact_prefix={options.keep}/{options.target}-", str(corpus)]
    atheris.Setup(arguments, lambda data: target.run(target.pack(data), folder))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
