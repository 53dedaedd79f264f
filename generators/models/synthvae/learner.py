"""Fitting `synthvae`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from generators.encoding.coded import CodedRows, Part
from generators.errors import InputError
from generators.learning.model import Cost, Saved
from generators.learning.options import Option
from generators.learning.watch import Watch
from generators.models.leading import shares, tables
from generators.models.restraint import restrained
from generators.models.segments import Floats
from generators.models.synthvae.mixture import Mixture, fitted, standard
from generators.models.synthvae.model import VaeModel, loaded, stored
from generators.models.synthvae.settings import Settings

if TYPE_CHECKING:
    from generators.learning.ledger import PrivacyLedger

LEAST_ROWS = 50
STEPS = 450
"""So many batches are about enough; rounds follow from them."""
FEW_PARTS = 12
"""Fewer parts are sooner learned, in half the batches at least."""
MANY_CODES = 1_000
"""Beyond so many codes each batch takes longer, and fewer, but not under three fifths, are learned from."""
POINTS = 6_000
"""Hidden points from which the mixture is fitted, and by which it is chosen, at most."""
COMPONENTS = (1, 8, 24)
CONTEXT_DIRECTIONS = 4
"""Directions of the context by which the mixture is conditioned, at most."""
NARROWNESS = 1.0
"""Unless asked otherwise; less follows the records more closely, but not more truly."""
NUMBERS, PUBLISHED_NUMBERS = 4, 16
"""Unless asked otherwise: so few where the decoder reads earlier parts too, which tell most of what others tell already."""


class SynthVae:
    """The learner of `synthvae` (E. Wallace et al., NHS SynthVAE, 2021), its loss mended: every cross-entropy summed, codes drawn."""

    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option(
            "loss",
            "mended",
            "The published loss all but forgets columns of categories; choose it only to compare with results published before.",
            choices=("mended", "published"),
            advanced=False,
        ),
        Option(
            "narrowness",
            "0",
            "How narrow the code is through which records pass: higher keeps less of each record, lower follows records more closely; "
            "0: chosen.",
            least=0,
            most=10,
        ),
        Option("numbers", "0", "How many hidden numbers describe a record; 0: chosen.", least=0, most=256),
        Option("width", "0", "How much detail the network can hold; 0: chosen from how many records there are.", least=0, most=1024),
        Option("rounds", "0", "The most often it goes through the records; 0: chosen from how many there are.", least=0, most=1000),
        Option(
            "tables",
            "yes",
            "Also count which column each column hangs on most, so that values that belong together stay together.",
            choices=("yes", "no"),
        ),
        Option(
            "following",
            "yes",
            "Draw each column in the light of those before it, besides what is hidden: closer to the records.",
            choices=("yes", "no"),
        ),
    )
    restricts: ClassVar[bool] = False
    limits: ClassVar[bool] = False
    private: ClassVar[bool] = True

    @staticmethod
    def fit(
        rows: CodedRows,
        *,
        seed: int,
        options: Mapping[str, str],
        watch: Watch,
        held_out: CodedRows | None = None,
        ledger: PrivacyLedger | None = None,
    ) -> VaeModel:
        """See `Learner.fit`. Without `held_out` it does not stop early."""
        if rows.apart:
            raise InputError(
                "synthvae reads all columns at once and cannot keep pairs of them apart; choose autoregressive, or leave columns out"
            )
        if rows.rows < LEAST_ROWS:
            raise InputError(f"synthvae needs at least {LEAST_ROWS} rows to learn from, there are {rows.rows}; choose copula")
        if ledger is not None:
            from generators.models.synthvae.private import fitted_privately

            return fitted_privately(rows, ledger, seed, options, watch)
        return _fitted(rows, held_out, seed, options, watch)

    @staticmethod
    def load(saved: Saved, parts: tuple[Part, ...], given: int) -> VaeModel:
        return loaded(saved, parts, given)

    @staticmethod
    def cost(rows: int, parts: tuple[Part, ...], options: Mapping[str, str]) -> Cost:
        settings = _settings(rows, parts, options)
        codes = sum(part.size for part in parts)
        steps = settings.rounds * max(1, rows // settings.batch)
        layers = len(parts) if settings.following else 3
        products = settings.batch * settings.width * (codes + layers * settings.width)
        seconds = 3.0 + steps * (0.002 + 2.5e-4 * len(parts) + products * 2e-10 + settings.batch * codes * 1.2e-8)
        memory = 350_000_000 + 20 * rows * len(parts) + 60 * codes * settings.width + 40 * settings.batch * codes
        memory += 24 * settings.batch * len(parts) * settings.width
        return Cost(seconds, int(memory))

    @staticmethod
    def plainer(options: Mapping[str, str], step: int) -> Mapping[str, str] | None:
        """A narrower code, fewer numbers and a smaller network; at last nearly the counted tables alone, then columns each by itself."""
        ladder = (
            {"narrowness": "1.5", "width": "16"},
            {"narrowness": "2", "width": "8", "numbers": "2"},
            {"narrowness": "2", "width": "8", "numbers": "2", "following": "no"},
            {"narrowness": "4", "width": "8", "numbers": "2", "following": "no"},
            {"narrowness": "4", "width": "8", "numbers": "2", "following": "no", "tables": "no"},
        )
        if not 1 <= step <= len(ladder):
            return None
        plain = {**options, **ladder[step - 1]}
        # What was asked for is never undone by a step that remembers more than it.
        for name in ("width", "numbers"):
            plain[name] = min(options[name], plain[name], key=lambda text: float(text) or math.inf)
        plain["narrowness"] = max(options["narrowness"], plain["narrowness"], key=float)
        for name in ("tables", "following"):
            plain[name] = "no" if options[name] == "no" else plain[name]
        return plain


def _settings(rows: int, parts: tuple[Part, ...], options: Mapping[str, str]) -> Settings:
    published = options["loss"] == "published"
    following = options["following"] == "yes" and not published
    batch = int(min(512, max(32, 2 ** int(np.log2(max(1, rows) / 40)))))
    steps = STEPS * float(np.clip(MANY_CODES / max(1, sum(part.size for part in parts)), 0.6, 1))
    steps *= float(np.clip(len(parts) / FEW_PARTS, 0.5, 1))
    rounds = int(float(options["rounds"])) or int(np.clip(round(steps * batch / max(1, rows)), 4, 40))
    restraint = restrained(rows)
    return Settings(
        width=int(float(options["width"])) or (128 if published else restraint.width),
        latent=int(float(options["numbers"])) or (NUMBERS if following else PUBLISHED_NUMBERS),
        rounds=rounds,
        batch=batch,
        divergence=float(options["narrowness"]) or NARROWNESS,
        published=published,
        following=following,
        decay=restraint.decay if following else 1e-4,
        dropped=restraint.dropped,
    )


def _fitted(rows: CodedRows, held_out: CodedRows | None, seed: int, options: Mapping[str, str], watch: Watch) -> VaeModel:
    import torch

    from generators.models.following import Following, Shared
    from generators.models.synthvae.network import Autoencoder
    from generators.models.synthvae.training import Training, begun, weights
    from generators.models.training_state import one_torch_thread

    settings = _settings(rows.rows, rows.parts, options)
    watch.tick(0.0, f"{watch.stage}: counting")
    counted = tables(rows, seed) if options["tables"] == "yes" and not settings.published else {}
    network = Autoencoder(rows.parts, rows.given, width=settings.width, latent=settings.latent, tables=counted, seed=seed)
    if settings.following:
        rng = np.random.default_rng([seed, 0x666F6C])
        following = Following(rows.parts, rows.given, counted, width=settings.width, dropped=settings.dropped, rng=rng)
        network.follow(following, Shared(rows.parts, settings.width, 0.1, rng))
    begun(network, {number: shares(rows, number) for number in range(rows.given, len(rows.parts)) if number not in counted})
    network.to("cuda" if torch.cuda.is_available() else "cpu")
    with one_torch_thread():
        Training(network, rows, held_out, settings, seed, watch).run()
    held, within = weights(network)
    plain = standard(settings.latent, 0)
    model = VaeModel(rows.parts, rows.given, held, {**counted, **within}, plain, _no_features(rows), settings.published)
    if settings.published:
        return model
    watch.tick(1.0, f"{watch.stage}: where the hidden numbers lie")
    return _with_mixture(model, rows, held_out, seed, watch)


def _no_features(rows: CodedRows) -> Floats:
    first = sum(part.size for part in rows.parts[: rows.given])
    return np.zeros((first + 1 if rows.given else 0, 0), dtype=np.float32)


def _with_mixture(model: VaeModel, rows: CodedRows, held_out: CodedRows | None, seed: int, watch: Watch) -> VaeModel:
    """The model with the mixture that makes the hidden points of rows held out likeliest, given their context."""
    rng = np.random.default_rng([seed, 0x6D6978])
    if rows.given:
        model = replace(model, features=_features(model, rows, rng))
    points, persons = _points(model, rows, rng)
    others = _points(model, held_out, rng)[0] if held_out is not None and held_out.rows else None
    counts = COMPONENTS if others is not None else COMPONENTS[1:2]
    found: list[tuple[float, Mixture]] = []
    for count in counts:
        if len(points) < 25 * count:
            continue
        mixture = stored(fitted(points, persons, model.features.shape[1], count, rng, rounds=15))
        found.append((0.0 if others is None else float(mixture.log_density(others).mean()), mixture))
        watch.tick(1.0)
    if not found:
        found.append((0.0, stored(fitted(points, persons, model.features.shape[1], 1, rng))))
    return replace(model, mixture=max(found, key=lambda each: each[0])[1])


def _points(model: VaeModel, rows: CodedRows, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Context features and hidden points of some of the rows, one drawn for each; and the rows' persons, from 0."""
    few = rows.take(rng.choice(rows.rows, POINTS, replace=False)) if rows.rows > POINTS else rows
    hidden, context = model.hidden(few.codes, rng)
    return np.concatenate([context, hidden], axis=1), np.unique(few.persons, return_inverse=True)[1]


def _features(model: VaeModel, rows: CodedRows, rng: np.random.Generator) -> Floats:
    """(codes of context + 1, k): the directions in which what the decoder reads of the context differs most between rows."""
    few = rows.take(rng.choice(rows.rows, POINTS, replace=False)) if rows.rows > POINTS else rows
    read = model.context_read(few.codes[:, : rows.given]).astype(np.float64)
    _, spread, directions = np.linalg.svd(read - read.mean(axis=0), full_matrices=False)
    kept = (spread > 1e-3 * max(1e-12, spread[0])) & (np.arange(len(spread)) < CONTEXT_DIRECTIONS)
    scale = np.sqrt(len(read)) / spread[kept]
    return np.ascontiguousarray(model.weights["context"] @ (directions[kept].T * scale), dtype=np.float32)
