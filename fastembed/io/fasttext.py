"""fastText's .vec text, which is word2vec's; its .bin models are recognised, not read."""

import struct

from ..errors import FormatError
from . import word2vec

MAGIC = struct.pack("<i", 793712314)


def refuse_binary(source):
    """FormatError that names the format."""
    message = "this is a fastText .bin model, which cannot be read yet; fastText also writes its vectors as .vec"
    raise FormatError(source.path, message, offset=0)


def write_vec(kv, path):
    """Write the .vec text; ParameterError for words with blanks, before the file is touched."""
    word2vec.write(kv, path, "vec")
