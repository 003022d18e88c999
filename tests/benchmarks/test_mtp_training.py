"""The training benchmark on a CPU with a tiny decoder: its laws, not its figures."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from tests.mixtures.sample_shards import EOD, PAD, documents, layout, write_shard, write_stage

torch = pytest.importorskip("torch", reason="the training benchmark needs the torch extra")
pytest.importorskip("torchdata.stateful_dataloader")

from benchmarks.mtp_training.attention import Bounds, document_attention  # noqa: E402
from benchmarks.mtp_training.batches import Batch, RunBatches, lay_end_to_end  # noqa: E402
from benchmarks.mtp_training.experiments import Bench, feed, learn, mask  # noqa: E402
from benchmarks.mtp_training.loss import token_losses, weighted_cross_entropy  # noqa: E402
from benchmarks.mtp_training.masking import Masking, crossing_targets, remask  # noqa: E402
from benchmarks.mtp_training.model import ModelConfig, MtpDecoder  # noqa: E402
from benchmarks.mtp_training.report import render  # noqa: E402
from benchmarks.mtp_training.train import Trainer, Training, train_piece  # noqa: E402
from mixtures.stage_files import find_stages  # noqa: E402
from mixtures.torch_reader import MixtureDataset  # noqa: E402

pytestmark = [
    # torchdata 0.11 calls a torch function that torch 2.15 has deprecated.
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning"),
    # The machine may have fewer cores than a test has workers.
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
]

CPU = torch.device("cpu")
WINDOW = 32
MODEL = ModelConfig(
    vocabulary=1500,
    width=32,
    layers=2,
    heads=4,
    key_heads=2,
    feed_forward=64,
    chunk_tokens=48,  # divides no batch
)
TRAINING = Training(batch_tokens=64, num_workers=0, learning_rate=3e-3, warmup_steps=4)
LENGTHS = [7, 40, 9, 30, 18, 3, 100, 12, 5, 25] * 2


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads of a busy machine wait for each other at every one of thousands of small products."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two stages whose windows differ in length."""
    folder = tmp_path_factory.mktemp("run")
    stages = [("windows-short", WINDOW), ("windows-long", 2 * WINDOW)]
    for name, sequence_tokens in stages:
        stage = write_stage(
            folder / name / "made", [LENGTHS, [20] * 8], sequence_tokens=sequence_tokens
        )
        manifest = json.loads((stage / "manifest.json").read_text())
        manifest |= {"stage": name, "identity": "made"}
        (stage / "manifest.json").write_text(json.dumps(manifest))
    record = {"stages": [[name, "made"] for name, _ in stages]}
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def open_batches(run: Path, **settings: object) -> RunBatches:
    return RunBatches(run, **{"batch_tokens": 64, "num_workers": 0, "device": CPU, **settings})


def test_loss_of_both_heads_falls(run: Path) -> None:
    trainer = Trainer(MODEL, TRAINING, CPU)
    passes = [list(trainer.train(open_batches(run))) for _ in range(8)]
    for head in ("main_loss", "mtp_loss"):
        first, last = (np.mean([getattr(step, head) for step in one]) for one in passes[::7])
        assert last < first - 1.0
    assert {step.stage for step in passes[0]} == {"short", "long"}


@pytest.mark.parametrize("workers_after", [0, 2])
def test_a_run_left_and_resumed_trains_to_the_bit_as_one(
    run: Path, tmp_path: Path, workers_after: int
) -> None:
    whole = train_piece(Trainer(MODEL, TRAINING, CPU), run)
    of_first_stage = sum(step.stage == "short" for step in whole)
    assert 4 < of_first_stage < len(whole) - 2
    for cut in (3, of_first_stage, of_first_stage + 2):
        left = tmp_path / f"left-{cut}"
        joined = train_piece(Trainer(MODEL, TRAINING, CPU), run, steps=cut, save=left)
        assert len(joined) == cut
        # Another start than the first process had: all has to come from the checkpoint.
        after = replace(TRAINING, num_workers=workers_after, seed=99)
        joined += train_piece(Trainer(MODEL, after, CPU), run, resume=left)
        assert [replace(step, tokens_per_second=0) for step in joined] == [
            replace(step, tokens_per_second=0) for step in whole
        ]


def raw_batches(run: Path) -> list:
    return list(MixtureDataset(run, batch_tokens=64))


def changed(raw: object, window: int, position: int) -> Batch:
    """The batch with one token changed, in rows, so that targets and lookahead see it too."""
    packed = raw.packed.clone()
    other = replace(raw, packed=packed)
    other.rows[window, position] = 1400
    return lay_end_to_end(other)


@pytest.mark.parametrize(
    ("masking", "is_separate"),
    [(Masking.SHIPPED, True), (Masking.EOD_MASKED, False), (Masking.PLAIN_ROLL, False)],
)
def test_a_token_changes_no_live_loss_of_another_document(
    run: Path, masking: Masking, *, is_separate: bool
) -> None:
    torch.manual_seed(1)
    model = MtpDecoder(MODEL)
    leaks = []
    for raw in raw_batches(run)[:4]:
        of_window = layout(raw.shape[1], 1)
        before = lay_end_to_end(raw)
        losses = model.token_losses(remask(before, masking, of_window))
        for place in range(0, 64, 5):
            window, position = divmod(place, raw.shape[1])
            after = changed(raw, window, position)
            batch = remask(after, masking, of_window)
            moved = (model.token_losses(batch) != losses) & batch.is_live
            is_own = raw.document_ids.flatten() == raw.document_ids[window, position]
            leaks.append(bool((moved & ~is_own).any()))
            if before.is_live[0, place]:
                assert bool((moved & is_own).any())
    assert any(leaks) != is_separate


def test_a_token_changes_no_loss_of_a_target_before_it(run: Path) -> None:
    torch.manual_seed(3)
    model = MtpDecoder(MODEL)
    for raw in raw_batches(run)[:4]:
        before = lay_end_to_end(raw)
        losses = model.token_losses(before)
        for place in range(5, 64, 7):
            window, position = divmod(place, raw.shape[1])
            after = changed(raw, window, position)
            moved = (model.token_losses(after) != losses) & after.is_live & before.is_live
            for depth in range(2):
                # The target of position i is token i + 1 + depth.
                assert not moved[depth, : place - 1 - depth].any()


def test_losses_are_those_of_the_equations_document_by_document(tmp_path: Path) -> None:
    torch.manual_seed(2)
    model = MtpDecoder(MODEL).double()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.add_(torch.randn_like(weight), alpha=0.3 if "norm" in name else 0.02)
    lengths = [7, 40, 9, 2, 30, 18, 1, 3, 100, 12]
    shard = write_shard(tmp_path / "one", lengths, sequence_tokens=WINDOW)
    write_stage(tmp_path / "stage", [lengths], sequence_tokens=WINDOW)
    table = documents(lengths)
    (raw,) = MixtureDataset(tmp_path / "stage", batch_tokens=WINDOW * shard.num_windows)
    main, mtp = model.mean_losses(lay_end_to_end(raw))
    got = torch.autograd.grad(main + 0.3 * mtp, list(model.parameters()))
    expected = [[], []]
    for segment in shard.segments:
        begin = table.offsets[segment["document"]] + segment["offset"]
        seen, ahead = int(segment["length"]), int(segment["lookahead"])
        text = torch.from_numpy(table.values[begin : begin + seen + ahead].astype(np.int64))
        for depth, losses in enumerate(reference_losses(model, text, seen)):
            expected[depth] += losses
    means = [torch.stack(losses).mean() for losses in expected]
    assert torch.allclose(torch.stack((main, mtp)), torch.stack(means), rtol=1e-7)
    wanted = torch.autograd.grad(means[0] + 0.3 * means[1], list(model.parameters()))
    for one, two in zip(got, wanted, strict=True):
        assert torch.allclose(one, two, rtol=1e-5, atol=1e-8)  # angles are float32


def reference_losses(model: MtpDecoder, text: torch.Tensor, seen: int) -> tuple[list, list]:
    """DeepSeek-V3, equations 21 to 24, on one document alone, of which ``seen`` tokens are input.

    h'_i = M [RMSNorm(h_i); RMSNorm(Emb(t_{i+1}))]; P = OutHead(TRM(h')); target t_{i+2}.
    """

    def norm(x: torch.Tensor, of: torch.nn.RMSNorm) -> torch.Tensor:
        return x / (x.pow(2).mean(-1, keepdim=True) + of.eps).sqrt() * of.weight

    def block(of: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        n = norm(x, of.attention_norm)
        heads = []
        for head in range(MODEL.heads):
            q, k, v = (
                turn(n @ weight[part * 8 : part * 8 + 8].T)
                if is_turned
                else n @ weight[part * 8 : part * 8 + 8].T
                for weight, part, is_turned in (
                    (of.attention.query.weight, head, True),
                    (of.attention.key.weight, head // 2, True),
                    (of.attention.value.weight, head // 2, False),
                )
            )
            scores = (q @ k.T / 8**0.5).masked_fill(
                ~torch.ones(seen, seen).tril().bool(), -torch.inf
            )
            heads.append(scores.softmax(-1) @ v)
        x = x + torch.cat(heads, -1) @ of.attention.output.weight.T
        n = norm(x, of.feed_forward_norm)
        gate = n @ of.gate.weight.T
        return x + (gate * gate.sigmoid() * (n @ of.up.weight.T)) @ of.down.weight.T

    def turn(x: torch.Tensor) -> torch.Tensor:
        angles = torch.arange(seen).double()[:, None] * MODEL.rope_base ** (
            -torch.arange(0, 8, 2).double() / 8
        )
        turned = torch.complex(x[:, :4], x[:, 4:]) * torch.polar(torch.ones_like(angles), angles)
        return torch.cat((turned.real, turned.imag), -1)

    table = model.embedding.weight
    h = table[text[:seen]]
    for of in model.blocks:
        h = block(of, h)
    following = torch.zeros_like(h)  # nothing of the document follows its last position
    following[: len(text) - 1] = table[text[1 : seen + 1]]
    pair = (norm(h, model.mtp.hidden_norm), norm(following, model.mtp.embedding_norm))
    deep = block(model.mtp.block, torch.cat(pair, -1) @ model.mtp.projection.weight.T)
    both = (norm(h, model.output_norm), norm(deep, model.mtp.output_norm))
    losses = [
        [
            -(hidden[i] @ table.T).log_softmax(-1)[text[i + 1 + depth]]
            for i in range(seen)
            if i + 1 + depth < len(text)
        ]
        for depth, hidden in enumerate(both)
    ]
    return losses[0], losses[1]


def test_loss_in_chunks_is_cross_entropy_and_so_are_its_gradients() -> None:
    generator = torch.Generator().manual_seed(3)
    hidden = torch.randn(50, 8, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(30, 8, generator=generator, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(0, 30, (50,), generator=generator)
    labels[::7] = -100
    row_weights = torch.rand(50, generator=generator, dtype=torch.float64) * (labels >= 0)
    each = torch.nn.functional.cross_entropy(hidden @ weight.T, labels, reduction="none")
    expected = (each * row_weights).sum()
    for chunk_tokens in (7, 50, 64):
        settings = {"chunk_tokens": chunk_tokens, "compute_dtype": torch.float64}
        got = weighted_cross_entropy(hidden, weight, labels, row_weights, **settings)
        assert torch.allclose(got, expected, rtol=1e-12)
        for one, two in zip(
            torch.autograd.grad(2 * got, (hidden, weight)),
            torch.autograd.grad(2 * expected, (hidden, weight), retain_graph=True),
            strict=True,
        ):
            assert torch.allclose(one, two, rtol=1e-10)
        losses = token_losses(hidden, weight, labels, **settings)
        assert torch.allclose(losses[labels >= 0], each[labels >= 0], rtol=1e-12)


def test_attention_stays_within_documents() -> None:
    q, k, v = torch.randn(3, 10, 4, 8, generator=torch.Generator().manual_seed(4))
    bounds = Bounds(torch.tensor([0, 3, 4, 10], dtype=torch.int32), 6)
    out = document_attention(q, k[:, :2], v[:, :2], bounds)
    for low, high in ((0, 3), (3, 4), (4, 10)):
        for head in range(4):
            scores = q[low:high, head] @ k[low:high, head // 2].T / 8**0.5
            scores = scores.masked_fill(~torch.ones_like(scores).tril().bool(), -torch.inf)
            expected = scores.softmax(-1) @ v[low:high, head // 2]
            assert torch.allclose(out[low:high, head], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("masking", "crossing"),
    [
        (Masking.SHIPPED, [0, 0]),
        (Masking.EOD_MASKED, [0, 2]),
        (Masking.PLAIN_ROLL, [2, 4]),
    ],
)
def test_targets_that_cross_are_counted_at_each_depth(
    tmp_path: Path, masking: Masking, crossing: list[int]
) -> None:
    """Three documents in a window: Megatron's table, less what its roll takes beyond the window."""
    write_stage(tmp_path, [[5, 6, 21]], sequence_tokens=WINDOW)
    (raw,) = MixtureDataset(tmp_path, batch_tokens=WINDOW)
    shipped = lay_end_to_end(raw)
    batch = remask(shipped, masking, layout(WINDOW, 1))
    assert crossing_targets(shipped, batch, layout(WINDOW, 1)).sum(dim=1).tolist() == crossing


@pytest.mark.parametrize("masking", [Masking.EOD_MASKED, Masking.PLAIN_ROLL])
def test_a_shift_gives_the_shipped_labels_wherever_nothing_crosses(
    run: Path, masking: Masking
) -> None:
    for raw in raw_batches(run):
        shipped = lay_end_to_end(raw)
        batch = remask(shipped, masking, layout(raw.shape[1], 1))
        both = batch.is_live & shipped.is_live
        assert torch.equal(batch.labels[both], shipped.labels[both])
        is_pad = shipped.tokens == PAD
        assert not (batch.is_live & is_pad).any()
        if masking is Masking.EOD_MASKED:
            assert not batch.is_live[0, shipped.tokens == EOD].any()


def test_experiments_give_what_the_report_shows(run: Path) -> None:
    bench = Bench(run=run, stages=find_stages(run), device=CPU, model=MODEL, training=TRAINING)
    results = {
        "learn": learn(bench, steps_per_stage=None),
        "mask": mask(bench, steps=3),
        "feed": feed(bench, rounds=2, steps_per_round=2),
    }
    assert [row["steps"] for row in results["learn"]["stages"]] == [
        len(list(islice(bench.batches(stage), None))) for stage in bench.stages
    ]
    crossing = {row["masking"]: row["crossing_targets"] for row in results["mask"]}
    assert crossing["shipped"] == [0, 0]
    assert crossing["eod masked"][0] == 0 < crossing["eod masked"][1]
    assert 0 < crossing["plain roll"][0] < crossing["plain roll"][1]
    assert [row["sequence_tokens"] for row in results["feed"]] == [WINDOW, 2 * WINDOW]
    text = render(results)
    assert all(word in text for word in ("LEARN", "plain roll", "FEED"))
