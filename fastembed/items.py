"""Python objects as bytes for the encoder: sentences as lines, token lists with separators that UTF-8 never uses."""

from itertools import chain

from .errors import CorpusError, ParameterError

BATCH = 1 << 16  # characters (or tokens) that are encoded at a time
PIECE = 1 << 20  # bytes of a line that a tokenizer gets at most at a time
_WORD, _SENTENCE = b"\xff", b"\xfe"


class ByteChunks:
    """A source for Blocks whose bytes come from a generator of bytes objects."""

    size = None

    def __init__(self, name, chunks):
        self.name, self.chunks, self.rest, self.position = name, chunks, memoryview(b""), 0

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
        return self.position

    def close(self):
        self.chunks.close()

    def check(self):
        pass


class Reader:
    """Turns Items or the lines of files into bytes.

    Parameters
    ----------
    tokenize : function from str to list of str, or None to let the encoder split at white space.
    strict : whether what is not UTF-8 is an error.

    Attributes: ``lists``, whether the bytes are token lists (known after the first item); ``replaced``, how many
    invalid sequences of files were replaced on the way.
    """

    def __init__(self, tokenize, strict):
        self.tokenize, self.strict = tokenize, strict
        self.lists = tokenize is not None
        self.replaced = 0

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
        sentences = self._sentences(chain([first], rows), items.name)
        return ByteChunks(items.name, sentences if self.lists else self._lines(chain([first], rows), items.name))

    def files(self, sources):
        """ByteChunks of the tokenised lines of files."""
        return ByteChunks(sources[0].name, self._pieces(sources))

    def _lines(self, items, name):
        batch, size = [], 0
        for number, item in enumerate(items):
            if not isinstance(item, str):
                raise _wrong(name, number, item, "str, as the first item is")
            batch.append(item)
            size += len(item)
            if size > BATCH:
                yield self._encode_text("\n".join(batch) + "\n", name)
                batch, size = [], 0
        yield self._encode_text("\n".join(batch) + "\n", name)

    def _encode_text(self, text, name):
        try:
            return text.encode("utf-8", "strict" if self.strict else "surrogatepass")
        except UnicodeEncodeError as error:
            raise CorpusError(f"{name} holds text that is not valid Unicode: {error.reason}") from None

    def _sentences(self, items, name):
        batch, size = [], 0
        for number, item in enumerate(items):
            if self.tokenize is None and not isinstance(item, (list, tuple)):
                raise _wrong(name, number, item, "a list of str, as the first item is")
            if self.tokenize is not None and not isinstance(item, str):
                raise _wrong(name, number, item, "str")
            tokens = item if self.tokenize is None else self.tokenize(item)
            encoded = self._encode_tokens(tokens, f"{name}, item {number}")
            batch.append(encoded)
            size += len(encoded)
            if size > BATCH:
                yield _SENTENCE.join(batch) + _SENTENCE
                batch, size = [], 0
        yield _SENTENCE.join(batch) + _SENTENCE

    def _encode_tokens(self, tokens, where):
        tokens = tokens if isinstance(tokens, (list, tuple)) else list(tokens)
        try:
            return _WORD.join(map(str.encode, tokens))
        except TypeError:
            for number, token in enumerate(tokens):
                if not isinstance(token, str):
                    raise CorpusError(f"{where}: token {number} is of type {type(token).__name__}, not str") from None
            raise
        except UnicodeEncodeError as error:
            if self.strict:
                raise CorpusError(f"{where}: a token is not valid Unicode: {error.reason}") from None
            return _WORD.join([token.encode("utf-8", "surrogatepass") for token in tokens])

    def _pieces(self, sources):
        for source in sources:
            stream = source.open()
            try:
                for offset, piece, ends in _long_lines(stream):
                    tokens = self.tokenize(self._decode(piece, source.name, offset))
                    yield self._encode_tokens(tokens, f"{source.name}, byte {offset}") + (_SENTENCE if ends else _WORD)
            finally:
                stream.close()
            source.check()
            yield _SENTENCE

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


def _long_lines(stream):
    """(offset, bytes, whether the line ends here) of each line; lines over PIECE bytes in pieces cut at white space."""
    rest = b""
    while True:
        offset = stream.position - len(rest)
        line = stream.readline(PIECE)
        piece, rest = rest + line, b""
        if not piece:
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
