"""Two scripts that travel with a release: train a model on it with scikit-learn, and with torch.

Their text follows from the schema and the task alone, so the same release has the same bytes; no figure of anybody is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from evaluation.results import Evaluation
from evaluation.utility.tasks import CLASSIFICATION, REGRESSION, Task, known, of_schema, parse
from generators.errors import InputError
from generators.schema import DatasetSchema, Kind, TableSchema
from releases.capsule.layout import DATA, DISCLAIMER

SCIKIT_LEARN, TORCH = "train_scikit_learn.py", "train_torch.py"
_NUMBERS = (Kind.INTEGER, Kind.REAL)
_DATES = (Kind.DATE, Kind.DATETIME)
_CATEGORIES = (Kind.CATEGORICAL, Kind.BOOLEAN)
_WIDTH = 110


def scripts(schema: DatasetSchema, stems: Mapping[str, str], evaluation: Evaluation | None = None) -> dict[str, str]:
    """The scripts by file name; empty when no table has anything to predict.

    schema: of the release. stems: names of data files by table. evaluation: a target it could predict is preferred.
    """
    found = _task(schema, evaluation)
    if found is None:
        return {}
    table, task = found
    said = _said(table, task, stems[table.name])
    kind = _CLASSES if task.kind == CLASSIFICATION else _AMOUNTS
    parts = {"said": said, "disclaimer": DISCLAIMER, "reading": _READING.replace("{target}", kind["target"]), **kind}
    return {name: _filled(text, parts) for name, text in ((SCIKIT_LEARN, _SCIKIT_LEARN), (TORCH, _TORCH))}


def _filled(text: str, parts: Mapping[str, str]) -> str:
    """`text` with each {name} of a part replaced, once: what a part says is not read again."""
    return re.sub(r"\{(\w+)\}", lambda found: parts.get(found[1], found[0]), text)


def _task(schema: DatasetSchema, evaluation: Evaluation | None) -> tuple[TableSchema, Task] | None:
    """What the examples predict: a target of the evaluation, else one that the schema suggests."""
    tables = [table for table in schema.tables if not table.public]
    for r in evaluation.results if evaluation else ():
        if r.metric in ("target_auc", "target_r2") and r.value is not None and r.scope.kind == "column":
            for table in tables:
                if table.name == r.scope.names[0] and known(r.scope.names[1], table) and _predictors(table, r.scope.names[1]):
                    try:
                        return table, parse(r.scope.names[1], table)
                    except InputError:
                        continue
    for table in tables:
        task = of_schema(table)
        if task is not None and task.kind in (CLASSIFICATION, REGRESSION) and _predictors(table, task.target):
            return table, task
    return None


def _predictors(table: TableSchema, target: str) -> list[str]:
    keys = {*table.primary_key, table.person_key}
    kinds = (*_NUMBERS, *_DATES, *_CATEGORIES)
    return [column.name for column in table.columns if column.kind in kinds and column.name not in {*keys, target}]


def _said(table: TableSchema, task: Task, stem: str) -> str:
    names = _predictors(table, task.target)
    of = {column.name: column.kind for column in table.columns}
    person = table.person_key if table.person_key in of else None
    lines = [
        f'TABLE = Path(__file__).resolve().parents[1] / "{DATA}" / {f"{stem}.parquet"!a}',
        f"TARGET = {task.target!a}",
        f"PERSON = {person!a}  # all rows of one person are on the same side of the split",
        _listed("NUMBERS", (name for name in names if of[name] in _NUMBERS)),
        _listed("DATES", (name for name in names if of[name] in _DATES)),
        _listed("CATEGORIES", (name for name in names if of[name] in _CATEGORIES)),
        "ROWS = 50_000  # at most; raise it when you have the time",
        "SEED = 1",
    ]
    return "\n".join(lines)


def _listed(name: str, values: Iterable[str]) -> str:
    items = [ascii(value) for value in values]
    line = f"{name} = [{', '.join(items)}]"
    return line if len(line) <= _WIDTH else f"{name} = [\n" + "".join(f"    {item},\n" for item in items) + "]"


_CLASSES = {
    "target": """    common = table[TARGET].value_counts()
    table = table[table[TARGET].isin(common[common >= 20].index[:20])]  # classes of fewer rows cannot be learned
    y = table[TARGET].astype(str)""",
    "what": "balanced accuracy",
    "imports": "from sklearn.ensemble import RandomForestClassifier as Forest\nfrom sklearn.metrics import balanced_accuracy_score",
    "model": "Forest(n_estimators=100, min_samples_leaf=5, random_state=SEED)",
    "score": """guess = 1 / len(y.unique())
    score = balanced_accuracy_score(y[test], model.predict(table.iloc[test]))
    print(f"balanced accuracy {score:.3f} on {len(test)} rows held back; guessing gives {guess:.3f}")""",
    "truth": """classes = sorted(y.unique())
    target = torch.tensor([classes.index(value) for value in y])""",
    "outputs": "len(classes), torch.nn.functional.cross_entropy",
    "told": """told = model(x[test]).argmax(dim=1)
        hits = [(told[target[test] == k] == k).float().mean() for k in target[test].unique()]
        score = float(torch.stack(hits).mean())
    print(f"balanced accuracy {score:.3f} on {len(test)} rows held back; guessing gives {1 / len(classes):.3f}")""",
}
_AMOUNTS = {
    "target": "    y = table[TARGET].astype(float)",
    "what": "R squared",
    "imports": "from sklearn.ensemble import RandomForestRegressor as Forest\nfrom sklearn.metrics import r2_score",
    "model": "Forest(n_estimators=100, min_samples_leaf=5, random_state=SEED)",
    "score": """score = r2_score(y[test], model.predict(table.iloc[test]))
    print(f"R squared {score:.3f} on {len(test)} rows held back; 1 is perfect, 0 no better than the mean")""",
    "truth": """centre, scale = y.iloc[train].mean(), y.iloc[train].std() or 1.0
    target = torch.tensor(((y - centre) / scale).to_numpy(), dtype=torch.float32)[:, None]""",
    "outputs": "1, torch.nn.functional.mse_loss",
    "told": """missed = ((model(x[test]) - target[test]) ** 2).mean()
        score = 1 - float(missed / ((target[test] - target[test].mean()) ** 2).mean())
    print(f"R squared {score:.3f} on {len(test)} rows held back; 1 is perfect, 0 no better than the mean")""",
}

_READING = '''def read() -> tuple[pd.DataFrame, pd.Series]:
    """The columns to learn from, dates as days, and the target, where it is known."""
    columns = list(dict.fromkeys([*NUMBERS, *DATES, *CATEGORIES, TARGET, *([PERSON] if PERSON else [])]))
    table = pd.read_parquet(TABLE, columns=columns).dropna(subset=[TARGET])
    if len(table) > ROWS:
        table = table.sample(ROWS, random_state=SEED)
{target}
    table = table.copy()
    for name in DATES:
        # not in nanoseconds: dates before 1678 and after 2261 do not fit them
        days = np.array(table[name].to_numpy(), dtype="datetime64[s]")
        table[name] = np.where(np.isnat(days), np.nan, days.astype("int64") / 86_400)
    for name in CATEGORIES:
        table[name] = table[name].astype(object).where(table[name].notna(), "missing").astype(str)
    if len(table) < 50 or y.nunique() < 2:
        sys.exit("This release has too few rows, or too few different values, to hold some back and learn from the rest.")
    return table.reset_index(drop=True), y.reset_index(drop=True)
'''

_HEAD = '''"""Train a model on this release with {library}, and score it ({what}) on rows of the release that it has not seen.

{disclaimer}

    pip install pandas pyarrow {packages}
    python examples/{file}

The score says how well the model knows these artificial data, not how well it would do for real patients.
"""

'''

_SCIKIT_LEARN = (
    _HEAD.replace("{library}", "scikit-learn").replace("{packages}", "scikit-learn").replace("{file}", SCIKIT_LEARN)
    + """import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
{imports}
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

{said}


{reading}

def main() -> None:
    table, y = read()
    persons = table[PERSON] if PERSON else table.index
    train, test = next(GroupShuffleSplit(test_size=0.25, random_state=SEED).split(table, groups=persons))
    prepare = make_column_transformer(
        (SimpleImputer(add_indicator=True, keep_empty_features=True), NUMBERS + DATES),
        (OneHotEncoder(handle_unknown="ignore", max_categories=20), CATEGORIES),
    )
    model = make_pipeline(prepare, {model})
    model.fit(table.iloc[train], y[train])
    {score}


if __name__ == "__main__":
    main()
"""
)

_TORCH = (
    _HEAD.replace("{library}", "torch").replace("{packages}", "torch").replace("{file}", TORCH)
    + """import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch

EPOCHS = 30
{said}


{reading}

def main() -> None:
    torch.manual_seed(SEED)
    table, y = read()
    persons = table[PERSON].astype(str) if PERSON else pd.Series(table.index)
    kept = pd.Series(persons.unique()).sample(frac=0.75, random_state=SEED)
    learned = persons.isin(kept).to_numpy()
    train, test = np.flatnonzero(learned), np.flatnonzero(~learned)

    numbers = table[NUMBERS + DATES].astype(float)
    middle, spread = numbers.iloc[train].mean(), numbers.iloc[train].std()
    parts = [((numbers - middle) / spread.where(spread > 0, 1)).fillna(0), numbers.isna()]
    for name in CATEGORIES:
        common = table[name].iloc[train].value_counts().index[:20]
        parts.append(pd.get_dummies(pd.Categorical(table[name], categories=common)))
    x = torch.tensor(np.hstack([part.to_numpy(dtype="float32") for part in parts]))
    {truth}

    width, loss = {outputs}
    model = torch.nn.Sequential(torch.nn.Linear(x.shape[1], 64), torch.nn.ReLU(), torch.nn.Linear(64, width))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-4)
    for _ in range(EPOCHS):
        for batch in torch.tensor(train)[torch.randperm(len(train))].split(256):
            optimiser.zero_grad()
            loss(model(x[batch]), target[batch]).backward()
            optimiser.step()
    with torch.no_grad():
        {told}


if __name__ == "__main__":
    main()
"""
)
