"""Combine with the Common Pipeline Library, 5 σ about the median: LIBRARY OUT METHOD FRAME ..."""

import ctypes
import sys

FLOAT = 1 << 16  # CPL_TYPE_FLOAT
MEDIAN = 1  # CPL_COLLAPSE_MEDIAN: what is clipped about; the result is a mean
CREATE = 1 << 1  # CPL_IO_CREATE
KEEP_AT_LEAST = 1e-6  # a fraction of the frames: no lower bound

library, out, method, *paths = sys.argv[1:]
cpl = ctypes.CDLL(library)
pointer, number, real = ctypes.c_void_p, ctypes.c_longlong, ctypes.c_double
for name, result, arguments in (
    ("image_load", pointer, [ctypes.c_char_p, ctypes.c_int, number, number]),
    ("image_save", ctypes.c_int, [pointer, ctypes.c_char_p, ctypes.c_int, pointer, ctypes.c_uint]),
    ("imagelist_new", pointer, []),
    ("imagelist_set", ctypes.c_int, [pointer, pointer, number]),
    ("imagelist_collapse_median_create", pointer, [pointer]),
    ("imagelist_collapse_sigclip_create", pointer, [pointer, real, real, real, ctypes.c_int, pointer]),
):
    function = getattr(cpl, f"cpl_{name}")
    function.restype, function.argtypes = result, arguments

cpl.cpl_init(0)
stack = cpl.cpl_imagelist_new()
for position, path in enumerate(paths):
    if cpl.cpl_imagelist_set(stack, cpl.cpl_image_load(path.encode(), FLOAT, 0, 0), position):
        sys.exit(f"CPL cannot read {path}")
if method == "median":
    image = cpl.cpl_imagelist_collapse_median_create(stack)
else:
    image = cpl.cpl_imagelist_collapse_sigclip_create(stack, 5.0, 5.0, KEEP_AT_LEAST, MEDIAN, None)
if not image or cpl.cpl_image_save(image, out.encode(), FLOAT, None, CREATE):
    sys.exit("CPL cannot combine these frames")
