# Copyright: Contributors to the slipway.aws project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

# The edge: what answers at the names of CloudFront distributions, from their deployed configurations.

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slipway_lab.context import Lab
    from slipway_lab.edge.server import EdgeServer


def serve(lab: Lab, ports: tuple[int, int] = (80, 443)) -> list[EdgeServer]:
    """Serve the lab's distributions over HTTP and HTTPS from threads of this process."""
    from slipway_lab.aws import cloudfront
    from slipway_lab.edge.origins import Connections
    from slipway_lab.edge.server import EdgeServer
    from slipway_lab.edge.server import viewer_tls
    from slipway_lab.edge.viewer import Edge

    connections = Connections(lab.names.resolve, lab.prefix_list_source, str(lab.ca.certificate_file))
    edge = Edge(cloudfront.service(), connections)
    tls = viewer_tls(lab.ca.server_context(["cloudfront.net", "*.cloudfront.net"], edge.knows), edge)
    servers = [
        EdgeServer((lab.edge_address, ports[0]), edge, None),
        EdgeServer((lab.edge_address, ports[1]), edge, tls),
    ]
    for server in servers:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 3600}, daemon=True).start()
    return servers
