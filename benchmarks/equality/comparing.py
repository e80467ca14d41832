"""Judging answers by the reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.equality.reference import Told
from benchmarks.equality.serving import Answer

NEAR = 1e-4
"""How far logarithms of probabilities may be from the reference's; of two tokens nearer than that either is right."""


@dataclass
class Verdict:
    """`tokens` were compared and `differ` from the reference's; `ties`: places where another token was taken that is
    as likely, after which that answer is not compared any further. `furthest`: largest distance of a logarithm of a
    probability, in nats, over `likelihoods` of them."""

    tokens: int = 0
    differ: int = 0
    ties: int = 0
    likelihoods: int = 0
    furthest: float = 0.0

    @property
    def right(self) -> bool:
        """Whether all is as it should be."""
        return not self.differ and self.furthest <= NEAR and self.tokens > 0

    def answer(self, got: Answer, told: Told) -> None:
        """Judge one more."""
        for place, token in enumerate(got.tokens):
            best = dict(told.best[place])
            self.tokens += 1
            for other, logarithm in ((token, got.likelihoods[place].logprob), *got.likelihoods[place].top):
                if other in best:
                    self._far(logarithm, best[other])
            if token == told.tokens[place]:
                continue
            if token in best and best[told.tokens[place]] - best[token] <= NEAR:
                self.ties += 1
            else:
                self.differ += 1
            return
        self.differ += len(told.tokens) - len(got.tokens)

    def prompt(self, got: Answer, told: Told) -> None:
        """Judge what was said of the prompt's own tokens."""
        for likelihood, logarithm in zip(got.prompt[1:], told.prompt, strict=True):
            assert likelihood is not None
            self._far(likelihood.logprob, logarithm)

    def _far(self, logarithm: float, right: float) -> None:
        self.likelihoods += 1
        self.furthest = max(self.furthest, abs(logarithm - right))


def verdict(answers: Sequence[Sequence[Answer]], right: Sequence[Told]) -> Verdict:
    """That of all choices of all answers."""
    made = Verdict()
    for choices, told in zip(answers, right, strict=True):
        for choice in choices:
            made.answer(choice, told)
            if choice.prompt:
                made.prompt(choice, told)
    return made


def close_calls(right: Sequence[Told]) -> int:
    """Places at which the reference's two best tokens are so near to each other that either is right."""
    return sum(best[0][1] - best[1][1] <= NEAR for told in right for best in told.best)
