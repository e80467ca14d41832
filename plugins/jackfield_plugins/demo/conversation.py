"""What the demo shows of a language model: one answer as it comes, then sixteen at once."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from jackfield_plugins.demo import chatting

QUESTIONS = (
    "Why is the sky blue?",
    "What is an inference server?",
    "Write a short poem about the sea.",
    "How do I boil an egg?",
    "What does a compiler do?",
    "Name three rivers in Europe.",
    "Explain gravity to a child.",
    "Give me a recipe for pancakes.",
    "What is the capital of Japan?",
    "How do birds fly?",
    "Write a Python function that adds two numbers.",
    "What is a good gift for a gardener?",
    "Tell me a fact about whales.",
    "How far is the moon?",
    "Why do leaves fall in autumn?",
    "What is photosynthesis?",
)
_MOST = 96


def show(console: Console, url: str) -> None:
    """Ask the model at `url`, and print what it says and how fast."""
    console.print(f"[bold]Chat[/bold] with {chatting.FILE.split('.')[0]}, over the openai client")
    console.print(f"  [bold]>[/bold] {QUESTIONS[0]}")
    console.print("  ", end="")
    alone = chatting.talk(url, QUESTIONS[:1], _MOST, lambda text: console.out(text, end="", highlight=False))
    console.print()
    with console.status(f"[bold]asking[/bold] {len(QUESTIONS)} questions at once …"):
        together = chatting.talk(url, QUESTIONS, _MOST)
    same = "the same text" if together.texts[0] == alone.texts[0] else "ANOTHER TEXT"
    speed = Table(title="Tokens alone and together: what continuous batching does", title_justify="left")
    for heading in ("answers at once", "tokens", "seconds", "tokens/s", "first token after ms"):
        speed.add_column(heading, justify="right")
    for talk in (alone, together):
        speed.add_row(
            str(talk.answers),
            str(talk.tokens),
            f"{talk.seconds:.2f}",
            f"{talk.per_second:.0f}",
            f"{talk.first * 1e3:.0f}",
        )
    console.print(speed)
    console.print(f"The first question got {same} in company as alone.")
