"""No usable answer from an outside system, and why."""

from __future__ import annotations

from datetime import timedelta

from oms.errors import External, Say, say

SILENCE_LABELS: dict[str, str] = {
    "no_connection": "No connection to the service",
    "timeout": "No answer in time",
    "broken": "The connection broke",
    "redirect": "The server sends us elsewhere, which is not followed",
    "too_long": "The answer is too long",
    "unreadable": "The answer cannot be read",
    "other_question": "The answer belongs to another question",
    "too_many": "Too many questions at once",
    "trouble": "The service has trouble of its own",
    "bad_key": "The key was not accepted",
    "question": "The question was not accepted",
    "clock": "Our clock and theirs do not agree; set the clock of this machine",
    "not_ready": "It is not ready yet",
    "settings": "The address, a certificate or the stored keys cannot be used; enter them again",
}  # our own codes, beside the providers'


def words_of(code: str, message: str) -> Say | str:
    """Why there was no answer, for a person: our own sentence, or the provider's code and words as they came."""
    known = SILENCE_LABELS.get(code)
    return say(known) if known else f"{code} {message}".strip()


class Silence(External):
    """Nobody answered, or nothing that can be used. ``why``: one of ``SILENCE_LABELS`` or the other side's code,
    ``words`` its own. ``reached`` False: the question certainly never arrived. ``final``: our settings are at fault,
    so another try changes nothing."""

    code = "no_answer"

    def __init__(
        self, why: str, words: str = "", *, reached: bool = True, final: bool = False,
        retry_after: timedelta | None = None,
    ) -> None:  # fmt: skip
        super().__init__(say("The service gave no answer: {why}", why=words_of(why, words)))
        self.why, self.words, self.reached, self.final, self.retry_after = why, words, reached, final, retry_after
