"""What a server makes of chats and texts, and how it answers: the served side of parity.

llama-server, vLLM and TGI tell their prompts by routes of their own. Of another OpenAI-compatible
server only the number of tokens and the text of its answers are known.
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
TELL_TOKENS = ("llama.cpp", "vllm")  # of answers, with their ids and log-probabilities
_PROBE = [Message(role="user", content="?")]
NO_SUCH_ROUTE = (400, 404, 405, 422, 501)  # HTTP's answers to a request that a server does not know


@dataclass(frozen=True)
class Server:
    """A server that runs: its OpenAI-compatible URL, ending in /v1, the model it serves, and the
    environment variable that holds its key, if it wants one."""

    url: str
    model: str
    kind: ServerKind
    key_env: str = ""

    @property
    def root(self) -> str:
        """Return the address of the server's own routes."""
        return self.url.rstrip("/").removesuffix("/v1")

    def ask(self, route: str, body: dict[str, Any]) -> Any:
        """Ask one of the server's own routes."""
        return post(Endpoint(self.root, key_env=self.key_env), route, body)


def recognise(
    url: str, model: str, tokenizer: "PreTrainedTokenizerBase", key_env: str = ""
) -> Server:
    """Tell a server by the routes it has."""
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
    """Ask for the prompt that the server's own template makes of a chat."""
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
    """Ask for the tokens of a bare text, without beginning-of-text."""
    if server.kind == "tgi":
        begun = len(tokenizer.encode(""))  # TGI puts that before it and cannot be told not to
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
    """Ask for the greedy answer, and for how many tokens the server says its prompt has."""
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
    """Ask for every token of llama-server's greedy answer to a prompt."""
    body = {"prompt": prompt.ids, "n_predict": max_new_tokens, "temperature": 0}
    reply = server.ask("completion", body | {"return_tokens": True})
    return list(map(int, reply["tokens"]))


def with_held_back(told: list[tuple[int, float]], ids: list[int]) -> list[tuple[int, float]]:
    """Add the tokens that llama-server holds back until a character is whole.

    It reports only their ids, elsewhere: their log-probability is NaN. Each comes before the one
    that makes the character whole, so they go in front of it.
    """
    left, found = list(told), list[tuple[int, float]]()
    for token in reversed(ids):
        found.append(left.pop() if left and left[-1][0] == token else (token, nan))
    return found[::-1]


def read_token(entry: dict[str, Any]) -> tuple[int, float]:
    """Read id and log-probability: llama-server gives an `id`, vLLM the token as `token_id:17`."""
    told = entry["id"] if "id" in entry else str(entry["token"]).removeprefix("token_id:")
    return int(told), float(entry["logprob"])
