# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# The edge itself: from a viewer's request to the response it gets.

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any

from slipway_lab.edge import behaviours
from slipway_lab.edge import cache as caching
from slipway_lab.edge import compression
from slipway_lab.edge import forwarding
from slipway_lab.edge import functions
from slipway_lab.edge import origins
from slipway_lab.edge import pages
from slipway_lab.edge.messages import Headers
from slipway_lab.edge.messages import Request
from slipway_lab.edge.messages import Response

if TYPE_CHECKING:
    from slipway_lab.aws.cloudfront.service import CloudFront
    from slipway_lab.aws.cloudfront.service import Served
    from slipway_lab.edge.origins import Connections

log = logging.getLogger(__name__)

_MAX_URL = 8192
_POP = "LAB50-P1"

NO_SUCH_DISTRIBUTION = "Bad request. We can't connect to the server for this app or website at this time."
HTTPS_ONLY = "Bad request. This distribution requires HTTPS."
DISABLED = "The distribution is disabled."
METHOD_NOT_ALLOWED = (
    "This distribution is not configured to allow the HTTP request method that was used for this request. "
    "The distribution supports only cachable requests."
)
BODY_NOT_ALLOWED = "Bad request. A GET or HEAD request must not have a body."
FUNCTION_FAILED = "The CloudFront function associated with the CloudFront distribution is invalid or could not run."


@dataclass(frozen=True)
class _Exchange:
    """A viewer's request, and what the distribution says about it."""

    id: str
    served: Served
    behavior: dict[str, Any]
    request: Request  # as the viewer request function left it
    viewer_path: str
    settings: tuple[behaviours.CacheSettings, behaviours.OriginSettings]

    @property
    def distribution(self) -> tuple[str, str]:
        return self.served.domain_name, self.served.id


class _Answer(Exception):
    """The response is decided; nothing further is done to it."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


class Edge:
    def __init__(self, service: CloudFront, connections: Connections) -> None:
        self._service = service
        self._connections = connections
        self._via = f"{secrets.token_hex(16)}.cloudfront.net (CloudFront)"
        self.cache = caching.Cache()
        service.on_invalidation.append(self.cache.invalidate)

    def knows(self, host: str) -> bool:
        return self._service.served(host) is not None

    def handle(self, request: Request) -> Response:
        """The response to a viewer's request; never raises."""
        request_id = secrets.token_urlsafe(42)[:54] + "=="
        try:
            response = self._handle(request, request_id)
        except _Answer as answer:
            response = answer.response
        except Exception:
            log.exception("%s %s%s failed at the edge", request.method, request.host, request.target)
            response = pages.error(500, "The edge failed; its log says why.", request_id)
        response.headers.set("X-Cache", response.result)
        response.headers.set("Via", f"{request.version.removeprefix('HTTP/')} {self._via}")
        response.headers.set("X-Amz-Cf-Pop", _POP)
        response.headers.set("X-Amz-Cf-Id", request_id)
        return response

    def _handle(self, request: Request, request_id: str) -> Response:
        served = self._service.served(request.host)
        if served is None:
            return pages.error(403, NO_SUCH_DISTRIBUTION, request_id)
        behavior = behaviours.choose(served.config, request.path)
        self._admit(served, behavior, request, request_id)
        settings = behaviours.cache_settings(behavior), behaviours.origin_settings(behavior)
        exchange = _Exchange(request_id, served, behavior, request, request.path, settings)
        exchange = self._run_viewer_request(exchange)
        root = served.config["DefaultRootObject"]
        if root and exchange.request.path == "/":
            exchange = replace(exchange, request=replace(exchange.request, path=f"/{root}"))
        response = forwarding.narrowed(self._respond(exchange), exchange.request)
        forwarding.apply_response_policy(response, behaviours.response_headers_config(behavior), exchange.request)
        return self._run_viewer_response(exchange, response)

    def _admit(self, served: Served, behavior: dict[str, Any], request: Request, request_id: str) -> None:
        """Turn away what never reaches cache or origin."""

        def refuse(status: int, message: str) -> None:
            raise _Answer(pages.error(status, message, request_id))

        if not served.config["Enabled"]:
            refuse(403, DISABLED)
        if len(request.target) > _MAX_URL:
            refuse(414, "The request's URL is too long.")
        if request.scheme == "http" and behavior["ViewerProtocolPolicy"] == "https-only":
            refuse(403, HTTPS_ONLY)
        if request.scheme == "http" and behavior["ViewerProtocolPolicy"] == "redirect-to-https":
            raise _Answer(pages.redirect(forwarding.redirect_location(request)))
        if not behaviours.allows(behavior, request.method):
            refuse(403, METHOD_NOT_ALLOWED)
        if request.body and request.method in ("GET", "HEAD"):
            refuse(403, BODY_NOT_ALLOWED)

    # --- functions

    def _run_viewer_request(self, exchange: _Exchange) -> _Exchange:
        event = functions.event_of("viewer-request", exchange.request, exchange.id, exchange.distribution)
        value = self._run(exchange, "viewer-request", event)
        if value is _NO_FUNCTION:
            return exchange
        with _validated(exchange.id):
            if functions.is_response(value):
                response = functions.response_of(value, event, "viewer-request")
                response.result = "FunctionGeneratedResponse from cloudfront"
                response.headers.set("Server", "CloudFront")
                raise _Answer(response)
            return replace(exchange, request=functions.request_of(value, event, exchange.request))

    def _run_viewer_response(self, exchange: _Exchange, response: Response) -> Response:
        if response.status >= 400:
            return response  # functions are not run for errors
        event = functions.event_of("viewer-response", exchange.request, exchange.id, exchange.distribution, response)
        value = self._run(exchange, "viewer-response", event)
        if value is _NO_FUNCTION:
            return response
        with _validated(exchange.id):
            return functions.response_of(value, event, "viewer-response", response)

    def _run(self, exchange: _Exchange, kind: str, event: dict[str, Any]) -> Any:
        arn = behaviours.function_arn(exchange.behavior, kind)
        if arn is None:
            return _NO_FUNCTION
        version = self._service.function_at_edge(arn)
        error = f"{arn} is not at the edge yet"
        if version is not None:
            outcome = functions.run(version.code, event)
            for line in outcome.logs:
                log.info("%s: %s", arn, line)
            if not outcome.error:
                return outcome.value
            error = outcome.error
        log.warning("%s failed: %s", arn, error)
        raise _Answer(pages.error(503, FUNCTION_FAILED, exchange.id, "FunctionExecutionError from cloudfront"))

    # --- cache and origin

    def _respond(self, exchange: _Exchange) -> Response:
        """The whole response to a request, from the cache or the origin, with the distribution's error pages."""
        request, (settings, _) = exchange.request, exchange.settings
        if not behaviours.caches(exchange.behavior, request.method):
            return self._result(self._fetch(exchange, ""), "Miss")
        encoding = compression.accepted(request.headers, request.version)
        key = caching.key_of(exchange.served.id, request, settings, encoding)
        entry, now = self.cache.get(key), self.cache.now()
        if entry is not None and entry.is_fresh(now):
            return _from_cache(entry, now, "Hit")
        generation = self.cache.generation(exchange.served.id)
        response = self._fetch(exchange, encoding, entry)
        if entry is not None and response.status == 304 and settings.maximum > 0:
            entry.response.headers = _refreshed(entry.response.headers, response.headers)
            self.cache.refresh(entry, caching.lifetime(entry.response, settings, now))
            return _from_cache(entry, now, "RefreshHit")
        if entry is not None and response.status >= 500 and entry.response.status < 400:
            # Better the last good version than an error.
            error = behaviours.error_response(exchange.served.config, response.status)
            self.cache.refresh(entry, error["ErrorCachingMinTTL"] if error else caching.ERROR_SECONDS)
            return _from_cache(entry, now, "Hit")
        validators = Headers((name, value) for name, value in response.headers if name.lower() in _VALIDATORS)
        error = behaviours.error_response(exchange.served.config, response.status)
        seconds = caching.lifetime(response, settings, now, error)
        response = self._with_error_page(exchange, response, error)
        if exchange.behavior["Compress"] and settings.gzip and encoding and compression.is_compressible(response):
            response = compression.compressed(response)
        if seconds > 0 and request.method != "HEAD":
            self.cache.put(key, response, seconds, exchange.viewer_path, validators, generation)
        return self._result(response, "Miss")

    def _fetch(self, exchange: _Exchange, encoding: str, entry: caching.Entry | None = None) -> Response:
        request, settings = exchange.request, exchange.settings
        origin = behaviours.origin_of(exchange.served.config, exchange.behavior)
        via = f"{request.version.removeprefix('HTTP/')} {self._via}"
        asked = forwarding.origin_request(request, origin, exchange.behavior, settings, encoding, exchange.id, via)
        if settings[0].maximum > 0 and behaviours.caches(exchange.behavior, request.method):
            # The cache wants the whole object, and asks on its own conditions.
            asked.headers.remove(*_CONDITIONS)
            tag, modified = (entry.validators.get(name) for name in ("ETag", "Last-Modified")) if entry else ("", "")
            if tag:
                asked.headers.add("If-None-Match", tag)
            elif modified:
                asked.headers.add("If-Modified-Since", modified)
        try:
            if "S3OriginConfig" in origin:
                response = origins.ask_bucket(self._service, exchange.served, origin, asked)
            else:
                response = self._connections.ask(origin, asked)
        except origins.OriginError as error:
            log.info("%s %s of %s: %s", request.method, request.target, origin["DomainName"], error)
            return pages.error(error.status, error.message, exchange.id)
        return forwarding.viewer_response(response, settings)

    def _with_error_page(self, exchange: _Exchange, response: Response, error: dict[str, Any] | None) -> Response:
        """The distribution's own page for an error, if it has one."""
        if response.status < 400 or error is None or not error["ResponsePagePath"]:
            return response
        path = error["ResponsePagePath"]
        behavior = behaviours.choose(exchange.served.config, path)
        settings = behaviours.cache_settings(behavior), behaviours.origin_settings(behavior)
        request = replace(exchange.request, path=path, query="", method="GET", body=b"")
        page = self._fetch(
            replace(exchange, behavior=behavior, settings=settings, request=request),
            compression.accepted(request.headers, request.version),
        )
        if page.status == 200:
            page.status = int(error["ResponseCode"])
            page.result = "Error from cloudfront"
        return page

    @staticmethod
    def _result(response: Response, result: str) -> Response:
        response = response.copy()
        if not response.result:
            response.result = f"{'Error' if response.status >= 400 else result} from cloudfront"
        return response


_NO_FUNCTION = object()
_VALIDATORS = ("etag", "last-modified")
_CONDITIONS = ("If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Range")


class _validated:
    """Turns what CloudFront does not accept of a function into its answer to that."""

    def __init__(self, request_id: str) -> None:
        self._id = request_id

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type | None, error: BaseException | None, _trace: Any) -> None:
        if isinstance(error, functions.ValidationError):
            log.warning("A function's result is not valid: %s", error)
            answer = pages.error(502, FUNCTION_FAILED, self._id, "FunctionValidationError from cloudfront")
            raise _Answer(answer) from error


def _from_cache(entry: caching.Entry, now: float, result: str) -> Response:
    response = entry.response.copy()
    response.headers.set("Age", str(entry.age(now)))
    failed = response.status >= 400 or response.result.startswith("Error")
    response.result = f"{'Error' if failed else result} from cloudfront"
    return response


def _refreshed(stored: Headers, fresh: Headers) -> Headers:
    """Stored headers with what the origin's 304 says anew, but for what describes the body kept."""
    headers = stored.copy()
    for name, value in fresh:
        if name.lower() in ("cache-control", "date", "expires"):
            headers.set(name, value)
    return headers
