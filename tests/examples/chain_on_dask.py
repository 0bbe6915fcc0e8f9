# %% [markdown]
# # A chain on the workers of Dask
# Steps and records pickle, stages of a notebook too: any of them is a task.  `reduce_many` does whole nights so; here
# the tasks are put together by hand.

# %%
import attrs

from pipeline import Image, chain, combine, combine_on, flag_saturated, pipe, stage, subtract_overscan, workers
from pipeline.simulation.simulate import Counts, simulate

frames = simulate(shape=(64, 96), counts=Counts(bias=3, dark=0, flat=0, light=3, arc=0)).frames


@stage(rows=True)
def doubled(image: Image, *, times: float = 2.0) -> Image:
    """Multiply, values and errors alike: a stage that no module has, but this notebook alone."""
    return attrs.evolve(image, data=image.pixels.times(times))


ready = chain(flag_saturated(), subtract_overscan(), doubled(times=2.0))

# %%
if __name__ == "__main__":  # workers begin with the file that starts them
    with workers(1) as client:
        lights = client.gather(client.map(ready, frames.light))
        bias = client.submit(combine, frames.bias).result()
        with combine_on(client):  # blocks of rows, each combined where it is read
            flat = combine(frames.light)
    assert lights == [ready(light) for light in frames.light]
    assert bias == pipe(frames.bias, combine)
    assert flat == combine(frames.light)
    print(*lights[0].history, sep="\n")
