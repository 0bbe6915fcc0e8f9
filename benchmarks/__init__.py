"""What reducing costs and what it finds, measured beside the peers: ``python -m benchmarks``.

One table, one file::

    combine      (a) combining: whole processes, ours and every peer that is installed
    floor        (b) combining in one process, beside a pass that only reads
    growth       (c) how the time grows with frames and pixels
    rejection    (d) hits found, good values lost, noise of the master: every rule, every peer
    moving       (d) the same where lights move; ours alone in detail by ``python -m benchmarks.moving``
    variants     (d) the same for ours where a stack is difficult
    night        (e) a whole night
    memory       (f) peak memory
    figures      (g) pages and pictures of a frame: bytes, processor time here and in the browser
    variance     whether uncertainties are true; on its own, ``python benchmarks/variance.py``
    recovery     what the steps around the core find of what was put in; on its own, ``python -m benchmarks.recovery``
    scaling      memory and time of large stacks on workers
    survey       many nights on workers; on its own, ``python benchmarks/survey.py``
    entered      how many files of the package a call enters; on its own, ``python benchmarks/entered.py``
    identical/   whether two checkouts give the same bits; on its own, ``python -m benchmarks.identical``
    ------------
    shared/      frames with hits, whole processes timed, a browser, interleaved runs, judging a result
    peers/       how each peer is driven, one file each
    scripts/     what runs inside a peer's process

Peers that are not installed are left out, and said.  All of them, on Debian::

    apt install siril gnuastro iraf fitsh libcplcore26 chromium
    pip install ccdproc
"""
