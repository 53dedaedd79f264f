"""Units of measurement as UCUM codes: which are valid, how people read them, what people write, what a column's name says.

UCUM is the code system of units in FHIR and OMOP. Source: The Unified Code for Units of Measure, version 2.2, https://ucum.org/ucum:
grammar (§ 5-12, case sensitive), prefixes (§ 27) and unit atoms (§ 28-46). UCUM is © Regenstrief Institute, Inc. and the UCUM
Organization, and free to use; the codes below are given unchanged. What has no unit there is named in braces, as UCUM has it: `{tablets}`.
"""

from __future__ import annotations

import re

from generators.errors import InputError

LONGEST = 100
"""Characters of a code."""

_PREFIXES = "Y Z E P T G M k h d c m u n p f a z y da Ki Mi Gi Ti".split()
_METRIC = frozenset(
    "m s g rad K C cd mol sr Hz N Pa J W A V F Ohm S Wb Cel T H lm lx Bq Gy Sv l L ar t bar u eV pc [c] [h] [k] [eps_0] [mu_0] [e] [m_e] "
    "[m_p] [G] [g] [ly] gf Ky Gal dyn erg P Bi St Mx G Oe Gb sb Lmb ph Ci R RAD REM cal_[15] cal_[20] cal_m cal_IT cal_th cal tex m[H2O] "
    "m[Hg] eq osm g% kat U [iU] [IU] Np B B[SPL] B[V] B[mV] B[uV] B[10.nV] B[W] B[kW] st mho bit By Bd".split()
)
"""Unit atoms that take a prefix."""
_OTHER = frozenset(
    "10* 10^ [pi] % [ppth] [ppm] [ppb] [pptr] gon deg ' '' min h d a_t a_j a_g a wk mo_s mo_j mo_g mo AU atm [lbf_av] [in_i] [ft_i] [yd_i] "
    "[mi_i] [fth_i] [nmi_i] [kn_i] [sin_i] [sft_i] [syd_i] [cin_i] [cft_i] [cyd_i] [bf_i] [cr_i] [mil_i] [cml_i] [hd_i] [ft_us] [yd_us] "
    "[in_us] [rd_us] [ch_us] [lk_us] [rch_us] [rlk_us] [fth_us] [fur_us] [mi_us] [acr_us] [srd_us] [smi_us] [sct] [twp] [mil_us] [in_br] "
    "[ft_br] [rd_br] [ch_br] [lk_br] [fth_br] [pc_br] [yd_br] [mi_br] [nmi_br] [kn_br] [acr_br] [gal_us] [bbl_us] [qt_us] [pt_us] [gil_us] "
    "[foz_us] [fdr_us] [min_us] [crd_us] [bu_us] [gal_wi] [pk_us] [dqt_us] [dpt_us] [tbs_us] [tsp_us] [cup_us] [foz_m] [cup_m] [tsp_m] "
    "[tbs_m] [gal_br] [pk_br] [bu_br] [qt_br] [pt_br] [gil_br] [foz_br] [fdr_br] [min_br] [gr] [lb_av] [oz_av] [dr_av] [scwt_av] [lcwt_av] "
    "[ston_av] [lton_av] [stone_av] [pwt_tr] [oz_tr] [lb_tr] [sc_ap] [dr_ap] [oz_ap] [lb_ap] [oz_m] [lne] [pnt] [pca] [pnt_pr] [pca_pr] "
    "[pied] [pouce] [ligne] [didot] [cicero] [degF] [degR] [degRe] [Cal] [Btu_39] [Btu_59] [Btu_60] [Btu_m] [Btu_IT] [Btu_th] [Btu] [HP] "
    "[den] [in_i'H2O] [in_i'Hg] [PRU] [wood'U] [diop] [p'diop] %[slope] [mesh_i] [Ch] [drp] [hnsf'U] [MET] [hp'_X] [hp'_C] [hp'_M] [hp'_Q] "
    "[hp_X] [hp_C] [hp_M] [hp_Q] [kp_X] [kp_C] [kp_M] [kp_Q] [pH] [S] [HPF] [LPF] [arb'U] [USP'U] [GPL'U] [MPL'U] [APL'U] [beth'U] "
    "[anti'Xa'U] [todd'U] [dye'U] [smgy'U] [bdsk'U] [ka'U] [knk'U] [mclg'U] [tb'U] [CCID_50] [TCID_50] [EID_50] [PFU] [FFU] [CFU] [IR] "
    "[BAU] [AU] [Amb'a'1'U] [PNU] [Lf] [D'ag'U] [FEU] [ELU] [EU] Ao b att [psi] circ sph [car_m] [car_Au] [smoot] [m/s2/Hz^(1/2)] [NTU] "
    "[FNU] bit_s".split()
)
"""Unit atoms that do not."""
_UNITS = _METRIC | _OTHER | {prefix + unit for prefix in _PREFIXES for unit in _METRIC}
_TOKEN = re.compile(r"\{[!-z|~]*\}|[./()]|(?:[!-'*-\-0-Z^-z|~]|\[[!-Z^-z|~]*\])+")
_EXPONENT = re.compile(r"(.+?)([+-]?[0-9]+)")

_WORDS = {
    "a": "years", "mo": "months", "wk": "weeks", "d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds",
    "[mi_i]": "miles", "[in_i]": "inches", "[ft_i]": "feet", "[stone_av]": "stone", "[lb_av]": "pounds", "[oz_av]": "ounces",
    "[drp]": "drops", "/min": "per minute", "/h": "per hour", "/d": "per day", "/wk": "per week", "/mo": "per month", "/a": "per year",
    "t": "tonnes", "C": "coulomb", "F": "farad", "K": "kelvin", "st": "stere", "deg": "degrees", "1": "",
}  # fmt: skip
"""Whole codes by the word a person uses."""
_SYMBOLS = {
    "Cel": "°C", "[degF]": "°F", "Ohm": "Ω", "deg": "°", "a": "year", "mo": "month", "wk": "week", "[lb_av]": "lb", "[oz_av]": "oz",
    "[in_i]": "in", "[ft_i]": "ft", "[mi_i]": "mile", "10*": "10", "10^": "10", "[ppm]": "ppm", "[ppb]": "ppb", "Ao": "Å",
}  # fmt: skip
"""Units within a code by the sign a person uses."""
_RAISED = str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")
_LOWERED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻µμ×·", "0123456789+-uux.")

_SPELLINGS = {
    "a": "year years yr yrs y", "mo": "month months mth mths", "wk": "week weeks wks", "d": "day days", "h": "hour hours hr hrs",
    "min": "minute minutes mins", "s": "second seconds sec secs", "ms": "millisecond milliseconds msec", "kg": "kilogram kilograms kgs",
    "g": "gram grams gm", "mg": "milligram milligrams mgs", "ug": "microgram micrograms mcg", "cm": "centimetre centimetres cms",
    "mm": "millimetre millimetres mms", "m": "metre metres", "km": "kilometre kilometres kms", "L": "litre litres",
    "mL": "millilitre millilitres", "mm[Hg]": "mmhg", "cm[H2O]": "cmh2o", "Cel": "°c c degc celsius", "[degF]": "°f f degf fahrenheit",
    "%": "percent pct", "/min": "bpm beats/min breaths/min beats/minute breaths/minute", "[lb_av]": "lb lbs pound pounds",
    "[oz_av]": "oz ounce ounces", "[stone_av]": "st stone stones", "[in_i]": "in inch inches", "[ft_i]": "ft foot feet",
    "[mi_i]": "mi mile miles", "[iU]": "iu", "m[iU]": "miu", "U/L": "units/l", "U": "unit units", "[pH]": "ph", "{score}": "score points",
    "{count}": "count number", "10*9/L": "10^9/l x10^9/l x10*9/l", "10*12/L": "10^12/l x10^12/l x10*12/l",
}  # fmt: skip
COMMON = (
    "a mo wk d h min s kg g mg ug cm mm m km L mL mm[Hg] kPa Cel % /min kg/m2 mmol/L umol/L mmol/mol g/L g/dL mg/dL mg/L ug/L ng/mL U/L "
    "[iU]/L 10*9/L 10*12/L mL/min mL/h mL/min/{1.73_m2} kcal {score} {count}".split()
)
"""Codes to offer where one is asked for."""
_SPELT = {code.casefold(): code for code in COMMON} | {
    spelling: code for code, spellings in _SPELLINGS.items() for spelling in spellings.split()
}

_MEASURES = (
    (r"(systolic|diastolic|mean_arterial)(_blood)?(_bp|_pressure)?|[sd]bp|(blood_pressure|bp)(_(systolic|diastolic|sys|dia))?", "mm[Hg]"),
    (r"(heart|pulse|respiratory|respiration|resp|breathing)_?rate|pulse|hr|rr", "/min"),
    (r"spo2|sao2|sp_o2|o2_?sats?|(oxygen_)?saturation", "%"),
    (r"bmi|body_mass_index", "kg/m2"),
    (r"age|age_(at|on)_\w+|\w+_age(?<!gestational_age)", "a"),
)
"""What whole names of columns measure in every hospital that counts as the United Kingdom does."""
_ENDINGS = {
    "years": "a", "yrs": "a", "months": "mo", "mths": "mo", "weeks": "wk", "wks": "wk", "days": "d", "hours": "h", "hrs": "h",
    "minutes": "min", "mins": "min", "seconds": "s", "secs": "s", "kg": "kg", "kgs": "kg", "mg": "mg", "mcg": "ug", "ug": "ug", "cm": "cm",
    "cms": "cm", "mm": "mm", "km": "km", "ml": "mL", "mmhg": "mm[Hg]", "kpa": "kPa", "bpm": "/min", "celsius": "Cel", "degc": "Cel",
    "fahrenheit": "[degF]", "pct": "%", "percent": "%", "percentage": "%", "lbs": "[lb_av]", "lb": "[lb_av]", "inches": "[in_i]",
    "feet": "[ft_i]", "miles": "[mi_i]", "metres": "m", "kcal": "kcal", "mmol_l": "mmol/L", "umol_l": "umol/L", "mmol_mol": "mmol/mol",
    "g_l": "g/L", "mg_l": "mg/L", "g_dl": "g/dL", "mg_dl": "mg/dL", "ug_l": "ug/L", "ng_ml": "ng/mL", "pg_ml": "pg/mL", "u_l": "U/L",
    "iu_l": "[iU]/L", "ml_min": "mL/min", "ml_h": "mL/h", "ml_hr": "mL/h", "kg_m2": "kg/m2", "per_min": "/min", "per_minute": "/min",
    "per_day": "/d", "per_week": "/wk",
}  # fmt: skip
"""Last words of names that say a unit. "year", "day", "hour" and "min" are calendars, clocks and minima as often, so they are not here."""


def valid(code: str) -> bool:
    """Whether `code` is a UCUM code (case sensitive)."""
    tokens = _TOKEN.findall(code)
    if not code or len(code) > LONGEST or "".join(tokens) != code:
        return False
    tokens.reverse()
    return _whole(tokens) and not tokens


def words(code: str) -> str:
    """A valid `code` as people read it: "mm[Hg]" → "mmHg", "a" → "years", "kg/m2" → "kg/m²", "{score}" → "score"."""
    if code in _WORDS:
        return _WORDS[code]
    said = ""
    for part in _TOKEN.findall(code):
        if part.startswith("{"):
            said += f"{' ' if said and said[-1] not in './(' else ''}{part[1:-1].replace('_', ' ').replace('m2', 'm²')}"
        elif part in "./()":
            said += part.replace(".", "·")
        else:
            said += _sign(part)
    return said


def understood(text: str) -> str:
    """The code of what a person wrote: a code, or a usual spelling ("mmHg", "years", "kg/m²", "µg per L"). "" stays "".

    InputError with the way out where it is neither.
    """
    plain = " ".join(text.split())
    if not plain:
        return ""
    told = re.sub("10(?=[⁰¹²³⁴⁵⁶⁷⁸⁹])", "10*", plain).translate(_LOWERED)
    told = re.sub(r"\s*(?:/|\bper\b)\s*", "/", told)
    if told in COMMON:
        return told
    for spelling in (told.casefold(), told.casefold().replace(" ", "")):
        if spelling in _SPELT:
            return _SPELT[spelling]
    braced = re.sub(r"\{([^{}]*)\}", lambda found: "{" + found[1].strip().replace(" ", "_") + "}", told)
    spelt_out = "/".join(_SPELT.get(part.casefold(), part) for part in told.split("/"))
    for code in (braced, braced.replace(" ", ""), spelt_out):
        if valid(code):
            return code
    raise InputError(
        f'"{plain[:LONGEST]}" is no unit we know: write it as UCUM does (kg, mmol/L, mm[Hg], a for years), or what is counted in braces: '
        "{tablets}"
    )


def suggested(name: str) -> str:
    """The unit that the name of a numeric column speaks of, or "". name: in lower snake case (`profiling.identifiers.spelled`).

    By the name alone, never by a value: "weight_kg" → "kg", "los_days" → "d", "sbp" → "mm[Hg]", "temp_c" → "Cel".
    """
    parts = name.split("_")
    for last in (2, 1):
        if len(parts) > last and (unit := _ENDINGS.get("_".join(parts[-last:]))):
            return unit
    temperature = re.fullmatch(r"(?:\w+_)?(?:temp|temperature)_([cf])", name)
    if temperature:
        return {"c": "Cel", "f": "[degF]"}[temperature[1]]
    return next((unit for pattern, unit in _MEASURES if re.fullmatch(pattern, name)), "")


def _whole(tokens: list[str]) -> bool:
    """Whether what comes next of `tokens` (the next one last) is a term; it is taken off."""
    if tokens and tokens[-1] == "/":
        tokens.pop()
    while _component(tokens):
        if not tokens or tokens[-1] not in ("/", "."):
            return True
        tokens.pop()
    return False


def _component(tokens: list[str]) -> bool:
    if not tokens:
        return False
    first = tokens.pop()
    if first == "(":
        if not _whole(tokens) or not tokens or tokens.pop() != ")":
            return False
    elif first.startswith("{"):
        return True
    elif not (first in _UNITS or first.isdecimal() or ((raised := _EXPONENT.fullmatch(first)) and raised[1] in _UNITS)):
        return False
    if tokens and tokens[-1].startswith("{"):
        tokens.pop()
    return True


def _sign(token: str) -> str:
    """One unit with its prefix and exponent, as people write it."""
    raised = None if token in _UNITS or token.isdecimal() else _EXPONENT.fullmatch(token)
    unit, power = (raised[1], raised[2]) if raised else (token, "")
    if unit in _SYMBOLS:
        return _SYMBOLS[unit] + power.translate(_RAISED)
    if unit not in _METRIC | _OTHER and unit[:1] == "u":
        unit = f"µ{unit[1:]}"
    plain = unit.replace("[H2O]", "H₂O").replace("[iU]", "IU").replace("'", " ").translate({ord("["): None, ord("]"): None})
    return (plain if "[" in unit else unit) + power.translate(_RAISED)
