"""What a mean has left out, inferred from the mean alone: one measure for everyone, whatever they report."""

import numpy as np

ROUNDING = 0.01
"""ADU by which equal means may differ: float32 at 65,535 ADU, twice."""

MOST = 12
"""The most values of one pixel that are looked for."""


def left_out(values, result, sigma):
    """Tell which values (frames, pixels) a clipped mean (pixels) has left out.

    A clip leaves out the lowest few values and the highest few.  Where the result is not the mean of all, the
    numbers (low, high) are taken whose mean comes nearest; one value more must explain a quarter of σ more,
    and values that cancel, one low and one high, go unseen.
    """
    n = len(values)
    gone = np.zeros(values.shape, bool)
    columns = np.flatnonzero(np.abs(values.mean(axis=0) - result) > ROUNDING)
    order = np.argsort(values[:, columns], axis=0, kind="stable")
    ordered = np.take_along_axis(values[:, columns], order, axis=0)
    below = np.vstack([np.zeros(columns.size), np.cumsum(ordered, axis=0)])
    best = np.full(columns.size, np.inf)
    low, high = np.zeros((2, columns.size), int)
    for lows, highs in ((i, j) for i in range(n) for j in range(n - i) if i + j <= MOST):
        kept = n - lows - highs
        apart = np.abs(below[n - highs] - below[lows] - kept * result[columns]) / sigma[columns]
        score = apart + 0.25 * (lows + highs)
        better = score < best
        best[better], low[better], high[better] = score[better], lows, highs
    rank = np.arange(n)[:, None]
    put = np.zeros(order.shape, bool)
    np.put_along_axis(put, order, (rank < low) | (rank >= n - high), axis=0)
    gone[:, columns] = put
    return gone


class Verdict:
    """How a clipped mean of a stack compares with what is true of the stack.

    ``found`` is the share of hits left out, ``lost`` the share of good values left out, ``noise`` the standard
    deviation of the mean about the truth over that of the ideal: the plain mean of all values that are not hit.
    """

    def __init__(self, stack, result, where=None):
        where = np.ones((stack.size, stack.size), bool) if where is None else where
        sigma, level = (np.broadcast_to(of, where.shape)[where] for of in (stack.sigma, stack.level))
        values = stack.values()[:, where] - stack.offsets[:, None]
        hit, mean = stack.hit[:, where], result[where] - stack.offsets.mean()
        ideal = stack.means[1][where] - stack.offsets.mean()
        self.gone = left_out(values, mean, sigma)
        self.found = self.gone[hit].mean()
        self.lost = self.gone[~hit].mean()
        self.noise = np.std((mean - level) / sigma) / np.std((ideal - level) / sigma)

    def __str__(self):
        return f"{100 * self.found:9.3f} %{self.lost:11.1e}{self.noise:9.3f}"


HEADINGS = f"{'found':>11}{'good lost':>11}{'noise':>9}"
