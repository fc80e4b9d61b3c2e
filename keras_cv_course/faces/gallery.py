"""A gallery of named faces: stores embeddings, and identifies new ones."""

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from keras_cv_course._validation import check_choice, check_positive, check_whole
from keras_cv_course.faces._enrolling import LONGEST_NAME, checked_name, is_named, unit_length
from keras_cv_course.faces._extras import need
from keras_cv_course.faces._gallery_folder import (
    FIELDS,
    METRIC,
    is_read_only,
    keep_private,
    private_copy,
)
from keras_cv_course.faces._milvus import (
    check_free,
    checked_folder,
    import_pymilvus,
    open_elsewhere,
)

# Milvus' index: exact looks at every face, approximate at the promising ones.
_INDEXES = {"exact": "FLAT", "approximate": "AUTOINDEX"}
_BATCH = 1000  # faces in one message
# One person may have many faces: as many are searched first for each person requested.
_FACES_A_PERSON = 4
_MOST_HITS = 16_384  # that Milvus returns
# milvus-lite answers on this machine, where a proxy has no business, and fails if it is
# asked too often whether it is still there.
_LOCAL = {"grpc.enable_http_proxy": 0, "grpc.keepalive_permit_without_calls": 0}


@dataclass(frozen=True)
class Match:
    """A person of the gallery, and how alike the most alike of their faces is.

    Attributes:
        name: The person's name.
        similarity: Cosine, from -1 to 1; higher is more alike.
    """

    name: str
    similarity: float


@dataclass(frozen=True)
class Identification:
    """Whose face it is, if the gallery knows.

    Attributes:
        matches: The people who are alike enough, the most alike first; empty for a face that is
            unknown.
        nearest: The most alike person, alike enough or not; None if the gallery is empty.
        threshold: The smallest similarity at which a person is identified.
    """

    matches: tuple[Match, ...]
    nearest: Match | None
    threshold: float

    @property
    def name(self) -> str | None:
        """Name of the best match; None for a face that is unknown."""
        return self.matches[0].name if self.matches else None


class FaceGallery:
    """Named embeddings on disk or on a server, which identifies the face of a new embedding.

    What is on disk is a folder that milvus-lite keeps; one object at a time can have it open. A
    face is there once `enroll` has returned, also if the process is killed then; after a power
    failure the last ones can be lost. With the address of a Milvus server the same calls work for
    many machines at once. Methods may be called from several threads.

    A folder is for its owner alone (0700, files 0600). It is checked before it is opened: what is
    damaged is refused and left unchanged. Of one on a read-only disk a private copy is searched,
    which is removed when the gallery is closed; people cannot be enrolled or removed then.

    While a folder is open, milvus-lite answers on a port of this machine (127.0.0.1) without a
    password: on a machine that others use too, run a server that asks for one.

    Args:
        uri: A folder whose name ends with ".db", made if it is not there, or a server's address,
            e.g. "http://localhost:19530".
        token: "user:password" or an API key, for a server that asks for it.
        collection: Name of the gallery in its database.
        index: How a new gallery is searched: "exact" compares with every face,
            "approximate" leaves the choice of an index to the server.
        timeout_s: Seconds to wait for a server.

    Raises:
        ImportError: If pymilvus or milvus-lite is not installed.
        ValueError: If `uri` is something else than a gallery or damaged, or another argument is
            wrong.
        BlockingIOError: If the folder is open elsewhere.
        FileNotFoundError: If the folder's parent is not there.
        ConnectionError: If no server answers there, or the database fails.

    Example:
        >>> with FaceGallery("people.db") as gallery:
        ...     gallery.enroll("Ada", embed(images_of_ada))
        ...     identification = gallery.identify(embed(image)[0], threshold=0.4)
        ...     print(identification.name or "unknown", identification.nearest.similarity)
    """

    def __init__(
        self,
        uri: str | os.PathLike[str],
        token: str | None = None,
        collection: str = "faces",
        index: str = "exact",
        timeout_s: float = 10.0,
    ) -> None:
        check_choice("index", index, _INDEXES)
        check_positive("timeout_s", timeout_s)
        self.uri = os.fspath(uri)
        self.collection = collection
        self._index = _INDEXES[index]
        self._folder = None if "://" in self.uri else checked_folder(Path(self.uri))
        self._copy: Any = None
        pymilvus = import_pymilvus()
        if self._folder is not None:
            self._folder = self._ready(self._folder)
        self._failure = pymilvus.exceptions.MilvusException
        self._writing = threading.Lock()
        target = self.uri if self._folder is None else str(self._folder)
        options: dict[str, Any] = {"token": token or "", "timeout": timeout_s}
        if self._folder is not None:
            options["grpc_options"] = _LOCAL
        self._client: Any = None
        try:
            self._client = self._asking(pymilvus.MilvusClient, target, **options)
            self._size = self._opened()
        except BaseException:
            self.close()
            raise

    @property
    def read_only(self) -> bool:
        """Whether people can be identified, and not enrolled or removed."""
        return self._copy is not None

    def _ready(self, folder: Path) -> Path:
        """Returns a folder that milvus-lite may open: the gallery, or a copy of a read-only one."""
        if is_read_only(folder):
            try:
                self._copy = private_copy(folder)
            except BlockingIOError as error:
                raise open_elsewhere(folder) from error
            folder = Path(self._copy.name, "copy.db")
        check_free(folder)
        return folder

    def _check_writable(self) -> None:
        if self.read_only:
            raise PermissionError(
                f"The gallery {self.uri} can only be read: its folder is not writable. Copy it to "
                "where it is."
            )

    def enroll(self, name: str | Sequence[str], embedding: np.ndarray) -> None:
        """Adds faces; several of one person make them easier to recognize.

        Args:
            name: The person's name, up to 512 bytes in UTF-8, or a name for each embedding.
            embedding: Array `(d,)` or `(n, d)` of finite numbers, not all zero; `d` is the same
                for the whole gallery. Scaled to unit length inside.

        Raises:
            ValueError: If `name` or `embedding` is not so.
            ConnectionError: If the database fails.
            PermissionError: If the gallery is read-only.
        """
        self._check_writable()
        vectors = unit_length(embedding)
        names = [name] * len(vectors) if isinstance(name, str) else list(name)
        if len(names) != len(vectors):
            raise ValueError(
                "`name` must be one name, or one for each embedding. Received: "
                f"{len(names)} names for {len(vectors)} embeddings."
            )
        names = [checked_name(each) for each in names]
        with self._writing:
            if self._size is None and not self._exists():
                self._size = self._created(vectors.shape[1])
            self._check_size(vectors)
            for start in range(0, len(names), _BATCH):
                rows = [
                    {"name": each, "embedding": vector}
                    for each, vector in zip(
                        names[start : start + _BATCH], vectors[start : start + _BATCH], strict=True
                    )
                ]
                self._asking(self._client.insert, self.collection, rows)

    def identify(
        self, embedding: np.ndarray, top_k: int = 1, *, threshold: float
    ) -> Identification:
        """Returns the people whose faces are alike enough, or that the face is unknown.

        Args:
            embedding: Array `(d,)` of finite numbers, not all zero.
            top_k: The most people to return.
            threshold: Smallest similarity of a match, from -1 to 1. The larger the gallery, the
                more strangers pass a threshold that was chosen for pairs: see
                `open_set_report`.

        Raises:
            ValueError: If an argument is not so, or `embedding` has another size than the gallery.
            ConnectionError: If the database fails.
        """
        vectors = unit_length(embedding)
        if len(vectors) != 1:
            raise ValueError(
                f"`embedding` must be one vector (d,). Received: {len(vectors)} of them."
            )
        check_whole("top_k", top_k)
        if not -1 <= threshold <= 1:
            raise ValueError(f"`threshold` must be from -1 to 1. Received: {threshold!r}.")
        if self._size is None and not self._exists():
            return Identification((), None, float(threshold))
        self._check_size(vectors)
        people = self._most_alike(vectors, top_k)
        matches = tuple(match for match in people if match.similarity >= threshold)
        return Identification(matches, people[0] if people else None, float(threshold))

    def remove(self, name: str) -> int:
        """Removes a person, and returns how many faces that were.

        They are found no more; their numbers leave the disk when the database next rewrites that
        part. To be rid of them at once, delete the gallery and enroll the others again.

        Args:
            name: The person's name.

        Raises:
            ValueError: If there is no such person.
            ConnectionError: If the database fails.
            PermissionError: If the gallery is read-only.
        """
        self._check_writable()
        name = checked_name(name)
        with self._writing:
            faces = self.count(name)
            if not faces:
                known = self.names()
                if not known:
                    raise ValueError(f"`name` must be in the gallery, which is empty: {name!r}.")
                check_choice("name", name, known)
            self._asking(self._client.delete, self.collection, filter=is_named(name))
        return faces

    def count(self, name: str | None = None) -> int:
        """Returns the number of faces, of one person or of all."""
        if self._size is None and not self._exists():
            return 0
        chosen = "" if name is None else is_named(checked_name(name))
        rows = self._asking(
            self._client.query, self.collection, filter=chosen, output_fields=["count(*)"]
        )
        return int(rows[0]["count(*)"])

    def names(self) -> tuple[str, ...]:
        """Returns the names of all people, sorted."""
        if self._size is None and not self._exists():
            return ()
        names: set[str] = set()
        rows = self._asking(
            self._client.query_iterator,
            self.collection,
            batch_size=_MOST_HITS,
            output_fields=["name"],
        )
        while batch := self._asking(rows.next):
            names.update(row["name"] for row in batch)
        rows.close()
        return tuple(sorted(names))

    def close(self) -> None:
        """Lets go of the folder or the server; the object cannot be used any more."""
        if self._client is not None:
            self._client.close()
        if self._folder is not None:
            need("milvus_lite").server_manager_instance.release_server(str(self._folder))
            if self._copy is not None:
                self._copy.cleanup()
            elif self._folder.is_dir():
                keep_private(self._folder)

    def __enter__(self) -> "FaceGallery":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"FaceGallery({self.uri!r}, collection={self.collection!r})"

    def _asking(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Returns what a function of pymilvus returns; its errors become ConnectionError."""
        try:
            return function(*arguments, **options)
        except self._failure as error:
            raise ConnectionError(f"The gallery {self.uri} failed: {error}") from error

    def _exists(self) -> bool:
        """Returns whether the collection is there by now; another client may have made it."""
        self._size = self._opened()
        return self._size is not None

    def _opened(self) -> int | None:
        """Returns the size of the embeddings of the collection; None if there is none yet."""
        if not self._asking(self._client.has_collection, self.collection):
            return None
        described = self._asking(self._client.describe_collection, self.collection)
        fields = {field["name"]: field for field in described["fields"]}
        if set(fields) != FIELDS:
            raise ValueError(
                f"The collection {self.collection!r} of {self.uri} is not a gallery: it holds "
                f"{sorted(fields)}. Give another `collection`."
            )
        self._asking(self._client.load_collection, self.collection)
        return int(fields["embedding"]["params"]["dim"])

    def _created(self, size: int) -> int:
        """Makes the collection, for embeddings of a size."""
        types = need("pymilvus").DataType
        schema = self._client.create_schema(auto_id=True)
        schema.add_field("id", types.INT64, is_primary=True)
        schema.add_field("name", types.VARCHAR, max_length=LONGEST_NAME)
        schema.add_field("embedding", types.FLOAT_VECTOR, dim=size)
        index = self._client.prepare_index_params()
        index.add_index("embedding", index_type=self._index, metric_type=METRIC)
        self._asking(
            self._client.create_collection,
            self.collection,
            schema=schema,
            index_params=index,
            # So that a face that was enrolled is found from then on, on a cluster too.
            consistency_level="Strong",
        )
        return size

    def _check_size(self, vectors: np.ndarray) -> None:
        if vectors.shape[1] != self._size:
            raise ValueError(
                f"`embedding` must have {self._size} numbers, as the others in {self.uri}. "
                f"Received: {vectors.shape[1]}. Embeddings of another encoder need a gallery of "
                "their own."
            )

    def _most_alike(self, vectors: np.ndarray, people: int) -> list[Match]:
        """Returns at most this many people, the most similar first."""
        limit = min(_FACES_A_PERSON * people, _MOST_HITS)
        while True:
            (hits,) = self._asking(
                self._client.search,
                self.collection,
                data=vectors,
                limit=limit,
                output_fields=["name"],
            )
            best: dict[str, float] = {}
            for hit in hits:
                best.setdefault(hit["entity"]["name"], float(hit["distance"]))
            if len(best) >= people or len(hits) < limit or limit == _MOST_HITS:
                return [Match(*item) for item in list(best.items())[:people]]
            limit = min(4 * limit, _MOST_HITS)
