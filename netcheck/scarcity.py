"""How it looks where the system gives us no more threads or files, and what to tell: no bug of ours."""

import errno

NO_MORE_THREADS = (
    "the system lets netcheck start no more threads: raise TasksMax, the pids limit or ulimit -u"
)
NO_MORE_FILES = "the system lets netcheck open no more files: raise LimitNOFILE or ulimit -n, or fs.file-max"
_AS_PYTHON_SAYS_IT = "can't start new thread"


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
