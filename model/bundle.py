"""A model folder on disk: the manifest, its checks, loading and saving."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .content import ContentHead
from .encoder import Encoder, OnnxEncoder
from .errors import BundleError
from .heads import LARGEST, Floats, LinearHead
from .neighbours import PARTS
from .passages import PassageChain
from .quality import VERDICT_FEATURES, GarbleHead
from .session import RUNTIMES, require
from .signs import KINDS
from .spreadsheet import FORMULA_STARTS
from .stance import Correction, StanceHead
from .translation import PARTS_READ, TranslationHead
from .windows import WindowShape

FORMAT = 2
MANIFEST = "manifest.json"
HEADS = "heads.safetensors"
LARGEST_MANIFEST = 1 << 20
LARGEST_FILE = 1 << 31
"""The most bytes of a file in a model folder: what an ONNX file can have."""
LONGEST_LABEL = 100
COLUMNS = frozenset(
    (
        *("source", "language", "characters", "sentences", "scored", "garbled", "passages"),
        *("machine_translated_probability", "machine_translated_flag", "cluster", "first", "spun_from", "model"),
    )
)
"""The columns that a summary of articles has whatever the labels are; a label is a column there too, and so is ``share_LABEL``."""
MOST_CORRECTIONS = 16
"""So often can a model be retrained, one time upon another."""
MOST_UNITS = 1024
"""So large can the hidden layer of a translation head be."""
MOST_REACH = 16
"""Over so many sentences on each side a passage chain looks at most."""
LEAST_TEMPERATURE = 1e-3
"""Sharper than any calibration; with weights up to :data:`~newsgauge.model.heads.LARGEST` nothing overflows from here on."""


@dataclass(frozen=True)
class Heads:
    """The three heads of a model."""

    stance: StanceHead
    garble: GarbleHead
    content: ContentHead


@dataclass(frozen=True)
class Bundle:
    """A loaded model. ``identity`` is as made by :func:`run_identity`."""

    identity: str
    manifest: Mapping[str, Any]
    encoder: Encoder
    heads: Heads


def shipped_models() -> Path:
    """The folder of the models that come with the package."""
    return Path(__file__).resolve().parent.parent / "models"


def find(model: str) -> Path:
    """The folder of *model*: a path, or the name of a shipped model."""
    # A bare name means the shipped model even where a folder of that name lies in the working directory.
    shipped_one = [shipped_models() / model] if Path(model).name == model else []
    for folder in (*shipped_one, Path(model)):
        if (folder / MANIFEST).is_file():
            return folder
    shipped = sorted(path.parent.name for path in shipped_models().glob(f"*/{MANIFEST}"))
    raise BundleError(
        f"No model {model!r}: expected a folder with a {MANIFEST}, or one of the shipped models: {', '.join(shipped) or 'none'}."
    )


def read_manifest(folder: Path) -> tuple[dict[str, Any], str]:
    """The manifest of a model folder and its identity; the files that it names are not read."""
    path = folder / MANIFEST
    if path.is_symlink():
        raise BundleError(f"{path} is a link, not a plain file of the folder; copy the model with its files, or do not use it.")
    try:
        with path.open("rb") as opened:
            data = opened.read(LARGEST_MANIFEST + 1)
    except OSError as error:
        raise BundleError(f"{path} cannot be read ({error.strerror}); expected a model folder.") from error
    if len(data) > LARGEST_MANIFEST:
        raise BundleError(f"{path} is over {LARGEST_MANIFEST} bytes; expected the manifest of a model folder.")
    try:
        manifest = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path} is not valid JSON ({error}); restore the folder or train the model again.") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("format"), int):
        raise BundleError(f"{path} has no format version; expected the manifest of a model folder.")
    if manifest["format"] != FORMAT:
        advice = "Upgrade newsgauge" if manifest["format"] > FORMAT else "The model is of an earlier version; train it again"
        raise BundleError(f"{path} has format {manifest['format']}; this version reads format {FORMAT}. {advice}.")
    return manifest, f"{folder.resolve().name}@{hashlib.sha256(data).hexdigest()[:12]}"


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def verify(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Compare every file that the manifest names with its SHA-256; :class:`BundleError` on the first that differs."""
    files = manifest.get("files")
    if not isinstance(files, dict) or not files:
        raise BundleError(f"{folder / MANIFEST} lists no files; restore the folder or train the model again.")
    for name, expected in files.items():
        path = folder / name
        if Path(name).name != name or path.is_symlink():
            raise BundleError(f"{folder / MANIFEST} names {name!r}, which is not a plain file of the folder; do not use this model.")
        if not path.is_file():
            raise BundleError(f"{path} is missing from the model; restore the folder or train the model again.")
        if path.stat().st_size > LARGEST_FILE:
            raise BundleError(f"{path} has {path.stat().st_size:,} bytes; expected at most {LARGEST_FILE:,}. Do not use this model.")
        if digest(path) != expected:
            raise BundleError(
                f"{path} is not the file that the manifest describes (its SHA-256 differs); restore it or train the model again."
            )


def run_identity(identity: str, runtime: str) -> str:
    """What scores are signed with: the *identity* of a model, and the *runtime* where it is not the one that quality is measured with."""
    return identity if runtime == RUNTIMES[0] else f"{identity}+{runtime}"


def load(model: str | Path, *, threads: int | None = None, runtime: str = RUNTIMES[0]) -> Bundle:
    """Load and check a model folder, or the shipped model of that name, to be run by one of :data:`~newsgauge.model.session.RUNTIMES`.

    :class:`BundleError` where it cannot be used, :class:`MissingExtraError` where the *runtime* is not installed.
    """
    require(runtime)
    folder = find(str(model))
    manifest, identity = read_manifest(folder)
    verify(folder, manifest)
    with complete(folder):
        encoder = _load_encoder(folder, manifest, threads, runtime)
        return Bundle(run_identity(identity, runtime), manifest, encoder, _load_heads(folder, manifest))


@contextmanager
def complete(folder: Path) -> Iterator[None]:
    """:class:`BundleError` where what is done with the manifest of *folder* finds something missing or of another kind."""
    try:
        yield
    except (LookupError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise BundleError(
            f"{folder / MANIFEST} is incomplete or senseless ({type(error).__name__}: {error}); restore it or train the model again."
        ) from error


def read_scheme(folder: Path, manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """The labels that the manifest of *folder* names; :class:`BundleError` where they cannot be used."""
    with complete(folder):
        labels = tuple(manifest["labels"])
        check_labels(labels)
        return labels


def encoder_entry(folder: Path, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the manifest of *folder* says of the encoder; :class:`BundleError` where it is of another kind, or reads other files."""
    with complete(folder):
        entry: Mapping[str, Any] = manifest["encoder"]
        # A name of another library's model would have it fetched, or its folder's own code run: a file must not ask for either.
        if entry["kind"] != "onnx":
            raise BundleError(f"{folder / MANIFEST} asks for an encoder of kind {entry['kind']!r}; expected onnx. Train the model again.")
        _only_listed(manifest, entry["file"], entry["tokenizer"])
        return entry


def _load_encoder(folder: Path, manifest: Mapping[str, Any], threads: int | None, runtime: str) -> Encoder:
    entry = encoder_entry(folder, manifest)
    shape = WindowShape(**entry["window"])
    encoder = OnnxEncoder(folder / entry["file"], folder / entry["tokenizer"], shape=shape, threads=threads, runtime=runtime)
    if encoder.width != entry["width"]:
        raise BundleError(f"The encoder of {folder} makes embeddings of width {encoder.width}; its manifest says {entry['width']}.")
    return encoder


def _only_listed(manifest: Mapping[str, Any], *names: str) -> None:
    unlisted = [name for name in names if name not in manifest["files"]]
    if unlisted:
        raise BundleError(f"The manifest uses {', '.join(map(repr, unlisted))} without listing its SHA-256; do not use this model.")


def _load_heads(folder: Path, manifest: Mapping[str, Any]) -> Heads:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    _only_listed(manifest, HEADS)
    try:
        arrays = load_file(folder / HEADS)
    except (SafetensorError, OSError) as error:
        raise BundleError(f"{folder / HEADS} is not a safetensors file ({error}); restore it or train the model again.") from error
    labels = read_scheme(folder, manifest)
    width = int(manifest["encoder"]["width"])
    stance, garbled, content = manifest["stance"], manifest["garbled"], manifest["content"]
    temperature = _finite(stance, "temperature")
    if temperature < LEAST_TEMPERATURE:
        raise ValueError(f"the temperature is {temperature}; expected at least {LEAST_TEMPERATURE}")
    for name, known in (("signs", KINDS), ("verdict_features", VERDICT_FEATURES)):
        if garbled[name] != list(known):
            raise ValueError(f"{name} are {garbled[name]!r}; this version of newsgauge knows {list(known)!r}")
    chain = {name: _finite(garbled["chain"], name) for name in garbled["chain"]}
    shortest, reach = int(chain.pop("shortest")), int(chain.pop("reach", 1))
    if not 1 <= reach <= MOST_REACH:
        raise ValueError(f"the chain reaches over {reach} sentences; expected 1 to {MOST_REACH}")

    def head(name: str, outputs: int, inputs: int = width) -> LinearHead:
        try:
            return LinearHead.from_arrays(arrays, name, outputs=outputs, width=inputs)
        except BundleError as error:
            raise BundleError(f"{folder / HEADS}: {error} Restore the file or train the model again.") from error

    gates = stance.get("gates", [])
    if not isinstance(gates, list) or len(gates) > MOST_CORRECTIONS or not all(isinstance(gated, bool) for gated in gates):
        raise ValueError(f"gates are {gates!r:.50}; expected a list of at most {MOST_CORRECTIONS} truth values")
    wide = PARTS * width
    corrections = tuple(
        Correction(head(f"shift.{i}", len(labels), wide), head(f"gate.{i}", 1, wide) if gated else None) for i, gated in enumerate(gates)
    )
    return Heads(
        StanceHead(labels, head("stance", len(labels)), temperature, _finite(stance, "confident_from"), corrections),
        GarbleHead(
            sentence=head("garbled", 1),
            signs=head("signs", 1, len(KINDS)),
            piece=head("piece", 1),
            threshold=_finite(garbled, "threshold"),
            piece_threshold=_finite(garbled, "piece_threshold"),
            chain=PassageChain(**chain, shortest=shortest, reach=reach),
            verdict=head("verdict", 1, len(VERDICT_FEATURES)),
            verdict_threshold=_finite(garbled, "verdict_threshold"),
            suspect_from=_finite({"suspect_from": 0.0, **garbled}, "suspect_from"),
            translation=_translation(head, garbled.get("translation_units", 0)),
        ),
        ContentHead(head("content", 1), _finite(content, "threshold")),
    )


def _translation(head: Callable[..., LinearHead], units: object) -> TranslationHead | None:
    """The translation head, of which *head* reads the parts; a model of an earlier release has none."""
    if not isinstance(units, int) or not 0 <= units <= MOST_UNITS:
        raise ValueError(f"the translation head has {units!r:.50} units; expected 0 to {MOST_UNITS}")
    return TranslationHead(head("translation.hidden", PARTS_READ * units), head("translation.output", 1, units)) if units else None


def _finite(section: Mapping[str, Any], name: str) -> float:
    value = section[name]
    if not isinstance(value, int | float) or not abs(value) <= LARGEST:
        raise ValueError(f"{name} is {value!r:.50}; expected a number between -{LARGEST:g} and {LARGEST:g}")
    return float(value)


def check_labels(labels: Sequence[object]) -> None:
    """``ValueError`` where a label would do something in a table, on a terminal or at the head of a spreadsheet's column.

    So it is where it would be taken for another column of a table.
    """
    wrong = [label for label in labels if not isinstance(label, str) or not 0 < len(label) <= LONGEST_LABEL or not label.isprintable()]
    wrong += [label for label in labels if isinstance(label, str) and label.startswith((*FORMULA_STARTS, "'"))]
    if wrong:
        raise ValueError(
            f"a label is {ascii(wrong[0])[:120]}; expected printable text of at most {LONGEST_LABEL} characters, no sign first"
        )
    taken = [label for label in map(str, labels) if label.casefold() in COLUMNS or label.casefold().startswith("share_")]
    if taken:
        raise ValueError(f"a label is {ascii(taken[0])[:120]}, which is the name of a column in the tables; expected another name")
    if len(labels) < 2 or len(set(labels)) < len(labels):
        raise ValueError(f"the labels are {ascii(labels)[:200]}; expected two or more different names")


def head_arrays(heads: Heads) -> dict[str, Floats]:
    """Every array of the heads, under the names in the heads file."""
    arrays = {
        **heads.stance.head.arrays("stance"),
        **_correction_arrays(heads.stance.corrections),
        **heads.garble.sentence.arrays("garbled"),
        **heads.garble.signs.arrays("signs"),
        **heads.garble.piece.arrays("piece"),
        **heads.garble.verdict.arrays("verdict"),
        **heads.content.head.arrays("content"),
    }
    if heads.garble.translation is not None:
        arrays |= heads.garble.translation.arrays("translation")
    # safetensors writes the memory as it lies, whatever the strides say.
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _correction_arrays(corrections: Sequence[Correction]) -> dict[str, Floats]:
    arrays: dict[str, Floats] = {}
    for i, one in enumerate(corrections):
        arrays |= one.shift.arrays(f"shift.{i}") | (one.gate.arrays(f"gate.{i}") if one.gate is not None else {})
    return arrays


def head_settings(heads: Heads) -> dict[str, Any]:
    """The part of the manifest that belongs to the heads."""
    return {
        "labels": list(heads.stance.labels),
        "stance": {
            "temperature": heads.stance.temperature,
            "confident_from": heads.stance.confident_from,
            "gates": [one.gate is not None for one in heads.stance.corrections],
        },
        "garbled": {
            "threshold": heads.garble.threshold,
            "piece_threshold": heads.garble.piece_threshold,
            "chain": asdict(heads.garble.chain),
            "signs": list(KINDS),
            "verdict_features": list(VERDICT_FEATURES),
            "verdict_threshold": heads.garble.verdict_threshold,
            "suspect_from": heads.garble.suspect_from,
            "translation_units": 0 if heads.garble.translation is None else heads.garble.translation.units,
        },
        "content": {"threshold": heads.content.threshold},
    }


def save(
    folder: Path,
    *,
    heads: Heads,
    encoder: Mapping[str, Any],
    files: Mapping[str, Path],
    about: Mapping[str, Any],
    card: str,
    overwrite: bool = False,
) -> None:
    """Write a model folder, whole or not at all.

    *encoder* is the manifest's entry for the encoder, *files* the encoder's files by their name in the folder, *about*
    what else the manifest says (training data, quality, versions), *card* the text of ``README.md``. A folder that exists is
    only replaced with *overwrite*.
    """
    from safetensors.numpy import save as serialized

    try:
        check_labels(heads.stance.labels)
    except ValueError as error:
        raise BundleError(f"{folder} was not written: {error}. Choose other labels.") from error
    if folder.exists() and not overwrite:
        raise BundleError(f"{folder} exists; choose another folder or ask for overwriting.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, source in files.items():
            shutil.copyfile(source, temporary / name)
        # The library's own writing to a file reports a full disk as an error of its own kind.
        (temporary / HEADS).write_bytes(serialized(head_arrays(heads)))
        (temporary / "README.md").write_text(card, encoding="utf-8")
        digests = {path.name: digest(path) for path in sorted(temporary.iterdir())}
        manifest = {"format": FORMAT, **head_settings(heads), "encoder": dict(encoder), **about, "files": digests}
        (temporary / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        for path in temporary.iterdir():
            with path.open("rb") as written:
                os.fsync(written.fileno())
        temporary.chmod(0o755)
        for path in temporary.iterdir():
            path.chmod(0o644)
        _put_in_place(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _put_in_place(temporary: Path, folder: Path) -> None:
    """Rename *temporary* to *folder*; a folder that is there is moved away first, and back again where that fails."""
    if not folder.exists():
        os.replace(temporary, folder)
        return
    retired = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
    try:
        os.replace(folder, retired / "model")
        try:
            os.replace(temporary, folder)
        except BaseException:
            os.rename(retired / "model", folder)
            raise
    finally:
        # Where neither the new folder nor the old one could be put there, the old one is all that is left.
        if folder.exists():
            shutil.rmtree(retired, ignore_errors=True)
