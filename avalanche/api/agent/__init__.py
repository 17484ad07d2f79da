"""The API by which builders' agents speak to the hub: JSON in the wire's types, signed by the builder's key."""
