"""Singling out and linkability as another program finds them (anonymeter, by the authors of the risks' definition).

Run by the interpreter of an environment of its own, never by ours: nothing of it is part of the product.

    python -I anonymeter_risks.py TASK.json

TASK.json: {"folder": where the tables are, "tables": [names of released tables], "halves": [[columns], [columns]], "columns": how many
columns a predicate is about, "attacks": how many, "seed": …}. In the folder: train.csv, control.csv and one CSV file for each released
table. Prints {table: {"singling_out" or "linkability": [risk, low, high]}} as JSON, with 95 % intervals.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any


def main() -> None:
    import numpy as np
    import pandas as pd
    from anonymeter.evaluators import LinkabilityEvaluator, SinglingOutEvaluator
    from anonymeter.evaluators import singling_out_evaluator as module

    warnings.simplefilter("ignore")
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    folder = Path(task["folder"])
    train, control = (pd.read_csv(folder / f"{name}.csv") for name in ("train", "control"))
    found: dict[str, dict[str, Any]] = {}
    for name in task["tables"]:
        released = pd.read_csv(folder / f"{name}.csv")
        if hasattr(module, "rng"):
            module.rng = np.random.default_rng(task["seed"])
        np.random.seed(task["seed"])
        single = SinglingOutEvaluator(train, released, n_attacks=task["attacks"], n_cols=task["columns"], control=control)
        single.evaluate(mode="multivariate")
        link = LinkabilityEvaluator(
            train,
            released,
            aux_cols=tuple(task["halves"]),
            n_attacks=min(task["attacks"], len(train), len(control)),
            n_neighbors=1,
            control=control,
        )
        link.evaluate(n_jobs=1)
        found[name] = {
            kind: _figures(evaluator.risk(confidence_level=0.95)) for kind, evaluator in (("singling_out", single), ("linkability", link))
        }
    print(json.dumps(found))


def _figures(risk: Any) -> list[float]:
    return [float(risk.value), float(risk.ci[0]), float(risk.ci[1])]


if __name__ == "__main__":
    main()
