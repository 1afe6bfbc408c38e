"""Fine-tuning on a toy task: it learns, and a run that was cut off ends where an uninterrupted one does."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from newsgauge.model.windows import WindowShape  # noqa: E402
from newsgauge.training import finetune as module  # noqa: E402
from newsgauge.training.bases import load_base  # noqa: E402
from newsgauge.training.finetune import Schedule, batches, finetune, hide, parameter_groups  # noqa: E402
from newsgauge.training.mixture import TrainingWindow  # noqa: E402
from newsgauge.training.network import Network, collate, lay_out, losses  # noqa: E402
from newsgauge.training.rows import Row  # noqa: E402
from newsgauge.training.wordpieces import PieceTable  # noqa: E402

SHAPE = WindowShape(tokens=120, before=24, after=16, sentence=60)
SCHEDULE = Schedule(epochs=2, learning_rate=2e-3, head_rate=2e-2, batch_pieces=128, seed=3)
TOYS = (
    Row("She accused the ministry of hiding the report.", "accusation", "evidence", True, 0.0, 1.0, ()),
    Row("The ministry denied the claim.", "denial", None, True, 0.0, 1.0, ()),
    Row("Nineteen people were killed on Thursday.", "evidence", None, True, 0.0, 1.0, ()),
    Row("That would suit the government in the long run.", "analysis", None, True, 0.0, 1.0, ()),
    Row("Of the water the people has made to close.", None, None, None, 1.0, 1.0, ((0, 12), (24, 41))),
    Row("Home / World / Africa", None, None, False, None),
)


class StopError(Exception):
    """What stands for a killed process."""


@pytest.fixture(scope="module")
def table(tokenizer_path: Path) -> PieceTable:
    return PieceTable.from_file(str(tokenizer_path), [row.text for row in TOYS], longest=SHAPE.sentence)


def epoch(number: int) -> list[TrainingWindow]:
    """Other windows every epoch, and as many as the epoch before has batches or one more or less."""
    rng = random.Random(number)
    windows = []
    for _ in range(16 + number):
        rows = tuple(rng.choice(TOYS) for _ in range(rng.randint(1, 5)))
        first = rng.randrange(len(rows))
        windows.append(TrainingWindow(rows, first, rng.randint(first + 1, len(rows))))
    return windows


def fresh(base: Path) -> Network:
    torch.manual_seed(11)
    encoder = load_base(str(base))
    return Network(encoder, 32)


def train(base: Path, table: PieceTable, folder: Path, schedule: Schedule = SCHEDULE, **options: Any) -> Network:
    network = fresh(base)
    finetune(network, epoch, table, SHAPE, schedule, folder, **options)
    return network


def differing(one: Network, other: Network) -> list[str]:
    theirs = other.state_dict()
    return [name for name, value in one.state_dict().items() if not torch.equal(value, theirs[name])]


@pytest.fixture(scope="module")
def uninterrupted(tiny_base: Path, table: PieceTable, tmp_path_factory: pytest.TempPathFactory) -> Network:
    return train(tiny_base, table, tmp_path_factory.mktemp("whole"))


def test_training_changes_every_part_of_the_network(tiny_base: Path, uninterrupted: Network) -> None:
    changed = differing(uninterrupted, fresh(tiny_base))
    assert any("embeddings" in name for name in changed)
    assert {"stance.weight", "content.weight", "garbled.weight", "piece.weight"} <= set(changed)
    assert all(torch.isfinite(value).all() for value in uninterrupted.state_dict().values())


def test_a_run_stopped_between_epochs_resumes_exactly(tiny_base: Path, table: PieceTable, uninterrupted: Network, tmp_path: Path) -> None:
    ended = []

    def stop(number: int) -> None:
        ended.append(number)
        raise StopError

    with pytest.raises(StopError):
        train(tiny_base, table, tmp_path, after_epoch=stop)
    assert ended == [0]
    resumed = train(tiny_base, table, tmp_path, after_epoch=ended.append)
    assert ended[:2] == [0, 1], "the first epoch is not trained again"
    assert differing(resumed, uninterrupted) == []


def test_a_run_killed_inside_an_epoch_resumes_exactly(
    tiny_base: Path, table: PieceTable, uninterrupted: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = replace(SCHEDULE, checkpoint_seconds=-1)
    steps = 0

    def cut_off(*arguments: Any, **options: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == 5:
            raise StopError
        return collate(*arguments, **options)

    monkeypatch.setattr(module, "collate", cut_off)
    with pytest.raises(StopError):
        train(tiny_base, table, tmp_path, schedule)
    resumed = train(tiny_base, table, tmp_path, schedule)
    monkeypatch.undo()
    assert differing(resumed, uninterrupted) == [], "how often it is saved makes no difference"
    assert steps > 6


def test_a_finished_run_is_not_trained_further(tiny_base: Path, table: PieceTable, tmp_path: Path) -> None:
    first = train(tiny_base, table, tmp_path)
    ended: list[int] = []
    assert differing(train(tiny_base, table, tmp_path, after_epoch=ended.append), first) == []
    assert ended == []


def test_a_checkpoint_of_another_schedule_is_ignored(
    tiny_base: Path, table: PieceTable, uninterrupted: Network, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = train(tiny_base, table, tmp_path, replace(SCHEDULE, learning_rate=1e-4))
    assert differing(other, uninterrupted)
    with caplog.at_level("WARNING", logger="newsgauge"):
        again = train(tiny_base, table, tmp_path)
    assert differing(again, uninterrupted) == []
    assert "another schedule" in caplog.text


def test_no_half_written_checkpoint_is_left(tiny_base: Path, table: PieceTable, tmp_path: Path) -> None:
    train(tiny_base, table, tmp_path, replace(SCHEDULE, epochs=1))
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.safetensors"]


def test_the_loss_goes_down_on_a_toy_task(tiny_base: Path, table: PieceTable, tmp_path: Path) -> None:
    batch = collate([TrainingWindow(TOYS, 0, len(TOYS))], table, SHAPE)

    def measured(network: Network) -> dict[str, float]:
        network.eval()
        with torch.inference_mode():
            return {name: float(value) for name, value in losses(network(batch), batch).items()}

    before = measured(fresh(tiny_base))
    after = measured(train(tiny_base, table, tmp_path, replace(SCHEDULE, epochs=6)))
    assert set(before) == {"stance", "content", "garbled", "piece"}
    for name, value in after.items():
        assert value < 0.6 * before[name], f"{name}: {before[name]:.3f} → {value:.3f}"


def test_a_loss_that_is_no_number_stops_the_run(tiny_base: Path, table: PieceTable, tmp_path: Path) -> None:
    weights = tuple((name, float("inf")) for name, _ in SCHEDULE.weights)
    with pytest.raises(FloatingPointError, match="learning rate"):
        train(tiny_base, table, tmp_path, replace(SCHEDULE, weights=weights))
    assert list(tmp_path.iterdir()) == [], "no checkpoint of a broken run"


def test_hiding_touches_scored_sentences_alone(table: PieceTable) -> None:
    windows = [TrainingWindow(TOYS[:3], 1, 2), TrainingWindow(TOYS[3:], 0, 2)]
    batch = collate(windows, table, SHAPE)
    hidden = hide(batch, table.mask, 1.0)
    scored = batch.sentence >= 0
    assert torch.equal(hidden.ids[~scored], batch.ids[~scored])
    assert (hidden.ids[scored & (batch.ids != table.separator)] == table.mask).all()
    assert (~scored & (batch.mask == 1)).any(), "there is context that must stay readable"
    assert torch.equal(hide(batch, table.mask, 0.0).ids, batch.ids)
    torch.manual_seed(1)
    some = (hide(batch, table.mask, 0.3).ids != batch.ids).sum()
    assert 0 < some < scored.sum()
    assert (batch.ids != table.mask).all(), "the batch itself is left alone"


def test_collated_targets_stand_at_their_pieces(table: PieceTable) -> None:
    garbled = TOYS[4]
    batch = collate([TrainingWindow((TOYS[1], garbled, TOYS[5]), 1, 3), TrainingWindow((TOYS[0],), 0, 1)], table, SHAPE, primary=0.7)
    assert batch.rows == (garbled, TOYS[5], TOYS[0])
    marked = []
    start = int((batch.sentence[0] == 0).nonzero()[0])
    for number, (first, last) in enumerate(table[garbled.text].offsets):
        if batch.piece_target[0, start + number]:
            marked.append(garbled.text[first:last])
    assert "".join(marked) == "Ofthewaterhasmadetoclose"
    # Where spans are unknown, or the place is context or padding, nothing is asked of the pieces.
    known = batch.sentence == 0
    known[1] |= batch.sentence[1] == 2
    assert (batch.piece_weight[~known] == 0).all()
    assert (batch.piece_target[~known] == 0).all()
    assert batch.stance_weight.tolist() == [0.0, 0.0, 1.0]
    assert batch.stance[2].tolist() == pytest.approx([0.7, 0.0, 0.3, 0.0])
    assert batch.content_weight.tolist() == [0.0, 1.0, 1.0]
    assert batch.garbled_weight.tolist() == [1.0, 0.0, 1.0]


def test_context_is_cut_to_the_window_shape(table: PieceTable) -> None:
    narrow = WindowShape(tokens=80, before=3, after=2, sentence=60)
    window = TrainingWindow(TOYS[:3], 1, 2)
    ids, places, pieces = lay_out(window, table, narrow)
    (place,) = places
    assert place == (4, 4 + len(pieces[0].ids) + 1)
    assert ids[0] == table.start
    assert ids[place[0] : place[1]] == [*table[TOYS[1].text].ids, table.separator]
    assert len(ids) == place[1] + 2


def test_batches_hold_every_window_once_within_their_size(table: PieceTable) -> None:
    windows = epoch(30)
    groups = batches(windows, table, SHAPE, SCHEDULE, 0)
    assert sorted(map(id, (window for group in groups for window in group))) == sorted(map(id, windows))
    for group in groups:
        width = max(len(lay_out(window, table, SHAPE)[0]) for window in group)
        assert len(group) == 1 or width * len(group) <= SCHEDULE.batch_pieces
    assert groups == batches(windows, table, SHAPE, SCHEDULE, 0)
    assert groups != batches(windows, table, SHAPE, SCHEDULE, 1)


def test_every_parameter_is_trained_once_and_lower_layers_more_slowly(tiny_base: Path) -> None:
    network = fresh(tiny_base)
    groups = parameter_groups(network, replace(SCHEDULE, decay=0.5))
    rate_of = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}  # type: ignore[attr-defined]
    members = [parameter for group in groups for parameter in group["params"]]  # type: ignore[attr-defined]
    assert len(members) == len(rate_of) == len(list(network.parameters()))
    rates = {name: rate_of[id(parameter)] for name, parameter in network.named_parameters()}
    top = SCHEDULE.learning_rate
    assert {rate for name, rate in rates.items() if "layer.1." in name} == {top}
    assert {rate for name, rate in rates.items() if "layer.0." in name} == {top / 2}
    assert {rate for name, rate in rates.items() if "embeddings" in name} == {top / 4}
    assert {rate for name, rate in rates.items() if not name.startswith("encoder.")} == {SCHEDULE.head_rate}
    assert all(group["weight_decay"] == 0 for group in groups if any(p.ndim < 2 for p in group["params"]))  # type: ignore[attr-defined]


def test_layers_of_a_base_can_be_left_out(tiny_base: Path) -> None:
    whole, cut = load_base(str(tiny_base)), load_base(str(tiny_base), layers=[1])
    assert cut.config.num_hidden_layers == 1
    kept, source = cut.encoder.layer[0].state_dict(), whole.encoder.layer[1].state_dict()
    assert all(torch.equal(value, source[name]) for name, value in kept.items())
    with pytest.raises(ValueError, match="layers 0 to 1"):
        load_base(str(tiny_base), layers=[0, 2])
