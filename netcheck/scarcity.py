"""How it looks where the system gives no more threads, files or memory, and what to tell: no bug of ours."""

import errno

NO_MORE_THREADS = (
    "the system lets netcheck start no more threads: raise TasksMax, the pids limit or ulimit -u"
)
NO_MORE_FILES = "the system lets netcheck open no more files: raise LimitNOFILE or ulimit -n, or fs.file-max"
NO_MORE_MEMORY = (
    "the system lets netcheck have no more memory: raise MemoryMax, the container's limit or ulimit -v"
)
REPLACED = "netcheck's own files were replaced or removed since it started: restart it"
"""What it means where a part of it that is loaded late cannot be loaded."""
_AS_PYTHON_SAYS_IT = "can't start new thread"
_AS_THE_LOADER_SAYS_IT = ("failed to map segment from shared object", ": Cannot allocate memory")
"""Of a module in C (glibc's elf/dl-map-segments.h, and dl-load.c, which ends in the words for ENOMEM); Python
has no other sign of it. "cannot allocate memory in static TLS block" is another matter: no limit of ours."""


def lacks_threads(error: BaseException | None) -> bool:
    """Whether it is that, and nothing else; of a group, whether all in it are."""
    return lacking(error) == NO_MORE_THREADS


def lacking(error: BaseException | None) -> str | None:
    """What there is no more of, in a sentence; None for any other error, and for a group of several kinds."""
    match error:
        case BaseExceptionGroup():
            kinds = set(map(lacking, error.exceptions))
            return kinds.pop() if len(kinds) == 1 else None
        case RuntimeError() if str(error) == _AS_PYTHON_SAYS_IT:
            return NO_MORE_THREADS
        case OSError(errno=errno.EMFILE | errno.ENFILE):
            return NO_MORE_FILES
        case MemoryError() | OSError(errno=errno.ENOMEM):
            return NO_MORE_MEMORY
        case ImportError() if any(each in str(error) for each in _AS_THE_LOADER_SAYS_IT):
            return NO_MORE_MEMORY
    return None
