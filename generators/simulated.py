"""Simulated emergency-department visits: what demonstrations and tests use in place of patients.

Nothing here was observed: the code lists, weights and phrases below are made up to be plausible. The table has what makes real
extracts hard: people who come again, dates, times of day, free text, codes, vital signs that are missing for a reason, and
seven rules that hold in every row (`EMERGENCY_SCHEMA`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from generators.errors import InputError
from generators.schema import ColumnSchema, DatasetSchema, Kind, Role, Rule, TableSchema

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ROWS = 27_963
SEED = 20261121
FIRST_DAY = np.datetime64("2022-01-01")
DAYS = 730


@dataclass(frozen=True)
class _Diagnosis:
    """One code: relative frequency by age band (0–9, 10–15, 16–39, 40–64, 65+), how urgent (1 most), how often admitted, ward, words."""

    code: str
    weights: tuple[float, float, float, float, float]
    urgency: float
    admitted: float
    ward: str
    words: tuple[str, ...]
    sex: str = ""


_DIAGNOSES = (
    _Diagnosis("A09", (7, 3, 3, 2, 3), 3.7, 0.14, "Acute medical", ("vomiting and diarrhoea", "loose stools", "gastroenteritis symptoms")),
    _Diagnosis("A41.9", (1, 0.5, 0.7, 2, 6), 1.8, 0.88, "Acute medical", ("?sepsis", "fever and confused", "rigors")),
    _Diagnosis("B34.9", (9, 3, 2, 1, 1), 4.0, 0.07, "Acute medical", ("fever", "viral illness", "high temperature and rash")),
    _Diagnosis("E10.1", (0.4, 0.8, 0.6, 0.4, 0.2), 2.0, 0.82, "Acute medical", ("high sugars", "vomiting, known diabetic")),
    _Diagnosis("E16.2", (0.2, 0.3, 0.5, 1, 1.5), 2.3, 0.42, "Acute medical", ("low blood sugar", "hypo at home")),
    _Diagnosis("F10.0", (0, 0.6, 4, 4, 1), 3.5, 0.18, "Acute medical", ("intoxicated", "alcohol, found on street")),
    _Diagnosis("F32.9", (0, 1.5, 4, 2.5, 0.8), 2.9, 0.2, "Mental health", ("low mood", "suicidal thoughts", "mental health crisis")),
    _Diagnosis("F41.9", (0, 1, 3, 2, 0.7), 3.6, 0.05, "Mental health", ("anxiety", "panic attack", "palpitations and anxious")),
    _Diagnosis("G40.9", (1.5, 1, 1.5, 1.5, 1.2), 2.1, 0.45, "Acute medical", ("seizure", "fit at home", "collapse ?seizure")),
    _Diagnosis("G43.9", (0.2, 1, 3, 2, 0.5), 3.5, 0.07, "Acute medical", ("migraine", "headache with vomiting", "severe headache")),
    _Diagnosis("H10.9", (2, 1, 1, 0.8, 0.6), 4.6, 0.01, "Surgical", ("red eye", "sticky eye")),
    _Diagnosis("H66.9", (6, 2, 0.7, 0.4, 0.2), 4.4, 0.02, "Surgical", ("earache", "ear pain and fever")),
    _Diagnosis("I10", (0, 0, 0.3, 1.5, 1.5), 3.6, 0.1, "Acute medical", ("high blood pressure", "BP raised at GP")),
    _Diagnosis("I20.0", (0, 0, 0.2, 2.5, 3), 2.1, 0.7, "Cardiac", ("chest pain", "central chest pain radiating to arm")),
    _Diagnosis("I21.9", (0, 0, 0.1, 1.5, 2.5), 1.4, 0.97, "Cardiac", ("chest pain ?MI", "crushing chest pain")),
    _Diagnosis("I48.9", (0, 0, 0.2, 1.5, 4), 2.4, 0.5, "Cardiac", ("palpitations", "fast AF")),
    _Diagnosis("I50.9", (0, 0, 0.05, 1, 5), 2.2, 0.85, "Cardiac", ("short of breath, swollen legs", "SOB lying flat")),
    _Diagnosis("I63.9", (0.05, 0.05, 0.2, 1.2, 4.5), 1.5, 0.95, "Stroke", ("facial droop", "FAST positive", "sudden weakness one side")),
    _Diagnosis("J03.9", (5, 3, 3, 0.6, 0.1), 4.2, 0.05, "Surgical", ("sore throat", "tonsillitis")),
    _Diagnosis("J18.9", (2, 0.7, 1, 2.5, 7), 2.4, 0.68, "Respiratory", ("cough and fever", "short of breath, cough", "chest infection")),
    _Diagnosis("J21.9", (6, 0, 0, 0, 0), 2.8, 0.4, "Respiratory", ("wheezy baby", "poor feeding and cough")),
    _Diagnosis("J44.1", (0, 0, 0.05, 2.5, 6), 2.3, 0.62, "Respiratory", ("COPD exacerbation", "breathless, known COPD")),
    _Diagnosis("J45.9", (4, 3, 2.5, 1.2, 0.6), 2.5, 0.25, "Respiratory", ("asthma attack", "wheeze", "SOB known asthmatic")),
    _Diagnosis("K35.8", (1, 2, 1.6, 0.6, 0.2), 2.5, 0.93, "Surgical", ("RIF pain ?appendix", "abdo pain right side")),
    _Diagnosis("K80.2", (0, 0.1, 1.2, 2, 1.5), 3.0, 0.5, "Surgical", ("RUQ pain", "pain after eating")),
    _Diagnosis("K92.2", (0.1, 0.1, 0.6, 1.3, 2.5), 2.0, 0.72, "Acute medical", ("black stools", "vomiting blood")),
    _Diagnosis("L03.9", (0.8, 0.6, 1.6, 2.5, 3), 3.6, 0.28, "Acute medical", ("red swollen leg", "cellulitis")),
    _Diagnosis("M54.5", (0, 0.5, 4, 5, 3), 3.9, 0.07, "Surgical", ("back pain", "lower back pain", "can't move, back gone")),
    _Diagnosis("N20.0", (0, 0.1, 2, 2.4, 0.8), 2.7, 0.24, "Surgical", ("loin pain", "renal colic")),
    _Diagnosis("N39.0", (1.5, 0.8, 2, 2, 6), 3.5, 0.3, "Acute medical", ("UTI symptoms", "burning on passing urine", "confused, ?UTI")),
    _Diagnosis("N40", (0, 0, 0, 0.7, 2.2), 3.2, 0.25, "Surgical", ("unable to pass urine", "retention"), "M"),
    _Diagnosis("O20.0", (0, 0, 4, 0.3, 0), 3.0, 0.12, "Surgical", ("bleeding in pregnancy", "pregnant, abdo cramps"), "F"),
    _Diagnosis("R07.4", (0.3, 1, 3.5, 5, 4), 2.7, 0.12, "Cardiac", ("chest pain", "chest tightness")),
    _Diagnosis("R10.4", (4, 4, 6, 4, 3), 3.2, 0.16, "Surgical", ("abdo pain", "tummy pain", "generalised abdominal pain")),
    _Diagnosis("R55", (0.5, 1.5, 2.5, 2, 5), 2.9, 0.24, "Acute medical", ("collapse", "faint", "blackout while standing")),
    _Diagnosis("S00.9", (8, 4, 2.5, 1.5, 4), 4.0, 0.04, "Surgical", ("head injury", "bumped head", "fall, banged head")),
    _Diagnosis("S01.8", (5, 3, 4, 2.5, 3), 4.2, 0.02, "Surgical", ("laceration to face", "cut above eye")),
    _Diagnosis("S52.5", (3, 4, 2, 2, 4), 3.4, 0.15, "Surgical", ("wrist injury", "fall onto outstretched hand", "deformed wrist")),
    _Diagnosis("S61.0", (2, 2, 5, 3.5, 1.2), 4.3, 0.02, "Surgical", ("cut finger", "knife injury to thumb")),
    _Diagnosis("S72.0", (0, 0, 0.05, 0.3, 4.5), 2.2, 0.98, "Surgical", ("fall, hip pain", "unable to weight bear, short leg")),
    _Diagnosis("S82.6", (0.5, 1.5, 2.5, 2, 1.2), 3.4, 0.18, "Surgical", ("ankle injury", "twisted ankle, can't walk")),
    _Diagnosis("S93.4", (2, 6, 6, 3.5, 1), 4.4, 0.01, "Surgical", ("ankle sprain", "inverted ankle", "football injury ankle")),
    _Diagnosis("T14.9", (4, 5, 4, 3, 2), 4.3, 0.03, "Surgical", ("minor injury", "assault, bruising", "RTC, walking")),
    _Diagnosis("T39.1", (0.2, 1.8, 2, 0.8, 0.2), 2.2, 0.6, "Acute medical", ("overdose", "took tablets")),
    _Diagnosis(
        "T78.4", (2, 1.5, 2, 1.2, 0.5), 2.8, 0.1, "Acute medical", ("allergic reaction", "rash and itching", "swollen lips after eating")
    ),
    _Diagnosis("U07.1", (0.6, 0.4, 1, 1.4, 2.5), 3.0, 0.35, "Respiratory", ("covid positive, breathless", "cough, covid")),
    _Diagnosis("W54", (1, 1, 1, 0.7, 0.4), 4.3, 0.02, "Surgical", ("dog bite",)),
    _Diagnosis("Z48.0", (0.5, 0.6, 1.2, 1.2, 1.4), 4.8, 0.01, "Surgical", ("dressing change", "wound check")),
)
_LENGTHS = (
    "",
    "",
    "",
    "",
    " since this morning",
    " for 2 days",
    " for 1 week",
    " started last night",
    ", worse today",
    ", seen by GP",
    " 3/7",
)
_ETHNICITIES = ("White British", "White other", "Asian or Asian British", "Black or Black British", "Mixed", "Other group", "Not stated")
_ETHNICITY_WEIGHTS = (0.46, 0.17, 0.13, 0.12, 0.05, 0.04, 0.03)
_MODES = ("Walk-in", "Ambulance", "GP referral", "Police")
_DISPOSITIONS = ("Discharged", "Admitted", "Transferred", "Left before treatment")
_WARDS = ("Acute medical", "Cardiac", "Children", "Mental health", "Respiratory", "Stroke", "Surgical")
_AREAS = (("E", 18), ("EC", 4), ("N", 22), ("NW", 11), ("SE", 28), ("SW", 20), ("W", 14), ("WC", 2))
_HOURS = (2.6, 2.1, 1.8, 1.6, 1.5, 1.6, 2.1, 3.0, 4.2, 5.4, 6.2, 6.3, 6.0, 5.7, 5.6, 5.6, 5.7, 5.9, 6.1, 5.9, 5.4, 4.8, 4.1, 3.3)


def _draw(rng: np.random.Generator, weights: Any, size: int) -> Ints:
    """Indices 0 … len(weights)−1 in proportion to `weights`."""
    cumulative = np.cumsum(np.asarray(weights, dtype=np.float64))
    drawn = np.searchsorted(cumulative, rng.random(size) * cumulative[-1], side="right")
    return np.asarray(np.minimum(drawn, len(cumulative) - 1), dtype=np.int64)


def _people(rng: np.random.Generator, rows: int) -> Ints:
    """The person (0 …) of each visit, in random order: about 40 % of the visits are by people who came more than once."""
    once = round(rows * 0.6)
    returning = 1 + np.minimum(rng.geometric(0.55, size=max(1, rows)), 14)
    enough = int(np.searchsorted(np.cumsum(returning), rows - once)) + 1
    visits = np.concatenate([np.ones(once, dtype=np.int64), returning[:enough]])
    return rng.permutation(np.repeat(np.arange(len(visits)), visits)[:rows])


def _diagnoses(rng: np.random.Generator, age: Ints, male: npt.NDArray[np.bool_]) -> Ints:
    band = np.digitize(age, (10, 16, 40, 65))
    weights = np.array([d.weights for d in _DIAGNOSES])
    drawn = np.zeros(len(age), dtype=np.int64)
    for b in range(5):
        for m in (False, True):
            fits = np.array([d.sex != ("F" if m else "M") for d in _DIAGNOSES])
            chosen = np.flatnonzero((band == b) & (male == m))
            drawn[chosen] = _draw(rng, weights[:, b] * fits, len(chosen))
    return drawn


def _text(values: npt.NDArray[Any]) -> pa.Array:
    return pa.array(values.astype(object), pa.string())


def _named(names: tuple[str, ...], codes: Ints, null: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    return pc.take(pa.array(names, pa.string()), pa.array(codes, mask=null))


def _numbered(prefix: str, numbers: Ints) -> pa.Array:
    digits = pc.utf8_lpad(pc.cast(pa.array(numbers), pa.string()), 6, "0")
    return pc.binary_join_element_wise(prefix, digits, "")


def emergency_department(rows: int = ROWS, seed: int = SEED) -> pa.Table:
    """`rows` simulated visits × 22 columns, typed as `EMERGENCY_SCHEMA` says, ordered by arrival; the same seed gives the same table.

    Raises InputError for rows < 1.
    """
    if rows < 1:
        raise InputError("a simulated table needs at least 1 row")
    rng = np.random.default_rng(seed)
    person = _people(rng, rows)
    people = int(person.max()) + 1
    born = np.round(rng.choice([0, 1], people, p=[0.3, 0.7]) * rng.normal(44, 24, people) + rng.gamma(1.4, 9, people), 3)
    born = np.abs(born) % 101  # years of age on the first day
    male = rng.random(people) < 0.487
    ethnicity = _draw(rng, _ETHNICITY_WEIGHTS, people)
    districts = tuple(f"{area}{n}" for area, count in _AREAS for n in range(1, count + 1))
    district = _draw(rng, 1 / np.arange(2.0, len(districts) + 2)[rng.permutation(len(districts))] ** 0.6, people)
    decile_of_district = rng.normal(5, 2.2, len(districts))
    imd = np.clip(np.round(decile_of_district[district] + rng.normal(0, 1.4, people)), 1, 10).astype(np.int64)

    day = np.sort(_draw(rng, 1 + 0.12 * np.cos(2 * np.pi * np.arange(DAYS) / 365.25) + 0.1 * (np.arange(DAYS) % 7 == 2), rows))
    minute = _draw(rng, _HOURS, rows) * 60 + rng.integers(0, 60, rows)
    order = np.lexsort((minute, day))
    day, minute = day[order], minute[order]
    age = np.floor(born[person] + day / 365.25).astype(np.int64)
    diagnosis = _diagnoses(rng, age, male[person])
    urgency = np.array([d.urgency for d in _DIAGNOSES])[diagnosis]
    triage = np.clip(np.round(urgency - 0.008 * (age - 40) + rng.normal(0, 0.55, rows)), 1, 5).astype(np.int64)

    ambulance = 1 / (1 + np.exp(1.25 * (triage - 2.6) - 0.022 * (age - 45)))
    spare = 1 - ambulance
    mode = np.where(rng.random(rows) < ambulance, 1, np.where(rng.random(rows) < 0.13 * spare, 2, 0))
    crisis = np.isin(diagnosis, [i for i, d in enumerate(_DIAGNOSES) if d.code in ("F10.0", "F32.9")])
    mode[(rng.random(rows) < 0.12) & crisis] = 3

    crowded = 1 + 0.5 * np.sin((minute / 60 - 9) / 24 * 2 * np.pi)
    wait = np.round(rng.gamma(1.7, (2 + 17 * (triage - 0.7)) * crowded * 0.75)).astype(np.int64)
    wait = np.minimum(wait, 719)
    admitted = np.array([d.admitted for d in _DIAGNOSES])[diagnosis]
    likely = 1 / (1 + np.exp(-(np.log(admitted / (1 - admitted)) + 0.35 * (3 - triage) + 0.012 * (age - 45))))
    left = 0.015 + 0.05 * (triage >= 4) * (wait > 120)
    u = rng.random(rows)
    disposition = np.where(u < likely, 1, np.where(u < likely + (1 - likely) * left, 3, 0))
    disposition[(disposition == 1) & (rng.random(rows) < 0.035)] = 2
    treated = np.round(rng.gamma(2.2, np.where(disposition == 1, 95, np.where(disposition == 2, 85, 38)))).astype(np.int64) + 3
    los = wait + np.where(disposition == 3, rng.integers(0, 15, rows), treated)

    ward = np.array([_WARDS.index(d.ward) for d in _DIAGNOSES])[diagnosis]
    elsewhere = rng.random(rows) < 0.07
    ward[elsewhere] = _WARDS.index("Acute medical")
    ward[(age < 16) & (ward != _WARDS.index("Stroke"))] = _WARDS.index("Children")

    unmeasured = rng.random(rows) < np.clip(0.08 * triage - 0.02 + 0.06 * (mode == 0), 0, 1)
    feverish = np.isin(diagnosis, [i for i, d in enumerate(_DIAGNOSES) if d.code in ("A41.9", "B34.9", "J18.9", "H66.9", "J03.9", "U07.1")])
    lungs = np.isin(diagnosis, [i for i, d in enumerate(_DIAGNOSES) if d.ward == "Respiratory"])
    temperature = np.round(rng.normal(36.7, 0.35, rows) + feverish * rng.gamma(3, 0.4, rows), 1)
    heart = np.round(rng.normal(80, 13, rows) + np.maximum(0, 9 - age) * 5 + 9 * (temperature - 36.8) + 4 * (3 - triage)).astype(np.int64)
    heart = np.clip(heart, 34, 210)
    saturation = np.clip(np.round(98.6 - rng.gamma(1.6, 0.6 + 0.5 * (age > 65)) - lungs * rng.gamma(1.5, 1.3, rows)), 71, 100).astype(
        np.int64
    )
    pressure = np.clip(np.round(rng.normal(112, 13, rows) + 0.42 * np.minimum(age, 80) - 11 * (triage == 1)), 58, 230).astype(np.int64)

    words = np.array([w for d in _DIAGNOSES for w in d.words], dtype=object)
    first = np.cumsum([0, *(len(d.words) for d in _DIAGNOSES)])[:-1]
    count = np.array([len(d.words) for d in _DIAGNOSES])
    said = words[first[diagnosis] + (rng.random(rows) * count[diagnosis]).astype(np.int64)]
    complaint = said + np.array(_LENGTHS, dtype=object)[rng.integers(0, len(_LENGTHS), rows)]

    arrived = FIRST_DAY + day
    clock = np.array([f"{m // 60:02d}:{m % 60:02d}" for m in range(1440)], dtype=object)
    left_at = arrived.astype("datetime64[us]") + (minute + los).astype("timedelta64[m]")
    return pa.table(
        {
            "visit_id": _numbered("V", 100_000 + rng.permutation(rows)),
            "patient_id": _numbered("P", rng.permutation(people)[person]),
            "arrival_date": pa.array(arrived.astype("datetime64[D]"), pa.date32()),
            "arrival_time": _text(clock[minute]),
            "discharge_datetime": pa.array(left_at, pa.timestamp("us")),
            "los_minutes": pa.array(los),
            "age": pa.array(age),
            "sex": _named(("F", "M"), male[person].astype(np.int64)),
            "ethnicity": _named(_ETHNICITIES, ethnicity[person]),
            "postcode_district": _named(districts, district[person]),
            "imd_decile": pa.array(imd[person]),
            "arrival_mode": _named(_MODES, mode),
            "triage_category": pa.array(triage),
            "chief_complaint": _text(complaint),
            "diagnosis_code": _named(tuple(d.code for d in _DIAGNOSES), diagnosis),
            "heart_rate": pa.array(heart, mask=unmeasured),
            "systolic_bp": pa.array(pressure, mask=unmeasured | (age < 10) | (rng.random(rows) < 0.03)),
            "spo2": pa.array(saturation, mask=unmeasured),
            "temperature": pa.array(temperature, mask=unmeasured),
            "wait_minutes": pa.array(wait),
            "disposition": _named(_DISPOSITIONS, disposition),
            "admit_ward": _named(_WARDS, ward, disposition != 1),
        }
    )


def write_emergency_csv(path: Path, rows: int = ROWS, seed: int = SEED) -> Path:
    """`emergency_department` as a CSV file, dates and times as `EMERGENCY_SCHEMA` formats them; returns `path`."""
    table = emergency_department(rows, seed)
    for name, pattern in (("arrival_date", "%Y-%m-%d"), ("discharge_datetime", "%Y-%m-%d %H:%M")):
        seconds = pc.cast(table[name], pa.timestamp("s"))
        table = table.set_column(table.column_names.index(name), name, pc.strftime(seconds, pattern))
    pa.csv.write_csv(table, path, pa.csv.WriteOptions(quoting_style="needed"))
    return path


def _column(name: str, kind: Kind, storage: str, role: Role = Role.OTHER, description: str = "", **more: Any) -> ColumnSchema:
    return ColumnSchema(name, kind, storage, nullable=more.pop("nullable", False), role=role, description=description, **more)


_QUASI, _SENSITIVE = Role.QUASI_IDENTIFIER, Role.SENSITIVE

EMERGENCY_SCHEMA = DatasetSchema(
    (
        TableSchema(
            name="emergency_visits",
            columns=(
                _column("visit_id", Kind.IDENTIFIER, "string", description="One visit", unique=True, format="A999999"),
                _column("patient_id", Kind.IDENTIFIER, "string", Role.DIRECT_IDENTIFIER, "Who the patient is", format="A999999"),
                _column("arrival_date", Kind.DATE, "date32", _QUASI, "Day of arrival", format="%Y-%m-%d"),
                _column("arrival_time", Kind.TIME, "string", _QUASI, "Time of arrival", format="%H:%M"),
                _column("discharge_datetime", Kind.DATETIME, "timestamp[us]", _QUASI, "When the patient left", format="%Y-%m-%d %H:%M"),
                _column("los_minutes", Kind.INTEGER, "int64", description="Minutes in the department"),
                _column("age", Kind.INTEGER, "int64", _QUASI, "Age at arrival in years"),
                _column("sex", Kind.CATEGORICAL, "string", _QUASI, "Sex", codes=("F", "M")),
                _column("ethnicity", Kind.CATEGORICAL, "string", _QUASI, "Ethnic group as stated"),
                _column("postcode_district", Kind.CATEGORICAL, "string", _QUASI, "First half of the home postcode"),
                _column(
                    "imd_decile",
                    Kind.CATEGORICAL,
                    "int64",
                    _QUASI,
                    "Deprivation of the home area, 1 most deprived",
                    codes=tuple(str(n) for n in range(1, 11)),
                ),
                _column("arrival_mode", Kind.CATEGORICAL, "string", description="How the patient came"),
                _column(
                    "triage_category",
                    Kind.CATEGORICAL,
                    "int64",
                    description="Urgency at triage, 1 most urgent",
                    codes=("1", "2", "3", "4", "5"),
                ),
                _column("chief_complaint", Kind.FREE_TEXT, "string", _SENSITIVE, "Complaint as written at reception"),
                _column("diagnosis_code", Kind.CATEGORICAL, "string", _SENSITIVE, "Diagnosis, ICD-10"),
                _column("heart_rate", Kind.INTEGER, "int64", _SENSITIVE, "Beats a minute", nullable=True),
                _column("systolic_bp", Kind.INTEGER, "int64", _SENSITIVE, "Systolic blood pressure, mmHg", nullable=True),
                _column("spo2", Kind.INTEGER, "int64", _SENSITIVE, "Oxygen saturation, %", nullable=True),
                _column("temperature", Kind.REAL, "float64", _SENSITIVE, "Temperature, °C", nullable=True, decimals=1),
                _column("wait_minutes", Kind.INTEGER, "int64", description="Minutes until first seen"),
                _column("disposition", Kind.CATEGORICAL, "string", description="How the visit ended"),
                _column("admit_ward", Kind.CATEGORICAL, "string", description="Ward admitted to", nullable=True),
            ),
            person_key="patient_id",
            primary_key=("visit_id",),
            rules=(
                Rule("leaves after arriving", "discharge_datetime >= arrival_date"),
                Rule("length of stay adds up", "discharge_datetime = arrival_date + arrival_time + los_minutes minutes"),
                Rule("waits no longer than stays", "wait_minutes <= los_minutes"),
                Rule("a ward when admitted, else none", "admit_ward is not null iff disposition = 'Admitted'"),
                Rule(
                    "children go to the children's ward", "admit_ward in ('Children', 'Stroke') where age < 16 and disposition = 'Admitted'"
                ),
                Rule("no blood pressure under ten", "systolic_bp is null where age < 10"),
                Rule("vital signs are taken together", "heart_rate, spo2, temperature null together"),
            ),
        ),
    )
)
"""The schema of `emergency_department` as a steward would confirm it (before `deidentified()`)."""

UNITS = {
    "los_minutes": "min",
    "age": "a",
    "heart_rate": "/min",
    "systolic_bp": "mm[Hg]",
    "spo2": "%",
    "temperature": "Cel",
    "wait_minutes": "min",
}
"""Units of its numbers (UCUM)."""


def with_units(schema: DatasetSchema = EMERGENCY_SCHEMA) -> DatasetSchema:
    """`schema` with the units that its visits are measured in. `EMERGENCY_SCHEMA` is from before there were units, and keeps its digest."""
    return replace(
        schema,
        tables=tuple(replace(t, columns=tuple(replace(c, unit=UNITS.get(c.name, "")) for c in t.columns)) for t in schema.tables),
    )
