"""How it looks where the system gives a process no more threads, and what to tell: no bug of ours."""

NO_MORE_THREADS = (
    "the system lets netcheck start no more threads: raise TasksMax, the pids limit or ulimit -u"
)
_AS_PYTHON_SAYS_IT = "can't start new thread"


def lacks_threads(error: BaseException | None) -> bool:
    """Whether it is that, and nothing else; of a group, whether all in it are."""
    if isinstance(error, BaseExceptionGroup):
        return all(map(lacks_threads, error.exceptions))
    return isinstance(error, RuntimeError) and str(error) == _AS_PYTHON_SAYS_IT
