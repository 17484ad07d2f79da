"""What the services say to each other: frozen messages with strict decoding, signed tokens, permitted names."""
