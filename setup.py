"""Builds the Cython modules of fastembed._core over the C kernels of csrc/.

FASTEMBED_BUILD = release (default) | debug | coverage | sanitize picks the flavour. There is no -march=native:
kernels for every instruction set are compiled and one is chosen at run time (csrc/dispatch.c).
"""

import os
import sys

from Cython.Build import cythonize
from setuptools import Extension, setup

# module of fastembed._core -> the C files that it alone links
MODULES = {
    "simd": ["dispatch.c", "room.c", "kernels_base.c", "kernels_avx2.c", "kernels_avx512.c"],
    "job": [],
    "bell": [],
    "batch": [],
    "blas": [],
    "sgns": [],
    "subwords": [],
    "dictionary": [],
    "probe": [],
    "tables": [],
    "encode": ["strmap.c", "merge.c", "tokens.c"],
    "documents": ["words.c", "bag.c"],
    "entries": ["entries.c"],
    "cooc": [],
    "nearest": [],
    "glove": [],
    "classify": [],
    "spmm": [],
    "pmi": [],
    "texts": [],
    "ngram": ["ngrams.c", "smooth.c"],
    "lm": ["lm.c"],
    "textvec": [],
    "recurrent": [],
    "characters": [],
    "arpa": [],
    "optim": [],
    "softmax": [],
    "dense": [],
    "repeats": [],
    "tree": [],
    "attention": [],
}

SHARED = "fastembed._core.shared"  # Cython's code for typed memoryviews: compiled once, not in every module

METADATA = {"egg_info", "dist_info"}  # commands of setuptools that compile nothing: they need no C of Cython's either

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "freethreading_compatible": True,
}

WINDOWS = sys.platform == "win32"
COMMON = [] if WINDOWS else ["-Wall", "-Wextra", "-fno-math-errno", "-fno-trapping-math"]
FLAVOURS = {  # name -> (compiler flags, linker flags, directives)
    "release": (["/O2"] if WINDOWS else ["-O3", "-g0"], [], {}),
    "debug": (["-O1", "-g"], [], {"boundscheck": True, "wraparound": True, "initializedcheck": True}),
    "coverage": (["-O0", "-g", "-DCYTHON_TRACE_NOGIL=1"], [], {"linetrace": True}),
    "sanitize": (  # checks in long unrolled loops would take minutes to compile
        ["-O1", "-g1", "-DFE_PACE=2", "-fno-omit-frame-pointer"]
        + ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
        ["-fsanitize=address,undefined"],
        {},
    ),
}


def extensions(flavour):
    """The Extension list of one build flavour."""
    if flavour not in FLAVOURS:
        raise SystemExit(f"FASTEMBED_BUILD={flavour!r}: use one of {', '.join(FLAVOURS)}")
    compile_flags, link_flags, directives = FLAVOURS[flavour]
    included = sorted(file for file in os.listdir("csrc") if file.endswith((".h", ".inc")))
    modules = [
        Extension(
            f"fastembed._core.{name}",
            [f"fastembed/_core/{name}.pyx", *(f"csrc/{source}" for source in sources)],
            include_dirs=["csrc"],
            depends=[f"csrc/{file}" for file in included if sources or file.endswith(".h")],  # .inc: of C files only
            extra_compile_args=COMMON + compile_flags,
            extra_link_args=link_flags,
        )
        for name, sources in MODULES.items()
    ]
    if METADATA.intersection(sys.argv):
        return modules
    flags = COMMON + compile_flags + ["-O1"]  # no loop of ours is in it
    shared = Extension(SHARED, [], extra_compile_args=flags, extra_link_args=link_flags)
    return cythonize(
        [*modules[:1], shared, *modules[1:]],  # what takes longest to compile comes first
        shared_utility_qualified_name=SHARED,
        build_dir=f"build/cython-{flavour}",
        compiler_directives=DIRECTIVES | directives,
        include_path=["."],
        quiet=True,
        nthreads=os.cpu_count(),
    )


if __name__ == "__main__":
    setup(
        ext_modules=extensions(os.environ.get("FASTEMBED_BUILD", "release")),
        options={"build_ext": {"parallel": os.cpu_count()}},  # compilers at once; no two modules share a C file
    )
