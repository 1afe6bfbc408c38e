"""Encoders: the sentences of one article → embeddings, window by window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from .errors import BundleError, MissingExtraError, NewsgaugeError
from .heads import LARGEST, Floats
from .reading import plain_letters
from .session import RUNTIMES, open_session
from .tokens import load_tokenizer, special_ids
from .windows import WindowShape, plan, sentence_bounds

if TYPE_CHECKING:
    from tokenizers import Encoding as TokenizerEncoding


@dataclass(frozen=True, slots=True)
class WordPieces:
    """The word pieces of one sentence: code-point ``offsets`` (k, 2) into it and ``states`` (k, width)."""

    offsets: npt.NDArray[np.int64]
    states: Floats


@dataclass(frozen=True, slots=True)
class WindowEncoding:
    """The sentences ``[first, last)`` of an article. *Shape* of ``embeddings``: (last - first, width).

    ``pieces`` has an entry per sentence, or is None for an encoder that only knows sentences.
    """

    first: int
    last: int
    embeddings: Floats
    pieces: tuple[WordPieces, ...] | None


class Encoder(Protocol):
    """What the scorer needs of an encoder. ``width`` is the length of an embedding."""

    @property
    def width(self) -> int:
        """The length of an embedding."""
        ...

    def encode(self, sentences: Sequence[str]) -> Iterator[WindowEncoding]:
        """Encode the consecutive *sentences* of one article; the windows partition them, in order.

        A pure function of *sentences*: nothing else that is scored in the same run changes a result.
        """
        ...


class OnnxEncoder:
    """An ONNX graph ``input_ids (1, T) → hidden (1, T, width)``, run by a runtime of :data:`~newsgauge.model.session.RUNTIMES`.

    A state is that of the last layer, or those of several layers side by side.

    Windows are run one at a time: at about 256 word pieces the matrix products are as fast as in a batch, and dynamic int8
    scales depend on the window alone, so that no score depends on what else is in a batch.
    """

    def __init__(self, graph: Path, tokenizer: Path, *, shape: WindowShape, threads: int | None = None, runtime: str = RUNTIMES[0]) -> None:
        self._graph = graph
        try:
            self._session = open_session(runtime, graph, threads)
        except NewsgaugeError:
            raise
        except Exception as error:  # the runtimes raise bare classes of their own
            raise BundleError(
                f"{graph} cannot be run as an ONNX encoder ({str(error).splitlines()[0]}); train or fetch the model again."
            ) from error
        try:
            self._tokenizer = load_tokenizer(str(tokenizer))
            self._start, self._separator, _ = special_ids(self._tokenizer)
        except Exception as error:  # the tokenizers library raises bare exceptions
            raise BundleError(
                f"{tokenizer} is not a tokenizer ({str(error).splitlines()[0]}); restore it or train the model again."
            ) from error
        self._shape = shape
        # A letter and a word that no vocabulary has need a word piece too.
        self._split(["\ua66e " + 200 * "x"])
        # The last word of the vocabulary has to have its row of weights.
        self._run([self._start, self._tokenizer.get_vocab_size() - 1, self._separator])

    @property
    def width(self) -> int:
        """The length of an embedding."""
        return self._session.width

    def encode(self, sentences: Sequence[str]) -> Iterator[WindowEncoding]:
        """See :meth:`Encoder.encode`. A sentence is the mean of its word pieces and its separator.

        Letters that only look Latin are read as Latin ones (:func:`~newsgauge.model.reading.plain_letters`); offsets are of the
        sentence as it is.
        Word pieces of a sentence past ``WindowShape.sentence`` are not read.
        """
        encodings = self._split(sentences)
        longest = self._shape.sentence
        stream: list[int] = []
        lengths = []
        for encoding in encodings:
            ids = encoding.ids[:longest]
            lengths.append(len(ids))
            stream += ids
            stream.append(self._separator)
        bounds = sentence_bounds(lengths)
        for window in plan(bounds, self._shape):
            hidden = self._run([self._start, *stream[window.start : window.end]])
            starts = [bounds[i] - window.start + 1 for i in range(window.first, window.last + 1)]
            yield self._window(hidden, starts, encodings[window.first : window.last], window.first)

    def _split(self, sentences: Sequence[str]) -> list[TokenizerEncoding]:
        """*sentences* in word pieces; :class:`BundleError` where the tokenizer has none for them."""
        try:
            return self._tokenizer.encode_batch([plain_letters(sentence) for sentence in sentences], add_special_tokens=False)
        except Exception as error:  # tokenizers raises the bare class
            told = str(error)[:300]
            raise BundleError(f"The tokenizer of {self._graph.parent} fails ({told}); train or fetch the model again.") from error

    def _run(self, ids: list[int]) -> Floats:
        """The states of the word pieces *ids*. *Shape:* (ids, width). :class:`BundleError` where the graph makes anything else of them."""
        try:
            states = self._session.run(ids)
        except Exception as error:  # the runtimes raise bare classes of their own
            raise BundleError(
                f"{self._graph} fails on {len(ids)} word pieces ({str(error).splitlines()[0][:300]}); train or fetch the model again."
            ) from error
        wanted = (len(ids), self.width)
        if np.shape(states) != wanted or not (np.abs(states) <= LARGEST).all():
            raise BundleError(
                f"{self._graph} makes states of shape {np.shape(states)}; expected {wanted}, and finite numbers up to {LARGEST:g}. "
                "Train or fetch the model again."
            )
        return states

    def _window(self, hidden: Floats, starts: list[int], encodings: list[TokenizerEncoding], first: int) -> WindowEncoding:
        core = hidden[starts[0] : starts[-1]]
        local = np.array(starts[:-1]) - starts[0]
        counts = np.diff(starts)[:, None].astype(np.float32)
        embeddings = np.asarray(np.add.reduceat(core, local, axis=0) / counts, dtype=np.float32)
        pieces = []
        for start, end, encoding in zip(starts[:-1], starts[1:], encodings, strict=True):
            size = end - start - 1
            offsets = np.array(encoding.offsets[:size], dtype=np.int64).reshape(size, 2)
            pieces.append(WordPieces(offsets, hidden[start : end - 1]))
        return WindowEncoding(first, first + len(encodings), embeddings, tuple(pieces))


class SentenceTransformerEncoder:
    """Any model of the sentence-transformers library, by hub id or folder; sentences are encoded without context.

    Needs the extra ``[train]``. With *offline*, and where *name* is a folder, nothing is
    fetched and a missing model is a :class:`BundleError` at once.
    """

    def __init__(self, name: str, *, offline: bool = False, batch_size: int = 32) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise MissingExtraError(
                "This encoder needs sentence-transformers, which is not installed; run: pip install 'newsgauge[train]'."
            ) from error
        try:
            folder = name
            if offline and not Path(name).is_dir():
                from huggingface_hub import snapshot_download

                # The library asks the hub about a model that is not in the cache even where it is told not to.
                folder = snapshot_download(name, local_files_only=True)
            self._model: Any = SentenceTransformer(folder, device="cpu", local_files_only=offline or Path(folder).is_dir())
        except Exception as error:  # the hub client raises many unrelated classes
            raise BundleError(
                f"The encoder {name!r} is neither a model folder nor in the local cache, and could not be fetched "
                f"({type(error).__name__}); give a folder, or fetch it once with network access."
            ) from error
        self._batch_size = batch_size

    @property
    def width(self) -> int:
        """The length of an embedding."""
        return int(self._model.get_embedding_dimension())

    def encode(self, sentences: Sequence[str]) -> Iterator[WindowEncoding]:
        """See :meth:`Encoder.encode`; one window holds all sentences, and ``pieces`` is None."""
        if sentences:
            vectors = self._model.encode(list(sentences), batch_size=self._batch_size, convert_to_numpy=True, show_progress_bar=False)
            yield WindowEncoding(0, len(sentences), np.asarray(vectors, dtype=np.float32), None)
