"""One description of the wire, of route table and wire shapes: as OpenAPI 3.1 and as a page."""
