"""Which keywords say what, in the order in which they are believed, with their units and their traps.

The first card of a table that has a value is taken.  A unit in the card's own comment, ``[ms]``, "minutes" or
"(days)", goes before the unit given here.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs

SECONDS = {"s": 1.0, "cs": 1e-2, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0, "d": 86400.0}
"""What one of each unit of time is in seconds."""


@attrs.frozen
class Key:
    """A keyword and how to read it.

    ``unit`` is that of its value where neither the value nor the comment names one.  ``times`` names cards by the first
    of which that is there the value is multiplied.  ``alike`` tells that the keyword means the same as others of its
    table, so that it should agree with them.  ``says`` is a word without which in its comment the card means
    something else.
    """

    keyword: str
    unit: str = ""
    note: str = ""
    times: tuple[str, ...] = ()
    alike: bool = False
    says: str = ""


@attrs.frozen
class Elsewhere:
    """A unit that a keyword has in the headers whose ``card`` holds one of ``words``, or is there at all."""

    keyword: str
    card: str
    words: tuple[str, ...]
    unit: str


COADDS = ("COADDS", "CO_ADDS")
"""Of how many images a frame is the sum: at Keck, and at IRTF."""

EXPOSURE = (
    # what one image collected light for
    Key("EXPTIME", "s", "nearly everywhere; a string at SDSS; of a live stack its total", alike=True),
    Key("EXPOSURE", "s", "minutes in scans of plates, days at Kepler and TESS", alike=True),
    Key("XPOSURE", "s", "FITS 4.0; Rubin, JWST, Solar Orbiter, Keck KCWI; of a product its total; ms at DKIST"),
    Key("EXP_TIME", "s", "UKIRT", alike=True),
    Key("EXPOSED", "s", "AAT, INT, WHT", alike=True),
    Key("EXPMEAS", "s", "CFHT: the measured shutter time", alike=True),
    Key("AEXPTIME", "s", "Palomar: actual", alike=True),
    Key("ELAPTIME", "s", "Keck's optical instruments: shutter open", alike=True),
    Key("OTIME", "s", "Kitt Peak in the 1980s: actual; ITIME was requested", alike=True),
    Key("TRUITIME", "s", "Keck's infrared instruments: actual, of one coadd", times=COADDS),
    Key("ITIME", "s", "Keck, IRTF: of one coadd, and coadds are summed; ms at OSIRIS; GONG", times=COADDS),
    Key("ESO DET WIN1 DIT1", "s", "ESO: actual", alike=True),
    Key("ESO DET1 WIN1 DIT1", "s", "ESO: actual"),
    Key("ESO DET SEQ1 REALDIT", "s", "ESO infrared: actual; DITs are averaged"),
    Key("ESO DET SEQ1 DIT", "s", "ESO infrared: DITs are averaged"),
    Key("ESO DET DIT", "s", "ESO infrared: DITs are averaged"),
    Key("OHP CCD DIT", "s", "Haute-Provence: actual"),
    Key("EFFEXPTM", "s", "JWST, in its primary header: effective"),
    Key("SHT_MDUR", "s", "TRACE: measured"),
    Key("MEAS_EXP", "ms", "SUIT: measured"),
    Key("EXPOINUS", "us", "ZWO's ASICAP"),
    Key("E_ETIM", "us", "Hinode XRT"),
    Key("PARAM25", "ms", "ARC controllers under Voodoo, where the card's comment says so", says="exposure"),
    Key("INTTIME", "s", "infrared cameras; ms at Deep Impact"),
    Key("INT_TIME", "s", "infrared cameras; of one readout at Kepler and TESS"),
    Key("INT-TIME", "s"),
    Key("EXP-TIME", "s"),
    Key("EXPTIM", "s"),
    Key("EXPT", "s"),
    Key("TEXP", "s"),
    Key("TINT", "s"),
    Key("EXPOSURE TIME", "s", "cameras that write long keywords"),
    Key("TNG DET DIT", "s", "Galileo: DITs are averaged"),
    Key("DIT", "s", "infrared cameras: DITs are averaged"),
    Key("EXP1TIME", "s", "of one coadd", times=("COADD", *COADDS)),
    Key("EXPOSE", "s"),
    Key("EXP", "s"),
    # what was asked for, where nobody says what it became
    Key("ESO DET WIN1 UIT1", "s", "ESO: requested"),
    Key("ESO DET1 WIN1 UIT1", "s", "ESO: requested"),
    Key("ESO DET UIT1", "s", "ESO: requested"),
    Key("OHP CCD UIT", "s", "Haute-Provence: requested"),
    Key("EXPREQ", "s", "CFHT: requested"),
    Key("REQTIME", "s", "requested"),
    Key("OEXPTIME", "s", "Palomar: requested"),
    Key("EXPCMD", "s", "coronagraphs: commanded"),
    Key("SHT_NOM", "s", "TRACE: nominal"),
    Key("CMD_EXPT", "ms", "SUIT: commanded"),
)
"""Exposure in seconds.

Never DARKTIME (0, or the time since the last clearing, on many cameras), TEXPTIME and LIVETIME (totals of several
images), TELAPSE and DURATION (with what lies between exposures), SUBEXP (one image of a live stack), SHUTTIME (0 where
there is no shutter), TIME (a clock) or the plain number of a mode.
"""

EXPOSURE_ELSEWHERE = (
    Elsewhere("EXPOSURE", "PLTLABEL", (), "min"),
    Elsewhere("EXPOSURE", "PLATEID", (), "min"),
    Elsewhere("EXPOSURE", "TIMEUNIT", ("d",), "d"),
    Elsewhere("EXPOSURE", "TELESCOP", ("KEPLER", "TESS"), "d"),
    Elsewhere("XPOSURE", "TIMEUNIT", ("d",), "d"),
    Elsewhere("XPOSURE", "TELESCOP", ("DANIEL K. INOUYE SOLAR TELESCOPE",), "ms"),
    Elsewhere("ITIME", "INSTRUME", ("OSIRIS",), "ms"),
    Elsewhere("ITIME", "CURRINST", ("OSIRIS",), "ms"),
    Elsewhere("INTTIME", "INSTRUME", ("HRI", "HRIVIS", "HRIIR", "MRI", "MRIVIS", "ITS", "ITSVIS"), "ms"),
)
"""Units that the header gives away by another card, where the keyword's own comment is silent."""

BEGIN = ("DATE-BEG", "DATE-OBS")
"""When the exposure began: a date and a time in the FITS form."""

END = ("DATE-END",)
"""When it ended."""

GAIN = (
    Key("EGAINSAV", note="SharpCap: at the depth that was saved; its EGAIN is at the depth of the converter"),
    Key("EGAIN", note="amateur cameras, whose GAIN is the number of a setting"),
    Key("E-GAIN", note="SBIG under CCDSoft"),
    Key("ATODGAIN", note="HST: calibrated; 0 before calibration"),
    Key("CCDSENS", note="Calar Alto, whose CCDGAIN is the analogue gain"),
    Key("EPERDN", note="Liverpool Telescope"),
    Key("GAIN", note="where it is no setting: not at Lick, not in amateur cameras, not above 50"),
    Key("ESO DET OUT1 CONAD", note="ESO"),
    Key("ESO DET OUT1 GAIN", "ADU/e", note="ESO: the inverse of CONAD"),
    Key("CAHA DET CCD1 CF", note="Calar Alto"),
    Key("CCDGAIN", note="HST: commanded; Rubin; Keck writes words"),
    Key("GAINEFF", note="effective, of a product"),
)
"""Gain in e⁻/ADU, a number above 0.  Gains of single amplifiers (GAINA, GAIN1, T_GAIN1) are not the frame's."""

READ_NOISE = (
    *(Key(k) for k in ("RDNOISE", "READNOIS", "READNOI", "RNOISE", "RONOISE", "RO-NOISE", "RON", "RN", "ENOISE")),
    Key("CCDRON", note="Calar Alto"),
    Key("CCDNOISE", note="Rubin"),
    Key("ESO DET OUT1 RON", note="ESO"),
    Key("CAHA DET CCD1 RON", note="Calar Alto"),
    Key("READNSE", note="HST; 0 before calibration"),
)
"""Read noise in e⁻, a number above 0; one whose comment says ADU is multiplied by the gain."""

SATURATION = ("SATURATE", "SATLEVEL", "MAXLIN")
"""The level in ADU from which raw values say no more than "at least this"."""

AMPLIFIER_GAIN = ("GAIN{}", "EGAIN{}", "CCDGAIN{}", "GTGAIN{}", "ATODGN{}", "T_GAIN{}", "ESO DET OUT{} CONAD")
"""Cards of one of several amplifiers, {} its letter or number, the first that is there; a product's are the first.

NOAO's cameras and DECam (GAINA, RDNOISEA, SATURATA), CTIO's Arcon (GTGAIN11, GTRON11), HST (ATODGNA, READNSEA), ESO.
"""

AMPLIFIER_INVERSE_GAIN = ("ESO DET OUT{} GAIN",)
"""The same in ADU/e⁻."""

AMPLIFIER_READ_NOISE = ("RON{}", "RDNOISE{}", "RDNOIS{}", "READNOI{}", "READNSE{}", "RNOISE{}", "GTRON{}",
                        "ESO DET OUT{} RON")  # fmt: skip
"""Read noise of one of several amplifiers in e⁻; one whose comment says ADU is multiplied by its gain."""

AMPLIFIER_SATURATION = ("SATUR{}", "SATURAT{}", "SATLEV{}")
"""Saturation of one of several amplifiers in ADU."""

GAIN_AS_SET = ("GAIN", "EGAIN", "CCDGAIN")
"""Cards that follow what the gain was set to, whatever their unit: a number of e⁻/ADU, or that of a setting.

Whether two frames were set alike is asked of these before the rest of :data:`GAIN`: Calar Alto's CCDSENS may stay as it
was where CCDGAIN was changed, and a driver may give one EGAIN for every GAIN.
"""

TEMPERATURE = (
    Key("CCDATEMP", "C", "Liverpool Telescope: actual, in K; CCDSTEMP is the set-point"),
    *(Key(k, "C") for k in ("CCD-TEMP", "CCDTEMP", "CCD_TEMP", "DETTEMP", "DETTEM", "DET-TEMP", "CCDTEM")),
    Key("ESO DET CHIP1 TEMP", note="in K"),
    Key("TEMPDET", note="Lick"),
    Key("CAMTEMP", note="Andor"),
    Key("SET-TEMP", "C", note="what was asked for"),
)
"""Temperature of the detector in °C; in K where the comment says so, and above 100 (no detector is kept boiling)."""

Together: TypeAlias = tuple[tuple[str, ...], ...]
"""Keywords of one meaning, each with those that say it together with it, such as the filters of several wheels."""

FILTER: Together = (
    ("FILTER",),
    ("FILTER1", "FILTER2", "FILTER3"),  # Liverpool Telescope, Las Cumbres
    ("FILTERI1", "FILTERI2", "FILTERI3"),
    ("FILTER01",),
    ("FILTERS",),
    ("FILTNAM",),
    ("FILTID1",),
    ("WFFBAND",),  # INT, Wide Field Camera
    ("INSFILTE",),  # Calar Alto
    ("INSFLNAM",),  # Calar Alto, CAFOS
    ("CAHA INS FILT1 NAME",),
    ("ESO INS FILT1 NAME", "ESO INS FILT2 NAME", "ESO INS FILT3 NAME", "ESO INS FILT4 NAME"),
    ("ESO INS FILT ID",),
    ("BLUFILT",),
    ("REDFILT",),
    ("ALFLTNM", "FAFLTNM", "FBFLTNM"),  # NOT, ALFOSC and the two wheels before it
    ("ISIFILTA", "ISIFILTB"),  # WHT, ISIS
    ("BFILTER",),  # Palomar, DBSP: the arm's own
    ("RFILTER",),
    ("FILTREAR",),  # Lowell, DeVeny
)
"""Name of the filter: words."""

DISPERSER: Together = (
    ("GRATID",),
    ("GRATING",),
    ("GRISM",),
    ("GRATNG_N", "GRISM_N"),  # Lick, Kast
    ("GRATNAME",),
    ("GRISNAME",),
    ("DISPERSR",),
    ("ESO INS GRIS1 NAME",),
    ("ESO INS GRAT NAME",),
    ("ESO INS GRAT1 NAME",),
    ("CAHA INS GRIS1 NAME",),
    ("ALGRNM",),  # NOT, ALFOSC
    ("ISIGRAT",),  # WHT, ISIS
)
"""Name of the grating or grism."""

SLIT: Together = (
    ("SLIT_N",),
    ("SLITNAME",),
    ("SLITID",),
    ("SLIT",),
    ("APERTURE",),
    ("SLITPOS",),
    ("ESO INS SLIT1 NAME",),
    ("ESO INS SLIT NAME",),
    ("ALAPRTNM",),  # NOT, ALFOSC
)
"""Name of the slit."""

READOUT_SECTION: Together = (
    ("XORGSUBF", "YORGSUBF"),
    ("ROISEC",),
    ("CCDSEC",),
    ("DETSEC",),
    ("ESO DET WIN1 STRX", "ESO DET WIN1 STRY"),
)
"""Which part of the detector was read out."""

READOUT_MODE: Together = (
    ("READMODE",),
    ("RDMODE",),
    ("READOUTM",),
    ("RDSPEED",),
    ("CCDSPEED",),  # Calar Alto, WHT
    ("READ-SPD",),  # Lick, Kast
    ("CONFMODE",),  # Las Cumbres
    ("ESO DET READ SPEED",),
    ("ESO DET READ CURNAME",),
)
"""In which mode, or how quickly, the detector was read out."""

INSTRUMENT: Together = (("INSTRUME",), ("FPA",))
"""Name of the instrument; of Palomar's DBSP, which does without, the arm's."""

DETECTOR: Together = (("DETECTOR",), ("DETNAM",), ("CCDNAME",), ("CCDID",), ("ESO DET CHIP1 ID",))
"""Name of the detector."""

IMAGE_TYPE = ("IMAGETYP", "IMGTYPE", "IMGTYP", "IMTYPE", "OBSTYPE", "EXPTYPE", "FRAME", "FRAMETYP",
              "ESO DPR TYPE", "ESO DPR CATG", "OBSMODE")  # fmt: skip
"""Type of the image: words.  Lick writes OBSTYPE = DARK for a bias: a dark of 0 s is one."""

KIND_WORDS = (
    ("bias", ("bias", "zero", "offset")),
    ("flat", ("flat", "twilight", "domef", "skyf", "ffs", "led", "quartz", "halogen")),
    ("arc", ("arc", "comp", "lamp", "wave", "thar", "cuar", "hene", "cal")),
    ("dark", ("dark",)),
    ("light", ("light", "object", "obj", "sci", "target", "std", "standard", "expose", "sky", "acq", "stare")),
)
"""How a type begins in words of any case; the first that fits."""

BINNING: Together = (
    ("CCDSUM",),
    ("XBINNING", "YBINNING"),
    ("CCDXBIN", "CCDYBIN"),
    ("BINX", "BINY"),
    ("CCDBINX", "CCDBINY"),
    ("CCDBIN1", "CCDBIN2"),
    ("NBIN1", "NBIN2"),
    ("BINAXIS1", "BINAXIS2"),
    ("XBIN", "YBIN"),
    ("ESO DET WIN1 BINX", "ESO DET WIN1 BINY"),
    ("BINNING",),
    ("CCDBIN",),
)
"""Binning along x and y: two cards, or one that says both, as ``2 2``, ``2x2`` or ``2,2``."""

DISPERSION = ("DISPAXIS", "DISPAXI", "DISPDIR")
"""The axis along which a spectrum is dispersed, as FITS counts them: 1 along rows, 2 along columns."""
