"""Frames with hits, whole processes timed, interleaved runs, judging a result."""
