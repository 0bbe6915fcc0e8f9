# %% [markdown]
# # A flow of tasks
# Prefect, Airflow, Dagster and the like run plain functions as tasks, and store what goes from one to the next.  Here
# a task takes records and gives records, which pickle and compare.

# %%
import pickle

from pipeline import FrameSet, Masters, ReducedImage, make_masters, reduce
from pipeline.simulation.simulate import simulate

try:
    from prefect import flow, task
except ModuleNotFoundError:  # then a task is the function that it is

    def task(function):
        """Run a function as it is, and hand over what it gives as a store does."""
        return lambda *records: pickle.loads(pickle.dumps(function(*pickle.loads(pickle.dumps(records)))))

    def flow(function):
        """Run a function as it is."""
        return function


# %%
@task
def calibrations(frames: FrameSet) -> Masters:
    """Make the masters of a night."""
    return make_masters(frames)


@task
def science(frames: FrameSet, masters: Masters) -> ReducedImage:
    """Reduce its lights by these."""
    return reduce(frames, masters=masters)


@flow
def night(frames: FrameSet) -> ReducedImage:
    """One night, from raw frames to the product."""
    return science(frames, calibrations(frames))


# %% [markdown]
# What a flow gives is what one expression gives, to the bit, history and notes included.

# %%
frames = simulate(shape=(64, 96)).frames
image = night(frames)
assert image.pixels == reduce(frames).pixels
assert image.notes == reduce(frames).notes
