"""Runs a PAC script for many URLs. To be called in a process of its own: see `netcheck.apart`.

A script may be anyone's: it gets little memory and time, and nothing of this machine but what it is handed.
"""

import json
import re
from pathlib import Path
from typing import Any

import quickjs  # type: ignore[import-untyped]  # it has no types

_MOST_MEMORY = 64 * 1024 * 1024
"""Bytes for the script and all it makes."""
_DEEPEST_STACK = 1024 * 1024
_LONGEST = 0.5
"""Seconds of CPU for one call; who needs more is in an endless loop."""
_ENDLESS = f"it does not come to an end within {_LONGEST:g} s"
_MOST_TEXT = 1000
_MOST_NAMES, _LONGEST_NAME = 64, 255
"""Of those that it wanted to resolve: of each run, and in characters."""
_CHANGED = "it changes what this runs it with"
_KINDS = ("said", "error")
_LOGIN = re.compile(r"(?<![^\s;])[^\s;]*@|(?<=://)[^;]*@")
"""From where a word begins, or a URL's place, as a password may hold spaces.

No answer may have one, and browsers do not take it: with it, what is named is no proxy.
"""
_LAST_WORD = re.compile(r"(?<![^\s;])[^\s;]*\Z")
_STANDARD = Path(__file__).with_name("standard.js").read_text(encoding="utf-8")
_CALL = """(function (url, host) {
  var find = typeof __global.FindProxyForURL === "function" ? "FindProxyForURL" : "FindProxyForURLEx";
  var said = __global[find](url, host);
  if (typeof said === "string") return __stringify(["said", said.slice(0, %d)]);
  var kind = said === null ? "null" : typeof said;
  return __stringify(["error", "it answers " + kind + ", and not with text"]);
})(%s, %s)"""
_HAS_FUNCTION = (
    "[__global.FindProxyForURL, __global.FindProxyForURLEx].some((each) => typeof each === 'function')"
)
"""What stands in `let` or `const` is none: browsers look at the global object."""


def evaluate(argument: bytes) -> bytes:
    """What the script says of each URL. JSON in and out.

    In: `script`; `urls`, pairs of URL and host; `known`, lists of addresses by name; `mine`, the addresses of
    this machine; `time`, Unix seconds. Out: `answers`, for each URL `said` or `error`, why there is nothing;
    and `missing`, names that it wanted to resolve and that are not known: an answer may then be wrong.
    """
    asked = json.loads(argument)
    context = quickjs.Context()
    context.set_memory_limit(_MOST_MEMORY)
    context.set_max_stack_size(_DEEPEST_STACK)
    context.set_time_limit(_LONGEST)
    for name, value in (
        ("__known", asked["known"]),
        ("__mine", asked["mine"]),
        ("__time", asked["time"] * 1000),
    ):
        context.eval(f"var {name} = {json.dumps(value)};")
    context.eval(_STANDARD)
    answers = _answers(context, asked)
    try:
        missing = _texts(context.eval("__stringify(__keys(__missing))"))
    except (quickjs.JSException, TypeError, ValueError):
        answers, missing = [{"error": _CHANGED}] * len(answers), []
    wanted = [name for name in missing if len(name) <= _LONGEST_NAME][:_MOST_NAMES]
    return json.dumps({"answers": answers, "missing": wanted}).encode()


def _answers(context: quickjs.Context, asked: dict[str, Any]) -> list[dict[str, str]]:
    urls = asked["urls"]
    try:
        context.eval(asked["script"] + "\n;0")  # so that nothing of it has to be made something of Python's
        error = "" if context.eval(_HAS_FUNCTION) else "it has no function FindProxyForURL"
    except quickjs.JSException as thrown:
        error = _in_words(thrown)
    except (TypeError, ValueError):
        error = _CHANGED
    if error:
        return [{"error": error}] * len(urls)
    answers: list[dict[str, str]] = []
    for url, host in urls:
        answers.append(_answer(context, url, host))
        if answers[-1].get("error") == _ENDLESS:  # so it would be for the others, one second for each
            return answers + answers[-1:] * (len(urls) - len(answers))
    return answers


def _answer(context: quickjs.Context, url: str, host: str) -> dict[str, str]:
    try:
        kind, text = _texts(context.eval(_CALL % (_MOST_TEXT, json.dumps(url), json.dumps(host))))
    except quickjs.JSException as error:
        return {"error": _in_words(error)}
    except (TypeError, ValueError):
        return {"error": _CHANGED}
    return {kind if kind in _KINDS else "error": _printable(text)}


def _texts(found: object) -> list[str]:
    """A list of texts in JSON; TypeError or ValueError where a script has had it made something else."""
    try:
        texts = json.loads(found)  # type: ignore[arg-type]  # which raises TypeError
    except RecursionError as error:
        raise ValueError("lists in lists without end") from error
    if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
        raise TypeError("no list of texts")
    return texts


def _printable(text: str) -> str:
    """In one line, without what a terminal would obey, and without a login: it is shown to people.

    Where it is cut, a login may have lost its @: the word is left out.
    """
    if len(text) >= _MOST_TEXT:
        text = _LAST_WORD.sub("…", text[:_MOST_TEXT])
    line = "".join(filter(str.isprintable, " ".join(text.split())))
    return _LOGIN.sub("***@", line)


def _in_words(error: Exception) -> str:
    """What is wrong, and where in the script, if that is known: in one line."""
    what, _, where = str(error).partition("\n")
    if "interrupted" in what:
        return _ENDLESS
    too_much = f"it takes more than {_MOST_MEMORY >> 20} MiB of memory"
    if "out of memory" in what:
        return too_much
    if what == "null":  # also where QuickJS has no memory left for words
        return f"{too_much}, or throws null"
    place = re.search(r"<input>:(\d+):(\d+)", where)
    at = f" (line {place[1]}, column {place[2]})" if place else ""
    return f"{_printable(what)}{at}"
