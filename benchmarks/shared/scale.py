"""How large the benchmarks are: the full ones, and the short ones that end within two minutes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Numbers of runs, frames and pixels a side, table by table; the Python of a checkout to compare with.

    Families of lights that move are said by the start of their names; () is all.
    """

    runs: int
    size: int
    counts: tuple[int, ...]
    growth_counts: tuple[int, ...]
    growth_sizes: tuple[int, ...]
    growth_size: int
    growth_count: int
    rejection_counts: tuple[int, ...]
    rejection_size: int
    moving_counts: tuple[int, ...]
    moving_seeds: int
    moving_families: tuple[str, ...]
    night: tuple[int, int, int, int]
    memory_counts: tuple[int, ...]
    memory_size: int
    figure_size: int
    against: str | None = None


FULL = Scale(
    runs=5,
    size=2048,
    counts=(20, 50),
    growth_counts=(5, 10, 20, 50, 100, 200),
    growth_sizes=(1024, 2048, 4096, 8192),
    growth_size=2048,
    growth_count=5,
    rejection_counts=(2, 3, 5, 10, 25, 50),
    rejection_size=1024,
    moving_counts=(3, 10),
    moving_seeds=3,
    moving_families=(),
    night=(20, 10, 10, 3),
    memory_counts=(10, 50, 200),
    memory_size=4096,
    figure_size=4096,
)

SHORT = Scale(
    runs=1,
    size=1024,
    counts=(10,),
    growth_counts=(5, 20, 50),
    growth_sizes=(512, 1024, 2048),
    growth_size=1024,
    growth_count=5,
    rejection_counts=(3, 25),
    rejection_size=512,
    moving_counts=(3,),
    moving_seeds=1,
    moving_families=("still", "drift 1", "dither 5", "seeing", "unequal", "trace", "arc"),
    night=(5, 3, 3, 3),
    memory_counts=(5, 20),
    memory_size=1024,
    figure_size=1024,
)
