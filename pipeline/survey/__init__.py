"""Edge: many nights, here or on the workers of a Dask cluster.

Open :mod:`~pipeline.survey.reduce_many` first, then ``plan`` (nights as tasks) and ``tasks`` (doing one);
``dask_client`` starts workers, ``dask_combine`` combines one stack on them.

Imports from all folders above; Dask only where it is asked for.

Many nights
-----------
``ccd-pipeline reduce */night.csv --output-dir products --workers 8`` reduces many nights in eight processes
(``--cluster ADDRESS``: on the workers of a Dask scheduler; neither: here).  Processes are forked, where that is to be
had and pays, which is said; else Dask starts them.  A night is one task, so its
masters stay where they are used; each master is made once, in a task of its own, for all nights that name the same
files.  Beside each product lies a record of what it was made of, so the same command, given again after whatever
stopped it, makes what is missing and no more (``--force``: everything).  A product of another version of this
program, or of other files or settings, is written over only by ``--force`` or ``--overwrite``; why it is made again
is said.  Bad nights, also one that kills its workers, are told at the end, with exit status 1, and stop no other.

``reduce night.csv --each -o lights`` works light by light in the same way: what is in ``lights``, made of just this, is
left, told by its record, size and time; what is missing is made; what is out of date is an error, and made again by
``--overwrite``.  ``--figure f.png`` draws ``f_NAME.png`` of each light, and ``--report`` likewise.  Of many lists the
products of each stand in a folder of its name (``--output-dir``), or in ``reduced`` beside it.

Workers, and stacks larger than memory
--------------------------------------
In Python, with the extra ``distributed``::

    from dask import delayed
    from pipeline import (Survey, chain, combine, flag_saturated, read_night, reduce_many, combine_on,
                          subtract_overscan, workers)

    if __name__ == "__main__":
        with workers(2) as client:                # a Dask client; workers(address="tcp://...") for those elsewhere
            nights = reduce_many(["demo/night.csv"], Survey(output_dir="products"), client=client)
            frames = read_night("demo/night.csv")
            with combine_on(client):              # blocks of rows, each read by the worker that combines it
                flat = combine(frames.flat)
            ready = chain(flag_saturated(), subtract_overscan())
            lights = client.gather(client.map(ready, frames.light))      # any step is a function for Dask
            bias = delayed(combine)(frames.bias, method="median").compute()
"""
