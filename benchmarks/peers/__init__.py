"""How each peer is driven: the same files, 5 σ, about the median where it can, to convergence where it can.

Each module has ``missing()``: why it cannot run here, or None; ``combining(method)``: for table (a), names and
functions that turn a stack into a job; ``rules()``: the same for every rule of rejection it has; ``usual()``, in some:
the same for what is used most, at 3 σ; and ``night``, where it reduces one, which turns the folder of a night into a
job.
"""

from benchmarks.peers import astropy_stats, ccdproc, cpl, fitsh, gnuastro, iraf, ours, siril
from benchmarks.shared.process import folder

PEERS = (astropy_stats, ccdproc, siril, iraf, gnuastro, fitsh, cpl)


def missing():
    """Say why each peer that is not here is not."""
    return [reason for peer in PEERS if (reason := peer.missing())]


def installed():
    """Give the peers that are here."""
    return [peer for peer in PEERS if not peer.missing()]


def jobs(makers, stack, work):
    """Turn names and functions into names and jobs for one stack."""
    return {name: maker(stack, folder(work, name)) for name, maker in makers.items()}


def combining(method):
    """Give who combines by mean or median, by name."""
    return ours.combining(method) | _merged(peer.combining(method) for peer in installed())


def rules():
    """Give every rule of rejection there is, by name."""
    return ours.rules() | _merged(peer.rules() for peer in installed())


def usual():
    """Give the rule of rejection that is used most, at 3 σ, of peers that are used for lights, by name."""
    return _merged(peer.usual() for peer in installed() if hasattr(peer, "usual"))


def nights():
    """Give who reduces a night, by name."""
    return {ours.NAME: ours.night} | {peer.NAME: peer.night for peer in installed() if hasattr(peer, "night")}


def _merged(parts):
    return {name: maker for part in parts for name, maker in part.items()}
