# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# Private to the collection: what checks find in what the application answers its users, and strangers. Pure.

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import Finding
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import failed
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import judge
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import not_applicable
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import passed
from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import shown
from ansible_collections.slipway.aws.plugins.module_utils._verify.on_host import explain_health

if TYPE_CHECKING:
    from typing import Any

    from ansible_collections.slipway.aws.plugins.module_utils._verify.evidence import Evidence

SECURITY_HEADERS = ("strict-transport-security", "x-content-type-options", "x-frame-options")
REDIRECTS = (301, 302, 307, 308)

# What a stranger's page is called in requests that pretend to come from one.
STRANGER = "https://stranger.example"


def _said(answer: dict[str, Any]) -> str:
    if answer["status"] is None:
        return f"{answer['url']}: {answer['error']}"
    kind = answer["headers"].get("content-type", "").partition(";")[0]
    return f"{answer['url']}: {answer['status']}{f' {kind}' if kind else ''}"


def _is_page(answer: dict[str, Any]) -> bool:
    return answer["status"] == 200 and answer["headers"].get("content-type", "").startswith("text/html")


def _is_json(answer: dict[str, Any]) -> bool:
    return "json" in answer["headers"].get("content-type", "")


def find_page(e: Evidence) -> Finding:
    answer = e.answer("page")
    return judge(_is_page(answer), f"{_said(answer)}, {answer['tls'] or 'in clear'}")


def find_routes(e: Evidence) -> Finding:
    if not e.settings["client_routes"]:
        return not_applicable("the application has no client-side routes (static_site_client_routes)")
    page, route = e.answer("page"), e.answer("route")
    if not _is_page(route):
        return failed(_said(route))
    same = page["body_sha256"] == route["body_sha256"]
    return judge(same, f"{_said(route)}, {'the same page' if same else 'another page'} as at /")


def find_assets(e: Evidence) -> Finding:
    assets = e.answer("page").get("assets", [])
    broken = [
        f"{asset['url']}: {asset['status'] or asset['error']} {asset['content_type']}".strip()
        for asset in assets
        if asset["status"] != 200 or asset["content_type"] == "text/html"
    ]
    if broken:
        return failed(shown(broken))
    return judge(assets, f"{len(assets) or 'no'} scripts, styles and icons that the page names, all there")


def find_local_addresses(e: Evidence) -> Finding:
    assets = e.answer("page").get("assets", [])
    local = sorted({address for asset in assets for address in asset["local_addresses"]})
    if local:
        return failed(f"the scripts ask {shown(local)}")
    return judge(
        assets, f"no address of a developer's machine in {len(assets)} files" if assets else "the page has no scripts"
    )


def find_health(e: Evidence) -> Finding:
    answer = e.answer("health")
    wrong = explain_health(answer["status"], answer["body"], e.settings["health_body"])
    return judge(not wrong, f"{_said(answer)}{f', {wrong}' if wrong else ''}")


def find_paths(e: Evidence) -> Finding:
    paths = e.settings["api_paths"]
    if not paths:
        return not_applicable("verify_api_paths names none")
    answers = [e.answer(f"api {path}") for path in paths]
    wrong = [_said(answer) for answer in answers if answer["status"] != 200 or not _is_json(answer)]
    return judge(not wrong, shown(wrong or map(_said, answers)))


def find_api_errors(e: Evidence) -> Finding:
    pages = [f"{page['code']} as {page['page']}" for page in e.distribution["error_pages"]]
    if pages:
        return failed(f"the distribution answers errors of the API, too: {shown(pages)}")
    answer = e.answer("missing")
    return judge(answer["status"] == 404 and not _is_page(answer) and _is_json(answer), _said(answer))


def find_cors(e: Evidence) -> Finding:
    own, stranger = e.answer("cors"), e.answer("cors stranger")
    for answer in (own, stranger):
        if answer["status"] is None:
            return failed(_said(answer))
    let_in = stranger["headers"].get("access-control-allow-origin")
    if let_in in ("*", STRANGER):
        return failed(f"any page may use the API: Access-Control-Allow-Origin {let_in} for {STRANGER}")
    if "CORS_ORIGINS" not in e.host("environment", "names"):
        return passed("strangers' pages are not let in; the site's own need no permission")
    allowed = own["headers"].get("access-control-allow-origin")
    return judge(
        allowed == e.settings["url"], f"{e.settings['url']} is {'' if allowed else 'not '}let in, strangers are not"
    )


def find_https(e: Evidence) -> Finding:
    distribution = e.distribution
    behaviors = [distribution["default_behavior"], *distribution["behaviors"]]
    plain = [
        f"{behavior['path_pattern']} ({behavior['viewer_protocol_policy']})"
        for behavior in behaviors
        if not _is_encrypted(behavior)
    ]
    if plain:
        return failed(f"served or sent in clear: {shown(plain)}")
    answer = e.answer("plain")
    to = answer["headers"].get("location", "")
    return judge(answer["status"] in REDIRECTS and to.startswith("https://"), f"{_said(answer)}, to {to or 'nowhere'}")


def _is_encrypted(behavior: dict[str, Any]) -> bool:
    policy = behavior["viewer_protocol_policy"]
    # A POST that is redirected has sent its body in clear already.
    return policy == "https-only" or (policy == "redirect-to-https" and "POST" not in behavior["methods"])


def find_security_headers(e: Evidence) -> Finding:
    answer = e.answer("page")
    if answer["status"] is None:
        return failed(_said(answer))
    missing = [name for name in SECURITY_HEADERS if name not in answer["headers"]]
    return judge(not missing, f"without {shown(missing)}" if missing else shown(SECURITY_HEADERS))


def find_manifest(e: Evidence) -> Finding:
    answer = e.answer("manifest")
    return judge(answer["status"] in (403, 404) and not _is_page(answer), _said(answer))


def find_direct_object(e: Evidence) -> Finding:
    answer = e.answer("object")
    return judge(answer["status"] == 403, _said(answer))


def find_direct_port(e: Evidence) -> Finding:
    port = e.port("api")
    where = f"{port['host']}:{port['port']}"
    return judge(not port["open"], f"{where} is open from here" if port["open"] else f"{where}: {port['error']}")
