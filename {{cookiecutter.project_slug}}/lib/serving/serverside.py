"""Get a server's prompts, tokens and answers: the served side of parity.

llama-server, vLLM and TGI report their prompts through routes of their own. Of other
OpenAI-compatible servers only token counts and the text of answers are known.
"""

from dataclasses import dataclass
from itertools import takewhile
from math import nan
from typing import TYPE_CHECKING, Any, Literal

from lib.core.records import Message
from lib.core.turns import request_of
from lib.engines.api import complete_chat
from lib.engines.openai_client import Endpoint, Refused, post
from lib.runtime.errors import UserError
from lib.serving.parity import Greedy, Rendered

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ServerKind = Literal["llama.cpp", "tgi", "vllm", "other"]
TELL_TOKENS = ("llama.cpp", "vllm")  # servers that report ids and log-probabilities of answers
_PROBE = [Message(role="user", content="?")]
NO_SUCH_ROUTE = (400, 404, 405, 422, 501)  # HTTP statuses for an unknown route


@dataclass(frozen=True)
class Server:
    """A running server: OpenAI-compatible URL, ending in /v1, model, and key.

    key_env: environment variable with the key, if it requires one."""

    url: str
    model: str
    kind: ServerKind
    key_env: str = ""

    @property
    def root(self) -> str:
        """Return the base URL of the server's own routes."""
        return self.url.rstrip("/").removesuffix("/v1")

    def ask(self, route: str, body: dict[str, Any]) -> Any:
        """Post to one of the server's own routes."""
        return post(Endpoint(self.root, key_env=self.key_env), route, body)


def recognise(
    url: str, model: str, tokenizer: "PreTrainedTokenizerBase", key_env: str = ""
) -> Server:
    """Detect the kind of a server by its routes."""
    kinds: tuple[ServerKind, ...] = ("llama.cpp", "tgi", "vllm")
    for kind in kinds:
        server = Server(url, model, kind, key_env)
        try:
            prompt_of_chat(server, _PROBE, tokenizer)
        except Refused as refused:
            if refused.status not in NO_SUCH_ROUTE:
                raise
        except (LookupError, TypeError):
            continue
        else:
            return server
    return Server(url, model, "other", key_env)


def prompt_of_chat(
    server: Server, chat: list[Message], tokenizer: "PreTrainedTokenizerBase"
) -> Rendered:
    """Get the prompt that the server renders for a chat with its own template."""
    if server.kind == "llama.cpp":
        text = str(server.ask("apply-template", request_of(chat))["prompt"])
        body = {"content": text, "add_special": True, "parse_special": True}
        return Rendered(text, list(server.ask("tokenize", body)["tokens"]))
    if server.kind == "tgi":
        told = server.ask("chat_tokenize", request_of(chat))
        return Rendered(str(told["templated_text"]), _ids_of(told["tokenize_response"]))
    body = {"model": server.model, **request_of(chat), "add_generation_prompt": True}
    ids = list(server.ask("tokenize", body)["tokens"])
    return Rendered(str(tokenizer.decode(ids)), ids)


def prompt_of_text(server: Server, text: str, tokenizer: "PreTrainedTokenizerBase") -> Rendered:
    """Get the server's tokens of a text, without a bos token."""
    if server.kind == "tgi":
        begun = len(tokenizer.encode(""))  # TGI always adds one
        return Rendered(text, _ids_of(server.ask("tokenize", {"inputs": text}))[begun:])
    body: dict[str, Any] = {"content": text, "add_special": False, "parse_special": False}
    if server.kind == "vllm":
        body = {"model": server.model, "prompt": text, "add_special_tokens": False}
    return Rendered(text, list(server.ask("tokenize", body)["tokens"]))


def _ids_of(tokens: list[dict[str, Any]]) -> list[int]:
    """Return the ids of tokens as TGI reports them."""
    return [int(token["id"]) for token in tokens]


def ask_greedily(
    server: Server,
    chat: list[Message],
    max_new_tokens: int,
    tokenizer: "PreTrainedTokenizerBase",
    stops: set[int],
) -> tuple[Greedy, int]:
    """Get the greedy answer to a chat, and the number of prompt tokens that the server counts."""
    options: dict[str, Any] = {}
    if server.kind in TELL_TOKENS:
        options |= {"logprobs": True, "top_logprobs": 1}
    if server.kind == "vllm":
        options["extra_body"] = {"return_tokens_as_token_ids": True}
    endpoint = Endpoint(server.url, server.model, server.key_env, "bench")
    reply = complete_chat(endpoint, chat, max_new_tokens, **options)
    try:
        choice, prompt_tokens = reply["choices"][0], int(reply["usage"]["prompt_tokens"])
        text = str(choice["message"]["content"] or "")
        told = ((choice.get("logprobs") or {}).get("content")) or []
        tokens = list(map(read_token, told))
        if server.kind == "llama.cpp" and len(tokens) < reply["usage"]["completion_tokens"]:
            ids = answer_ids(server, prompt_of_chat(server, chat, tokenizer), max_new_tokens)
            tokens = with_held_back(tokens, ids)
    except (LookupError, TypeError, ValueError) as error:
        raise UserError(f"{server.url}: its reply is not OpenAI-compatible ({error!r})") from None
    tokens = list(takewhile(lambda token: token[0] not in stops, tokens))
    ids = [token for token, _ in tokens]
    if not told:
        ids = tokenizer.encode(text, add_special_tokens=False)
    stopped = choice["finish_reason"] != "length"
    clean = not any(str(token) in text for token in tokenizer.all_special_tokens)
    return Greedy(ids, [value for _, value in tokens], stopped, clean), prompt_tokens


def answer_ids(server: Server, prompt: Rendered, max_new_tokens: int) -> list[int]:
    """Get all token ids of llama-server's greedy answer to a prompt."""
    body = {"prompt": prompt.ids, "n_predict": max_new_tokens, "temperature": 0}
    reply = server.ask("completion", body | {"return_tokens": True})
    return list(map(int, reply["tokens"]))


def with_held_back(told: list[tuple[int, float]], ids: list[int]) -> list[tuple[int, float]]:
    """Add the tokens that llama-server holds back until a character is complete.

    It reports only their ids, by another route, so their log-probability is NaN. They are inserted
    before the token that completes the character.
    """
    left, found = list(told), list[tuple[int, float]]()
    for token in reversed(ids):
        found.append(left.pop() if left and left[-1][0] == token else (token, nan))
    return found[::-1]


def read_token(entry: dict[str, Any]) -> tuple[int, float]:
    """Read id and log-probability: llama-server gives an `id`, vLLM the token as `token_id:17`."""
    told = entry["id"] if "id" in entry else str(entry["token"]).removeprefix("token_id:")
    return int(told), float(entry["logprob"])
