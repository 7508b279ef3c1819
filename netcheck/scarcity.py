"""How it looks where the system gives no more threads, files or memory, and what to tell: no bug of ours."""

import errno

NO_MORE_THREADS = (
    "the system lets netcheck start no more threads: raise TasksMax, the pids limit or ulimit -u"
)
NO_MORE_FILES = "the system lets netcheck open no more files: raise LimitNOFILE or ulimit -n, or fs.file-max"
NO_MORE_MEMORY = (
    "the system lets netcheck have no more memory: raise MemoryMax, the container's limit or ulimit -v"
)
_AS_PYTHON_SAYS_IT = "can't start new thread"
_AS_THE_LOADER_SAYS_IT = "failed to map segment from shared object"
"""Of a module in C (glibc's elf/dl-map-segments.h); Python has no other sign of it."""


def lacks_threads(error: BaseException | None) -> bool:
    """Whether it is that, and nothing else; of a group, whether all in it are."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(lacks_threads, error.exceptions))
    return isinstance(error, RuntimeError) and str(error) == _AS_PYTHON_SAYS_IT


def lacks_files(error: BaseException | None) -> bool:
    """The same for files, and with them sockets."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(lacks_files, error.exceptions))
    return isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)


def lacks_memory(error: BaseException | None) -> bool:
    """The same for memory, be it to load what a command needs."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(lacks_memory, error.exceptions))
    if isinstance(error, ImportError):
        return _AS_THE_LOADER_SAYS_IT in str(error)
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
