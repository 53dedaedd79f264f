"""Fitting `gan`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from generators.encoding.coded import CodedRows, Part
from generators.errors import InputError
from generators.learning.model import Cost, Saved
from generators.learning.options import Option
from generators.learning.watch import Watch
from generators.models.gan.model import GanModel, loaded
from generators.models.gan.settings import PACK, Settings
from generators.models.leading import tables
from generators.models.restraint import restrained

if TYPE_CHECKING:
    from generators.learning.ledger import PrivacyLedger

LEAST_ROWS = 100
BATCHES = (32, 320)
"""The fewest and the most rows a step, multiples of `PACK`: a fortieth of few rows, which larger ones would go through too often."""
STEPS_A_ROUND = 60
MOST_DROPPED = 0.5
"""Of hidden units at a step; up to that half more of them than in synthvae, since few records are gone through more often here."""
WIDTH = 128
"""Of the critic at least, which is not kept; of the generator too where it draws all columns at once."""
ROUNDS, RATE = 10, 4e-3
ROUNDS_AT_ONCE, RATE_AT_ONCE = 25, 5e-4
"""Unless asked otherwise."""


class Gan:
    """The learner of `gan`: a conditional adversarial network (L. Xu et al., NeurIPS 2019) over coded rows."""

    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option(
            "rounds",
            "0",
            "How long the two networks are set against each other, at most; 0: chosen.",
            least=0,
            most=2000,
            advanced=False,
        ),
        Option("width", "0", "How much detail the networks can hold; 0: chosen from how many records there are.", least=0, most=1024),
        Option("noise", "64", "How many random numbers each record is made from.", least=1, most=512),
        Option("rate", "0", "How large the steps of learning are: smaller is steadier and slower; 0: chosen.", least=0, most=1e-2),
        Option(
            "tables",
            "yes",
            "Also count which column each column hangs on most, and start from that.",
            choices=("yes", "no"),
        ),
        Option(
            "following",
            "yes",
            "Draw each column in the light of those before it, and learn how likely records are, too: closer to the records; "
            "no: all columns at once, as CTGAN does.",
            choices=("yes", "no"),
        ),
    )
    restricts: ClassVar[bool] = False
    limits: ClassVar[bool] = False
    private: ClassVar[bool] = False

    @staticmethod
    def fit(
        rows: CodedRows,
        *,
        seed: int,
        options: Mapping[str, str],
        watch: Watch,
        held_out: CodedRows | None = None,
        ledger: PrivacyLedger | None = None,
    ) -> GanModel:
        """See `Learner.fit`. Without `held_out` the last generator is kept."""
        if ledger is not None:
            raise InputError("gan was asked for differential privacy, which it has not; choose dp-marginals, or synthvae")
        if rows.apart:
            raise InputError(
                "gan reads all columns at once and cannot keep pairs of them apart; choose autoregressive, or leave columns out"
            )
        if rows.rows < LEAST_ROWS:
            raise InputError(f"gan needs at least {LEAST_ROWS} rows to learn from, there are {rows.rows}; choose copula")
        from generators.models.gan.training import Training
        from generators.models.training_state import one_torch_thread

        watch.tick(0.0, f"{watch.stage}: counting")
        counted = tables(rows, seed) if options["tables"] == "yes" else {}
        settings = settings_of(rows.rows, options)
        with one_torch_thread():
            training = Training(rows, held_out, counted, settings, seed, watch)
            training.run()
        return training.model()

    @staticmethod
    def load(saved: Saved, parts: tuple[Part, ...], given: int) -> GanModel:
        return loaded(saved, parts, given)

    @staticmethod
    def cost(rows: int, parts: tuple[Part, ...], options: Mapping[str, str]) -> Cost:
        settings = settings_of(rows, options)
        codes, steps = sum(part.size for part in parts), settings.rounds * STEPS_A_ROUND
        layers = len(parts) * settings.width / 2 if settings.following else 0
        seconds = 3.0 + steps * (
            0.006 + 4e-4 * len(parts) + settings.batch * (codes * (2e-8 + 1.5e-9 * settings.judging / 2) + layers * 1.5e-9)
        )
        memory = 380_000_000 + 28 * rows * len(parts) + 70 * codes * (settings.judging + settings.width) + 60 * settings.batch * codes
        return Cost(seconds, int(memory))

    @staticmethod
    def plainer(options: Mapping[str, str], step: int) -> Mapping[str, str] | None:
        """Shorter training of smaller networks; at last the counted tables nearly alone."""
        ladder = ((16, 8), (8, 6), (8, 3), (8, 1))
        if not 1 <= step <= len(ladder):
            return None
        width, rounds = ladder[step - 1]
        # Nought is what is chosen, which is more.
        return {
            **options,
            "width": min(options["width"], str(width), key=lambda text: float(text) or math.inf),
            "rounds": min(options["rounds"], str(rounds), key=lambda text: float(text) or math.inf),
        }


def settings_of(rows: int, options: Mapping[str, str]) -> Settings:
    """What the options come to for so many rows."""
    following, restraint = options["following"] == "yes", restrained(rows)
    width = int(float(options["width"])) or (restraint.width if following else WIDTH)
    return Settings(
        width=width,
        noise=int(float(options["noise"])),
        rounds=int(float(options["rounds"])) or (ROUNDS if following else ROUNDS_AT_ONCE),
        batch=BATCHES[1] if not following else int(np.clip(rows // 40 // PACK * PACK, *BATCHES)),
        rate=float(options["rate"]) or (RATE if following else RATE_AT_ONCE),
        judging=max(WIDTH, width),
        following=following,
        dropped=min(MOST_DROPPED, 1.5 * restraint.dropped),
        decay=restraint.decay if following else 1e-6,
    )
