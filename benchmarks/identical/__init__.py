"""Whether two checkouts give the same bits: ``python -m benchmarks.identical --parent COMMIT``.

Each side runs the same cases in a process of its own, with the Python of an environment of its own; what they give is
compared here: values, flags, variance, what combining found, headers, files, notes, and what the command prints::

    tolerance    names that differ between layouts, and differences that are meant: edit this when something moves
    cases/       what is run, on names that every layout has
    side         runs the cases, by one side's Python
    described    what a case gave, as arrays and texts by name
    compare      what differs
    checkouts    an environment for a commit
    __main__     the command

A side is a Python in whose environment a checkout is installed, or a commit, for which one is made.  A case that
differs is one line and exit status 1.  See ``--help``.
"""
