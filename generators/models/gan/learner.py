"""Fitting `gan`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from generators.encoding.coded import CodedRows, Part
from generators.errors import InputError
from generators.learning.model import Cost, Saved
from generators.learning.options import Option
from generators.learning.watch import Watch
from generators.models.gan.model import GanModel, loaded
from generators.models.synthvae.leading import tables

if TYPE_CHECKING:
    from generators.learning.ledger import PrivacyLedger

LEAST_ROWS = 100
BATCH = 320
STEPS_A_ROUND = 60


class Gan:
    """The learner of `gan`: a conditional adversarial network (L. Xu et al., NeurIPS 2019) over coded rows."""

    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("rounds", "25", "How long the two networks are set against each other, at most.", least=1, most=2000, advanced=False),
        Option("width", "128", "How much detail the networks can hold.", least=8, most=1024),
        Option("noise", "64", "How many random numbers each record is made from.", least=1, most=512),
        Option("rate", "0.0005", "How large the steps of learning are; smaller is steadier and slower.", least=1e-5, most=1e-2),
        Option(
            "tables",
            "yes",
            "Also count which column each column hangs on most, and start from that.",
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
        from generators.models.gan.training import Settings, Training
        from generators.models.training_state import one_torch_thread

        watch.tick(0.0, f"{watch.stage}: counting")
        counted = tables(rows, seed) if options["tables"] == "yes" else {}
        settings = Settings(
            width=int(float(options["width"])),
            noise=int(float(options["noise"])),
            rounds=int(float(options["rounds"])),
            batch=BATCH,
            rate=float(options["rate"]),
        )
        with one_torch_thread():
            training = Training(rows, held_out, counted, settings, seed, watch)
            training.run()
        return training.model()

    @staticmethod
    def load(saved: Saved, parts: tuple[Part, ...], given: int) -> GanModel:
        return loaded(saved, parts, given)

    @staticmethod
    def cost(rows: int, parts: tuple[Part, ...], options: Mapping[str, str]) -> Cost:
        codes, width = sum(part.size for part in parts), int(float(options["width"]))
        steps = int(float(options["rounds"])) * STEPS_A_ROUND
        seconds = 3.0 + steps * (0.006 + 4e-4 * len(parts) + BATCH * codes * (2e-8 + 1.5e-9 * width / 2))
        memory = 380_000_000 + 28 * rows * len(parts) + 70 * codes * width + 60 * BATCH * codes
        return Cost(seconds, int(memory))

    @staticmethod
    def plainer(options: Mapping[str, str], step: int) -> Mapping[str, str] | None:
        """Shorter training of smaller networks; at last the counted tables nearly alone."""
        ladder = ((64, 12), (32, 6), (16, 3), (8, 1))
        if not 1 <= step <= len(ladder):
            return None
        width, rounds = ladder[step - 1]
        return {**options, "width": min(options["width"], str(width), key=float), "rounds": min(options["rounds"], str(rounds), key=float)}
