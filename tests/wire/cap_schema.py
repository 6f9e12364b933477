"""Documents of CAP 1.2 held against its schemas."""

from __future__ import annotations

import os
from pathlib import Path

from lxml import etree

NS = {"c": "urn:oasis:names:tc:emergency:cap:1.2"}
ROOT = Path(__file__).resolve().parents[2]
OFFICIAL = Path(os.environ.get("IOC_SCHEMAS_DIR") or ROOT.parent / "shared" / "schemas") / "cap" / "cap12.xsd"
_OURS = etree.RelaxNG(etree.parse(Path(__file__).with_name("cap12.rng")))
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True)


def wrong(document: bytes) -> str:
    """What is wrong with a document, empty when nothing is. The official schema counts too where it is at hand."""
    try:
        root = etree.fromstring(document, _PARSER)
    except etree.XMLSyntaxError as exc:
        return f"no XML: {exc}"
    schemas = [_OURS, *([etree.XMLSchema(etree.parse(OFFICIAL))] if OFFICIAL.is_file() else [])]
    for schema in schemas:
        if not schema.validate(root):
            return str(schema.error_log)
    for ring in root.iterfind(".//c:polygon", NS):
        positions = (ring.text or "").split()
        if positions[0] != positions[-1]:
            return "a ring is open"
    sent, references = root.findtext("c:sent", "", NS), root.findtext("c:references", "", NS)
    kind = root.findtext("c:msgType", "", NS)
    if (kind == "Alert") == bool(references):
        return f"{kind} with the references {references!r}"
    return "" if sent else "no time"


def said(document: bytes, path: str) -> list[str]:
    """Texts of the elements at a path of plain names."""
    root = etree.fromstring(document, _PARSER)
    return [node.text or "" for node in root.iterfind("/".join(f"c:{name}" for name in path.split("/")), NS)]
