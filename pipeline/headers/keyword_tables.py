"""Which keywords say what, in the order in which they are believed, with their units and their traps.

The first card of a table that has a value is taken.  A unit in the card's own comment, ``[ms]``, "minutes" or
"(days)", goes before the unit given here.
"""

from __future__ import annotations

import re
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
    *(Key(k, "C", note="what was asked for") for k in ("SET-TEMP", "CCDSTEMP", "SETTEMP", "SET_TEMP", "CCDTSET")),
)
"""Temperature of the detector in °C; in K where the comment says so, and above 100 (no detector is kept boiling)."""

SET_POINT = tuple(key.keyword for key in TEMPERATURE if key.note == "what was asked for")
"""Those cards that say what temperature was asked for."""

Together: TypeAlias = tuple[tuple[str, ...], ...]
"""Keywords of one meaning, each with those that say it together with it, such as the filters of several wheels."""


def _each(*keywords: str) -> Together:
    """Let keywords stand by themselves; {} is the number of a wheel or element, from 1 to 9."""
    numbered = [keyword.format(n) for keyword in keywords for n in (range(1, 10) if "{}" in keyword else (0,))]
    return tuple((keyword,) for keyword in numbered)


FILTER: Together = _each(
    "FILTER",
    "FILTER{}",  # Liverpool Telescope, Las Cumbres
    "FILTERI{}",
    "FILTER01",
    "FILTER02",
    "FILTERS",
    "FILTNAM",
    "FILTNAM{}",
    "FILTNAME",
    "FILTID{}",
    "FILTERID",
    "WFFBAND",  # INT, Wide Field Camera
    "INSFILTE",  # Calar Alto
    "INSFLNAM",  # Calar Alto, CAFOS
    "CAHA INS FILT{} NAME",
    "ESO INS FILT{} NAME",
    "ESO INS OPTI{} NAME",
    "ESO INS FILT ID",
    "ESO INS FILT NAME",
    "TNG INS FILT{} NAME",
    "BLUFILT",
    "REDFILT",
    "BLFILT_N",  # Lick, Kast
    "RDFILT_N",
    "ALFLTNM",  # NOT, ALFOSC and the two wheels before it
    "FAFLTNM",
    "FBFLTNM",
    "ACAMFILT",  # WHT, ACAM
    "ISIFILTA",  # WHT, ISIS
    "ISIFILTB",
    "BFILTER",  # Palomar, DBSP: the arm's own
    "RFILTER",
    "FILTREAR",  # Lowell, DeVeny
    "FILTFRNT",
)
"""Name of the filter in each wheel: words.  All wheels count; see :data:`EMPTY_WHEEL`."""

ALIKE_IN_FILTER = (frozenset(key for (key,) in FILTER if not re.search(r"ID$|ID \d$|FILTERI|FILTID", key)),)
"""Those that give a name, and no number or label of an observatory's own: they mean the same, wherever it stands."""

EMPTY_WHEEL = (
    r"<?no[ _-]?filters?>?|(clear|clr|open|air|empty|free|blank|hole|out|without|nothing)[ _-]*(\([a-z]\)|\d*)|-+"
)
"""Words of a wheel through which light goes unfiltered, of any case: they name no filter."""

DISPERSER: Together = (
    ("GRATID",),
    ("GRATING",),
    ("GRISM",),
    ("GRATNG_N", "GRISM_N"),  # Lick, Kast
    ("GRATNAME",),
    ("GRISNAME",),
    ("DISPERSR",),
    ("DISPERSE",),  # MMT
    *_each("ESO INS GRIS{} NAME", "ESO INS GRAT NAME", "ESO INS GRAT{} NAME", "CAHA INS GRIS{} NAME"),
    ("ALGRNM",),  # NOT, ALFOSC
    ("ISIGRAT",),  # WHT, ISIS
)
"""Name of the grating or grism."""

DISPERSER_ANGLE = (
    Key("CENWAVE", note="WHT, HST: central wavelength"),
    Key("CENWAV"),
    Key("CENTWAVE"),
    Key("CENTWAV"),
    Key("CENTRWV"),
    Key("CWAVE"),
    Key("CWAVELEN"),
    Key("CENTWLEN"),
    Key("WAVECENT"),
    Key("GRWLEN", note="Gemini"),
    Key("GRATWAVE"),
    Key("GRATWL"),
    Key("GRANGLE", note="Lowell, DeVeny"),
    Key("GRATANGL"),
    Key("GRATANG"),
    Key("GRTANGLE"),
    Key("GRTANG"),
    Key("GRATTILT"),
    Key("GRTILT"),
    Key("GRTILT_P", note="Lick, Kast: steps of a motor"),
    Key("GRT_ANG", note="SOAR, Goodman"),
    Key("CAM_ANG", note="SOAR, Goodman: of the camera behind it"),
    Key("GRATPOS", note="a position; words at the Liverpool Telescope"),
    Key("GRISANG"),
    Key("ECHANGL", note="Keck, HIRES"),
    Key("XDANGL", note="Keck, HIRES"),
    Key("ESO INS GRAT WLEN"),
    Key("ESO INS GRAT1 WLEN"),
    Key("ESO INS GRAT2 WLEN"),
    Key("ANGLE", note="Palomar, DBSP, where the header names a grating", says="grating"),
)
"""Central wavelength, or how the grating or grism is turned, in whatever unit: to be compared, not to be used."""

DISPERSER_POSITION: Together = (("GRATSET",),)  # Liverpool Telescope, SPRAT: red or blue
"""Which of a few positions the grating or grism is turned to, in words."""

DICHROIC: Together = (("DICHROIC",), ("DICHNAME",), ("BSPLIT_N",), ("ISIDICHR",))
"""Name of the dichroic or beam splitter."""

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
    ("SLITASEC",),  # Lowell, DeVeny: its width
    ("SLITW",),  # GTC, OSIRIS: its width
    ("ISISLITW",),  # WHT, ISIS: its width
    ("ESO INS SLIT WID",),
    ("MASKNAME",),
)
"""Name of the slit."""

READOUT_SECTION: Together = (
    ("XORGSUBF", "YORGSUBF"),
    ("ROISEC",),
    ("CCDSEC",),
    ("DETSEC",),
    ("ESO DET WIN1 STRX", "ESO DET WIN1 STRY"),
    ("CAHA DET CCD1 WIN1 STRX", "CAHA DET CCD1 WIN1 STRY"),
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
    ("READSPD",),
    ("READSPEE",),
    ("ROSPEED",),
    ("READRATE",),
    ("ESO DET READ SPEED",),
    ("ESO DET READ CURNAME",),
    ("ESO DET READ MODE",),
    ("ESO DET READ CLOCK",),
    ("CAHA DET CCD1 READ SPEED",),
)
"""In which mode, or how quickly, the detector was read out."""

ALIKE_IN_READOUT_MODE = (
    frozenset(("READMODE", "RDMODE", "READOUTM", "CONFMODE", "ESO DET READ CURNAME", "ESO DET READ MODE")),
    frozenset(key for (key,) in READOUT_MODE if re.search("SPE?E?D|RATE", key)),
)
"""Those that give a mode, and those that give a speed."""

INSTRUMENT: Together = (("INSTRUME",), ("FPA",))
"""Name of the instrument; of Palomar's DBSP, which does without, the arm's."""

ARM: Together = (("ISIARM",), ("INSTCONF",), ("ARM",), ("VERSION",), ("EXTNAME",))
"""Arm or detector of an instrument of several: WHT, SOAR, Lick's VERSION, ESO's EXTNAME."""

TARGET = ("OBJECT", "OBJNAME", "SCITARG", "TARGNAME", "ESO OBS TARG NAME")
"""What was pointed at, or what else the exposure is of: words of the observer."""

DETECTOR: Together = (("DETECTOR",), ("DETNAM",), ("CCDNAME",), ("CCDID",), ("CAMID",), ("ESO DET CHIP1 ID",))
"""Name of the detector."""

SERIAL_NUMBER: Together = _each(
    "SERIALNO", "SERIALNU", "SERIAL", "CAMSERNO", "CAMSER", "CAM-SER", "CAMSN", "CAM-SN", "CAM_SN", "CAMSERIA",
    "CAMERASN", "CAMERAID", "CCDSER", "CCDSERNO", "CCDSN", "CCD_SERN", "DETSER", "DETSERNO", "DET-SN", "DETSERIA",
)  # fmt: skip
"""Serial number of the camera or the detector: a number or words."""

TELESCOPE: Together = (("TELESCOP",), ("ESO TEL ID",))
"""Name of the telescope, at which drivers write their own."""

BLACK_LEVEL = (
    Key("OFFSET", note="amateur cameras: the number of a setting; elsewhere what is no setting"),
    *(Key(k) for k in ("BLKLEVEL", "BLACKLEV", "BLACKLVL", "BLKLVL", "CAMOFFS", "CAM-OFFS", "CCDOFFST")),
)
"""The black level or offset that was set, a whole number from 0."""

PEDESTAL: Together = (("PEDESTAL",),)
"""ADU that are to be added (MaxIm DL), or were added (PixInsight, Siril), to have values that begin at 0."""

ROW_ORDER: Together = (("ROWORDER",), ("FLIPSTAT",))
"""Whether the first row of the file is the lowest or the topmost of the picture; what was mirrored on the way."""

COLOUR_MOSAIC: Together = (("BAYERPAT", "XBAYROFF", "YBAYROFF"), ("COLORTYP",))
"""Which colours the pixels see, and where their pattern begins."""

GAIN_SETTING: Together = _each(
    "GAINMODE", "GAINSET", "GAIN_SET", "GAIN-SET", "GAINSETT", "CCDGAINS", "PREAMP", "PREAMPG", "PREAMPGA", "PREGAIN",
    "EMGAIN", "ISO", "ISOSPEED", "ISO_SPEE",
)  # fmt: skip
"""Names and numbers of how the gain was set, beside those of :data:`GAIN_AS_SET`."""

ALIKE_IN_GAIN_SETTING = (
    frozenset(("GAINMODE", "GAINSET", "GAIN_SET", "GAIN-SET", "GAINSETT", "CCDGAINS")),
    frozenset(("PREAMP", "PREAMPG", "PREAMPGA", "PREGAIN")),
    frozenset(("ISO", "ISOSPEED", "ISO_SPEE")),
)
"""Those that give a gain as set, that of an amplifier before the converter, and that of a camera for daylight."""

ROTATOR: Together = (("ROTATANG",), ("ROTANG",))
"""How a camera's own rotator stands, in degrees; not those that follow the field of an alt-azimuth telescope."""

PIER_SIDE: Together = (("PIERSIDE",), ("SIDEOFPI",))
"""On which side of its pier a German mount stands: beyond it the sky is upside down on the detector."""

IMAGE_TYPE = ("IMAGETYP", "IMGTYPE", "IMGTYP", "IMTYPE", "OBSTYPE", "EXPTYPE", "FRAME", "FRAMETYP",
              "ESO DPR TYPE", "ESO DPR CATG", "OBSMODE")  # fmt: skip
"""Type of the image: words.  Lick writes OBSTYPE = DARK for a bias: a dark of 0 s is one."""

KIND_WORDS = (
    ("bias", ("bias", "zero", "offset")),
    ("flat", ("flat", "twilight", "twif", "domef", "skyf", "ffs", "led", "quartz", "halogen")),
    ("arc", ("arc", "comp", "lamp", "wave", "thar", "cuar", "hene", "cal")),
    ("dark", ("dark",)),
    ("light", ("light", "object", "obj", "sci", "target", "std", "standard", "expose", "sky", "acq", "stare",
               "spectr", "longslit", "broadband")),
)  # fmt: skip
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
    ("DETXBIN", "DETYBIN"),  # NOT, ALFOSC
    ("ESO DET WIN1 BINX", "ESO DET WIN1 BINY"),
    ("BINNING",),
    ("CCDBIN",),
)
"""Binning along x and y: two cards, or one that says both, as ``2 2``, ``2x2`` or ``2,2``."""

IN_BEAM = ("SLITPOS", "GRATPOS")
"""Whether slit and grating are in the beam: IN or OUT, as the Liverpool Telescope says."""

OUT_OF_BEAM = r"<?(no\b|none|n/a|open|clear|clr|out|free|empty|blank|hole|mirror|image|imaging|home|park|foc|pinhole)"
"""How the name of a slit or a disperser begins, of any case, that says that there is none, and no spectrum."""

DISPERSION = ("DISPAXIS", "DISPAXI", "DISPDIR")
"""The axis along which a spectrum is dispersed, as FITS counts them: 1 along rows, 2 along columns."""
