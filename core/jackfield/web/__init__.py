"""What endpoints share: reading a body within limits, exchanging a request for a response, sending it.

`body` reads, `exchange` submits and waits, `respond` sends; `protocol` over `ending` is uvicorn's own, with limits;
`guard` stands before all of them and asks for keys.
"""

from jackfield.interfaces.endpoint import Answer, ASGIApp, Message, Receive, Scope, Send, Shortcut, Withdraw
from jackfield.web.body import BodyTimeout, ClientGone, header, read_body
from jackfield.web.exchange import awaited, exchange, streaming
from jackfield.web.respond import send_bytes, send_json

__all__ = [
    "ASGIApp",
    "Answer",
    "BodyTimeout",
    "ClientGone",
    "Message",
    "Receive",
    "Scope",
    "Send",
    "Shortcut",
    "Withdraw",
    "awaited",
    "exchange",
    "header",
    "read_body",
    "send_bytes",
    "send_json",
    "streaming",
]
