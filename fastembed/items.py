"""Python objects as bytes for the encoder: sentences as lines, token lists with separators that UTF-8 never uses."""

from itertools import chain

from .errors import CorpusError, ParameterError
from .vocab import is_unicode

BATCH = 1 << 16  # characters (or tokens) that are encoded at a time
PIECE = 1 << 20  # bytes of a line that a tokenizer gets at most at a time
_WORD, _SENTENCE = b"\xff", b"\xfe"


class ByteChunks:
    """A source for Blocks whose bytes come from a generator of bytes objects.

    Parameters
    ----------
    name : for messages.
    chunks : the generator.
    consumed : function that tells how many bytes of input were read so far.
    """

    size = None

    def __init__(self, name, chunks, consumed=None):
        self.name, self.chunks, self.rest, self.position = name, chunks, memoryview(b""), 0
        self._consumed = consumed

    def open(self):
        return self

    def readinto(self, view):
        """Fill the view as far as one chunk does; 0 at the end."""
        while not self.rest:
            chunk = next(self.chunks, None)
            if chunk is None:
                return 0
            self.rest = memoryview(chunk)
        size = min(len(view), len(self.rest))
        view[:size] = self.rest[:size]
        self.rest = self.rest[size:]
        self.position += size
        return size

    @property
    def consumed(self):
        return self._consumed() if self._consumed else self.position

    def close(self):
        self.chunks.close()

    def check(self):
        pass


class Reader:
    """Turns Items or the lines of files into bytes.

    Parameters
    ----------
    tokenize : function from a list of str to their lists of tokens, or None to let the encoder split at white space.
    strict : whether what is not UTF-8 is an error.

    Attributes: ``lists``, whether the bytes are token lists (known after the first item); ``replaced``, how many
    invalid sequences of files were replaced on the way; ``consumed``, how many bytes of files were read.
    """

    def __init__(self, tokenize, strict):
        self.tokenize, self.strict = tokenize, strict
        self.lists = tokenize is not None
        self.replaced = self.consumed = 0

    def items(self, items):
        """ByteChunks of Items."""
        rows = _rows(items)
        first = next(rows, self)
        if first is self:
            again = " (a generator gives its items only once)" if items.one_shot else ""
            raise CorpusError(f"{items.name} gave no items: an empty corpus{again}")
        if isinstance(first, (list, tuple)):
            if self.tokenize is not None:
                raise ParameterError("the corpus consists of token lists already: leave out the tokenizer")
            self.lists = True
        elif not isinstance(first, str):
            raise _wrong(items.name, 0, first, "str or list of str")
        rows = _checked(chain([first], rows), items.name, type(first))
        return ByteChunks(items.name, self._sentences(rows) if self.lists else self._lines(rows))

    def files(self, sources):
        """ByteChunks of the tokenised lines of files."""
        return ByteChunks(sources[0].name, self._sentences(self._pieces(sources)), lambda: self.consumed)

    def _lines(self, rows):
        for batch in _batches(rows):
            text = "\n".join([item for item, _, _ in batch]) + "\n"
            try:
                yield text.encode("utf-8", "strict" if self.strict else "surrogatepass")
            except UnicodeEncodeError as error:
                place = next(place for item, _, place in batch if not is_unicode(item))
                raise CorpusError(f"{_at(place)} is not valid Unicode: {error.reason}") from None

    def _sentences(self, rows):
        for batch in _batches(rows):
            lists = [item for item, _, _ in batch]
            if self.tokenize is not None:
                lists = self.tokenize(lists)
            out = []
            for tokens, (_, end, place) in zip(lists, batch, strict=True):
                out += self._encode(tokens, place), end
            yield b"".join(out)

    def _encode(self, tokens, place):
        if not isinstance(tokens, (list, tuple)):
            if isinstance(tokens, (str, bytes)) or not hasattr(tokens, "__iter__"):
                raise CorpusError(f"{_at(place)}: the tokenizer gave {repr(tokens)[:50]}, not a list of str")
            tokens = list(tokens)
        try:
            return _WORD.join(map(str.encode, tokens))
        except TypeError:
            for number, token in enumerate(tokens):
                if not isinstance(token, str):
                    kind = type(token).__name__
                    raise CorpusError(f"{_at(place)}: token {number} is of type {kind}, not str") from None
            raise
        except UnicodeEncodeError as error:
            if self.strict:
                raise CorpusError(f"{_at(place)}: a token is not valid Unicode: {error.reason}") from None
            return _WORD.join([token.encode("utf-8", "surrogatepass") for token in tokens])

    def _pieces(self, sources):
        finished = 0
        for source in sources:
            stream = source.open()
            try:
                for offset, piece, ends in _long_lines(stream):
                    text = self._decode(piece, source.name, offset)
                    yield text.rstrip("\r\n"), _SENTENCE if ends else _WORD, (source.name, "byte", offset)
                    self.consumed = finished + stream.consumed
            finally:
                stream.close()
            finished = self.consumed
            source.check()

    def _decode(self, piece, name, offset):
        if self.strict:
            try:
                return piece.decode()
            except UnicodeDecodeError as error:
                raise CorpusError(f"{name} is not UTF-8 at byte {offset + error.start}: {error.reason}") from None
        text = piece.decode("utf-8", "replace")
        if "\ufffd" in text:
            self.replaced += text.count("\ufffd") - piece.count(b"\xef\xbf\xbd")
        return text


def _batches(rows):
    """Lists of (item, end, place), together about BATCH long."""
    batch, size = [], 0
    for row in rows:
        batch.append(row)
        size += len(row[0])
        if size > BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _checked(items, name, kind):
    """Rows (item, end, place) of items that are all str or all lists of str, as the first is."""
    kinds, wanted = (str, "str") if issubclass(kind, str) else ((list, tuple), "a list of str")
    for number, item in enumerate(items):
        if not isinstance(item, kinds):
            raise _wrong(name, number, item, f"{wanted}, as the first item is")
        yield item, _SENTENCE, (name, "item", number)


def _at(place):
    return "{}, {} {}".format(*place)


def _long_lines(stream):
    """(offset, bytes, whether the line ends here) of each line; lines over PIECE bytes in pieces cut at white space."""
    rest, ends = b"", True
    while True:
        offset = stream.position - len(rest)
        line = stream.readline(PIECE)
        piece, rest = rest + line, b""
        if not piece and ends:
            return
        ends = piece.endswith(b"\n") or len(line) < PIECE
        if not ends:
            cut = max(piece.rfind(b" "), piece.rfind(b"\t")) + 1 or _character_start(piece)
            piece, rest = piece[:cut], piece[cut:]
        yield offset, piece, ends


def _character_start(piece):
    """Where the last character of the bytes begins."""
    at = len(piece) - 1
    while at > len(piece) - 4 and piece[at] & 0xC0 == 0x80:
        at -= 1
    return at


def _rows(items):
    """The str or lists of an iterable of them, or of dicts, of which one column counts."""
    source, column = items.iterable, items.column
    if hasattr(source, "columns") and hasattr(source, "iloc"):
        raise ParameterError("a corpus from a table: give one column of it, a series of str")
    names = getattr(source, "column_names", None)
    if names is not None and hasattr(source, "iter"):  # a dataset of the Hugging Face library
        column = _column(names, column)
        for batch in source.iter(batch_size=1000):
            yield from batch[column]
        return
    for number, item in enumerate(source):
        if isinstance(item, dict):
            column = _column(item, column) if number == 0 else column
            if column not in item:
                raise CorpusError(f"{items.name}: item {number} (from 0) has no column {column!r}")
            item = item[column]
        yield item


def _column(names, column):
    names = list(names)
    column = column or ("text" if "text" in names else names[0] if len(names) == 1 else None)
    if column not in names:
        raise ParameterError(f"column={column!r}: choose one of {', '.join(map(str, names))}")
    return column


def _wrong(name, number, item, wanted):
    return CorpusError(f"{name}: item {number} (from 0) is of type {type(item).__name__}, not {wanted}")
