"""KDL, the document language of the clients' configuration and of `control.kdl`.

The reader takes KDL 2 and what of KDL 1 is still met: bare `true`, `false` and `null`, and `r"raw"` strings. It refuses
a property given twice, which the language allows. Type annotations are read over.
"""

from serpent_infra.formats.kdl.node import Node, Value
from serpent_infra.formats.kdl.read import MAX_DEPTH, MAX_SIZE, parse_kdl
from serpent_infra.formats.kdl.write import encode_kdl

__all__ = ["MAX_DEPTH", "MAX_SIZE", "Node", "Value", "encode_kdl", "parse_kdl"]
