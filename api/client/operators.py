"""What an operator asks of the controller."""

from __future__ import annotations

from typing import Any

from api.client.shapes import Answer, TreeNode
from api.client.transport import Request, Transport


class OperatorCalls(Transport):
    """Health, figures, and the running tree."""

    async def health(self) -> dict[str, Any]:
        """Return whether the controller is well, with its queue and storage."""
        return await self._call(Request("GET", "/health"), dict[str, Any])

    async def stats(self) -> dict[str, Any]:
        """Return the public figures of the farm."""
        return await self._call(Request("GET", "/api/stats"), dict[str, Any])

    async def debug_tree(self) -> TreeNode:
        """Return the picture of the running tree."""
        return await self._call(Request("GET", "/debug/tree"), TreeNode)

    async def debug_kill(self, path: str) -> None:
        """Kill what runs at `path` without warning, as a fault would."""
        await self._call(Request("POST", "/debug/kill", body={"path": path}), Answer)
