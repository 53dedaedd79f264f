"""Fitting the flagship: tables counted and chosen, then a network that learns what they lack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from generators.encoding.coded import CodedRows, Part
from generators.errors import InputError
from generators.learning.model import Cost, Saved
from generators.learning.options import Option
from generators.learning.watch import Watch
from generators.models.autoregressive.drawing import Weights
from generators.models.autoregressive.layout import LARGE, MANY, MEMBER, Layout, alike, drawing_order, neighbouring
from generators.models.autoregressive.model import AutoregressiveModel, loaded
from generators.models.autoregressive.raking import raked
from generators.models.autoregressive.settings import Settings
from generators.models.autoregressive.slimming import PRICE, PRICE_OF_MANY, slimmed
from generators.models.autoregressive.straight import straight
from generators.models.autoregressive.tables import Table, TableChooser

if TYPE_CHECKING:
    from generators.learning.ledger import PrivacyLedger
    from generators.models.autoregressive.network import Network

LEAST_ROWS = 60
HELD_OUT = 0.1
FEW_ROWS = 5_000
"""Below so many rows the network is smaller and held back, and a model without one is tried too."""
MANY_ROWS = 100_000
"""From so many rows on a wider network pays, and fewer rounds do."""
BESIDE = 8
"""Parts by which codes of a large part are grouped."""

AUTO = "auto"
SIZES: dict[str, tuple[int, int]] = {"none": (0, 0), "tiny": (16, 24), "small": (32, 48), "middle": (64, 48), "large": (64, 96)}
"""Widths of embedding and hidden layer."""


class Autoregressive:
    """The learner of `autoregressive`."""

    OPTIONS: ClassVar[tuple[Option, ...]] = (
        Option("size", AUTO, "How much detail the network can hold; none: counted tables alone.", choices=(AUTO, *SIZES)),
        Option("rounds", "0", "The most often it goes through the records; 0: chosen from how many there are.", least=0, most=500),
        Option("parents", "2", "How many earlier columns a counted table may join.", choices=("0", "1", "2")),
        Option("restraint", AUTO, "How firmly it is held back from learning single records.", choices=(AUTO, "0", "1", "2", "3")),
        Option("least", "5", "The fewest persons a stored count may be about.", least=1, most=1000),
    )
    restricts: ClassVar[bool] = True
    limits: ClassVar[bool] = True
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
    ) -> AutoregressiveModel:
        """See `Learner.fit`. Without `held_out`, rows of a tenth of the persons are held out here."""
        if ledger is not None:
            raise InputError('"autoregressive" has no differential privacy; choose "dp-marginals" or "synthvae"')
        if held_out is None:
            rows, held_out = _parted(rows, seed)
        if rows.rows < LEAST_ROWS or held_out.rows == 0:
            needed = f"at least {LEAST_ROWS} are needed beside those held out; choose copula"
            raise InputError(f"{rows.rows} rows are too few to learn from; {needed}")
        # Here alone: whoever reads options, loads a model or draws from it needs no learning library.
        from generators.models.training_state import one_torch_thread

        with one_torch_thread():
            return _fitted(rows, held_out, seed, options, watch)

    @staticmethod
    def load(saved: Saved, parts: tuple[Part, ...], given: int) -> AutoregressiveModel:
        return loaded(saved, parts, given)

    @staticmethod
    def cost(rows: int, parts: tuple[Part, ...], options: Mapping[str, str]) -> Cost:
        settings = _settings(rows, options)
        codes = sum(part.size for part in parts)
        width, hidden = settings.embedding, settings.hidden
        products = 3 * (len(parts) * width * hidden + hidden * sum(min(part.size, 64) for part in parts))
        seconds = 2 + 7e-4 * len(parts) ** 2 + 2e-7 * rows * len(parts) ** 1.5 + settings.rounds * rows * 2 * products / 1.5e10
        memory = 330_000_000 + 24 * rows * len(parts) + 40 * codes * (width + hidden) + settings.batch * 12 * (len(parts) * hidden + codes)
        return Cost(seconds, int(memory))

    @staticmethod
    def plainer(options: Mapping[str, str], step: int) -> Mapping[str, str] | None:
        """Firmer restraint, then smaller, then counted tables of one parent, of none."""
        ladder = (
            {"restraint": "2"},
            {"restraint": "3", "size": "small"},
            {"restraint": "3", "size": "tiny"},
            {"restraint": "3", "size": "tiny", "parents": "1"},
            {"size": "none", "parents": "1"},
            {"size": "none", "parents": "0"},
        )
        return {**options, **ladder[step - 1]} if 1 <= step <= len(ladder) else None


def _parted(rows: CodedRows, seed: int) -> tuple[CodedRows, CodedRows]:
    persons = np.unique(rows.persons)
    chosen = np.random.default_rng([seed, 3]).permutation(persons)[: max(1, round(HELD_OUT * len(persons)))]
    out = np.isin(rows.persons, chosen)
    return rows.take(~out), rows.take(out)


def _settings(rows: int, options: Mapping[str, str]) -> Settings:
    """By the number of rows; what is given wins."""
    size, restraint = options["size"], options["restraint"]
    if size == AUTO:
        size = "small" if rows < FEW_ROWS else "middle" if rows < MANY_ROWS else "large"
    embedding, hidden = SIZES[size]
    if restraint == AUTO:
        restraint = "1" if rows < FEW_ROWS else "0"
    drop, decay = ((0.0, 0.01), (0.2, 0.1), (0.35, 0.3), (0.5, 1.0))[int(restraint)]
    batch = min(512, max(64, 1 << int(np.log2(max(64, rows / 32)))))
    rounds = int(float(options["rounds"])) or (8 if rows < FEW_ROWS else 5 if rows < MANY_ROWS else 4)
    return Settings(embedding, hidden, rounds, batch, rate=4e-3, drop=drop, decay=decay)


def _layout(rows: CodedRows) -> tuple[Layout, list[npt.NDArray[np.int32]]]:
    """The layout, and the inputs of the rows. Large parts are grouped by the smaller parts whose codes tell most of theirs."""
    plain = Layout(rows.parts, rows.given, drawing_order(rows.parts, rows.given), {})
    columns = plain.inputs(rows.codes)
    sizes = [plain.input_size(number) for number in range(len(rows.parts))]
    groups = {}
    for number, part in enumerate(rows.parts):
        if part.ordered and MANY < part.size <= LARGE:
            groups[number] = neighbouring(part, columns[number])
            continue
        if part.size <= LARGE:
            continue
        near = [
            other
            for other in range(len(rows.parts))
            if other != number and sizes[other] <= LARGE and (min(number, other), max(number, other)) not in rows.apart
        ]
        told = sorted(near, key=lambda other: -_told(columns[number], columns[other], sizes[number] + 1, sizes[other]))[:BESIDE]
        groups[number] = alike(number, columns, [rows.parts[i].size if i == number else sizes[i] for i in range(len(sizes))], told)
    return Layout(rows.parts, rows.given, plain.order, groups), columns


def _told(one: npt.NDArray[np.int32], other: npt.NDArray[np.int32], size: int, other_size: int) -> float:
    """Mutual information in nats."""
    joint = np.bincount(one.astype(np.int64) * other_size + other, minlength=size * other_size).reshape(size, other_size) / len(one)
    expected = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    seen = joint > 0
    return float((joint[seen] * np.log(joint[seen] / expected[seen])).sum())


def _fitted(rows: CodedRows, held_out: CodedRows, seed: int, options: Mapping[str, str], watch: Watch) -> AutoregressiveModel:
    watch.tick(0.0, f"{watch.stage}: counting")
    layout, columns = _layout(rows)
    least = int(float(options["least"]))
    chooser = TableChooser(layout, columns, rows.persons, rows.apart, least, seed)
    tables, corrections = [], []
    for number, head in enumerate(layout.heads):
        table, correction = chooser.table(head, int(options["parents"]))
        tables.append(table)
        corrections.append(correction)
        watch.tick(0.1 * (number + 1) / len(layout.heads), f"{watch.stage}: counting")
    settings = _settings(rows.rows, options)
    record: dict[str, Any] = {"rows": rows.rows, "held_out": held_out.rows, "settings": vars(settings)}
    count = len(layout.heads)
    if not settings.embedding:
        nothing: list[npt.NDArray[np.float32] | None] = [None] * count
        empty = np.zeros((layout.starts[1], 1), dtype=np.float32)
        return AutoregressiveModel(layout, Weights(empty, nothing, nothing, tables, [()] * count, [0] * count), record)
    import torch  # not before it is needed

    from generators.models.autoregressive.network import Network
    from generators.models.autoregressive.training import Training, learned

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    beside = TableChooser(layout, layout.inputs(held_out.codes), held_out.persons, rows.apart, least, seed)
    random = np.random.default_rng([seed, 17])
    network = Network(layout, tables, settings.embedding, settings.hidden, rows.apart, random, device)
    from_rows = learned(network, layout, tables, chooser, corrections)
    training = Training(network, from_rows, learned(network, layout, tables, beside), settings, seed, watch)
    training.run()
    shares = training.shares()
    network.forget()
    record |= {"loss": training.lowest, "loss_of_tables": training.begun, "rounds": training.round, "shares": [float(s) for s in shares]}
    price = PRICE if rows.rows < MANY_ROWS else PRICE_OF_MANY
    weights = slimmed(layout, _weights(layout, network, tables, shares, rows.apart), rows.codes[:, : rows.given], seed, price)
    weights = raked(layout, weights, rows.codes[:, : rows.given], [chooser.counted(head) for head in layout.heads], seed)
    record["units"] = [0 if inward is None else inward.shape[1] for inward in weights.inward]
    model = AutoregressiveModel(layout, weights, record)
    if rows.rows < FEW_ROWS and options["size"] == AUTO:
        return _better(model, rows, held_out, least, options["restraint"], seed)
    return model


def _better(model: AutoregressiveModel, rows: CodedRows, held_out: CodedRows, least: int, restraint: str, seed: int) -> AutoregressiveModel:
    """The model, or a straight one where that tells more of the rows held out."""
    found = straight(rows, held_out, least, 0 if restraint == AUTO else int(restraint), seed)
    if found is None:
        return model
    layout, weights = found
    plain = TableChooser(layout, layout.inputs(rows.codes), rows.persons, rows.apart, least, seed)
    weights = raked(layout, weights, rows.codes[:, : rows.given], [plain.counted(head) for head in layout.heads], seed)
    other = AutoregressiveModel(layout, weights, model.record)
    told = [float(each.surprise(held_out.codes).mean()) for each in (model, other)]
    record = {**model.record, "straight": told[1] < told[0], "surprise": told}
    return AutoregressiveModel(layout, weights, record) if told[1] < told[0] else AutoregressiveModel(model.layout, model.weights, record)


def _weights(
    layout: Layout, network: Network, tables: list[Table], shares: npt.NDArray[np.float32], apart: frozenset[tuple[int, int]]
) -> Weights:
    """What the network learned, laid out for drawing: scales and shares multiplied in, biases added to the tables."""
    network.join()
    embedding = network.embedding.cpu().numpy().copy()
    inwards, inward_bias = network.inward.cpu().numpy(), network.inward_bias.cpu().numpy()
    inward: list[npt.NDArray[np.float32] | None] = [None] * len(tables)
    outward: list[npt.NDArray[np.float32] | None] = [None] * len(tables)
    final = list(tables)
    for batch, weights, biases in zip(network.batches, network.outward, network.outward_bias, strict=True):
        for place, number in enumerate(batch):
            if shares[number] <= 0:
                continue
            head, slot = layout.heads[number], network.slots[number]
            said = (shares[number] * weights[place, :, : head.size].T).cpu().numpy()
            bias = (shares[number] * biases[place, 0, : head.size]).cpu().numpy()
            if network.at[number] == 0 and head.what != MEMBER:
                bias = bias + said @ np.maximum(inward_bias[slot, 0], 0)
            else:
                inward[number] = np.concatenate([inwards[slot] * network.scales[number], inward_bias[slot]]).astype(np.float32)
                outward[number] = np.ascontiguousarray(said)
            final[number] = Table(tables[number].parents, (tables[number].log_shares + bias).astype(np.float32))
    hidden_from = [tuple(sorted(_apart_of(layout.heads[i].part, apart))) for i in range(len(tables))]
    return Weights(embedding, inward, outward, final, hidden_from, [0] * len(tables))


def _apart_of(part: int, apart: frozenset[tuple[int, int]]) -> set[int]:
    return {other for pair in apart if part in pair for other in pair if other != part}
